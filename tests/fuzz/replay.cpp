// SPDX-License-Identifier: Apache-2.0
// Runs a fuzz target on the files of a folder, without libFuzzer: every build tests what fuzzing has found.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "tests/fuzz/fuzz_target.hpp"

int main(int argc, char **argv)
{
	int files = 0;
	for (int i = 1; i < argc; i++) {
		for (const auto &entry : std::filesystem::directory_iterator(argv[i])) {
			std::ifstream file(entry.path(), std::ios::binary);
			const std::vector<char> bytes(std::istreambuf_iterator<char>(file), {});
			LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size());
			files++;
		}
	}
	std::printf("%d files\n", files);
	return files > 0 ? 0 : 1; // an empty corpus tests nothing
}
