// SPDX-License-Identifier: Apache-2.0
#include "analyzer/energy.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace neuroperf::analyzer {
namespace {

using nlohmann::json;
using testing::Contains;
using testing::HasSubstr;

json good_model()
{
	return json::parse(R"({"schema": "neuroperf.energy/1", "name": "n", "title": "t", "scope": "operation",
		"process": "p", "method": "m", "source": "s", "operations": {
		"synaptic_event": {"definition": "d", "pj": 0.5, "low_pj": 0.25, "high_pj": 2},
		"neuron_update": {"definition": "d", "pj": 4, "low_pj": 3, "high_pj": 5},
		"mac": {"definition": "d", "pj": 8, "low_pj": 6, "high_pj": 10}}})");
}

EnergyModel model_of(const json &text)
{
	auto model = parse_energy_model(text.dump(), "test");
	EXPECT_TRUE(model.ok());
	return model.ok() ? *model : EnergyModel{};
}

std::string error_of(const std::string &text)
{
	const auto model = parse_energy_model(text, "test");
	EXPECT_FALSE(model.ok()) << text;
	return model.ok() ? "" : model.error().what;
}

TEST(EnergyModel, ReadsTheShippedOnes)
{
	EXPECT_THAT(built_in_energy_models(), Contains(std::string(kDefaultEnergyModel)));
	for (const std::string &name : built_in_energy_models()) {
		const auto model = load_energy_model(name);
		ASSERT_TRUE(model.ok()) << name;
		EXPECT_EQ(model->name, name);
		const auto file = load_energy_model(NEUROPERF_SOURCE_DIR "/data/energy/" + name + ".json");
		ASSERT_TRUE(file.ok());
		EXPECT_EQ(file->operations.size(), model->operations.size());
	}
}

TEST(EnergyModel, SaysWhatIsWrong)
{
	EXPECT_THAT(error_of("no json"), HasSubstr("not a JSON object"));
	EXPECT_THAT(error_of("[]"), HasSubstr("not a JSON object"));
	EXPECT_THAT(error_of(std::string(100'000, '[')), HasSubstr("not a JSON object"));
	json model = good_model();
	model["schema"] = 1;
	EXPECT_THAT(error_of(model.dump()), HasSubstr("schema"));
	for (const char *key : {"name", "title", "scope", "process", "method", "source"}) {
		model = good_model();
		model.erase(key);
		EXPECT_THAT(error_of(model.dump()), HasSubstr(key));
		model[key] = "";
		EXPECT_THAT(error_of(model.dump()), HasSubstr(key));
	}
	model = good_model();
	model["operations"]["dividing"] = model["operations"]["mac"];
	EXPECT_THAT(error_of(model.dump()), HasSubstr("\"dividing\" is no operation"));
	model["operations"] = json::object();
	EXPECT_THAT(error_of(model.dump()), HasSubstr("missing or empty"));
	for (const json &cost : {json(1), json("1"), json{{"pj", 1}}, json{{"definition", "d"}, {"pj", 1}},
				 json{{"definition", "d"}, {"pj", 1}, {"low_pj", 2}, {"high_pj", 3}},
				 json{{"definition", "d"}, {"pj", -1}, {"low_pj", -1}, {"high_pj", 3}},
				 json{{"definition", "d"}, {"pj", "1"}, {"low_pj", 1}, {"high_pj", 1}}}) {
		model = good_model();
		model["operations"]["mac"] = cost;
		EXPECT_THAT(error_of(model.dump()), HasSubstr("\"mac\" needs")) << cost;
	}
	std::string overflow = good_model().dump();
	overflow.replace(overflow.find("\"high_pj\":10"), 12, "\"high_pj\":1e999");
	error_of(overflow);
}

TEST(EnergyModel, UnknownNamesListTheKnownOnes)
{
	const auto model = load_energy_model("no-such-chip");
	ASSERT_FALSE(model.ok());
	EXPECT_THAT(model.error().hint, HasSubstr("horowitz-45nm"));
	EXPECT_FALSE(load_energy_model("/nowhere/model.json").ok());
}

TEST(EnergyEstimate, SynapticEventsAndUpdatesByHand)
{
	const auto estimate = estimate_energy(model_of(good_model()), {1000, 10, std::nullopt, std::nullopt});
	ASSERT_TRUE(estimate);
	EXPECT_DOUBLE_EQ(estimate->pj, 1000 * 0.5 + 10 * 4);
	EXPECT_DOUBLE_EQ(estimate->low_pj, 1000 * 0.25 + 10 * 3);
	EXPECT_DOUBLE_EQ(estimate->high_pj, 1000 * 2 + 10 * 5);
	ASSERT_EQ(estimate->terms.size(), 2u);
	EXPECT_EQ(estimate->terms[0].operation, "synaptic_event");
	EXPECT_EQ(estimate->terms[0].count, 1000u);
}

TEST(EnergyEstimate, DenseMacsAreNotChargedBesideSynapticEvents)
{
	const EnergyModel model = model_of(good_model());
	EXPECT_DOUBLE_EQ(estimate_energy(model, {100, {}, 7, {}})->pj, 50);
	EXPECT_DOUBLE_EQ(estimate_energy(model, {{}, {}, 7, {}})->pj, 56);
	EXPECT_DOUBLE_EQ(estimate_energy(model, {0, {}, 7, {}})->pj, 0) << "told none is told";
}

TEST(EnergyEstimate, NothingToldOrNoConstantIsNoEstimate)
{
	const EnergyModel model = model_of(good_model());
	EXPECT_FALSE(estimate_energy(model, {}));
	EXPECT_FALSE(estimate_energy(model, {{}, {}, {}, 5})) << "spikes have no cost in this model";
	json without = good_model();
	without["operations"].erase("synaptic_event");
	EXPECT_FALSE(estimate_energy(model_of(without), {100, 10, 7, {}})) << "the rest would pass for the whole";
	without["operations"].erase("mac");
	EXPECT_FALSE(estimate_energy(model_of(without), {{}, 10, 7, {}}));
	EXPECT_TRUE(estimate_energy(model_of(without), {{}, 10, {}, {}}));
}

TEST(EnergyEstimate, AddsUpByOperation)
{
	const EnergyModel model = model_of(good_model());
	EnergyEstimate sum = *estimate_energy(model, {100, {}, {}, {}});
	add_energy(&sum, *estimate_energy(model, {50, 3, {}, {}}));
	EXPECT_DOUBLE_EQ(sum.pj, 150 * 0.5 + 3 * 4);
	ASSERT_EQ(sum.terms.size(), 2u);
	EXPECT_EQ(sum.terms[0].count, 150u);
	double of_terms = 0;
	for (const EnergyTerm &term : sum.terms)
		of_terms += static_cast<double>(term.count) * term.pj_each;
	EXPECT_DOUBLE_EQ(of_terms, sum.pj);
}

} // namespace
} // namespace neuroperf::analyzer
