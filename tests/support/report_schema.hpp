// SPDX-License-Identifier: Apache-2.0
// Whether a report in JSON is as its schema says.
#pragma once

#include <fstream>

#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

namespace neuroperf::test {

inline bool fits_schema(const nlohmann::json &document)
{
	std::ifstream file(NEUROPERF_SOURCE_DIR "/data/schema/neuroperf.report-1.schema.json");
	const nlohmann::json text = nlohmann::json::parse(file);
	valijson::Schema schema;
	valijson::SchemaParser parser;
	parser.populateSchema(valijson::adapters::NlohmannJsonAdapter(text), schema);
	valijson::Validator validator;
	return validator.validate(schema, valijson::adapters::NlohmannJsonAdapter(document), nullptr);
}

} // namespace neuroperf::test
