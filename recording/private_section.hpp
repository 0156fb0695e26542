// SPDX-License-Identifier: Apache-2.0
// neuroperf's private section: JSON about the recording that has no place in events (options, the plan, versions).
//
// It stands where the file header's unused `event_types` points, which perf, hotspot and `perf inject` ignore:
//   8 bytes magic | u64 length | JSON text, schema "neuroperf.recording/1"
// Its keys are only ever added to.
#pragma once

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>

#include "recording/bytes.hpp"
#include "recording/result.hpp"

namespace neuroperf::recording {

constexpr std::string_view kPrivateMagic = "nperfsec";
constexpr std::string_view kPrivateSchema = "neuroperf.recording/1";

inline std::string encode_private_section(const nlohmann::ordered_json &json)
{
	const std::string text = json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
	return ByteWriter().put_bytes(kPrivateMagic).put<uint64_t>(text.size()).put_bytes(text).take();
}

inline Result<nlohmann::ordered_json> decode_private_section(std::string_view section)
{
	Cursor in(section);
	const std::string_view magic = in.read_bytes(kPrivateMagic.size());
	const std::string_view text = in.read_bytes(in.read<uint64_t>());
	if (!in.ok() || magic != kPrivateMagic)
		return Error{ErrorCode::format, "no neuroperf section", 0, ""};
	auto json = nlohmann::ordered_json::parse(text, nullptr, false);
	if (json.is_discarded() || !json.is_object())
		return Error{ErrorCode::format, "the neuroperf section is damaged", 0, ""};
	return json;
}

} // namespace neuroperf::recording
