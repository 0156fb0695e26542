// SPDX-License-Identifier: Apache-2.0
// Whether a document in JSON is as its schema says.
#pragma once

#include <fstream>
#include <string>

#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

namespace neuroperf::test {

// `schema`: a file of data/schema/, "report-1".
inline bool fits_schema(const nlohmann::json &document, const std::string &schema_name = "report-1")
{
	std::ifstream file(NEUROPERF_SOURCE_DIR "/data/schema/neuroperf." + schema_name + ".schema.json");
	const nlohmann::json text = nlohmann::json::parse(file);
	valijson::Schema schema;
	valijson::SchemaParser parser;
	parser.populateSchema(valijson::adapters::NlohmannJsonAdapter(text), schema);
	valijson::Validator validator;
	return validator.validate(schema, valijson::adapters::NlohmannJsonAdapter(document), nullptr);
}

} // namespace neuroperf::test
