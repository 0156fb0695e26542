// SPDX-License-Identifier: Apache-2.0
#include "collector/python_names.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>

#include "collector/built_in_python.hpp"
#include "collector/clock.hpp"
#include "collector/environment.hpp"

namespace neuroperf::collector {
namespace {

namespace fs = std::filesystem;

constexpr const char *kFile = "names";
constexpr std::size_t kMostNames = 1'000'000;
constexpr std::size_t kLongestName = 1024, kLongestLine = 4096;
constexpr uint64_t kMostBytes = uint64_t{256} << 20; // of the file
constexpr std::size_t kReadSize = 64 << 10;

Error cannot(std::string_view doing, const fs::path &path)
{
	const int code = errno;
	return {ErrorCode::io,
		fmt::format("--python-names: cannot {} {}: {}", doing, path.string(), std::strerror(code)), code,
		"TMPDIR names the folder for it"};
}

Status write_new_file(const fs::path &path, std::string_view text)
{
	const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644));
	if (file.get() < 0 || ::fchmod(file.get(), 0644) != 0 ||
	    ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
		return cannot("write", path);
	return Done{};
}

// The next field, up to a tab.
std::string_view take_field(std::string_view *line)
{
	const std::size_t tab = std::min(line->find('\t'), line->size());
	const std::string_view field = line->substr(0, tab);
	line->remove_prefix(std::min(tab + 1, line->size()));
	return field;
}

template <typename T> bool parse(std::string_view text, int base, T *value)
{
	const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), *value, base);
	return !text.empty() && error == std::errc{} && stop == text.data() + text.size();
}

bool is_printable(std::string_view text)
{
	return std::all_of(text.begin(), text.end(), [](char letter) { return letter >= ' ' && letter <= '~'; });
}

} // namespace

Result<PythonNames> PythonNames::create(const std::optional<InvokingUser> &run_as)
{
	std::error_code no_folder;
	fs::path folder = fs::temp_directory_path(no_folder);
	if (no_folder)
		folder = "/tmp";
	std::string pattern = (folder / "neuroperf-names-XXXXXX").string();
	if (::mkdtemp(pattern.data()) == nullptr)
		return cannot("make a folder", pattern);
	PythonNames names;
	names.folder_ = pattern;                 // removed from here on
	if (::chmod(pattern.c_str(), 0755) != 0) // the program may be another user
		return cannot("open to everybody", names.folder_);
	for (const BuiltInFile &file : built_in_python_files())
		if (Status done = write_new_file(names.folder_ / (std::string(file.name) + ".py"), file.text);
		    !done.ok())
			return done.error();
	const fs::path path = names.folder_ / kFile;
	names.file_ = UniqueFd(::open(path.c_str(), O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
	if (names.file_.get() < 0 || (run_as && ::fchown(names.file_.get(), run_as->uid, run_as->gid) != 0))
		return cannot("make", path);
	return names;
}

PythonNames::PythonNames(PythonNames &&other) noexcept
	: folder_(std::exchange(other.folder_, {})), file_(std::move(other.file_)), offset_(other.offset_),
	  read_until_ns_(other.read_until_ns_), rest_(std::move(other.rest_)), names_(std::move(other.names_)),
	  counts_(other.counts_)
{
}

PythonNames::~PythonNames()
{
	std::error_code ignored; // what cannot be removed stays
	if (!folder_.empty())
		fs::remove_all(folder_, ignored);
}

std::vector<std::string> PythonNames::environment() const
{
	const std::string before = variable_of_program("PYTHONPATH");
	const std::string path = before.empty() ? folder_.string() : fmt::format("{}:{}", folder_.string(), before);
	return {"PYTHONPATH=" + path, "NEUROPERF_PYTHON_NAMES=" + (folder_ / kFile).string()};
}

const ToldName *PythonNames::name_of(uint32_t pid, uint64_t address, uint64_t time_ns)
{
	if (time_ns >= read_until_ns_)
		read_lines();
	const auto found = names_.find({pid, address});
	if (found == names_.end())
		return nullptr;
	const auto later = std::upper_bound(found->second.begin(), found->second.end(), time_ns,
					    [](uint64_t time, const ToldName &name) { return time < name.since_ns; });
	return later == found->second.begin() ? nullptr : &*std::prev(later);
}

void PythonNames::read_lines()
{
	read_until_ns_ = monotonic_now_ns();
	std::array<char, kReadSize> bytes;
	while (offset_ < kMostBytes) {
		const ssize_t got = ::pread(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset_));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return;
		offset_ += static_cast<uint64_t>(got);
		rest_.append(bytes.data(), static_cast<std::size_t>(got));
		std::size_t begin = 0;
		for (std::size_t end; (end = rest_.find('\n', begin)) != rest_.npos; begin = end + 1)
			read_line(std::string_view(rest_).substr(begin, end - begin));
		rest_.erase(0, begin);
		if (rest_.size() > kLongestLine) {
			counts_.bad_lines++;
			rest_.clear();
		}
	}
}

void PythonNames::read_line(std::string_view line)
{
	uint32_t pid = 0;
	uint64_t time_ns = 0, address = 0;
	const bool of_whom = parse(take_field(&line), 10, &pid) && parse(take_field(&line), 10, &time_ns);
	std::string_view hex = take_field(&line);
	const bool where = hex.starts_with("0x") && parse(hex.substr(2), 16, &address);
	const std::string_view name = take_field(&line);
	if (!of_whom || !where || name.empty() || name.size() > kLongestName || !is_printable(name)) {
		counts_.bad_lines++;
		return;
	}
	if (counts_.names == kMostNames) {
		counts_.left_out++;
		return;
	}
	counts_.names++;
	std::vector<ToldName> &told = names_[{pid, address}];
	const auto later = std::upper_bound(told.begin(), told.end(), time_ns,
					    [](uint64_t time, const ToldName &known) { return time < known.since_ns; });
	told.insert(later, {time_ns, static_cast<uint32_t>(counts_.names), std::string(name)});
}

} // namespace neuroperf::collector
