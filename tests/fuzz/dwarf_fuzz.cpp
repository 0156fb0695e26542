// SPDX-License-Identifier: Apache-2.0
// Debug information: inlined functions and lines at the addresses that the file's segments hold.
#include <algorithm>

#include "analyzer/dwarf_lines.hpp"
#include "tests/fuzz/fuzz_target.hpp"

using namespace neuroperf;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	// What libelf and libdw allocate at once for a compressed section is what it claims, up to a bound too large
	// here.
	const std::string copy(fuzz::text_of(data, size)); // reads beyond it are seen
	auto elf = analyzer::ElfFile::from_image(copy.data(), copy.size());
	if (!elf.ok())
		return 0;
	for (const auto &section : elf->sections())
		if ((section.flags & SHF_COMPRESSED) != 0 || section.name.substr(0, 7) == ".zdebug")
			return 0;
	const auto segments = elf->executable_segments();
	analyzer::DwarfLines::Options options;
	options.debug_root = "/nonexistent";
	options.folder = "/nonexistent";
	options.root = "/nonexistent";
	auto lines = analyzer::DwarfLines::open(std::move(*elf), options);
	if (!lines.ok())
		return 0;
	std::vector<analyzer::DwarfLines::Frame> frames;
	std::size_t bytes = 0;
	for (const auto &segment : segments)
		for (uint64_t at = 0; at < std::min<uint64_t>(segment.size, 2048); at += 4) {
			lines->inlined(segment.address + at, &frames);
			for (const auto &frame : frames)
				bytes += frame.name.size() + frame.call.file.size();
			bytes += lines->line(segment.address + at).file.size();
		}
	if (bytes == SIZE_MAX)
		__builtin_trap();
	return 0;
}
