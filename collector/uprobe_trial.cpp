// SPDX-License-Identifier: Apache-2.0
#include "collector/uprobe_trial.hpp"

#include <unistd.h>

#include "collector/file_mappings.hpp"

#if defined(__x86_64__)
extern "C" void neuroperf_trial_site();
__asm__(".pushsection .text\n"
	".balign 16\n" // a nop that reaches over two pages is never replaced
	".hidden neuroperf_trial_site\n"
	".globl neuroperf_trial_site\n"
	".type neuroperf_trial_site,@function\n"
	"neuroperf_trial_site:\n"
	".byte 0x0f, 0x1f, 0x44, 0x00, 0x00\n"
	"ret\n"
	".size neuroperf_trial_site,.-neuroperf_trial_site\n"
	".popsection\n");

namespace neuroperf::collector {
namespace {

constexpr int kHits = 4; // the first one that meets the breakpoint replaces it
constexpr unsigned char kCall = 0xe8;

std::optional<Uprobe> attach_to(UprobeKind kind, const bpf_program *program, uint64_t address)
{
	const auto mappings = read_file_mappings(::getpid());
	if (!mappings.ok())
		return std::nullopt;
	for (const FileMapping &mapping : *mappings) {
		if (address < mapping.start || address >= mapping.end)
			continue;
		const auto file = open_mapped_file(::getpid(), mapping);
		if (!file.ok())
			return std::nullopt;
		return Uprobe::attach(kind, program,
				      {::getpid(), file->get(), address - mapping.start + mapping.offset, 0, 0});
	}
	return std::nullopt;
}

} // namespace

bool try_uprobe(UprobeKind kind, const bpf_program *program, bool *calls)
{
	const auto *site = reinterpret_cast<const volatile unsigned char *>(&neuroperf_trial_site);
	const std::optional<Uprobe> probe = attach_to(kind, program, reinterpret_cast<uint64_t>(site));
	if (!probe)
		return false;
	for (int i = 0; i < kHits; i++)
		neuroperf_trial_site();
	*calls = *site == kCall;
	return true;
}

} // namespace neuroperf::collector
#else
namespace neuroperf::collector {

// No site that is worth trying: the general interface will do.
bool try_uprobe(UprobeKind, const bpf_program *, bool *calls)
{
	*calls = false;
	return false;
}

} // namespace neuroperf::collector
#endif
