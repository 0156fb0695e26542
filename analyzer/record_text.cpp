// SPDX-License-Identifier: Apache-2.0
#include "analyzer/record_text.hpp"

#include <fmt/format.h>

#include "analyzer/call_chain.hpp"
#include "analyzer/sample_values.hpp"
#include "analyzer/task_records.hpp"
#include "analyzer/threads.hpp"
#include "analyzer/user_stacks.hpp"
#include "recording/bytes.hpp"

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
		: reader_(reader), print_(print), values_(reader), user_stacks_(reader, threads_, ""),
		  symbolizer_(options_of(demangle))
	{
		take_build_ids(reader, &threads_);
	}

	void visit(const OrderedRecord &record) override
	{
		line_.clear();
		if (record.type == PERF_RECORD_SAMPLE)
			sample(record);
		else
			other(record);
		if (wanted_)
			wanted_ = print_(line_);
	}

private:
	static Symbolizer::Options options_of(bool demangle)
	{
		Symbolizer::Options options;
		options.demangle = demangle;
		return options;
	}

	void head(const RecordIdentity &who, std::string_view what)
	{
		line_ += fmt::format("{}.{:09} {}/{} {}", who.time_ns / 1'000'000'000, who.time_ns % 1'000'000'000,
				     static_cast<int32_t>(who.pid), static_cast<int32_t>(who.tid), what);
	}

	void sample(const OrderedRecord &record)
	{
		const bool parsed = values_.each(record, [this](int event, const Sample &sample) {
			one_sample(reader_.events()[static_cast<std::size_t>(event)], sample);
		});
		if (!parsed)
			line_ = fmt::format("- - damaged sample of {}\n",
					    reader_.events()[static_cast<std::size_t>(record.event)].name);
	}

	void one_sample(const recording::RecordedEvent &event, const Sample &sample)
	{
		head(sample.identity, event.name);
		if (sample.has_cpu)
			line_ += fmt::format(" cpu={}", sample.identity.cpu);
		const auto format = reader_.formats().find(static_cast<uint32_t>(event.attr.config));
		if (event.attr.type == PERF_TYPE_TRACEPOINT && format != reader_.formats().end())
			fields(format->second, sample.raw);
		if (event.attr.sample_type & PERF_SAMPLE_IP)
			code(event, sample);
		line_ += '\n';
	}

	static std::string number(const recording::EventField &field, std::string_view payload)
	{
		const uint64_t value = recording::read_number(field, payload);
		return field.is_signed ? fmt::format("{}", static_cast<int64_t>(value)) : fmt::format("{}", value);
	}

	void fields(const recording::EventFormat &format, std::string_view payload)
	{
		for (const recording::EventField &field : format.fields) {
			if (field.is_text)
				line_ +=
					fmt::format(" {}={}", field.name, quoted(recording::read_text(field, payload)));
			else if (const uint32_t length = recording::array_length(field); length > 0)
				for (uint32_t i = 0; i < length; i++)
					line_ += (i == 0 ? fmt::format(" {}=", field.name) : ",") +
						 number(recording::array_element(field, i), payload);
			else
				line_ += fmt::format(" {}={}", field.name, number(field, payload));
		}
	}

	void code(const recording::RecordedEvent &event, const Sample &sample)
	{
		const ThreadId thread = threads_.thread(sample.identity.pid, sample.identity.tid);
		const ProcessId process = threads_.thread(thread).process;
		line_ += fmt::format(" period={} ip={:#x} ", sample.period, sample.ip);
		frames_.clear();
		append_call_chain(sample, &frames_);
		user_stacks_.append(process, event, sample, &frames_);
		if (frames_.empty())
			frames_.push_back({sample.ip, side_of(sample), false});
		for (std::size_t i = 0; i < frames_.size(); i++) {
			line_ += i > 0 ? " < " : "";
			place(process, frames_[i]);
		}
	}

	// Offsets are those of the frame's address; the name is that of the code in front of a return address.
	void place(ProcessId process, const Frame &frame)
	{
		const uint64_t back = frame.is_return && frame.address > 0 ? 1 : 0;
		const Place place = threads_.place(process, frame.address - back, frame.side);
		if (!place.known) {
			line_ += fmt::format("[unknown]+{:#x} [unknown]", frame.address);
			return;
		}
		const Module &module = threads_.module(place.module);
		line_ += fmt::format("{}+{:#x} ", quoted(module.file.path), place.offset + back);
		const Symbolizer::Name name =
			module.only_symbol.empty()
				? symbolizer_.name(file_of(place.module), place.offset)
				: Symbolizer::Name{module.only_symbol, place.offset - module.only_symbol_start};
		if (name.text.empty())
			line_ += "[unknown]";
		else
			line_ += fmt::format("{}+{:#x}", name.text, name.offset + back);
	}

	Symbolizer::FileId file_of(ModuleId module)
	{
		while (files_.size() <= static_cast<std::size_t>(module))
			files_.push_back(symbolizer_.add(threads_.module(static_cast<ModuleId>(files_.size())).file));
		return files_[static_cast<std::size_t>(module)];
	}

	void other(const OrderedRecord &record)
	{
		RecordIdentity who;
		const bool known = reader_.layout_of_other(record.bytes).parse_trailer(record.bytes, &who);
		if (known)
			head(who, name_of(record.type));
		else
			line_ += fmt::format("- - {}", name_of(record.type));
		if (follow(record, &threads_) == Followed::damaged)
			line_ += " damaged";
		else
			describe(record);
		if (const auto text = kernel_text_of(record))
			symbolizer_.set_kernel_text_address(*text);
		line_ += '\n';
	}

	static std::string_view name_of(uint32_t type)
	{
		switch (type) {
		case PERF_RECORD_COMM:
			return "comm";
		case PERF_RECORD_FORK:
			return "fork";
		case PERF_RECORD_EXIT:
			return "exit";
		case PERF_RECORD_MMAP:
			return "mmap";
		case PERF_RECORD_MMAP2:
			return "mmap2";
		case PERF_RECORD_LOST:
			return "lost";
		case PERF_RECORD_LOST_SAMPLES:
			return "lost_samples";
		case PERF_RECORD_THROTTLE:
			return "throttle";
		case PERF_RECORD_UNTHROTTLE:
			return "unthrottle";
		case PERF_RECORD_SWITCH:
		case PERF_RECORD_SWITCH_CPU_WIDE:
			return "switch";
		case PERF_RECORD_NAMESPACES:
			return "namespaces";
		case PERF_RECORD_KSYMBOL:
			return "kernel_symbol";
		case PERF_RECORD_BPF_EVENT:
			return "bpf_program";
		case PERF_RECORD_CGROUP:
			return "cgroup";
		default:
			return "record";
		}
	}

	void describe(const OrderedRecord &record)
	{
		Cursor in(record.bytes.substr(recording::kRecordHeaderSize));
		switch (record.type) {
		case PERF_RECORD_COMM: {
			CommRecord comm;
			if (parse_comm(record, &comm))
				line_ += fmt::format(" pid={} tid={} name={}{}", comm.pid, comm.tid, quoted(comm.name),
						     comm.exec ? " exec" : "");
			break;
		}
		case PERF_RECORD_FORK:
		case PERF_RECORD_EXIT: {
			const uint32_t pid = in.read<uint32_t>(), parent = in.read<uint32_t>(),
				       tid = in.read<uint32_t>();
			line_ += fmt::format(" pid={} tid={} parent={}", pid, tid, parent);
			break;
		}
		case PERF_RECORD_MMAP:
		case PERF_RECORD_MMAP2: {
			MapRecord map;
			if (parse_map(record, &map))
				mapping(map);
			break;
		}
		case PERF_RECORD_LOST: {
			const uint64_t id = in.read<uint64_t>(), lost = in.read<uint64_t>();
			const int event = reader_.event_of(id);
			line_ += fmt::format(" event={} count={}",
					     event < 0 ? "?" : reader_.events()[static_cast<std::size_t>(event)].name,
					     lost);
			break;
		}
		case PERF_RECORD_LOST_SAMPLES:
			line_ += fmt::format(" count={}", in.read<uint64_t>());
			break;
		case PERF_RECORD_SWITCH:
		case PERF_RECORD_SWITCH_CPU_WIDE:
			line_ += record.misc & PERF_RECORD_MISC_SWITCH_OUT ? " out" : " in";
			if (record.misc & PERF_RECORD_MISC_SWITCH_OUT &&
			    record.misc & PERF_RECORD_MISC_SWITCH_OUT_PREEMPT)
				line_ += " preempted";
			break;
		case PERF_RECORD_KSYMBOL: {
			const uint64_t address = in.read<uint64_t>();
			const uint32_t length = in.read<uint32_t>();
			in.skip(4);
			line_ += fmt::format(" start={:#x} length={:#x} name={}", address, length,
					     quoted(in.read_text()));
			break;
		}
		case PERF_RECORD_CGROUP: {
			const uint64_t id = in.read<uint64_t>();
			line_ += fmt::format(" id={} path={}", id, quoted(in.read_text()));
			break;
		}
		default:
			line_ += fmt::format(" type={} size={}", record.type, record.bytes.size());
		}
	}

	void mapping(const MapRecord &map)
	{
		const NewMapping &mapping = map.mapping;
		line_ += fmt::format(" pid={} start={:#x} length={:#x} offset={:#x} executable={} file={}",
				     static_cast<int32_t>(mapping.pid), mapping.start, mapping.length,
				     mapping.file_offset, map.executable ? 1 : 0, quoted(mapping.path));
		if (!mapping.build_id.empty()) {
			line_ += " build_id=";
			for (const char byte : mapping.build_id)
				line_ += fmt::format("{:02x}", static_cast<unsigned char>(byte));
		}
	}

	const recording::PerfDataReader &reader_;
	const std::function<bool(std::string_view)> &print_;
	SampleValues values_;
	Threads threads_;
	UserStacks user_stacks_;
	Symbolizer symbolizer_;
	std::vector<Symbolizer::FileId> files_; // by module
	std::vector<Frame> frames_;             // scratch
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
