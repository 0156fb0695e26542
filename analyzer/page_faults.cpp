// SPDX-License-Identifier: Apache-2.0
#include "analyzer/page_faults.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace neuroperf::analyzer {
namespace {

// arch/x86/mm/fault.c, arch/arm64/mm/fault.c. handle_mm_fault() is not among them: it is called without a fault, too.
constexpr std::array<std::string_view, 8> kHandlers = {
	"asm_exc_page_fault",
	"exc_page_fault",
	"do_user_addr_fault",
	"do_kern_addr_fault",
	"do_page_fault",
	"do_mem_abort",
	"el0_da",
	"el0_ia",
};

} // namespace

bool PageFaults::is_handled_in(ProcessId process, const std::vector<Frame> &frames)
{
	return std::any_of(frames.begin(), frames.end(), [&](const Frame &frame) {
		return frame.side == Side::kernel && is_handler(process, frame);
	});
}

bool PageFaults::is_handler(ProcessId process, const Frame &frame)
{
	const uint64_t address = frame.address - (frame.is_return ? 1 : 0);
	if (const auto known = is_handler_.find(address); known != is_handler_.end())
		return known->second;
	const Place place = threads_.place(process, address, Side::kernel);
	std::string_view name;
	if (place.known)
		name = symbolizer_.name(symbolizer_.add(threads_.module(place.module).file), place.offset).text;
	has_names_ |= !name.empty();
	const bool handles = std::find(kHandlers.begin(), kHandlers.end(), name) != kHandlers.end();
	if (is_handler_.size() < kMostAddresses)
		is_handler_.emplace(address, handles);
	return handles;
}

} // namespace neuroperf::analyzer
