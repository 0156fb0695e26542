// SPDX-License-Identifier: Apache-2.0
// Columns of tables as most of them are; others are written out.
#pragma once

#include <optional>

#include "analyzer/report.hpp"

namespace neuroperf::analyzer {

inline Metric text_column(const char *key, const char *title, Provenance provenance = Provenance::told)
{
	return {key, title, "", Better::neither, provenance, false, false};
}

inline Metric count_column(const char *key, const char *title)
{
	return {key, title, "count", Better::neither, Provenance::measured, false, false};
}

inline Metric time_column(const char *key, const char *title, Provenance provenance, bool additive)
{
	return {key, title, "ns", Better::lower, provenance, additive, false};
}

// Absent as a cell, too.
template <typename T> Cell cell(const std::optional<T> &value)
{
	return value ? Cell(*value) : Cell();
}

} // namespace neuroperf::analyzer
