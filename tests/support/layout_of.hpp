// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "recording/sample_layout.hpp"

namespace neuroperf::recording {

inline SampleLayout layout_of(uint64_t sample_type, uint64_t read_format, bool sample_id_all)
{
	perf_event_attr attr = {};
	attr.sample_type = sample_type;
	attr.read_format = read_format;
	attr.sample_id_all = sample_id_all;
	return SampleLayout(attr);
}

} // namespace neuroperf::recording
