// SPDX-License-Identifier: Apache-2.0
#include "recording/ftrace_import.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <unordered_map>

#include "recording/bytes.hpp"
#include "recording/ftrace_text.hpp"
#include "recording/private_section.hpp"
#include "recording/records.hpp"
#include "recording/version.hpp"
#include "recording/writer.hpp"

namespace neuroperf::recording {
namespace {

constexpr std::string_view kOtherGroup = "ftrace"; // of events that nobody describes
constexpr std::size_t kMostEvents = 1000, kFirstId = 1;
constexpr std::size_t kLongestText = 4000, kMostThreads = 1 << 20;
constexpr std::size_t kCommitBytes = 4 << 20;

// An event that a description knows, and one for each name that it does not.
struct ImportedEvent {
	std::string group, name;
	std::unique_ptr<TextPattern> pattern; // null: the text is its only field
	std::vector<bool> is_number;          // by field of the pattern
	uint64_t count = 0;

	std::size_t fields() const { return pattern ? pattern->fields().size() : 1; }
};

struct FileCloser {
	void operator()(FILE *file) const { std::fclose(file); }
};
using File = std::unique_ptr<FILE, FileCloser>;

Error io_error(const std::string &what)
{
	return Error{ErrorCode::io, fmt::format("{}: {}", what, std::strerror(errno)), errno, ""};
}

// The text is read twice: what is no regular file, by way of a temporary one.
Result<File> open_text(const std::string &path)
{
	struct stat info;
	File file(path == "-" ? ::fdopen(::dup(STDIN_FILENO), "r") : std::fopen(path.c_str(), "re"));
	if (!file)
		return io_error("cannot open " + path);
	if (::fstat(::fileno(file.get()), &info) == 0 && (S_ISREG(info.st_mode) || S_ISDIR(info.st_mode)) &&
	    path != "-")
		return file;
	File copy(std::tmpfile());
	if (!copy)
		return io_error("cannot make a temporary file for " + path);
	char buffer[1 << 16];
	for (std::size_t size; (size = std::fread(buffer, 1, sizeof buffer, file.get())) > 0;)
		if (std::fwrite(buffer, 1, size, copy.get()) != size)
			return io_error("cannot copy " + path + " into a temporary file");
	if (std::ferror(file.get()) != 0)
		return io_error("cannot read " + path);
	return copy;
}

// Lines of a file, each with its bytes; of one that is too long to be ftrace's, the beginning.
class Lines {
public:
	explicit Lines(FILE *file) : file_(file) {}

	bool next(std::string_view *line, uint64_t *bytes)
	{
		int c = 0;
		line_.clear();
		for (*bytes = 0; (c = ::getc_unlocked(file_)) != EOF; (*bytes)++) {
			if (c == '\n')
				break;
			if (line_.size() < kLongestLine)
				line_ += static_cast<char>(c);
		}
		*bytes += c == '\n' ? 1 : 0;
		*line = line_;
		return *bytes > 0;
	}

private:
	static constexpr std::size_t kLongestLine = 1 << 16;

	FILE *file_;
	std::string line_;
};

class Importer {
public:
	explicit Importer(const FtraceImport &import) : import_(import) {}

	Result<FtraceCounts> run()
	{
		auto file = open_text(import_.input);
		if (!file.ok())
			return file.error();
		file_ = std::move(*file);
		if (std::fseek(file_.get(), 0, SEEK_END) == 0)
			bytes_ = static_cast<uint64_t>(std::max(std::ftell(file_.get()), 0L)) * 2;
		for (const DriverDescription &driver : import_.drivers)
			for (const EventText &text : driver.texts)
				described_.emplace(text.event.substr(text.event.find(':') + 1), &text);
		if (const Status read = each_line([this](const FtraceLine &line) { learn(line); }, true); !read.ok())
			return read.error();
		if (events_.size() > kMostEvents)
			return Error{ErrorCode::format,
				     fmt::format("{}: more than {} kinds of events", import_.input, kMostEvents), 0,
				     ""};
		if (counts_.lines == 0)
			return Error{ErrorCode::format,
				     fmt::format("{}: no event in ftrace's text format", import_.input), 0,
				     "it is what /sys/kernel/tracing/trace has, and trace-cmd report prints"};
		auto writer = PerfDataWriter::create(options());
		if (!writer.ok())
			return writer.error();
		if (counts_.lost > 0)
			records_ += lost_record({0, 0, first_ns_, 0, kFirstId}, kFirstId, counts_.lost, kOwnSampleType);
		if (const Status read = each_line([&](const FtraceLine &line) { write(line, &*writer); }, false);
		    !read.ok())
			return read.error();
		commit(&*writer);
		if (!status_.ok())
			return status_.error();
		return counts_;
	}

private:
	Status each_line(const std::function<void(const FtraceLine &)> &take, bool first)
	{
		std::rewind(file_.get());
		Lines lines(file_.get());
		std::string_view text;
		uint64_t done = first ? 0 : bytes_ / 2, told = 0, size = 0;
		while (status_.ok() && lines.next(&text, &size)) {
			done += size;
			if (import_.progress && told++ % 65536 == 0)
				import_.progress(done, bytes_);
			if (const auto parsed = parse_ftrace_line(text))
				take(*parsed);
			else if (first)
				note_other(text);
		}
		if (std::ferror(file_.get()) != 0)
			return io_error("cannot read " + import_.input);
		return Done{};
	}

	// "CPU:1 [LOST 5 EVENTS]", a comment, or something else.
	void note_other(std::string_view text)
	{
		const std::size_t begin = text.find_first_not_of(" \t\r\n");
		if (begin == text.npos || text[begin] == '#')
			return;
		const std::size_t lost = text.find("[LOST ");
		if (text.substr(begin).starts_with("CPU:") && lost != text.npos)
			counts_.lost += std::strtoull(std::string(text.substr(lost + 6)).c_str(), nullptr, 10);
		else if (!text.substr(begin).starts_with("cpus=") && !text.substr(begin).starts_with("CPU "))
			counts_.others++;
	}

	// Which event a line is; its fields are in values_.
	ImportedEvent &event_of(const FtraceLine &line)
	{
		name_.assign(line.event);
		const auto [first, last] = described_.equal_range(name_);
		for (auto it = first; it != last; ++it) {
			ImportedEvent &event = known(it->second->event, &it->second->pattern);
			if (event.pattern->match(line.text, &values_))
				return event;
		}
		values_.assign(1, line.text);
		return known(std::string(kOtherGroup) + ":" + name_, nullptr);
	}

	ImportedEvent &known(const std::string &name, const std::string *pattern)
	{
		const auto found = index_.find(name);
		if (found != index_.end())
			return events_[found->second];
		ImportedEvent event;
		const std::size_t colon = name.find(':');
		event.group = name.substr(0, colon);
		event.name = name.substr(colon + 1);
		if (pattern)
			event.pattern = std::make_unique<TextPattern>(*pattern);
		event.is_number.assign(event.fields(), pattern != nullptr);
		index_.emplace(name, events_.size());
		events_.push_back(std::move(event));
		return events_.back();
	}

	static std::optional<uint64_t> number(const ImportedEvent &event, std::size_t field, std::string_view text)
	{
		return number_of(text, event.pattern->fields()[field].hexadecimal);
	}

	void learn(const FtraceLine &line)
	{
		counts_.lines++;
		ImportedEvent &event = event_of(line);
		event.count++;
		counts_.known += event.pattern ? 1 : 0;
		for (std::size_t i = 0; event.pattern && i < values_.size(); i++)
			event.is_number[i] = event.is_number[i] && number(event, i, values_[i]);
		counts_.out_of_order += line.time_ns < last_ns_ ? 1 : 0;
		last_ns_ = std::max(last_ns_, line.time_ns);
		first_ns_ = std::min(first_ns_, line.time_ns);
	}

	WriterOptions options()
	{
		std::map<std::string, TracingSystem> systems;
		WriterOptions options;
		options.path = import_.output;
		for (std::size_t i = 0; i < events_.size(); i++) {
			const ImportedEvent &event = events_[i];
			EventDescription description;
			description.attr.type = PERF_TYPE_TRACEPOINT;
			description.attr.config = kFirstId + i;
			description.attr.sample_period = 1;
			description.attr.sample_type = kOwnSampleType;
			description.attr.read_format = PERF_FORMAT_ID;
			description.attr.sample_id_all = 1;
			description.attr.comm = i == 0;
			description.name = event.group + ":" + event.name;
			description.ids = {kFirstId + i};
			options.events.push_back(std::move(description));
			TracingSystem &system = systems[event.group];
			system.name = event.group;
			system.formats.push_back(format_text(event, kFirstId + i));
		}
		std::vector<TracingSystem> all;
		for (auto &[name, system] : systems)
			all.push_back(std::move(system));
		options.features[kFeatureTracingData] = build_tracing_data(all);
		options.features[kFeatureVersion] = text_contents(std::string("neuroperf ") + kVersion);
		options.features[kFeatureSampleTime] = ByteWriter().put(first_ns_).put(last_ns_).take();
		nlohmann::ordered_json section;
		section["command"] = {"import", import_.input};
		section["target"] = import_.input;
		section["sampling"] = "ftrace text";
		section["imported"] = true;
		options.private_section = encode_private_section(section);
		return options;
	}

	static std::string format_text(const ImportedEvent &event, std::size_t id)
	{
		std::string text = format_head(event.name, static_cast<uint32_t>(id));
		std::string print, arguments;
		for (std::size_t i = 0; i < event.fields(); i++) {
			const std::string name = event.pattern ? event.pattern->fields()[i].name : "text";
			const bool is_number = event.is_number[i];
			text += is_number
					? fmt::format("\tfield:u64 {};\toffset:{};\tsize:8;\tsigned:0;\n", name,
						      8 + 8 * i)
					: fmt::format("\tfield:__data_loc char[] {};\toffset:{};\tsize:4;\tsigned:0;\n",
						      name, 8 + 8 * i);
			print += fmt::format("{}{}={}", i == 0 ? "" : " ", name, is_number ? "%llu" : "%s");
			arguments += is_number ? fmt::format(", REC->{}", name) : fmt::format(", __get_str({})", name);
		}
		return text + fmt::format("\nprint fmt: \"{}\"{}\n", print, arguments);
	}

	void write(const FtraceLine &line, PerfDataWriter *writer)
	{
		ImportedEvent &event = event_of(line);
		const RecordIdentity who{line.tgid.value_or(line.tid), line.tid, line.time_ns, 0,
					 kFirstId + index_.at(event.group + ":" + event.name)};
		name_thread(line, who);
		std::string payload(8 + 8 * event.fields(), '\0');
		CommonFields common;
		common.type = static_cast<uint16_t>(who.id);
		common.pid = static_cast<int32_t>(line.tid);
		std::memcpy(payload.data(), &common, sizeof common);
		for (std::size_t i = 0; i < event.fields(); i++) {
			uint64_t value = 0;
			if (event.is_number[i]) {
				value = number(event, i, values_[i]).value_or(0);
			} else {
				const std::string_view text = values_[i].substr(0, kLongestText);
				if (payload.size() + text.size() + 1 > 0xffff)
					break;
				value = payload.size() | (text.size() + 1) << 16;
				payload.append(text).push_back('\0');
			}
			std::memcpy(payload.data() + 8 + 8 * i, &value, 8);
		}
		append_own_sample(&records_, who, false, payload);
		if (records_.size() >= kCommitBytes)
			commit(writer);
	}

	// The text is in time order: what comes later is not earlier.
	void commit(PerfDataWriter *writer)
	{
		records_ += finished_round_record();
		if (status_.ok())
			status_ = writer->append(records_);
		if (status_.ok())
			status_ = writer->commit();
		records_.clear();
	}

	void name_thread(const FtraceLine &line, const RecordIdentity &who)
	{
		if (line.tid == 0 || (names_.size() >= kMostThreads && !names_.contains(line.tid)))
			return;
		std::string &name = names_[line.tid];
		if (name == line.comm)
			return;
		name.assign(line.comm);
		records_ += comm_record(who, name, kOwnSampleType);
	}

	const FtraceImport &import_;
	File file_;
	uint64_t bytes_ = 0;                                                   // to read, twice the file
	std::multimap<std::string, const EventText *, std::less<>> described_; // by name without group
	std::vector<ImportedEvent> events_;
	std::unordered_map<std::string, std::size_t> index_; // by group and name
	std::unordered_map<uint32_t, std::string> names_;    // by thread
	std::vector<std::string_view> values_;
	std::string name_, records_;
	uint64_t first_ns_ = UINT64_MAX, last_ns_ = 0;
	FtraceCounts counts_;
	Status status_ = Done{};
};

} // namespace

Result<FtraceCounts> import_ftrace(const FtraceImport &import)
{
	return Importer(import).run();
}

} // namespace neuroperf::recording
