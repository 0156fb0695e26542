// SPDX-License-Identifier: Apache-2.0
// The part of probe_cost.hpp that hits probes: functions to probe, and the calls of them.
#include <unistd.h>

#include "collector/probe_cost.hpp"

#if defined(__x86_64__)
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <runtime_events.skel.h>
#include <sys/syscall.h>
#include <time.h>

#include <algorithm>
#include <cstring>
#include <iterator>

#include "bpf/runtime_event.h"
#include "collector/bpf_support.hpp"
#include "collector/file_mappings.hpp"
#include "collector/timed_rings.hpp"

// One function for each class, and one that nobody probes. A nop that reaches over two pages is never replaced.
#define NP_SITE(name, code)                                                                                            \
	".balign 16\n.hidden " name "\n.globl " name "\n.type " name ",@function\n" name ":\n" code "ret\n.size " name \
	",.-" name "\n"
#define NP_CALL_SITE ".byte 0x0f, 0x1f, 0x44, 0x00, 0x00\n"
#define NP_EMULATED_SITE "push %rbp\npop %rbp\n"
#define NP_STEPPED_SITE "mov %rdi, %rax\n"
__asm__(".pushsection .text\n" // clang-format off
	NP_SITE("neuroperf_cost_entry_call", NP_CALL_SITE)
	NP_SITE("neuroperf_cost_entry_emulated", NP_EMULATED_SITE)
	NP_SITE("neuroperf_cost_entry_stepped", NP_STEPPED_SITE)
	NP_SITE("neuroperf_cost_named_call", NP_CALL_SITE)
	NP_SITE("neuroperf_cost_named_emulated", NP_EMULATED_SITE)
	NP_SITE("neuroperf_cost_named_stepped", NP_STEPPED_SITE)
	NP_SITE("neuroperf_cost_staying_call", NP_CALL_SITE)
	NP_SITE("neuroperf_cost_staying_emulated", NP_EMULATED_SITE)
	NP_SITE("neuroperf_cost_staying_stepped", NP_STEPPED_SITE)
	NP_SITE("neuroperf_cost_return_call", NP_CALL_SITE)
	NP_SITE("neuroperf_cost_return_emulated", NP_EMULATED_SITE)
	NP_SITE("neuroperf_cost_return_stepped", NP_STEPPED_SITE)
	NP_SITE("neuroperf_cost_nothing", NP_EMULATED_SITE)
	".popsection\n"); // clang-format on

extern "C" {
void neuroperf_cost_entry_call(const void *);
void neuroperf_cost_entry_emulated(const void *);
void neuroperf_cost_entry_stepped(const void *);
void neuroperf_cost_named_call(const void *);
void neuroperf_cost_named_emulated(const void *);
void neuroperf_cost_named_stepped(const void *);
void neuroperf_cost_staying_call(const void *);
void neuroperf_cost_staying_emulated(const void *);
void neuroperf_cost_staying_stepped(const void *);
void neuroperf_cost_return_call(const void *);
void neuroperf_cost_return_emulated(const void *);
void neuroperf_cost_return_stepped(const void *);
void neuroperf_cost_nothing(const void *);
}

namespace neuroperf::collector {
namespace {

using At = HitClass::At;
using Site = void (*)(const void *);
constexpr std::size_t kCostsOfProbes = 3; // ProbeCost::agent is none
constexpr Site kSites[NP_TIMED_KINDS][kCostsOfProbes] = {
	{&neuroperf_cost_entry_call, &neuroperf_cost_entry_emulated, &neuroperf_cost_entry_stepped},
	{&neuroperf_cost_named_call, &neuroperf_cost_named_emulated, &neuroperf_cost_named_stepped},
	{&neuroperf_cost_staying_call, &neuroperf_cost_staying_emulated, &neuroperf_cost_staying_stepped},
	{&neuroperf_cost_return_call, &neuroperf_cost_return_emulated, &neuroperf_cost_return_stepped}};

// The last to be used by others, who then fill them in anew.
constexpr uint32_t kNamedPlace = NP_MOST_PLACES - 1, kStayingPlace = NP_MOST_PLACES - 2;
constexpr uint32_t kPlainPlace = NP_MOST_PLACES - 3;
constexpr uint32_t kFunction = 0;
constexpr std::size_t kBatches = 15, kWarmUp = 24; // more than until names are taken to stay
constexpr std::size_t kHitsOfBatch = 40, kSteppedHitsOfBatch = 8;
// Of this thread's time on a CPU, and at the clock: a busy machine takes it away for a while.
constexpr uint64_t kLongestCpuNs = 25'000'000, kLongestNs = 100'000'000;

// Those that are met most come first: a busy machine may not get to the last ones.
constexpr HitClass kInTurn[] = {
	{At::entry, ProbeCost::emulated},
	{At::named_entry, ProbeCost::emulated},
	{At::staying_entry, ProbeCost::emulated},
	{At::behind_call, ProbeCost::emulated},
	{At::behind_call, ProbeCost::stepped},
	{At::entry, ProbeCost::stepped},
	{At::named_entry, ProbeCost::stepped},
	{At::staying_entry, ProbeCost::stepped},
	{At::entry, ProbeCost::call},
	{At::named_entry, ProbeCost::call},
	{At::staying_entry, ProbeCost::call},
	{At::behind_call, ProbeCost::call},
};
static_assert(std::size(kInTurn) == std::size_t{NP_TIMED_KINDS} * kCostsOfProbes);

// What the place reads: an object, by the pointer that is the argument, and its name.
struct Object {
	uint64_t identity;
	const char *characters; // laid out as libstdc++'s std::string
	uint64_t length;
	char own[16]; // of short ones
};
constexpr char kName[] = "/model/layers.0/attention";
constexpr Object kObject{1, kName, sizeof kName - 1, {}};

np_place place_of_object()
{
	np_place place{};
	place.tells = NP_TELLS_IDENTITY | NP_TELLS_NAMES;
	place.identity.from = NP_READ_ARGUMENT_1;
	place.identity.steps = 1;
	place.identity.last_size = 8;
	place.name.from = NP_READ_ARGUMENT_1;
	place.name.as = NP_AS_STD_STRING;
	place.name.add = offsetof(Object, characters);
	return place;
}

np_place place_of_staying_object()
{
	np_place place = place_of_object();
	place.identity.steps = 0;
	place.names_stay_ns = UINT32_MAX;
	return place;
}

uint64_t now_ns(clockid_t clock = CLOCK_MONOTONIC)
{
	timespec time{};
	::clock_gettime(clock, &time);
	return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

class Trial {
public:
	Trial(runtime_events_bpf *program, TimedRings *rings, UprobeKind kind, std::vector<Uprobe> *used)
		: program_(program), rings_(*rings), kind_(kind), used_(*used)
	{
	}
	Trial(const Trial &) = delete;
	Trial &operator=(const Trial &) = delete;
	~Trial() { put_back(); }

	// Why it cannot be done; empty if it can.
	std::string prepare()
	{
		own_ = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
		const Status joined = add_to_process_tree(bpf_map__fd(program_->maps.np_tree), ::getpid(), NP_RECORDED);
		if (!joined.ok())
			return joined.error().what;
		if (!put_place(kNamedPlace, place_of_object()) ||
		    !put_place(kStayingPlace, place_of_staying_object()) || !put_place(kPlainPlace, {}))
			return std::strerror(errno);
		program_->bss->np_functions[kFunction][NP_FUNCTION_MET] = 1; // nobody is to be woken up
		__atomic_store_n(&program_->bss->np_enabled, 1, __ATOMIC_RELEASE);
		clock_read_ns_ = read_clock();
		return "";
	}

	std::optional<HitCost> measure(HitClass hit)
	{
		const Site site = kSites[static_cast<std::size_t>(hit.at)][static_cast<std::size_t>(hit.cost)];
		if (!attach(site, hit.at))
			return std::nullopt;
		run(site, kWarmUp);
		const auto kind = static_cast<std::size_t>(hit.at);
		program_->bss->np_timed_hits[kind] = program_->bss->np_timed_ns[kind] = 0;
		std::vector<std::vector<TimedHit>> batches;
		const std::size_t hits = hit.cost == ProbeCost::stepped ? kSteppedHitsOfBatch : kHitsOfBatch;
		for (std::size_t i = 0; i < kBatches && has_time(); i++)
			if (run(site, hits))
				batches.push_back(timed_);
		programs_[kind].hits += program_->bss->np_timed_hits[kind];
		programs_[kind].ns += program_->bss->np_timed_ns[kind];
		return cost_of(batches, clock_read_ns_);
	}

	const ProgramTimes &programs() const { return programs_; }
	uint64_t took_ns() const { return now_ns() - begin_ns_; }

private:
	bool has_time() const
	{
		return now_ns() - begin_ns_ < kLongestNs &&
		       now_ns(CLOCK_THREAD_CPUTIME_ID) - begin_cpu_ns_ < kLongestCpuNs;
	}

	bool put_place(uint32_t number, const np_place &place)
	{
		return bpf_map_update_elem(bpf_map__fd(program_->maps.np_places), &number, &place, BPF_ANY) == 0;
	}

	bool attach(Site site, At at)
	{
		const bool is_return = at == At::behind_call;
		const uint64_t place = at == At::named_entry     ? kNamedPlace
				       : at == At::staying_entry ? kStayingPlace
								 : kPlainPlace;
		const auto address = reinterpret_cast<uint64_t>(site);
		const auto mappings = read_file_mappings(::getpid());
		if (!mappings.ok())
			return false;
		const bpf_program *program =
			is_return ? program_->progs.np_runtime_return : program_->progs.np_runtime_entry;
		for (const FileMapping &mapping : *mappings) {
			if (address < mapping.start || address >= mapping.end)
				continue;
			const auto file = open_mapped_file(::getpid(), mapping);
			if (!file.ok())
				return false;
			// In this process only: other recorders may be at the same, with the same file.
			auto probe = Uprobe::attach(kind_, program,
						    {::getpid(), file->get(), address - mapping.start + mapping.offset,
						     0, is_return ? kFunction : NP_COOKIE(place, kFunction, 0, 1)});
			if (probe)
				used_.push_back(std::move(*probe));
			return probe.has_value();
		}
		return false;
	}

	// Whether each hit has told its time; what it took is in timed_.
	bool run(Site site, std::size_t hits)
	{
		timed_.assign(hits, {});
		events_.clear();
		for (TimedHit &hit : timed_) {
			hit.before_ns = now_ns();
			site(&kObject);
			hit.after_ns = now_ns();
		}
		rings_.drain(UINT64_MAX, take, this);
		for (std::size_t i = 0; i < hits && events_.size() == hits; i++)
			timed_[i].event_ns = events_[i];
		return events_.size() == hits;
	}

	static uint64_t read_clock()
	{
		std::vector<uint64_t> took;
		for (std::size_t i = 0; i < kBatches; i++) {
			uint64_t sum = 0;
			for (std::size_t k = 0; k < kHitsOfBatch; k++) {
				const uint64_t begin = now_ns();
				neuroperf_cost_nothing(&kObject);
				sum += now_ns() - begin;
			}
			took.push_back(sum / kHitsOfBatch);
		}
		std::nth_element(took.begin(), took.begin() + kBatches / 2, took.end());
		return took[kBatches / 2];
	}

	static void take(void *context, std::string_view record)
	{
		np_runtime_event event;
		if (record.size() < sizeof event)
			return;
		std::memcpy(&event, record.data(), sizeof event);
		if (event.what != NP_RUNTIME_NAMES)
			static_cast<Trial *>(context)->events_.push_back(event.time_ns);
	}

	void put_back()
	{
		auto *bss = program_->bss;
		__atomic_store_n(&bss->np_enabled, 0, __ATOMIC_RELEASE);
		bss->np_functions[kFunction][NP_FUNCTION_MET] = 0;
		bss->np_hits_of_others = bss->np_dropped = bss->np_unreadable = 0;
		for (std::size_t kind = 0; kind < NP_TIMED_KINDS; kind++)
			bss->np_timed_hits[kind] = bss->np_timed_ns[kind] = 0;
		put_place(kNamedPlace, {});
		put_place(kStayingPlace, {});
		const int key = own_.get();
		bpf_map_delete_elem(bpf_map__fd(program_->maps.np_tree), &key);
	}

	runtime_events_bpf *program_;
	TimedRings &rings_;
	UprobeKind kind_;
	std::vector<Uprobe> &used_;
	UniqueFd own_;
	uint64_t begin_ns_ = now_ns(), begin_cpu_ns_ = now_ns(CLOCK_THREAD_CPUTIME_ID), clock_read_ns_ = 0;
	std::vector<TimedHit> timed_;
	std::vector<uint64_t> events_; // their times
	ProgramTimes programs_{};
};

} // namespace

ProbeCosts measure_probe_costs(runtime_events_bpf *program, TimedRings *rings, UprobeKind kind,
			       bool wide_nops_are_calls, std::vector<Uprobe> *used)
{
	ProbeCosts costs;
	Trial trial(program, rings, kind, used);
	costs.why_unknown = trial.prepare();
	for (const HitClass hit : kInTurn)
		if (costs.why_unknown.empty() && (hit.cost != ProbeCost::call || wide_nops_are_calls))
			costs.hits[index_of(hit)] = trial.measure(hit);
	if (costs.why_unknown.empty())
		costs.why_unknown = "a trial has told none";
	costs.programs = trial.programs();
	costs.took_ns = trial.took_ns();
	return costs;
}

} // namespace neuroperf::collector
#else
namespace neuroperf::collector {

ProbeCosts measure_probe_costs(runtime_events_bpf *, TimedRings *, UprobeKind, bool, std::vector<Uprobe> *)
{
	ProbeCosts costs;
	costs.why_unknown = "not measured on this kind of CPU";
	return costs;
}

} // namespace neuroperf::collector
#endif
