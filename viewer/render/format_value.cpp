// SPDX-License-Identifier: Apache-2.0
#include "viewer/render/format_value.hpp"

#include <cmath>
#include <iterator>

#include <fmt/core.h>

#include "viewer/render/display_text.hpp"

namespace neuroperf::viewer {

using analyzer::Cell;
using analyzer::EnergyEstimate;
using analyzer::Metric;

namespace {

constexpr const char *kAbsent = "n/a";

struct Scale {
	double factor;
	const char *unit; // with u for micro
};

constexpr Scale kTime[] = {{1, "ns"}, {1e3, "us"}, {1e6, "ms"}, {1e9, "s"}};
constexpr Scale kEnergy[] = {{1, "pJ"}, {1e3, "nJ"}, {1e6, "uJ"}, {1e9, "mJ"}, {1e12, "J"}};
constexpr Scale kRate[] = {{1, "/s"}, {1e3, "k/s"}, {1e6, "M/s"}, {1e9, "G/s"}, {1e12, "T/s"}};
constexpr Scale kBytes[] = {{1, "B"}, {1024, "KiB"}, {1048576, "MiB"}, {1073741824, "GiB"}, {1099511627776, "TiB"}};

// The largest scale that leaves a number of at least 1, as it will be rounded (999.6 ns is 1.00 us).
template <std::size_t N> const Scale &scale_for(const Scale (&scales)[N], double value)
{
	std::size_t best = 0;
	for (std::size_t i = 1; i < N; i++)
		if (std::abs(value) >= scales[i].factor * 0.9995)
			best = i;
	return scales[best];
}

std::string with_separators(std::string digits)
{
	for (std::size_t at = digits.size(); at > 3;) {
		at -= 3;
		digits.insert(at, 1, ',');
	}
	return digits;
}

// Three significant digits, whole numbers from 100 on: 1.23, 12.3, 123, 1,234.
std::string significant(double value)
{
	const double size = std::abs(value);
	if (size == 0)
		return "0";
	if (size >= 1e15)
		return fmt::format("{:.2e}", value);
	if (size >= 99.95)
		return (value < 0 ? "-" : "") + with_separators(fmt::format("{:.0f}", size));
	return fmt::format("{:.{}f}", value, size >= 9.995 ? 1 : 2);
}

std::string micro(std::string text, bool unicode)
{
	if (unicode)
		if (std::size_t at = text.find(" u"); at != std::string::npos)
			text.replace(at + 1, 1, "µ");
	return text;
}

template <std::size_t N> std::string scaled(const Scale (&scales)[N], double value, bool unicode)
{
	const Scale &scale = scale_for(scales, value);
	return micro(fmt::format("{} {}", significant(value / scale.factor), scale.unit), unicode);
}

std::string format_energy(const EnergyEstimate &energy, bool unicode)
{
	if (!std::isfinite(energy.pj))
		return kAbsent;
	const Scale &scale = scale_for(kEnergy, energy.pj);
	const auto bound = [&](double pj) { return std::isfinite(pj) ? significant(pj / scale.factor) : "?"; };
	return micro(fmt::format("{} {} ({}..{})", significant(energy.pj / scale.factor), scale.unit,
				 bound(energy.low_pj), bound(energy.high_pj)),
		     unicode);
}

std::string format_integer(uint64_t value, const std::string &unit, bool unicode)
{
	if (unit == "ns" && value < 1000)
		return fmt::format("{} ns", value);
	if (unit == "bytes" && value < 1024)
		return fmt::format("{} B", value);
	if (unit == "ns" || unit == "bytes" || unit == "pJ" || unit == "1/s" || unit == "share") {
		Metric metric;
		metric.unit = unit;
		return format_cell(static_cast<double>(value), metric, unicode);
	}
	if (unit.empty())
		return std::to_string(value); // an identifier, not an amount
	const std::string number = with_separators(std::to_string(value));
	return unit == "count" ? number : number + " " + printable(unit, unicode);
}

std::string format_real(double value, const std::string &unit, bool unicode)
{
	if (!std::isfinite(value))
		return kAbsent;
	if (unit == "ns")
		return scaled(kTime, value, unicode);
	if (unit == "pJ")
		return scaled(kEnergy, value, unicode);
	if (unit == "1/s")
		return scaled(kRate, value, unicode);
	if (unit == "bytes")
		return scaled(kBytes, value, unicode);
	if (unit == "share")
		return format_share(value);
	return unit.empty() || unit == "count" ? significant(value)
					       : significant(value) + " " + printable(unit, unicode);
}

} // namespace

std::string format_count(uint64_t value)
{
	return with_separators(std::to_string(value));
}

std::string format_share(double part)
{
	return std::isfinite(part) ? fmt::format("{:.1f} %", part * 100) : kAbsent;
}

std::string format_cell(const Cell &cell, const Metric &metric, bool unicode)
{
	if (const auto *integer = std::get_if<uint64_t>(&cell))
		return format_integer(*integer, metric.unit, unicode);
	if (const auto *real = std::get_if<double>(&cell))
		return format_real(*real, metric.unit, unicode);
	if (const auto *text = std::get_if<std::string>(&cell))
		return printable(*text, unicode);
	if (const auto *energy = std::get_if<EnergyEstimate>(&cell))
		return format_energy(*energy, unicode);
	return kAbsent;
}

} // namespace neuroperf::viewer
