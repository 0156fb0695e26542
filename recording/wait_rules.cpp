// SPDX-License-Identifier: Apache-2.0
#include "recording/wait_rules.hpp"

#include <fmt/format.h>
#include <seccomp.h>

#include <algorithm>
#include <array>
#include <string>

#include "recording/built_in_waits.hpp"
#include "recording/json_description.hpp"

namespace neuroperf::recording {
namespace {

using nlohmann::json;

constexpr std::size_t kMostRules = 64;
constexpr uint32_t kMostMajors = 1 << 12; // include/linux/kdev_t.h: 12 bits

template <typename Value> using Names = std::pair<std::string_view, Value>;

constexpr Names<WaitsFor> kWaits[] = {{"io", WaitsFor::io},
				      {"fault", WaitsFor::fault},
				      {"device", WaitsFor::device},
				      {"others", WaitsFor::others},
				      {"sleep", WaitsFor::sleep}};
constexpr Names<uint16_t> kFiles[] = {{"fifo", kFifo},
				      {"character device", kCharacterDevice},
				      {"folder", kFolder},
				      {"block device", kBlockDevice},
				      {"regular", kRegularFile},
				      {"socket", kSocket},
				      {"nothing", kNoFileAwaited}};
constexpr Names<WokenBy> kWakers[] = {{"unknown", WokenBy::unknown},
				      {"thread", WokenBy::thread},
				      {"kernel thread", WokenBy::kernel_thread},
				      {"interrupt", WokenBy::interrupt}};
constexpr Names<FileArgument> kArguments[] = {{"first_argument", FileArgument::first},
					      {"polled", FileArgument::polled},
					      {"selected", FileArgument::selected}};

std::optional<uint32_t> architecture(std::string_view machine)
{
	if (machine == "x86_64")
		return SCMP_ARCH_X86_64;
	if (machine == "aarch64" || machine == "arm64")
		return SCMP_ARCH_AARCH64;
	return {};
}

} // namespace

class WaitRulesReader : private JsonDescription {
public:
	WaitRulesReader(std::string_view text, std::string_view where, std::string_view machine)
		: JsonDescription(text, std::string(where), "docs/anatomy.md says what rules hold"),
		  architecture_(architecture(machine))
	{
	}

	Result<WaitRules> read()
	{
		const auto root = JsonDescription::root();
		if (!root.ok())
			return root.error();
		WaitRules rules;
		allow(*root, "rules", {"schema", "title", "files", "rules"});
		if (!failed() && string_in(*root, "schema", "rules", false) != "neuroperf.waits/1")
			fail("rules", "\"schema\" must be \"neuroperf.waits/1\"");
		if (!failed())
			read_files(root->value("files", json::object()), &rules);
		const json list = failed() ? json::array() : root->value("rules", json::array());
		if (!list.is_array() || list.size() > kMostRules)
			fail("rules", fmt::format("must be a list of {} rules at most", kMostRules));
		for (std::size_t i = 0; !failed() && i < list.size(); i++)
			rules.rules_.push_back(read_rule(list[i], fmt::format("rules[{}]", i)));
		if (failed())
			return error();
		return rules;
	}

private:
	void read_files(const json &files, WaitRules *rules)
	{
		allow(files, "files", {"first_argument", "polled", "selected"});
		for (const auto &[key, argument] : kArguments) {
			if (failed() || !files.contains(key))
				continue;
			for (const std::string &name : strings_in(files, std::string(key).c_str(), "files"))
				if (const auto number = number_of(name))
					rules->files_[*number] = argument;
		}
	}

	WaitRules::Rule read_rule(const json &from, const std::string &path)
	{
		WaitRules::Rule rule;
		allow(from, path, {"waits_for", "system_calls", "io_wait", "file", "device_majors", "woken_by"});
		if (failed())
			return rule;
		rule.waits_for = one_of(kWaits, string_in(from, "waits_for", path, false), path + ".waits_for");
		if (from.contains("system_calls"))
			read_calls(strings_in(from, "system_calls", path), &rule);
		if (from.contains("io_wait")) {
			if (!from["io_wait"].is_boolean())
				fail(path, "\"io_wait\" must be true or false");
			else
				rule.io_wait = from["io_wait"].get<bool>();
		}
		if (from.contains("file"))
			for (const std::string &name : strings_in(from, "file", path))
				rule.file_types |= static_cast<uint16_t>(1u << one_of(kFiles, name, path + ".file"));
		if (from.contains("woken_by"))
			for (const std::string &name : strings_in(from, "woken_by", path))
				rule.woken_by |= static_cast<uint8_t>(
					1u << static_cast<unsigned>(one_of(kWakers, name, path + ".woken_by")));
		if (from.contains("device_majors"))
			read_majors(from["device_majors"], path, &rule);
		return rule;
	}

	void read_calls(const std::vector<std::string> &names, WaitRules::Rule *rule)
	{
		rule->any_call = false;
		for (const std::string &name : names) {
			if (name == "none")
				rule->no_call = true;
			else if (const auto number = number_of(name))
				rule->calls.set(*number);
		}
	}

	void read_majors(const json &majors, const std::string &path, WaitRules::Rule *rule)
	{
		const auto is_major = [](const json &value) {
			return value.is_number_unsigned() && value.get<uint64_t>() < kMostMajors;
		};
		if (!majors.is_array() || majors.empty() || !std::all_of(majors.begin(), majors.end(), is_major))
			return fail(path, "\"device_majors\" must be a list of major numbers of devices");
		for (const json &value : majors)
			rule->device_majors.push_back(value.get<uint32_t>());
	}

	template <typename Value, std::size_t N>
	Value one_of(const Names<Value> (&names)[N], const std::string &text, const std::string &path)
	{
		for (const auto &[name, value] : names)
			if (text == name)
				return value;
		if (!failed()) {
			const json shown = text;
			fail(path, fmt::format("\"{}\" is not known", text), &shown);
		}
		return {};
	}

	// Absent: this machine has no such system call.
	std::optional<std::size_t> number_of(const std::string &name) const
	{
		if (!architecture_)
			return {};
		const int number = seccomp_syscall_resolve_name_arch(*architecture_, name.c_str());
		if (static_cast<std::size_t>(number) >= WaitRules::kMostSystemCalls) // negative ones too
			return {};
		return static_cast<std::size_t>(number);
	}

	std::optional<uint32_t> architecture_;
};

bool WaitRules::Rule::holds(const Wait &wait) const
{
	const bool in_call = wait.system_call >= 0;
	const auto number = static_cast<std::size_t>(std::max(wait.system_call, 0));
	if (!any_call && !(in_call ? number < kMostSystemCalls && calls[number] : no_call))
		return false;
	if (io_wait && *io_wait != wait.io_wait)
		return false;
	if (file_types != 0 && (wait.file_type > kNoFileAwaited || !(file_types >> wait.file_type & 1u)))
		return false;
	if (woken_by != 0 && !(woken_by >> static_cast<unsigned>(wait.woken_by) & 1u))
		return false;
	return device_majors.empty() ||
	       std::find(device_majors.begin(), device_majors.end(), wait.device_major) != device_majors.end();
}

Result<WaitRules> WaitRules::parse(std::string_view text, std::string_view where, std::string_view machine)
{
	return WaitRulesReader(text, where, machine).read();
}

WaitRules WaitRules::built_in(std::string_view machine)
{
	const BuiltInFile &file = built_in_wait_files().front();
	Result<WaitRules> rules = parse(file.text, file.name, machine);
	return rules.ok() ? std::move(*rules) : WaitRules();
}

WaitsFor WaitRules::waits_for(const Wait &wait) const
{
	for (const Rule &rule : rules_)
		if (rule.holds(wait))
			return rule.waits_for;
	return WaitsFor::unknown;
}

} // namespace neuroperf::recording
