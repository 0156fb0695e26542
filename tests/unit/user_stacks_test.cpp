// SPDX-License-Identifier: Apache-2.0
// By which machine's rules copied stacks are unwound: the recording's, which its registers tell if nothing else does.
#include "analyzer/user_stacks.hpp"

#include <gtest/gtest.h>

#include <map>

#include "analyzer/analysis.hpp"
#include "tests/support/recording_builder.hpp"
#include "tests/support/temporary_folder.hpp"

namespace neuroperf::analyzer {
namespace {

using test::RecordingBuilder;

constexpr uint64_t kStackPointer = 0x1000, kCode = 0x5000;
constexpr uint64_t kX86 = 0xff0fff, kAarch64 = (uint64_t{1} << 33) - 1, kRiscv = UINT32_MAX;

class UserStacksTest : public testing::Test {
protected:
	// Analyzes one sample of a function whose caller is the thread's first: by frame pointers that is a whole
	// chain.
	void analyze_sample(const std::string &architecture, uint64_t mask, unsigned fp, unsigned sp, unsigned pc)
	{
		recording::EventDescription event;
		event.attr.type = PERF_TYPE_SOFTWARE;
		event.attr.sample_type = PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_TID | PERF_SAMPLE_TIME |
					 PERF_SAMPLE_REGS_USER | PERF_SAMPLE_STACK_USER;
		event.attr.sample_id_all = 1;
		event.attr.sample_regs_user = mask;
		event.name = "task-clock";
		event.ids = {kId};
		RecordingBuilder::Options options;
		options.more_events = {event};
		options.architecture = architecture;
		RecordingBuilder recording{folder_.file("run.data"), options};
		std::map<unsigned, uint64_t> values = {{fp, kStackPointer}, {sp, kStackPointer}, {pc, kCode}};
		recording::ByteWriter body;
		body.put(kId).put(RecordingBuilder::kPid).put(RecordingBuilder::kPid).put<uint64_t>(100);
		body.put<uint64_t>(PERF_SAMPLE_REGS_ABI_64);
		for (unsigned number = 0; number < 64; number++)
			if (mask >> number & 1)
				body.put(values[number]);
		body.put<uint64_t>(16).put<uint64_t>(0).put(kCode).put<uint64_t>(16);
		recording.map(RecordingBuilder::kPid, 1, kCode - 0x1000, 0x2000, 0, folder_.file("gone"));
		recording.raw(
			recording::record_with_trailer(PERF_RECORD_SAMPLE, PERF_RECORD_MISC_USER, body.bytes(), 0, {}));
		recording.finish();
		const auto reader = recording::PerfDataReader::open(folder_.file("run.data"));
		ASSERT_TRUE(reader.ok());
		ASSERT_TRUE(analyze(*reader, {.event = "task-clock"}, &analysis_).ok());
	}
	uint64_t whole_chains() const { return analysis_.unwound[static_cast<std::size_t>(Unwinder::End::complete)]; }

	static constexpr uint64_t kId = 77;
	test::TemporaryFolder folder_;
	Symbolizer symbolizer_{Symbolizer::Options{}};
	Analysis analysis_{0, &symbolizer_};
};

TEST_F(UserStacksTest, OfTheArchitectureThatTheFileTells)
{
	analyze_sample("aarch64", kAarch64, 29, 31, 32);
	EXPECT_EQ(whole_chains(), 1u);
	EXPECT_EQ(analysis_.foreign_stacks, 0u);
}

TEST_F(UserStacksTest, X86ByItsRegisters)
{
	analyze_sample("", kX86, 6, 7, 8);
	EXPECT_EQ(whole_chains(), 1u);
}

TEST_F(UserStacksTest, Aarch64ByItsRegisters)
{
	analyze_sample("", kAarch64, 29, 31, 32);
	EXPECT_EQ(whole_chains(), 1u);
}

TEST_F(UserStacksTest, OfUnknownMachinesAreCountedAndLeftAlone)
{
	analyze_sample("riscv64", kRiscv, 8, 2, 0);
	EXPECT_EQ(analysis_.foreign_stacks, 1u);
	EXPECT_EQ(analysis_.unwound, decltype(analysis_.unwound){});
}

TEST_F(UserStacksTest, UnknownByTheirRegistersToo)
{
	analyze_sample("", kRiscv, 8, 2, 0);
	EXPECT_EQ(analysis_.foreign_stacks, 1u);
}

} // namespace
} // namespace neuroperf::analyzer
