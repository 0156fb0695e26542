// SPDX-License-Identifier: Apache-2.0
// A made-up machine for tests of -e: PMUs and tracepoints in a temporary folder.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "collector/event_syntax.hpp"
#include "tests/support/temporary_folder.hpp"

namespace neuroperf::test {

class MadeUpMachine {
public:
	MadeUpMachine()
	{
		std::filesystem::create_directories(folder_.file("pmus"));
		std::filesystem::create_directories(folder_.file("tracing/events"));
	}

	void pmu_file(const std::string &name, std::string_view contents) { put("pmus/" + name, contents); }

	void tracepoint(const std::string &system, const std::string &name, unsigned id)
	{
		const std::string folder = "tracing/events/" + system + "/" + name;
		put(folder + "/id", std::to_string(id) + "\n");
		put(folder + "/format", "name: " + name + "\nID: " + std::to_string(id) + "\nformat:\n");
		put("tracing/events/" + system + "/enable", "0\n");
	}

	collector::EventSources sources() const { return {folder_.file("pmus"), folder_.file("tracing"), false}; }

	Result<std::vector<collector::EventGroup>> groups(const std::vector<std::string> &texts) const
	{
		return collector::parse_events(texts, sources());
	}

	// The only event of a text that has one; else one with an error for a name.
	collector::RequestedEvent event(const std::string &text) const
	{
		auto parsed = groups({text});
		collector::RequestedEvent event;
		if (!parsed.ok())
			event.name = "error: " + parsed.error().what + "; " + parsed.error().hint;
		else if (parsed->size() != 1 || parsed->front().events.size() != 1)
			event.name = "several events";
		else
			event = parsed->front().events.front();
		return event;
	}

	std::string error(const std::string &text) const
	{
		const auto parsed = groups({text});
		return parsed.ok() ? "no error" : parsed.error().what + "; " + parsed.error().hint;
	}

	const TemporaryFolder &folder() const { return folder_; }

private:
	void put(const std::string &path, std::string_view contents)
	{
		std::filesystem::create_directories(std::filesystem::path(folder_.file(path)).parent_path());
		write_file(folder_.file(path), contents);
	}

	TemporaryFolder folder_;
};

} // namespace neuroperf::test
