// SPDX-License-Identifier: Apache-2.0
#include "collector/host_events.hpp"

#include <unistd.h>

#include "collector/launched_job.hpp"
#include "collector/output_name.hpp"

namespace neuroperf::collector {

void HostEvents::join(const Plan &plan, const HostSnapshot &host, BpfTracepoints *tracepoints)
{
	tracepoints_ = tracepoints;
	const OutputNameFacts facts = output_name_facts(::getpid());
	HostElectionFacts of_this{"", host.boot_id, plan.host_events(), job_rank(facts),
				  static_cast<uint64_t>(::getpid())};
	if (of_this.rank.empty() || of_this.events.empty() || !tracepoints_)
		return;
	of_this.job = launched_job(facts, ::getppid());
	if (of_this.job.empty())
		return;
	auto joined = HostElection::join(of_this, host_lock_folders());
	if (joined.ok())
		election_.emplace(std::move(*joined));
	else
		error_ = joined.error();
}

void HostEvents::begin()
{
	begun_ = true;
	if (election_)
		tracepoints_->leave_host_events(!election_->stand());
}

void HostEvents::stand(RecorderLog *log)
{
	if (!election_ || !begun_ || election_->is_elected())
		return;
	tracepoints_->leave_host_events(!election_->stand());
	if (election_->has_news())
		election_->write(log);
}

void HostEvents::leave(uint64_t time_ns)
{
	if (!election_)
		return;
	begun_ = false;
	election_->leave(time_ns);
}

void HostEvents::write(RecorderLog *log)
{
	if (election_)
		election_->write(log);
	if (error_)
		log->write_note(1, "host_events_of_each",
				"each rank records the host-wide events for itself: " + error_->what, "");
	error_.reset();
}

} // namespace neuroperf::collector
