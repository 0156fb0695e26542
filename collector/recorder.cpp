// SPDX-License-Identifier: Apache-2.0
#include "collector/recorder.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "collector/recorder_log.hpp"
#include "collector/recording_header.hpp"
#include "collector/signal_source.hpp"

namespace neuroperf::collector {
namespace {

using recording::OwnEvent;

// Rounds come at least this often: a tenth of a full ring at 5 million events a second. See adapt_period.
constexpr uint64_t kLongestPeriodNs = 50'000'000;
constexpr uint64_t kShortestPeriodNs = 2'000'000;
constexpr uint64_t kClockPeriodNs = 100'000'000;
constexpr uint64_t kCommitPeriodNs = 250'000'000;
constexpr uint64_t kStatPeriodNs = 1'000'000'000;
// How long a round may wait for a thread that is held up in the middle of an event.
constexpr uint64_t kLongestRoundNs = 1'000'000'000;
// How long the program may go on after the user's first signal before the recording ends without it.
constexpr uint64_t kGraceNs = 2'000'000'000;
// Signals closer together than this are one request: `timeout` and shells send one to us and one to our group.
constexpr uint64_t kOneRequestNs = 300'000'000;

// Names of layers go into the tracing data, for perf script: at most as many as one record can cover.
constexpr std::size_t kMaxTracingData = recording::PerfDataWriter::kMaxLateContents;

Error system_error(std::string_view doing)
{
	const int code = errno;
	return {ErrorCode::io, fmt::format("cannot {}: {}", doing, std::strerror(code)), code, ""};
}

class Session {
public:
	Session(const RecordOptions &options, const HostSnapshot &host, const Plan &plan)
		: options_(options), host_(host), plan_(plan), clock_(plan.counter_clock),
		  start_ns_(clock_.latest().monotonic_ns)
	{
	}

	Result<RecordSummary> run();

private:
	// Start.
	Status prepare();
	void write_opening_records();
	// The loop.
	void wait_and_handle(uint64_t timeout_ns);
	void handle_signal(const signalfd_siginfo &info);
	bool is_of_the_program(pid_t sender) const;
	void reap_children();
	bool is_over();
	// A round.
	void round();
	void drain_sources();
	void write_losses();
	void finish_round();
	void commit_if_due(bool now);
	void adapt_period(double fill);
	void stop_writing(const Error &error);
	// End.
	void finish();
	recording::RecordIdentity self(uint64_t time_ns) const;
	uint64_t trailer_type() const;
	uint64_t trailer_id() const;

	const RecordOptions &options_;
	const HostSnapshot &host_;
	const Plan &plan_;

	SignalSource signals_;
	std::optional<SharedRings> rings_;
	std::optional<Launch> launch_;
	std::optional<PerfEvents> events_;
	CounterClock clock_;
	const uint64_t start_ns_;
	std::optional<recording::PerfDataWriter> writer_;
	std::optional<OwnEventEncoder> encoder_;
	std::optional<RecorderLog> log_;

	std::vector<pollfd> polled_; // [0] signals, then perf rings
	std::string perf_bytes_;
	PerfRecordCounts perf_counts_;
	uint64_t lost_written_ = 0;
	uint64_t period_ns_ = 5'000'000;
	uint64_t last_clock_ns_ = 0, last_commit_ns_ = 0, last_stat_ns_ = 0, last_finished_round_ns_ = 0;
	bool child_ended_ = false, no_children_ = false;
	uint64_t interrupted_ns_ = 0; // when the user asked to end
	RecordSummary summary_;
};

Status Session::prepare()
{
	::signal(SIGXFSZ, SIG_IGN); // a limit on file sizes is an error to report; the child takes the default again
	if (signals_.descriptor() < 0)
		return system_error("watch for signals");
	auto rings = SharedRings::create(plan_.counter_clock);
	if (!rings.ok())
		return rings.error();
	rings_.emplace(std::move(*rings));
	auto launch = Launch::prepare({options_.command, {rings_->environment()}, plan_.run_as});
	if (!launch.ok())
		return launch.error();
	launch_.emplace(std::move(*launch));
	// From here on in the recorder only: the program keeps the defaults.
	::signal(SIGPIPE, SIG_IGN);
	// A ring that is not drained in time loses events: little CPU, but soon. Where this is not allowed, never mind.
	::setpriority(PRIO_PROCESS, 0, -10);
	if (plan_.sampling) {
		auto events = PerfEvents::open(plan_, launch_->pid());
		if (events.ok())
			events_.emplace(std::move(*events));
		else
			summary_.sampling_error = events.error();
	}
	auto writer = recording::PerfDataWriter::create(
		make_writer_options(options_, host_, plan_, events_ ? &*events_ : nullptr, clock_.latest()));
	if (!writer.ok())
		return writer.error();
	writer_.emplace(std::move(*writer));
	encoder_.emplace(&*writer_, options_.callgraph);
	log_.emplace(&*encoder_, clock_);
	polled_.push_back({signals_.descriptor(), POLLIN, 0});
	if (events_)
		for (const int fd : events_->descriptors())
			polled_.push_back({fd, POLLIN, 0});
	return Done{};
}

uint64_t Session::trailer_type() const
{
	return events_ ? plan_.sampling->attr.sample_type : recording::kOwnSampleType;
}

uint64_t Session::trailer_id() const
{
	return events_ ? events_->ids().front() : own_event_id(OwnEvent::layer_begin);
}

recording::RecordIdentity Session::self(uint64_t time_ns) const
{
	const auto pid = static_cast<uint32_t>(::getpid());
	return {pid, pid, time_ns, 0, trailer_id()};
}

void Session::write_opening_records()
{
	std::string records;
	recording::RecordIdentity identity = self(clock_.latest().monotonic_ns);
	if (events_ && plan_.kernel_map && !plan_.sampling->attr.exclude_kernel) {
		constexpr uint64_t kLargestKernelText = 64 << 20;
		records += recording::kernel_mmap_record({0xffffffff, 0, 0, 0, identity.id}, host_.kernel_text,
							 host_.kernel_text + kLargestKernelText, trailer_type());
	}
	identity.pid = identity.tid = static_cast<uint32_t>(launch_->pid());
	const std::string &command = options_.command.front();
	records += recording::comm_record(identity, command.substr(command.rfind('/') + 1), trailer_type());
	if (Status done = writer_->append(records); !done.ok())
		stop_writing(done.error());
	if (summary_.sampling_error)
		log_->write_note(2, "sampling_failed", "no samples: " + summary_.sampling_error->what,
				 summary_.sampling_error->hint);
}

Result<RecordSummary> Session::run()
{
	if (Status done = prepare(); !done.ok()) {
		if (launch_)
			::kill(launch_->pid(), SIGKILL);
		return done.error();
	}
	write_opening_records();
	if (Status started = launch_->release(); !started.ok()) {
		::unlink(options_.output.c_str());
		return started.error();
	}
	while (!is_over()) {
		wait_and_handle(period_ns_);
		round();
	}
	finish();
	return summary_;
}

bool Session::is_over()
{
	if (child_ended_ && (!options_.follow || no_children_))
		return true;
	return interrupted_ns_ != 0 && monotonic_now_ns() > interrupted_ns_ + kGraceNs;
}

void Session::wait_and_handle(uint64_t timeout_ns)
{
	const timespec timeout{static_cast<time_t>(timeout_ns / 1'000'000'000),
			       static_cast<long>(timeout_ns % 1'000'000'000)};
	if (::ppoll(polled_.data(), polled_.size(), &timeout, nullptr) <= 0)
		return;
	for (pollfd &entry : polled_)
		if (entry.revents & (POLLHUP | POLLERR | POLLNVAL))
			entry.fd = -1; // the last task of this event is gone: it would be ready for ever
	signalfd_siginfo info;
	while (signals_.next(&info))
		handle_signal(info);
}

void Session::handle_signal(const signalfd_siginfo &info)
{
	if (info.ssi_signo == SIGCHLD) {
		reap_children();
		return;
	}
	// A key on the terminal reaches the program by itself; what was sent to us alone is passed on. What the program
	// sends to its process group, ours, is its own affair.
	const bool sent_by_a_process =
		info.ssi_code == SI_USER || info.ssi_code == SI_QUEUE || info.ssi_code == SI_TKILL;
	if (sent_by_a_process && is_of_the_program(static_cast<pid_t>(info.ssi_pid)))
		return;
	if (sent_by_a_process && !child_ended_)
		::kill(launch_->pid(), static_cast<int>(info.ssi_signo));
	if (info.ssi_signo == SIGUSR1 || info.ssi_signo == SIGUSR2)
		return;
	summary_.ended_by_signal = static_cast<int>(info.ssi_signo);
	const uint64_t now = monotonic_now_ns();
	if (interrupted_ns_ == 0)
		interrupted_ns_ = now;
	else if (now - interrupted_ns_ > kOneRequestNs)
		interrupted_ns_ = 1; // a second request ends the recording at once
}

bool Session::is_of_the_program(pid_t sender) const
{
	const std::vector<ChildProcess> tree = descendants(::getpid());
	return sender == launch_->pid() ||
	       std::any_of(tree.begin(), tree.end(), [&](const ChildProcess &child) { return child.pid == sender; });
}

void Session::reap_children()
{
	int status = 0;
	pid_t pid;
	while ((pid = ::waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != launch_->pid())
			continue;
		child_ended_ = true;
		summary_.exit_status = shell_status(status);
	}
	no_children_ = pid < 0 && errno == ECHILD;
}

void Session::round()
{
	if (summary_.write_error)
		return;
	const uint64_t now = clock_.advance().monotonic_ns;
	rings_->heartbeat(now);
	drain_sources();
	commit_if_due(false);
	rings_->free_rings_of_dead_threads();
}

void Session::drain_sources()
{
	const uint64_t now = clock_.latest().monotonic_ns;
	perf_bytes_.clear();
	if (events_)
		events_->drain(&perf_bytes_, &perf_counts_);
	if (Status done = writer_->append(perf_bytes_); !done.ok())
		return stop_writing(done.error());
	if (now - last_clock_ns_ >= kClockPeriodNs) {
		last_clock_ns_ = now;
		log_->write_clock();
	}
	adapt_period(rings_->drain(clock_, &*encoder_));
	for (const Definition &definition : rings_->take_definitions(clock_))
		log_->write_definition(definition);
	write_losses();
	if (!encoder_->status().ok())
		return stop_writing(encoder_->status().error());
	finish_round();
}

// A thread that is held up inside an event will publish an old stamp: the round stays open for it, for a while.
void Session::finish_round()
{
	const uint64_t now = clock_.latest().monotonic_ns;
	if (rings_->has_stalled_writer() && now - last_finished_round_ns_ < kLongestRoundNs)
		return;
	last_finished_round_ns_ = now;
	if (Status done = writer_->append(recording::finished_round_record()); !done.ok())
		stop_writing(done.error());
}

// The ring of a busy thread should be about a tenth full when it is drained, and rings of dead threads free again soon.
void Session::adapt_period(double fill)
{
	if (fill > 0.15)
		period_ns_ = std::max(period_ns_ / 2, kShortestPeriodNs);
	else if (fill < 0.05)
		period_ns_ = std::min(period_ns_ * 2, kLongestPeriodNs);
}

void Session::write_losses()
{
	const SharedRingsCounts &counts = rings_->counts();
	const uint64_t lost = counts.lost + counts.lost_without_ring + counts.malformed;
	if (lost == lost_written_)
		return;
	const std::string record =
		recording::lost_record(self(clock_.latest().monotonic_ns), own_event_id(OwnEvent::layer_begin),
				       lost - lost_written_, trailer_type());
	lost_written_ = lost;
	if (Status done = writer_->append(record); !done.ok())
		stop_writing(done.error());
}

void Session::commit_if_due(bool now)
{
	const uint64_t time = clock_.latest().monotonic_ns;
	if (summary_.write_error || (!now && time - last_commit_ns_ < kCommitPeriodNs))
		return;
	last_commit_ns_ = time;
	if (now || time - last_stat_ns_ >= kStatPeriodNs) {
		last_stat_ns_ = time;
		log_->write_stats(rings_->counts());
	}
	const std::string tracing = log_->take_tracing_data(kMaxTracingData);
	if (!tracing.empty())
		if (Status done = writer_->update_feature(recording::kFeatureTracingData, tracing); !done.ok())
			return stop_writing(done.error());
	if (Status done = writer_->commit(); !done.ok())
		stop_writing(done.error());
}

// The file cannot grow: keep what is published, say so in it if that still fits, and let the program run on.
void Session::stop_writing(const Error &error)
{
	if (summary_.write_error)
		return;
	summary_.write_error = error;
	rings_->deactivate();
	if (events_)
		events_->disable();
	encoder_->clear_error();
	log_->write_note(3, "recording_cut", "the recording ends here, before the program did: " + error.what,
			 error.hint);
	if (writer_->append(recording::finished_round_record()).ok()) {
		Status ignored = writer_->commit(); // nothing more can be done
		static_cast<void>(ignored);
	}
}

void Session::finish()
{
	summary_.program_ended = child_ended_;
	summary_.left_running = descendants(::getpid());
	if (events_)
		events_->disable();
	if (!summary_.write_error) {
		rings_->deactivate();
		clock_.advance();
		drain_sources();
	}
	if (!summary_.write_error) {
		for (const ChildProcess &child : summary_.left_running)
			log_->write_note(1, "child_left_running",
					 fmt::format("process {} ({}) was still running when the recording ended",
						     child.pid, child.name),
					 "record with --follow to wait for it");
		if (perf_counts_.damaged > 0)
			log_->write_note(
				3, "damaged_perf_ring",
				fmt::format("the kernel's ring held no whole record {} times; samples are missing",
					    perf_counts_.damaged),
				"");
		if (child_ended_)
			log_->write_stat("exit_status", static_cast<uint64_t>(summary_.exit_status));
		log_->write_stat("finished", 1);
		recording::ByteWriter times; // {first, last}, as perf's --time wants it
		times.put(start_ns_).put(clock_.latest().monotonic_ns);
		Status done = writer_->update_feature(recording::kFeatureSampleTime, times.bytes());
		if (done.ok())
			commit_if_due(true);
		else
			stop_writing(done.error());
	}
	const SharedRingsCounts &counts = rings_->counts();
	summary_.samples = perf_counts_.samples;
	summary_.layer_calls = encoder_->counts().layer_calls;
	summary_.spikes = encoder_->counts().spikes;
	summary_.lost = perf_counts_.lost + counts.lost + counts.lost_without_ring + counts.malformed +
			encoder_->counts().dropped;
	summary_.file_bytes = writer_->file_size();
}

} // namespace

Result<RecordSummary> record(const RecordOptions &options, const HostSnapshot &host, const Plan &plan)
{
	Session session(options, host, plan);
	return session.run();
}

} // namespace neuroperf::collector
