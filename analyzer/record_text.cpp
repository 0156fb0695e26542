// SPDX-License-Identifier: Apache-2.0
#include "analyzer/record_text.hpp"

#include <fmt/format.h>

#include "analyzer/threads.hpp"

namespace neuroperf::analyzer {
namespace {

using recording::Cursor;
using recording::RecordIdentity;
using recording::Sample;

std::string quoted(std::string_view text)
{
	std::string result = "\"";
	for (const char c : text) {
		const auto byte = static_cast<unsigned char>(c);
		if (c == '"' || c == '\\')
			result += {'\\', c};
		else if (byte < 0x20 || byte >= 0x7f)
			result += fmt::format("\\x{:02x}", byte);
		else
			result += c;
	}
	return result + "\"";
}

class Printer : public RecordVisitor {
public:
	Printer(const recording::PerfDataReader &reader, bool demangle,
		const std::function<bool(std::string_view)> &print)
		: reader_(reader), print_(print), symbolizer_({"/proc/kallsyms", 0, demangle})
	{
	}

	void visit(const OrderedRecord &record) override
	{
		line_.clear();
		if (record.type == PERF_RECORD_SAMPLE)
			sample(record);
		else
			other(record);
		line_ += '\n';
		if (wanted_)
			wanted_ = print_(line_);
	}

private:
	void head(const RecordIdentity &who, bool known, std::string_view what)
	{
		if (!known)
			line_ = fmt::format("- - {}", what);
		else
			line_ = fmt::format("{}.{:09} {}/{} {}", who.time_ns / 1'000'000'000,
					    who.time_ns % 1'000'000'000, static_cast<int32_t>(who.pid),
					    static_cast<int32_t>(who.tid), what);
	}

	void sample(const OrderedRecord &record)
	{
		const recording::RecordedEvent &event = reader_.events()[static_cast<std::size_t>(record.event)];
		Sample sample;
		if (!event.layout.parse_sample(record.bytes, &sample)) {
			line_ = fmt::format("- - damaged sample of {}", event.name);
			return;
		}
		head(sample.identity, true, event.name);
		if (sample.has_cpu)
			line_ += fmt::format(" cpu={}", sample.identity.cpu);
		const auto format = reader_.formats().find(static_cast<uint32_t>(event.attr.config));
		if (event.attr.type == PERF_TYPE_TRACEPOINT && format != reader_.formats().end())
			fields(format->second, sample.raw);
		else
			code(sample);
	}

	void fields(const recording::EventFormat &format, std::string_view payload)
	{
		for (const recording::EventField &field : format.fields) {
			if (field.is_text)
				line_ +=
					fmt::format(" {}={}", field.name, quoted(recording::read_text(field, payload)));
			else if (field.is_signed)
				line_ += fmt::format(" {}={}", field.name,
						     static_cast<int64_t>(recording::read_number(field, payload)));
			else
				line_ += fmt::format(" {}={}", field.name, recording::read_number(field, payload));
		}
	}

	void code(const Sample &sample)
	{
		const ThreadId thread = threads_.thread(sample.identity.pid, sample.identity.tid);
		bool kernel = (sample.misc & PERF_RECORD_MISC_CPUMODE_MASK) == PERF_RECORD_MISC_KERNEL;
		line_ += fmt::format(" period={} ip={:#x} ", sample.period, sample.ip);
		place(threads_.thread(thread).process, sample.ip, kernel, 0);
		bool first = true; // the innermost entry is the ip itself
		for (uint64_t i = 0; i < sample.callchain_length; i++) {
			const auto address = recording::load<uint64_t>(sample.callchain + i * 8);
			if (address >= PERF_CONTEXT_MAX) {
				kernel = address == PERF_CONTEXT_KERNEL;
				continue;
			}
			if (!first) {
				line_ += " < ";
				place(threads_.thread(thread).process, address, kernel, 1);
			}
			first = false;
		}
	}

	// `back`: 1 for a return address, whose call stands before it.
	void place(ProcessId process, uint64_t address, bool kernel, uint64_t back)
	{
		Symbolizer::Name name;
		if (kernel) {
			line_ += "[kernel] ";
			name = symbolizer_.resolve_kernel(address - back);
		} else if (const Place place = threads_.place(process, address - back); place.known) {
			const std::string &module = threads_.module(place.module);
			line_ += fmt::format("{}+{:#x} ", quoted(module), place.offset + back);
			name = symbolizer_.resolve_user(module, place.offset);
		} else {
			line_ += "[unknown] ";
		}
		if (name.text.empty())
			line_ += "[unknown]";
		else
			line_ += fmt::format("{}+{:#x}", name.text, name.offset + back);
	}

	void other(const OrderedRecord &record)
	{
		RecordIdentity who;
		const bool known = reader_.events().front().layout.parse_trailer(record.bytes, &who);
		Cursor in(record.bytes.substr(recording::kRecordHeaderSize));
		switch (record.type) {
		case PERF_RECORD_COMM: {
			head(who, known, "comm");
			const uint32_t pid = in.read<uint32_t>(), tid = in.read<uint32_t>();
			const std::string_view name = in.read_text();
			const bool exec = record.misc & PERF_RECORD_MISC_COMM_EXEC;
			threads_.on_comm(pid, tid, name, exec);
			line_ += fmt::format(" pid={} tid={} name={}{}", pid, tid, quoted(name), exec ? " exec" : "");
			break;
		}
		case PERF_RECORD_FORK:
		case PERF_RECORD_EXIT: {
			head(who, known, record.type == PERF_RECORD_FORK ? "fork" : "exit");
			const uint32_t pid = in.read<uint32_t>(), parent = in.read<uint32_t>(),
				       tid = in.read<uint32_t>();
			if (record.type == PERF_RECORD_FORK)
				threads_.on_fork(pid, parent, tid);
			line_ += fmt::format(" pid={} tid={} parent={}", pid, tid, parent);
			break;
		}
		case PERF_RECORD_MMAP:
		case PERF_RECORD_MMAP2:
			head(who, known, record.type == PERF_RECORD_MMAP ? "mmap" : "mmap2");
			mapping(record, in);
			break;
		case PERF_RECORD_LOST: {
			head(who, known, "lost");
			const uint64_t id = in.read<uint64_t>(), lost = in.read<uint64_t>();
			const int event = reader_.event_of(id);
			line_ += fmt::format(" event={} count={}",
					     event < 0 ? "?" : reader_.events()[static_cast<std::size_t>(event)].name,
					     lost);
			break;
		}
		default:
			head(who, known, fmt::format("record type={} size={}", record.type, record.bytes.size()));
		}
	}

	void mapping(const OrderedRecord &record, Cursor in)
	{
		const uint32_t pid = in.read<uint32_t>();
		in.skip(4);
		const uint64_t start = in.read<uint64_t>(), length = in.read<uint64_t>(), offset = in.read<uint64_t>();
		uint32_t protection = record.misc & PERF_RECORD_MISC_MMAP_DATA ? 0 : 4;
		if (record.type == PERF_RECORD_MMAP2) {
			in.skip(24); // device, inode and generation, or build id
			protection = in.read<uint32_t>();
			in.skip(4);
		}
		const std::string_view path = in.read_text();
		const bool kernel = (record.misc & PERF_RECORD_MISC_CPUMODE_MASK) == PERF_RECORD_MISC_KERNEL;
		if (in.ok() && !kernel && (protection & 4))
			threads_.on_mmap(pid, start, length, offset, path);
		line_ += fmt::format(" pid={} start={:#x} length={:#x} offset={:#x} executable={} file={}",
				     static_cast<int32_t>(pid), start, length, offset, (protection & 4) ? 1 : 0,
				     quoted(path));
	}

	const recording::PerfDataReader &reader_;
	const std::function<bool(std::string_view)> &print_;
	Symbolizer symbolizer_;
	Threads threads_;
	std::string line_;
	bool wanted_ = true;
};

} // namespace

StreamCounts print_records(const recording::PerfDataReader &reader, bool demangle,
			   const std::function<bool(std::string_view)> &print)
{
	Printer printer(reader, demangle, print);
	return visit_in_time_order(reader, &printer);
}

} // namespace neuroperf::analyzer
