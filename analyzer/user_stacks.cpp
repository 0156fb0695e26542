// SPDX-License-Identifier: Apache-2.0
#include "analyzer/user_stacks.hpp"

#include <bit>

namespace neuroperf::analyzer {
namespace {

constexpr std::size_t kMaxFrames = 127; // as perf and the kernel have it
constexpr Unwinder::FileId kNotAsked = UINT32_MAX;

// A perf that was killed wrote no name, but each kernel has registers of its own numbers (asm/perf_regs.h).
std::optional<Unwinder::Machine> machine_of(const std::string &arch, uint64_t register_mask)
{
	constexpr unsigned kNumbersX86 = 24, kNumbersAarch64 = 33;
	const auto numbers = static_cast<unsigned>(std::bit_width(register_mask));
	if (arch == "x86_64" || (arch.empty() && numbers <= kNumbersX86))
		return Unwinder::Machine::x86_64;
	if (arch == "aarch64" || (arch.empty() && numbers == kNumbersAarch64))
		return Unwinder::Machine::aarch64;
	return std::nullopt;
}

} // namespace

UserStacks::UserStacks(const recording::PerfDataReader &reader, const Threads &threads, const std::string &root)
	: reader_(reader), threads_(threads), finder_({root, "/usr/lib/debug", default_build_id_cache()}, nullptr)
{
}

void UserStacks::append(ProcessId process, const recording::RecordedEvent &event, const recording::Sample &sample,
			std::vector<Frame> *frames)
{
	if (sample.user_registers == nullptr || sample.user_stack.empty())
		return;
	if (!unwinder_ && foreign_ == 0)
		if (const auto machine =
			    machine_of(reader_.text_feature(recording::kFeatureArch), event.attr.sample_regs_user))
			unwinder_.emplace(*machine);
	if (!unwinder_) {
		foreign_++;
		return;
	}
	const UserState state{sample.user_abi, event.attr.sample_regs_user, sample.user_registers, sample.user_stack};
	unwinder_->unwind(
		state, [this, process](uint64_t address) { return locate(process, address); }, kMaxFrames, &addresses_);
	for (const uint64_t address : addresses_)
		frames->push_back({address, Side::user, false}); // of callers inside the call already
}

Unwinder::Location UserStacks::locate(ProcessId process, uint64_t address)
{
	const Place place = threads_.place(process, address, Side::user);
	if (!place.known)
		return {};
	return {true, file_of(place.module), place.offset, 0};
}

Unwinder::FileId UserStacks::file_of(ModuleId module)
{
	const auto index = static_cast<std::size_t>(module);
	if (index >= files_.size())
		files_.resize(index + 1, kNotAsked);
	if (files_[index] == kNotAsked) {
		const CodeFinder::Found found = finder_.find(threads_.module(module).file);
		files_[index] = found.elf ? unwinder_->add_elf(*found.elf) : unwinder_->add_file("");
	}
	return files_[index];
}

std::array<uint64_t, Unwinder::kEnds> UserStacks::ends() const
{
	return unwinder_ ? unwinder_->ends() : std::array<uint64_t, Unwinder::kEnds>{};
}

} // namespace neuroperf::analyzer
