// SPDX-License-Identifier: Apache-2.0
// Runs a fuzz target on files and the files of folders, without libFuzzer: every build tests what fuzzing has found.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "tests/fuzz/fuzz_target.hpp"

namespace {

void run(const std::filesystem::path &path)
{
	std::ifstream file(path, std::ios::binary);
	const std::vector<char> bytes(std::istreambuf_iterator<char>(file), {});
	LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size());
}

} // namespace

int main(int argc, char **argv)
{
	int files = 0;
	for (int i = 1; i < argc; i++) {
		if (!std::filesystem::is_directory(argv[i])) {
			run(argv[i]);
			files++;
			continue;
		}
		for (const auto &entry : std::filesystem::directory_iterator(argv[i])) {
			run(entry.path());
			files++;
		}
	}
	std::printf("%d files\n", files);
	return files > 0 ? 0 : 1; // an empty corpus tests nothing
}
