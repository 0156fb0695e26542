// SPDX-License-Identifier: Apache-2.0
#include "collector/attach_readiness.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <utility>

#include "collector/clock.hpp"

namespace neuroperf::collector {
namespace {

constexpr std::chrono::milliseconds kPeriod{12};
constexpr off_t kFileBytes = 16;
constexpr std::size_t kLetGoTogether = 8; // they wait some 40 ms, together

} // namespace

void AttachReadiness::keep_until(const bpf_program *program, uint64_t until_ns)
{
	if (until_ns > until_ns_)
		until_ns_ = until_ns;
	if (at_work_.exchange(true))
		return;
	if (!file_.valid()) {
		file_ = UniqueFd(::memfd_create("neuroperf-ready", MFD_CLOEXEC));
		if (::ftruncate(file_.get(), kFileBytes) != 0) // nothing is attached to an empty file
			return;
	}
	worker_ = std::jthread([this, program] {
		do {
			keep(program);
			at_work_ = false; // it may have been asked for again meanwhile
		} while (monotonic_now_ns() < until_ns_ && !at_work_.exchange(true));
	});
}

void AttachReadiness::keep(const bpf_program *program)
{
	UprobeDisposal disposal;
	std::vector<Uprobe> attached;
	while (monotonic_now_ns() < until_ns_) {
		auto probe = Uprobe::attach(UprobeKind::multi, program, {kEveryProcess, file_.get(), 0, 0, 0});
		if (!probe) {
			until_ns_ = 0;
			break;
		}
		attached.push_back(std::move(*probe));
		if (attached.size() == kLetGoTogether)
			disposal.add(std::exchange(attached, {}));
		disposal.work();
		std::this_thread::sleep_for(kPeriod);
	}
	disposal.add(std::move(attached));
	disposal.finish();
}

} // namespace neuroperf::collector
