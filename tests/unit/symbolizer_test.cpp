// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <fstream>

#include <dlfcn.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "analyzer/symbolizer.hpp"

namespace neuroperf::analyzer {

__attribute__((noinline, used)) int symbolizer_landmark(int x)
{
	asm volatile("" : "+r"(x));
	return x * 5;
}

namespace {

using testing::HasSubstr;

class KallsymsFile {
public:
	explicit KallsymsFile(const std::string &text)
	{
		path_ = (std::filesystem::temp_directory_path() / ("kallsyms-" + std::to_string(::getpid()))).string();
		std::ofstream(path_) << text;
	}
	KallsymsFile(const KallsymsFile &) = delete;
	KallsymsFile &operator=(const KallsymsFile &) = delete;
	~KallsymsFile() { std::filesystem::remove(path_); }
	const std::string &path() const { return path_; }

private:
	std::string path_;
};

struct Place {
	std::string file;
	uint64_t offset = 0;
};

// File and offset of an address of this process, as an MMAP record would say.
Place place_of(const void *code)
{
	const auto wanted = reinterpret_cast<uintptr_t>(code);
	std::ifstream maps("/proc/self/maps");
	for (std::string line; std::getline(maps, line);) {
		unsigned long start = 0, end = 0, offset = 0;
		int path = 0;
		if (std::sscanf(line.c_str(), "%lx-%lx %*s %lx %*s %*s %n", &start, &end, &offset, &path) == 3 &&
		    wanted >= start && wanted < end)
			return {line.substr(static_cast<std::size_t>(path)), wanted - start + offset};
	}
	return {};
}

// From the library itself: a sanitizer may have put its own before it.
const void *c_library_function(const char *name)
{
	void *library = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
	return library == nullptr ? nullptr : dlsym(library, name);
}

TEST(Symbolizer, names_a_function_of_this_program)
{
	const Place place = place_of(reinterpret_cast<const void *>(&symbolizer_landmark));
	Symbolizer symbolizer({"", 0, true});
	const Symbolizer::Name name = symbolizer.name(symbolizer.add({place.file, "", 0, false}), place.offset + 1);
	EXPECT_EQ(name.text, "neuroperf::analyzer::symbolizer_landmark");
	EXPECT_EQ(name.offset, 1U);
	Symbolizer raw({"", 0, false});
	EXPECT_EQ(raw.name(raw.add({place.file, "", 0, false}), place.offset).text,
		  "_ZN9neuroperf8analyzer19symbolizer_landmarkEi");
	EXPECT_TRUE(symbolizer.problems().empty());
}

TEST(Symbolizer, names_stay_valid_while_others_are_resolved)
{
	const Place place = place_of(reinterpret_cast<const void *>(&symbolizer_landmark));
	const Place library = place_of(c_library_function("qsort"));
	Symbolizer symbolizer({"", 0, true});
	const std::string_view first = symbolizer.name(symbolizer.add({place.file, "", 0, false}), place.offset).text;
	for (uint64_t offset = 0; offset < 200000; offset += 16) {
		symbolizer.name(symbolizer.add({place.file, "", 0, false}), offset);
		symbolizer.name(symbolizer.add({library.file, "", 0, false}), offset);
	}
	EXPECT_EQ(first, "neuroperf::analyzer::symbolizer_landmark");
	EXPECT_EQ(symbolizer.name(symbolizer.add({library.file, "", 0, false}), library.offset).text, "qsort");
}

TEST(Symbolizer, knows_the_vdso)
{
	const uintptr_t start = getauxval(AT_SYSINFO_EHDR);
	if (start == 0)
		GTEST_SKIP() << "this kernel provides no vdso";
	void *vdso = dlopen("linux-vdso.so.1", RTLD_LAZY | RTLD_NOLOAD);
#if defined(__x86_64__)
	const char *function = "__vdso_clock_gettime";
#else
	const char *function = "__kernel_clock_gettime";
#endif
	void *code = vdso == nullptr ? nullptr : dlsym(vdso, function);
	ASSERT_NE(code, nullptr);
	Symbolizer symbolizer({"", 0, true});
	const uint64_t offset = reinterpret_cast<uintptr_t>(code) - start;
	EXPECT_EQ(symbolizer.name(symbolizer.add({"[vdso]", "", 0, false}), offset).text, function);
	EXPECT_TRUE(symbolizer.problems().empty());
}

TEST(Symbolizer, says_once_why_a_file_has_no_names)
{
	Symbolizer symbolizer({"", 0, true});
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(symbolizer.name(symbolizer.add({"/opt/net (deleted)", "", 0, false}), 0x1000).text, "");
		EXPECT_EQ(symbolizer.name(symbolizer.add({"/nonexistent/libspikes.so", "", 0, false}), 0x1000).text,
			  "");
	}
	ASSERT_EQ(symbolizer.problems().size(), 2U);
	EXPECT_THAT(symbolizer.problems().at("/opt/net (deleted)"), HasSubstr("deleted or replaced"));
	EXPECT_THAT(symbolizer.problems().at("/nonexistent/libspikes.so"), HasSubstr("No such file"));
}

TEST(Symbolizer, mappings_without_a_file_are_no_problem)
{
	Symbolizer symbolizer({"", 0, true});
	for (const char *module : {"//anon", "[heap]", "[stack]", "[vsyscall]", "/memfd:jit (deleted)",
				   "/dev/zero (deleted)", "/SYSV00000000 (deleted)", "anon_inode:[perf_event]", ""})
		EXPECT_EQ(symbolizer.name(symbolizer.add({module, "", 0, false}), 0x1000).text, "") << module;
	EXPECT_TRUE(symbolizer.problems().empty());
}

TEST(Symbolizer, kernel_functions_of_the_recorded_boot_only)
{
	const KallsymsFile file(
		"ffffffff81000000 T _text\nffffffff81000100 t handle_spike\nffffffff81000200 T _etext\n");
	Symbolizer same({file.path(), 0xffffffff81000000, true});
	EXPECT_EQ(same.name(same.add({"[kernel.kallsyms]", "", 0, true}), 0xffffffff81000110).text, "handle_spike");
	EXPECT_EQ(same.name(same.add({"[kernel.kallsyms]", "", 0, true}), 0xffffffff81000110).offset, 0x10U);
	EXPECT_TRUE(same.problems().empty());

	Symbolizer unknown({file.path(), 0, true});
	EXPECT_EQ(unknown.name(unknown.add({"[kernel.kallsyms]", "", 0, true}), 0xffffffff81000110).text,
		  "handle_spike");

	Symbolizer other({file.path(), 0xffffffff9a000000, true});
	EXPECT_EQ(other.name(other.add({"[kernel.kallsyms]", "", 0, true}), 0xffffffff81000110).text, "");
	ASSERT_EQ(other.problems().size(), 1U);
	EXPECT_THAT(other.problems().begin()->second, HasSubstr("recorded under another kernel boot"));

	Symbolizer never({"", 0, true});
	EXPECT_EQ(never.name(never.add({"[kernel.kallsyms]", "", 0, true}), 0xffffffff81000110).text, "");
	EXPECT_TRUE(never.problems().empty());
}

TEST(Symbolizer, hidden_kernel_addresses_are_explained)
{
	const KallsymsFile file("0000000000000000 T _text\n");
	Symbolizer symbolizer({file.path(), 0, true});
	EXPECT_EQ(symbolizer.name(symbolizer.add({"[kernel.kallsyms]", "", 0, true}), 0xffffffff81000110).text, "");
	ASSERT_EQ(symbolizer.problems().size(), 1U);
	EXPECT_THAT(symbolizer.problems().begin()->second, HasSubstr("kptr_restrict"));
}

} // namespace
} // namespace neuroperf::analyzer
