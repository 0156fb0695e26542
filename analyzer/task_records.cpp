// SPDX-License-Identifier: Apache-2.0
#include "analyzer/task_records.hpp"

#include <sys/mman.h>

#include "recording/bytes.hpp"

namespace neuroperf::analyzer {
namespace {

using recording::Cursor;

Cursor body_of(const OrderedRecord &record)
{
	return Cursor(record.bytes.substr(recording::kRecordHeaderSize));
}

bool is_kernel(const OrderedRecord &record)
{
	return (record.misc & PERF_RECORD_MISC_CPUMODE_MASK) == PERF_RECORD_MISC_KERNEL;
}

// u8 size, 3 bytes, 20 bytes of id, in place of device, inode and generation
std::string_view inline_build_id(std::string_view bytes)
{
	const auto size = static_cast<uint8_t>(bytes.empty() ? 0 : bytes[0]);
	return size <= 20 && bytes.size() == 24 ? bytes.substr(4, size) : std::string_view();
}

bool follow_fork(const OrderedRecord &record, Threads *threads)
{
	Cursor in = body_of(record);
	const uint32_t pid = in.read<uint32_t>(), parent = in.read<uint32_t>(), tid = in.read<uint32_t>(),
		       parent_tid = in.read<uint32_t>();
	if (in.ok())
		threads->on_fork(pid, parent, tid, parent_tid, !(record.misc & PERF_RECORD_MISC_FORK_EXEC));
	return in.ok();
}

bool follow_map(const OrderedRecord &record, Threads *threads)
{
	MapRecord map;
	if (!parse_map(record, &map))
		return false;
	if (map.kernel)
		return threads->on_kernel_mmap(map.mapping);
	return !map.executable || threads->on_mmap(map.mapping);
}

bool follow_kernel_symbol(const OrderedRecord &record, Threads *threads)
{
	Cursor in = body_of(record);
	const uint64_t address = in.read<uint64_t>();
	const uint32_t length = in.read<uint32_t>();
	in.skip(2);
	const uint16_t flags = in.read<uint16_t>();
	const std::string_view name = in.read_text();
	if (!in.ok())
		return false;
	if (flags & PERF_RECORD_KSYMBOL_FLAGS_UNREGISTER)
		return true; // earlier samples are named already, later ones cannot fall there
	return threads->on_kernel_symbol(address, length, name);
}

} // namespace

bool parse_map(const OrderedRecord &record, MapRecord *map)
{
	Cursor in = body_of(record);
	NewMapping &mapping = map->mapping;
	mapping.pid = in.read<uint32_t>();
	in.skip(4);
	mapping.start = in.read<uint64_t>();
	mapping.length = in.read<uint64_t>();
	mapping.file_offset = in.read<uint64_t>();
	map->executable = !(record.misc & PERF_RECORD_MISC_MMAP_DATA);
	if (record.type == PERF_RECORD_MMAP2) {
		const std::string_view identity = in.read_bytes(24);
		if (record.misc & PERF_RECORD_MISC_MMAP_BUILD_ID)
			mapping.build_id = inline_build_id(identity);
		map->executable = in.read<uint32_t>() & PROT_EXEC;
		mapping.huge_pages = in.read<uint32_t>() & MAP_HUGETLB;
	}
	mapping.path = in.read_text();
	map->kernel = is_kernel(record);
	return in.ok();
}

bool parse_comm(const OrderedRecord &record, CommRecord *comm)
{
	Cursor in = body_of(record);
	comm->pid = in.read<uint32_t>();
	comm->tid = in.read<uint32_t>();
	comm->name = in.read_text();
	comm->exec = record.misc & PERF_RECORD_MISC_COMM_EXEC;
	return in.ok();
}

Followed follow(const OrderedRecord &record, Threads *threads)
{
	bool whole = true;
	switch (record.type) {
	case PERF_RECORD_COMM: {
		CommRecord comm;
		whole = parse_comm(record, &comm);
		if (whole)
			threads->on_comm(comm.pid, comm.tid, comm.name, comm.exec);
		break;
	}
	case PERF_RECORD_FORK:
		whole = follow_fork(record, threads);
		break;
	case PERF_RECORD_MMAP:
	case PERF_RECORD_MMAP2:
		whole = follow_map(record, threads);
		break;
	case PERF_RECORD_KSYMBOL:
		whole = follow_kernel_symbol(record, threads);
		break;
	default:
		return Followed::not_about_tasks;
	}
	return whole ? Followed::yes : Followed::damaged;
}

std::optional<uint64_t> kernel_text_of(const OrderedRecord &record)
{
	MapRecord map;
	if ((record.type != PERF_RECORD_MMAP && record.type != PERF_RECORD_MMAP2) || !is_kernel(record) ||
	    !parse_map(record, &map) || map.mapping.path != "[kernel.kallsyms]_text")
		return std::nullopt;
	return map.mapping.file_offset; // its start may be another symbol's
}

void take_build_ids(const recording::PerfDataReader &reader, Threads *threads)
{
	for (const recording::RecordedBuildId &one : reader.build_ids())
		threads->set_build_id(one.path, one.build_id);
}

} // namespace neuroperf::analyzer
