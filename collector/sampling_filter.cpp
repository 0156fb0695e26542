// SPDX-License-Identifier: Apache-2.0
#include "collector/sampling_filter.hpp"

#include <bpf/libbpf.h>
#include <sampling_filter.skel.h>

#include <cerrno>

#include "collector/bpf_support.hpp"
#include "collector/libbpf_messages.hpp"

namespace neuroperf::collector {
namespace {

struct CloseProgram {
	void operator()(sampling_filter_bpf *program) const { sampling_filter_bpf__destroy(program); }
};

Error failure(std::string_view doing, int code)
{
	return bpf_error(doing, "choosing samples", code, "record with --no-bpf");
}

} // namespace

struct SamplingFilter::Impl {
	std::unique_ptr<sampling_filter_bpf, CloseProgram> program;
	std::vector<BpfLink> links;
};

SamplingFilter::SamplingFilter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SamplingFilter::SamplingFilter(SamplingFilter &&other) noexcept = default;
SamplingFilter::~SamplingFilter() = default;

Result<SamplingFilter> SamplingFilter::open(const Plan &plan)
{
	keep_libbpf_messages();
	take_libbpf_message();
	auto impl = std::make_unique<Impl>();
	impl->program.reset(sampling_filter_bpf__open());
	if (!impl->program)
		return failure("open", errno);
	if (const int error = sampling_filter_bpf__load(impl->program.get()); error != 0)
		return failure("load", -error);
	impl->program->bss->np_enabled = 1; // events are switched themselves
	const auto &programs = impl->program->progs;
	if (!attach_all({programs.np_on_fork, programs.np_on_exec}, &impl->links))
		return failure("attach", errno);
	if (Status added = add_target(bpf_map__fd(impl->program->maps.np_tree), plan.target); !added.ok())
		return added.error();
	return SamplingFilter(std::move(impl));
}

int SamplingFilter::program() const
{
	return bpf_program__fd(impl_->program->progs.np_keeps_sample);
}

} // namespace neuroperf::collector
