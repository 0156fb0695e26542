// SPDX-License-Identifier: Apache-2.0
// What is attached for readiness, as this process's descriptors show.
#include "collector/attach_readiness.hpp"

#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <usdt_events.skel.h>

#include <chrono>
#include <ctime>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <system_error>
#include <thread>

#include "collector/clock.hpp"
#include "collector/libbpf_messages.hpp"
#include "tests/privileged/require.hpp"

namespace neuroperf::collector {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

struct CloseProgram {
	void operator()(usdt_events_bpf *program) const { usdt_events_bpf__destroy(program); }
};

std::size_t open_links()
{
	std::size_t links = 0;
	for (const auto &entry : std::filesystem::directory_iterator("/proc/self/fd")) {
		std::error_code gone;
		const auto target = std::filesystem::read_symlink(entry.path(), gone);
		links += !gone && target.string().find("bpf_link") != std::string::npos ? 1 : 0;
	}
	return links;
}

bool comes_true(const std::function<bool()> &condition)
{
	for (int i = 0; i < 500 && !condition(); i++)
		std::this_thread::sleep_for(std::chrono::milliseconds(10));
	return condition();
}

class AttachReadinessTest : public testing::Test {
protected:
	void SetUp() override
	{
		if (!test::is_root())
			return test::require(false, "root", "this user is not root");
		keep_libbpf_messages();
		program_ = load(UprobeKind::multi);
		if (!program_)
			return test::require(false, "bpf",
					     "this kernel has no uprobes of this kind: " + take_libbpf_message());
	}
	static std::unique_ptr<usdt_events_bpf, CloseProgram> load(UprobeKind kind)
	{
		std::unique_ptr<usdt_events_bpf, CloseProgram> program(usdt_events_bpf__open());
		prepare_for(kind, program->progs.np_usdt_event);
		prepare_for(kind, program->progs.np_usdt_trial);
		if (usdt_events_bpf__load(program.get()) != 0)
			program.reset();
		return program;
	}

	std::unique_ptr<usdt_events_bpf, CloseProgram> program_;
};

TEST_F(AttachReadinessTest, AttachesUntilItEndsAndLeavesNothing)
{
	const std::size_t before = open_links();
	std::optional<AttachReadiness> readiness(std::in_place);
	readiness->keep_until(program_->progs.np_usdt_trial, monotonic_now_ns() + 600 * kSecond);
	EXPECT_TRUE(comes_true([&] { return open_links() > before + 2; })) << "again and again";
	readiness->end();
	EXPECT_TRUE(comes_true([&] { return open_links() == before; })) << "let go of without being waited for";
	readiness->keep_until(program_->progs.np_usdt_trial, monotonic_now_ns() + 600 * kSecond);
	EXPECT_TRUE(comes_true([&] { return open_links() > before; })) << "asked for while the last ones go";
	readiness.reset();
	EXPECT_EQ(open_links(), before);
}

TEST_F(AttachReadinessTest, EndsWhereTheKernelRefuses)
{
	const auto other = load(UprobeKind::perf);
	ASSERT_TRUE(other);
	const std::size_t before = open_links();
	AttachReadiness readiness;
	readiness.keep_until(other->progs.np_usdt_trial, monotonic_now_ns() + 600 * kSecond);
	const std::clock_t begin = std::clock();
	std::this_thread::sleep_for(std::chrono::milliseconds(200));
	EXPECT_LT(std::clock() - begin, CLOCKS_PER_SEC / 20) << "it does not try again and again";
	EXPECT_EQ(open_links(), before);
} // does not wait for those 600 seconds

} // namespace
} // namespace neuroperf::collector
