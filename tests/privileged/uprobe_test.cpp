// SPDX-License-Identifier: Apache-2.0
// Both of the kernel's interfaces for uprobes, on a site of this program.
#include "collector/uprobe_trial.hpp"

#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <usdt_events.skel.h>

#include <cerrno>
#include <memory>

#include "collector/libbpf_messages.hpp"
#include "tests/privileged/require.hpp"

namespace neuroperf::collector {
namespace {

struct CloseProgram {
	void operator()(usdt_events_bpf *program) const { usdt_events_bpf__destroy(program); }
};
using Program = std::unique_ptr<usdt_events_bpf, CloseProgram>;

class UprobeTest : public testing::TestWithParam<UprobeKind> {
protected:
	void SetUp() override { test::require(test::is_root(), "root", "this user is not root"); }
	static Program load(UprobeKind kind)
	{
		keep_libbpf_messages();
		Program program(usdt_events_bpf__open());
		prepare_for(kind, program->progs.np_usdt_event);
		prepare_for(kind, program->progs.np_usdt_trial);
		if (usdt_events_bpf__load(program.get()) != 0)
			program.reset();
		return program;
	}
};

TEST_P(UprobeTest, AttachesAndIsLetGo)
{
	const Program program = load(GetParam());
	bool calls[2] = {};
	if (!program || !try_uprobe(GetParam(), program->progs.np_usdt_trial, &calls[0]))
		return test::require(false, "bpf", "this kernel has no uprobes of this kind: " + take_libbpf_message());
	EXPECT_TRUE(try_uprobe(GetParam(), program->progs.np_usdt_trial, &calls[1]));
	EXPECT_EQ(calls[0], calls[1]);
}

TEST_P(UprobeTest, RefusesWhatIsNoPlace)
{
	const Program program = load(GetParam());
	if (!program)
		return test::require(false, "bpf", "this kernel has no uprobes of this kind: " + take_libbpf_message());
	EXPECT_FALSE(Uprobe::attach(GetParam(), program->progs.np_usdt_trial, {::getpid(), -1, 0, 0, 0}));
	EXPECT_NE(errno, 0);
}

INSTANTIATE_TEST_SUITE_P(Kinds, UprobeTest, testing::Values(UprobeKind::multi, UprobeKind::perf),
			 [](const auto &kind) { return kind.param == UprobeKind::multi ? "multi" : "perf"; });

} // namespace
} // namespace neuroperf::collector
