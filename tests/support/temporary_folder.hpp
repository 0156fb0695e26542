// SPDX-License-Identifier: Apache-2.0
// A folder that lives as long as a test, and whole files in one call. For tests only: what fails ends the program.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>

namespace neuroperf::test {

class TemporaryFolder {
public:
	TemporaryFolder()
	{
		std::string pattern = (std::filesystem::temp_directory_path() / "neuroperf-test-XXXXXX").string();
		if (!::mkdtemp(pattern.data()))
			throw std::runtime_error("cannot make " + pattern);
		path_ = pattern;
	}
	~TemporaryFolder()
	{
		std::error_code ignored;
		std::filesystem::remove_all(path_, ignored);
	}
	TemporaryFolder(const TemporaryFolder &) = delete;
	TemporaryFolder &operator=(const TemporaryFolder &) = delete;

	std::string file(std::string_view name) const { return path_ + "/" + std::string(name); }
	const std::string &path() const { return path_; }

private:
	std::string path_;
};

inline std::string read_file(const std::string &path)
{
	std::ifstream file(path, std::ios::binary);
	if (!file)
		throw std::runtime_error("cannot read " + path);
	return {std::istreambuf_iterator<char>(file), {}};
}

inline void write_file(const std::string &path, std::string_view bytes)
{
	std::ofstream file(path, std::ios::binary | std::ios::trunc);
	file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
	if (!file)
		throw std::runtime_error("cannot write " + path);
}

} // namespace neuroperf::test
