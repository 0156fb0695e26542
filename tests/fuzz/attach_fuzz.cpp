// SPDX-License-Identifier: Apache-2.0
// What a recorder reads of programs that it attaches to. First byte even: an object's ELF file follows. Odd: the memory
// of its struct np_probe and, behind that, of definitions; addresses of chunks below 65536 are offsets in this memory.
#include <algorithm>
#include <cstring>

#include "collector/attached_names.hpp"
#include "collector/local_definitions.hpp"
#include "collector/process_maps.hpp"
#include "collector/usdt_sites.hpp"
#include "tests/fuzz/fuzz_target.hpp"

using namespace neuroperf;

namespace {

void read_object(std::string_view bytes)
{
	static fuzz::MemoryFile file;
	const UniqueFd opened(::open(file.with(bytes).c_str(), O_RDONLY | O_CLOEXEC));
	const auto found = collector::find_usdt_sites(opened.get());
	if (!found.ok())
		__builtin_trap();
	for (const collector::UsdtSite &site : found->sites)
		if (site.offset >= bytes.size() + 4096 && site.wide_nop_follows)
			__builtin_trap();
	collector::ProcessMapping mapping;
	collector::parse_map_line(bytes.substr(0, bytes.find('\n')), &mapping);
}

void read_table(std::string_view bytes)
{
	static char memory[64 * 1024];
	std::memset(memory, 0, sizeof memory);
	std::memcpy(memory, bytes.data(), std::min(bytes.size(), sizeof memory));
	auto *probe = reinterpret_cast<np_probe *>(memory);
	for (uint64_t &chunk : probe->chunks)
		if (chunk != 0 && chunk < sizeof memory)
			chunk += reinterpret_cast<uint64_t>(memory);
	probe->magic = NP_PROBE_MAGIC;
	probe->version = NP_PROBE_VERSION;
	collector::LocalDefinitions table(::getpid(), reinterpret_cast<uint64_t>(memory));
	collector::AttachedNames names(1);
	std::vector<collector::LocalDefinition> found;
	for (int i = 0; i < 2; i++)
		if (!table.read_new(&found))
			__builtin_trap();
	for (const collector::LocalDefinition &one : found) {
		names.add(1, 1, one);
		names.id_of(1, 1, one.handle);
	}
	names.take();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	(data[0] % 2 == 0 ? read_object : read_table)(fuzz::text_of(data + 1, size - 1));
	return 0;
}
