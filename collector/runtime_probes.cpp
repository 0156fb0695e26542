// SPDX-License-Identifier: Apache-2.0
#include "collector/runtime_probes.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <runtime_events.skel.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <map>
#include <set>
#include <span>
#include <utility>

#include "collector/agent_calls.hpp"
#include "collector/agent_cost.hpp"
#include "collector/attach_readiness.hpp"
#include "collector/clock.hpp"
#include "collector/file_mappings.hpp"
#include "collector/held_thread.hpp"
#include "collector/map_notices.hpp"
#include "collector/open_file_limit.hpp"
#include "collector/process_memory.hpp"
#include "collector/python_names.hpp"
#include "collector/runtime_budget.hpp"
#include "collector/runtime_callers.hpp"
#include "collector/runtime_match.hpp"
#include "collector/runtime_program.hpp"
#include "collector/switched_probes.hpp"
#include "recording/unique_fd.hpp"

namespace neuroperf::collector {
namespace {

constexpr uint64_t kLateNs = 500'000;      // far more than until a thread that has mapped a file is held
constexpr uint64_t kReadyNs = 300'000'000; // after a runtime, or a function of it, was new

} // namespace

struct RuntimeProbes::Impl {
	Impl(const Plan &of, std::vector<unsigned> on, std::size_t wanted_bytes)
		: plan(of), program(of, std::move(on), wanted_bytes), spans(kFirstId),
		  budget(of.probe_budget, spans, callers, probes)
	{
		if (plan.begins_only)
			spans.take_begins_alone();
	}

	Status load();
	Status open_agent();
	ProbeCookies cookies() const;
	bool is_ready();
	bool look_at(int pid);
	void look_at_mapper(const MapNotice &notice);
	void look_ahead(const std::string &path, pid_t program_pid);
	bool may_be_any(const std::string &path) const;
	void look_at_file(int pid, const FileMapping &mapping);
	void attach(const RuntimeMatch &match, const FileKey &key, int file, RuntimeFile *told);
	void attach_entries(const RuntimeMatch &match, const FileKey &key, int file, RuntimeFile *told);
	void stay_ready();
	RuntimeSpans::Emit emit();
	std::size_t number_places(const RuntimeMatch &match);
	void update_counts();
	static void take(void *context, std::string_view record);
	void take_names(const np_runtime_names &names);

	const Plan &plan; // spans point to its descriptions
	RuntimeProgram program;
	std::optional<Error> error, agent_error;
	bool enabled = false, detached = false;
	std::optional<MapNotices> notices;
	std::vector<std::unique_ptr<HeldThread>> stopping; // too late to be held, and to be let go of when they stop
	SwitchedProbes probes;
	AttachReadiness readiness;
	std::set<FileKey> seen;
	std::vector<RuntimeFile> files;
	RuntimeSpans spans;
	RuntimeCallers callers{spans, probes};
	std::optional<AgentCalls> agent;
	bool follows = false; // the processes to record
	RuntimeBudget budget;
	RuntimeProbesCounts counts;
	uint64_t bad_records = 0;
	OwnEventEncoder *encoder = nullptr; // while draining
};

// Loaded, now or before.
bool RuntimeProbes::Impl::is_ready()
{
	if (follows || error)
		return !error;
	Status done = program.is_loaded() ? Status(Done{}) : load(); // for the agent, before
	if (done.ok())
		done = program.follow();
	follows = done.ok();
	if (!done.ok()) {
		error = done.error();
		agent.reset();
		program.unload();
		return false;
	}
	program.enable(enabled);
	return true;
}

Status RuntimeProbes::Impl::load()
{
	if (Status loaded = program.load(); !loaded.ok())
		return loaded;
	spans.set_costs(program.costs());
	budget.set_costs(program.costs());
	callers.use(program.kind(), program->progs.np_runtime_return, program.wide_nops_are_calls());
	if (program.kind() == UprobeKind::perf)
		budget.drop_for_good(); // putting them back, one by one, takes seconds
	return Done{};
}

Status RuntimeProbes::Impl::open_agent()
{
	auto library = agent_library();
	if (!library.ok())
		return library.error();
	if (Status loaded = load(); !loaded.ok())
		return loaded;
	auto memory = AgentMemory::create(std::move(*library), bpf_map__fd(program->maps.np_told));
	if (!memory.ok())
		return memory.error();
	agent.emplace(std::move(*memory), spans, callers, probes);
	if (Status opened = agent->open(program.kind(), program.get()); !opened.ok())
		return opened;
	add_agent_cost(agent->memory().library(), &program.costs());
	spans.set_costs(program.costs());
	budget.set_costs(program.costs());
	program.rings().add_rings_of_threads(&agent->memory().rings());
	program.finish_trial(); // before the program is there: letting go of them delays processes that begin
	return Done{};
}

// Returns whether anything was probed for it.
bool RuntimeProbes::Impl::look_at(int pid)
{
	const auto mappings = read_file_mappings(pid);
	if (!mappings.ok())
		return false; // it has ended
	const std::size_t known = files.size();
	bool put_back = false;
	for (const FileMapping &mapping : *mappings) {
		if (!mapping.executable)
			continue;
		if (seen.insert(mapping.file).second)
			look_at_file(pid, mapping);
		if (agent)
			put_back |= agent->has_mapped(pid, mapping);
	}
	return put_back || files.size() > known;
}

bool RuntimeProbes::Impl::may_be_any(const std::string &path) const
{
	return std::any_of(plan.runtimes.begin(), plan.runtimes.end(),
			   [&](const RuntimeDescription &runtime) { return may_be(runtime, path); });
}

// As if this process had mapped it: so it is known by the numbers that its mappings will have.
void RuntimeProbes::Impl::look_ahead(const std::string &path, pid_t program_pid)
{
	if (!may_be_any(path))
		return;
	const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
	void *const page = ::mmap(nullptr, 1, PROT_READ | PROT_EXEC, MAP_PRIVATE, file.get(), 0);
	if (page == MAP_FAILED)
		return;
	const auto mappings = read_file_mappings(::getpid());
	for (const FileMapping &mapping : mappings.ok() ? *mappings : std::vector<FileMapping>{})
		if (mapping.start == reinterpret_cast<uint64_t>(page) && seen.insert(mapping.file).second)
			look_at_file(::getpid(), mapping);
	::munmap(page, 1);
	spans.sees_start_of(static_cast<uint32_t>(program_pid));
}

// Only files that may be a runtime are worth holding anybody.
void RuntimeProbes::Impl::look_at_mapper(const MapNotice &notice)
{
	if (!may_be_any(notice.path))
		return;
	const uint64_t begin = monotonic_now_ns();
	auto thread = std::make_unique<HeldThread>(notice.tid);
	spans.sees_start_of(static_cast<uint32_t>(notice.pid));
	const uint64_t delay_ns =
		notice.time_ns == 0 ? 0 : monotonic_now_ns() - std::min(monotonic_now_ns(), notice.time_ns);
	if (look_at(notice.pid) && delay_ns > kLateNs) {
		counts.held_late++;
		counts.longest_delay_ns = std::max(counts.longest_delay_ns, delay_ns);
	}
	(thread->held() ? counts.held : counts.not_held)++;
	if (!thread->release())
		stopping.push_back(std::move(thread));
	counts.longest_hold_ns = std::max(counts.longest_hold_ns, monotonic_now_ns() - begin);
}

void RuntimeProbes::Impl::look_at_file(int pid, const FileMapping &mapping)
{
	for (const RuntimeDescription &runtime : plan.runtimes) {
		if (!may_be(runtime, mapping.path))
			continue;
		const uint64_t begin = monotonic_now_ns();
		const auto file = open_mapped_file(pid, mapping);
		const auto index = file.ok() ? CodeIndex::read(file->get()) : Result<CodeIndex>(file.error());
		counts.files_looked_at++;
		if (!index.ok()) {
			counts.files_unreadable++;
			return;
		}
		if (!is_runtime(runtime, *index))
			continue;
		if (!is_ready())
			return;
		const RuntimeMatch match = match_runtime(runtime, *index, program.wide_nops_are_calls());
		RuntimeFile told;
		told.path = mapping.path;
		attach(match, mapping.file, file->get(), &told);
		told.attach_ns = monotonic_now_ns() - begin;
		files.push_back(std::move(told));
		return;
	}
}

// Numbers of a file's places follow each other.
std::size_t RuntimeProbes::Impl::number_places(const RuntimeMatch &match)
{
	const std::size_t first = spans.places().size();
	for (const FoundPlace &found : match.places) {
		if (spans.places().size() == NP_MOST_PLACES)
			break;
		const uint32_t number = spans.add_place({match.runtime, &match.runtime->places[found.place]});
		bpf_map_update_elem(bpf_map__fd(program->maps.np_places), &number, &found.reads, BPF_ANY);
	}
	return first;
}

void RuntimeProbes::Impl::attach(const RuntimeMatch &match, const FileKey &key, int file, RuntimeFile *told)
{
	told->runtime = match.runtime->name;
	told->title = match.runtime->title;
	told->places = match.runtime->places.size() - match.not_there;
	told->places_found = told->places - match.missing.size();
	for (const std::size_t place : match.missing)
		told->places_missing.push_back(match.runtime->places[place].name);
	told->functions = match.functions.size() + match.refused.size();
	told->stepped = match.with_cost(ProbeCost::stepped);
	told->refused = match.refused;
	told->uncounted = match.uncounted;
	told->first_place = number_places(match);
	told->last_place = spans.places().size();
	attach_entries(match, key, file, told);
	callers.add_named(key, file, told->path, match.behind_calls, static_cast<uint16_t>(told->first_place));
	stay_ready();
}

// Soon it may be called, and where its calls end is to be attached to.
void RuntimeProbes::Impl::stay_ready()
{
	if (program.kind() == UprobeKind::multi)
		readiness.keep_until(program->progs.np_runtime_return, monotonic_now_ns() + kReadyNs);
}

void RuntimeProbes::Impl::attach_entries(const RuntimeMatch &match, const FileKey &key, int file, RuntimeFile *told)
{
	std::vector<UprobeSpot> kept, sampled;
	std::vector<AgentFunction> for_agent;
	for (const FoundFunction &found : match.functions) {
		const RuntimePlace &place = match.runtime->places[found.place];
		const uint64_t number = told->first_place + found.found_place;
		const NumberedFunction numbered{found.name, found.pushed_bytes, found.captured, found.cost,
						place.find.how == PlaceSearch::How::virtual_slot};
		const uint64_t function = spans.add_function(numbered);
		if (function >= NP_MOST_FUNCTIONS || number >= told->last_place)
			break;
		const UprobeSpot spot{found.probe_offset,
				      NP_COOKIE(number, function, found.pushed_bytes,
						place.is_span() && !(place.successive && plan.begins_only))};
		(place.may_be_sampled() ? sampled : kept).push_back(spot);
		const np_place &reads = match.places[found.found_place].reads;
		if (const auto identity = told_by_agent(place, reads); agent && identity && !found.slots.empty())
			for_agent.push_back({spot, numbered, found.entry_offset, found.entry_address, found.slots,
					     reads.names_stay_ns, static_cast<uint16_t>(number), *identity});
	}
	told->functions_attached =
		probes.add(program.kind(), program->progs.np_runtime_entry, file, std::move(kept), false);
	told->functions_attached +=
		probes.add(program.kind(), program->progs.np_runtime_entry, file, std::move(sampled), true, cookies());
	if (agent)
		agent->add_file(key, file, std::move(for_agent), cookies());
}

ProbeCookies RuntimeProbes::Impl::cookies() const
{
	auto *const functions = program->bss->np_functions;
	return {[functions](uint64_t cookie) { return functions[NP_COOKIE_FUNCTION(cookie)][NP_FUNCTION_MET] != 0; },
		[](uint64_t cookie) { return NP_COOKIE_OF_OTHER_SIDE(cookie); },
		[functions](uint64_t cookie) {
			__atomic_store_n(&functions[NP_COOKIE_FUNCTION(cookie)][NP_FUNCTION_SIDE],
					 NP_COOKIE_SIDE(cookie), __ATOMIC_RELAXED);
		}};
}

RuntimeSpans::Emit RuntimeProbes::Impl::emit()
{
	return [this](const np_slot &slot, uint32_t pid, uint32_t tid) { encoder->encode(slot, pid, tid, slot.stamp); };
}

void RuntimeProbes::Impl::take(void *context, std::string_view record)
{
	auto *self = static_cast<Impl *>(context);
	np_runtime_event event;
	if (record.size() < sizeof event) {
		self->bad_records++;
		return;
	}
	std::memcpy(&event, record.data(), sizeof event);
	if (event.what != NP_RUNTIME_NAMES) {
		self->counts.events++;
		if (const auto hit = self->spans.take(event, self->emit()))
			self->budget.add_hit(event, *hit);
	} else if (np_runtime_names names; record.size() >= sizeof names) {
		std::memcpy(&names, record.data(), sizeof names);
		self->take_names(names);
	}
}

void RuntimeProbes::Impl::take_names(const np_runtime_names &told)
{
	np_runtime_names names = told;
	const auto pid = static_cast<pid_t>(names.event.pid);
	if (names.unread_name)
		read_process_text(pid, names.unread_name, names.name, sizeof names.name);
	if (names.unread_kind)
		read_process_text(pid, names.unread_kind, names.kind, sizeof names.kind);
	spans.take_names(names);
}

void RuntimeProbes::Impl::update_counts()
{
	const auto *bss = program->bss;
	counts.hits_of_others = __atomic_load_n(&bss->np_hits_of_others, __ATOMIC_RELAXED);
	counts.bad_records = bad_records + program.rings().corrupt();
	counts.dropped = __atomic_load_n(&bss->np_dropped, __ATOMIC_RELAXED);
	if (agent) {
		counts.dropped += agent->memory().dropped();
		counts.agent = agent->counts();
	}
	counts.hits = counts.events + counts.dropped + __atomic_load_n(&bss->np_untold, __ATOMIC_RELAXED);
	counts.unreadable = __atomic_load_n(&bss->np_unreadable, __ATOMIC_RELAXED);
	counts.too_large = __atomic_load_n(&bss->np_too_large, __ATOMIC_RELAXED);
	counts.recursion_misses = program.recursion_misses();
	counts.callers = callers.counts();
	counts.spans = spans.counts();
	counts.budget = budget.counts();
}

RuntimeProbes::RuntimeProbes(const Plan &plan, std::vector<unsigned> cpus, std::size_t ring_bytes)
	: impl_(std::make_unique<Impl>(plan, std::move(cpus), ring_bytes))
{
}
RuntimeProbes::RuntimeProbes(RuntimeProbes &&other) noexcept = default;
RuntimeProbes::~RuntimeProbes()
{
	if (impl_)
		detach();
}

std::vector<std::string> RuntimeProbes::create_agent()
{
	const Status opened = impl_->open_agent();
	if (opened.ok())
		return impl_->agent->memory().environment();
	impl_->agent_error = opened.error();
	impl_->agent.reset();
	return {};
}

void RuntimeProbes::use_names_of(PythonNames *names)
{
	impl_->spans.set_python_names([names](uint32_t pid, uint64_t address, uint64_t time_ns) {
		return names->name_of(pid, address, time_ns);
	});
}

void RuntimeProbes::enable()
{
	impl_->enabled = true;
	impl_->program.enable(true);
}

void RuntimeProbes::disable()
{
	impl_->enabled = false;
	if (impl_->agent)
		impl_->agent->stop();
	impl_->program.enable(false);
}

// Without them, mappings are noticed a round later.
void RuntimeProbes::open_notices(pid_t program)
{
	auto opened = MapNotices::open(program, impl_->plan.events.front().cpus);
	if (opened.ok())
		impl_->notices.emplace(std::move(*opened));
}

std::vector<int> RuntimeProbes::descriptors() const
{
	std::vector<int> found = impl_->notices ? impl_->notices->descriptors() : std::vector<int>{};
	found.push_back(impl_->program.wakeups());
	return found;
}

void RuntimeProbes::follow_up()
{
	std::erase_if(impl_->stopping, [](const auto &thread) { return thread->release(); });
	if (impl_->notices)
		for (const MapNotice &notice : impl_->notices->take())
			impl_->look_at_mapper(notice);
}

void RuntimeProbes::look_ahead(const std::string &path, pid_t program)
{
	impl_->look_ahead(path, program);
}

void RuntimeProbes::look_at(int pid)
{
	impl_->look_at(pid);
}

void RuntimeProbes::look_at_mappers(const std::string &records)
{
	if (!impl_->notices)
		for (const MapNotice &notice : map_notices(records))
			impl_->look_at_mapper(notice);
}

bool RuntimeProbes::asks()
{
	return impl_->program.asks();
}

double RuntimeProbes::drain(OwnEventEncoder *encoder)
{
	if (!impl_->program.is_loaded())
		return 0;
	asks(); // it is drained, whether it asked or not
	impl_->encoder = encoder;
	const uint64_t until_ns = impl_->detached ? UINT64_MAX : monotonic_now_ns();
	const double fill = impl_->program.rings().drain(until_ns, Impl::take, impl_.get());
	if (impl_->detached) {
		const auto has_ended = [](uint32_t pid) { return ::kill(static_cast<pid_t>(pid), 0) != 0; };
		impl_->spans.finish(monotonic_now_ns(), has_ended, impl_->emit());
	} else {
		impl_->budget.set_in_place(impl_->program.times());
		impl_->spans.set_costs(impl_->budget.costs_in_place());
		impl_->budget.keep(monotonic_now_ns(), impl_->emit()); // first: attaching to callers takes a while
		const uint64_t probed = impl_->callers.counts().probed;
		impl_->callers.add_met();
		if (impl_->callers.counts().probed > probed) {
			impl_->budget.forgive_once();
			impl_->stay_ready();
		}
		impl_->spans.watch_callers(monotonic_now_ns(), impl_->emit());
		if (impl_->agent)
			impl_->agent->work(monotonic_now_ns(), impl_->enabled && impl_->probes.is_on());
		impl_->program.rings().ask_at(
			impl_->budget.ask_after_bytes(impl_->program.rings().in_use(), impl_->program.ring_bytes()));
	}
	impl_->encoder = nullptr;
	encoder->flush();
	impl_->update_counts();
	return fill;
}

std::vector<Definition> RuntimeProbes::take_definitions()
{
	return impl_->spans.take_definitions();
}

void RuntimeProbes::detach()
{
	impl_->detached = true;
	impl_->readiness.end();
	if (impl_->agent)
		impl_->agent->stop();
	impl_->probes.detach();
	impl_->program.finish_trial();
}

const std::vector<RuntimeFile> &RuntimeProbes::files() const
{
	return impl_->files;
}

uint64_t RuntimeProbes::hits_in(const RuntimeFile &file) const
{
	uint64_t hits = 0;
	for (std::size_t i = file.first_place; i < file.last_place; i++)
		hits += impl_->spans.hits_by_place()[i];
	return hits;
}

std::array<uint64_t, kHitClasses> RuntimeProbes::hits_by_class(const RuntimeFile &file) const
{
	return impl_->spans.hits_by_class(file.first_place, file.last_place);
}

const ProbeCosts &RuntimeProbes::trial() const
{
	return impl_->program.costs();
}

std::optional<HitCost> RuntimeProbes::mean_cost(HitClass hit) const
{
	return impl_->spans.mean_cost(hit);
}

const RuntimeProbesCounts &RuntimeProbes::counts() const
{
	return impl_->counts;
}

double RuntimeProbes::probe_budget() const
{
	return impl_->budget.share();
}

const std::optional<Error> &RuntimeProbes::error() const
{
	return impl_->error;
}

const std::optional<Error> &RuntimeProbes::agent_error() const
{
	return impl_->agent_error;
}

} // namespace neuroperf::collector
