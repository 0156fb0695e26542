// SPDX-License-Identifier: Apache-2.0
#include "collector/uprobe.hpp"

#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>

namespace neuroperf::collector {
namespace {

// What Debian 12's <linux/bpf.h> and libbpf do not know yet (include/uapi/linux/bpf.h of Linux 6.6).
constexpr uint32_t kUprobeMulti = 48; // BPF_TRACE_UPROBE_MULTI
struct LinkCreateMulti {              // union bpf_attr, link_create
	uint32_t program, target, attach_type, flags;
	uint64_t path, offsets, semaphore_offsets, cookies; // addresses of one string and of arrays
	uint32_t count, multi_flags, pid, end;
};
static_assert(sizeof(LinkCreateMulti) == 64);

uint64_t address_of(const void *object)
{
	return reinterpret_cast<uint64_t>(object);
}

} // namespace

void Uprobe::DestroyLink::operator()(bpf_link *link) const
{
	bpf_link__destroy(link);
}

void prepare_for(UprobeKind kind, bpf_program *program)
{
	if (kind == UprobeKind::multi)
		bpf_program__set_expected_attach_type(program, static_cast<bpf_attach_type>(kUprobeMulti));
}

std::optional<Uprobe> Uprobe::attach(UprobeKind kind, const bpf_program *program, const UprobePlace &place)
{
	const std::string path = fmt::format("/proc/self/fd/{}", place.file);
	Uprobe uprobe;
	if (kind == UprobeKind::multi) {
		LinkCreateMulti create{};
		create.program = static_cast<uint32_t>(bpf_program__fd(program));
		create.attach_type = kUprobeMulti;
		create.path = address_of(path.c_str());
		create.offsets = address_of(&place.offset);
		create.semaphore_offsets = place.semaphore_offset ? address_of(&place.semaphore_offset) : 0;
		create.cookies = address_of(&place.cookie);
		create.count = 1;
		create.pid = place.pid == kEveryProcess ? 0 : static_cast<uint32_t>(place.pid);
		uprobe.link_ = UniqueFd(static_cast<int>(::syscall(SYS_bpf, BPF_LINK_CREATE, &create, sizeof create)));
		if (!uprobe.link_.valid())
			return std::nullopt;
		return uprobe;
	}
	bpf_uprobe_opts options{};
	options.sz = sizeof options;
	options.ref_ctr_offset = place.semaphore_offset;
	options.bpf_cookie = place.cookie;
	uprobe.through_perf_.reset(
		bpf_program__attach_uprobe_opts(program, place.pid, path.c_str(), place.offset, &options));
	if (!uprobe.through_perf_)
		return std::nullopt;
	return uprobe;
}

std::vector<Uprobe> Uprobe::attach_all(UprobeKind kind, const bpf_program *program, int file,
				       std::span<const UprobeSpot> spots, std::size_t *attached)
{
	const std::string path = fmt::format("/proc/self/fd/{}", file);
	std::vector<Uprobe> probes;
	*attached = 0;
	if (kind == UprobeKind::multi && spots.size() > 0) {
		std::vector<uint64_t> offsets, cookies;
		for (const UprobeSpot &spot : spots) {
			offsets.push_back(spot.offset);
			cookies.push_back(spot.cookie);
		}
		LinkCreateMulti create{};
		create.program = static_cast<uint32_t>(bpf_program__fd(program));
		create.attach_type = kUprobeMulti;
		create.path = address_of(path.c_str());
		create.offsets = address_of(offsets.data());
		create.cookies = address_of(cookies.data());
		create.count = static_cast<uint32_t>(spots.size());
		Uprobe uprobe;
		uprobe.link_ = UniqueFd(static_cast<int>(::syscall(SYS_bpf, BPF_LINK_CREATE, &create, sizeof create)));
		if (uprobe.link_.valid()) {
			*attached = spots.size();
			probes.push_back(std::move(uprobe));
			return probes;
		}
		if (spots.size() == 1)
			return probes;
		// One place that the kernel refuses spoils them all: halves, until it is alone.
		for (const auto half : {spots.first(spots.size() / 2), spots.subspan(spots.size() / 2)}) {
			std::size_t of_half = 0;
			for (Uprobe &probe : attach_all(kind, program, file, half, &of_half))
				probes.push_back(std::move(probe));
			*attached += of_half;
		}
		return probes;
	}
	for (const UprobeSpot &spot : spots) {
		bpf_uprobe_opts options{};
		options.sz = sizeof options;
		options.bpf_cookie = spot.cookie;
		Uprobe uprobe;
		uprobe.through_perf_.reset(
			bpf_program__attach_uprobe_opts(program, kEveryProcess, path.c_str(), spot.offset, &options));
		if (!uprobe.through_perf_)
			continue;
		(*attached)++;
		probes.push_back(std::move(uprobe));
	}
	return probes;
}

} // namespace neuroperf::collector
