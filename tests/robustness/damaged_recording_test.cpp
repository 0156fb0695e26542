// SPDX-License-Identifier: Apache-2.0
// A small recording, damaged in every way that fits into a minute: whatever the damage, a report or an error with a
// sentence comes out, quickly and in little memory. Worth most under sanitizers.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <ctime>
#include <random>

#include "analyzer/record_text.hpp"
#include "analyzer/report_builder.hpp"
#include "analyzer/report_json.hpp"
#include "recording/reader.hpp"
#include "tests/support/recording_builder.hpp"
#include "tests/support/temporary_folder.hpp"
#include "viewer/render/terminal.hpp"

namespace neuroperf {
namespace {

using test::RecordingBuilder;

std::size_t peak_memory_mib()
{
	rusage usage{};
	::getrusage(RUSAGE_SELF, &usage);
	return static_cast<std::size_t>(usage.ru_maxrss) / 1024;
}

// Sanitizers take twenty times as long: they see every thirteenth of the longest series.
#if defined(__SANITIZE_ADDRESS__)
constexpr std::size_t kStride = 13;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr std::size_t kStride = 13;
#else
constexpr std::size_t kStride = 1;
#endif
#else
constexpr std::size_t kStride = 1;
#endif

// Not the time of day: a busy machine is no hang.
double cpu_seconds()
{
	timespec now{};
	::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

class Damage : public testing::Test {
protected:
	Damage() : memory_(::memfd_create("damaged", MFD_CLOEXEC)) { good_ = make_good(); }

	// One of every kind of record the reader knows, in two committed rounds.
	static std::string make_good()
	{
		const test::TemporaryFolder folder;
		RecordingBuilder recording(folder.file("a.data"), {true, true, {}});
		recording.comm(100, 100, 10, "app", true).map(100, 11, 0x1000, 0x1000, 0, "/nowhere/app");
		recording.stat("anatomy", 1);
		recording.define_layer(1, "conv", "conv", {{}, 1, 8, 64, 64, 72, 0, 0}).define_inference(2, "step");
		recording.inference_begin(100, 2, 90, 1)
			.begin(100, 1, 100)
			.spikes(100, 1, 110, 5)
			.synops(100, 1, 120, 50)
			.interrupted(100, 121, 123)
			.leaves(100, 124, 202)
			.comes(101, 125, 0, 0)
			.leaves(101, 126, 35)
			.comes(100, 129, 127, 1, 100, 101);
		recording.sample(100, 100, 130, 0x1010, {PERF_CONTEXT_USER, 0x1010, 0x1020}).end(100, 1, 140);
		recording.inference_end(100, 2, 150, 1).round().commit();
		recording.fork(200, 100, 200, 100, 160).begin(200, 1, 200).end(200, 1, 260);
		recording.lost(RecordingBuilder::kSamplingId, 2, 270).note(1, "code", "text", "remedy");
		recording.finish();
		return test::read_file(folder.file("a.data"));
	}

	// Reads the bytes in every way; true if a report came out.
	bool survives(std::string_view bytes)
	{
		EXPECT_EQ(::ftruncate(memory_.get(), 0), 0);
		EXPECT_EQ(::pwrite(memory_.get(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
		const std::string path = "/proc/self/fd/" + std::to_string(memory_.get());
		const double begun = cpu_seconds();
		const auto report = analyzer::make_report(path, {});
		if (report.ok()) {
			EXPECT_FALSE(analyzer::render_json(*report).empty());
			EXPECT_FALSE(viewer::render_terminal(*report, {}).empty());
		} else {
			EXPECT_GT(report.error().what.size(), 10u);
		}
		if (auto reader = recording::PerfDataReader::open(path); reader.ok())
			analyzer::print_records(*reader, false, [](std::string_view) { return true; });
		EXPECT_LT(cpu_seconds() - begun, 10);
		return report.ok();
	}
	bool survives_with(std::size_t at, uint64_t value, std::size_t size = 8)
	{
		std::string bytes = good_;
		std::memcpy(bytes.data() + at, &value, size);
		return survives(bytes);
	}

	UniqueFd memory_;
	std::string good_;
};

TEST_F(Damage, NoneIsReadWhole)
{
	EXPECT_TRUE(survives(good_));
	EXPECT_LT(good_.size(), 50'000u) << "small, so that every byte has its turn";
}

TEST_F(Damage, CutAtEveryByte)
{
	std::size_t reports = 0;
	for (std::size_t size = 0; size < good_.size(); size += kStride) {
		const bool ok = survives(std::string_view(good_).substr(0, size));
		reports += ok;
		ASSERT_FALSE(HasFailure()) << "cut at " << size;
		ASSERT_FALSE(size < sizeof(recording::FileHeader) && ok);
	}
	EXPECT_GT(reports, 1000 / kStride);
}

TEST_F(Damage, EveryByteChanged)
{
	std::mt19937 random(5);
	for (std::size_t at = 0; at < good_.size(); at += kStride) {
		std::string bytes = good_;
		bytes[at] = static_cast<char>(bytes[at] ^ (at % 2 ? 1 << random() % 8 : 0xff));
		survives(bytes);
		ASSERT_FALSE(HasFailure()) << "byte " << at;
	}
}

TEST_F(Damage, SizesOfFourGibAndMoreInEveryField)
{
	for (std::size_t at = 0; at + 8 <= good_.size(); at += 8 * kStride) {
		for (const uint64_t value : {uint64_t{1} << 32, uint64_t{1} << 63, UINT64_MAX}) {
			survives_with(at, value);
			ASSERT_FALSE(HasFailure()) << "at " << at << " value " << value;
		}
	}
}

TEST_F(Damage, EveryRecordSize)
{
	uint64_t at = 0, size = 0;
	std::memcpy(&at, good_.data() + 40, 8);
	std::memcpy(&size, good_.data() + 48, 8);
	const uint64_t end = at + size;
	while (at + 8 <= end) {
		for (const uint64_t wrong : {0, 1, 7, 8, 12, 16, 24, 40, 65535})
			survives_with(at + 6, wrong, 2);
		for (uint64_t type = 0; type < 90; type++)
			survives_with(at, type, 4);
		ASSERT_FALSE(HasFailure()) << "record at " << at;
		uint16_t record = 0;
		std::memcpy(&record, good_.data() + at + 6, 2);
		at += record;
	}
}

TEST_F(Damage, ManyBytesChanged)
{
	std::mt19937 random(6);
	for (int round = 0; round < 3000; round++) {
		std::string bytes = good_;
		for (unsigned i = 0; i < 1 + random() % 30; i++)
			bytes[random() % bytes.size()] = static_cast<char>(random() % 3 ? random() : 0xff);
		survives(bytes);
		ASSERT_FALSE(HasFailure()) << "round " << round;
	}
	EXPECT_LT(peak_memory_mib(), 2000u) << "sanitizers need a lot themselves";
}

} // namespace
} // namespace neuroperf
