// SPDX-License-Identifier: Apache-2.0
#include "collector/agent_calls.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <runtime_events.skel.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

#include "collector/bpf_support.hpp"
#include "collector/clock.hpp"
#include "collector/code_index.hpp"
#include "collector/held_process.hpp"
#include "collector/launch.hpp"
#include "collector/process_memory.hpp"

namespace neuroperf::collector {
namespace {

constexpr uint64_t kBetweenTriesNs = 20'000'000; // several functions at once, where it goes on
constexpr unsigned kMostTries = 20;
constexpr uint64_t kBothNs = 2'000'000; // a probe is there too: far more than until a call that has begun gets to it
constexpr uint64_t kLookAtRingsNs = 200'000'000;
constexpr uint8_t kNoSide = 2; // of a function whose probe does not count

bool read_word(int memory, uint64_t address, uint64_t *word)
{
	return ::pread(memory, word, sizeof *word, static_cast<off_t>(address)) == sizeof *word;
}

bool write_word(int memory, uint64_t address, uint64_t word)
{
	return ::pwrite(memory, &word, sizeof word, static_cast<off_t>(address)) == sizeof word;
}

bool has_ended(pid_t process)
{
	return ::kill(process, 0) != 0 && errno == ESRCH;
}

} // namespace

std::optional<uint16_t> told_by_agent(const RuntimePlace &place, const np_place &reads)
{
	const np_read &identity = reads.identity;
	const bool is_argument = identity.from >= NP_READ_ARGUMENT_1 && identity.from <= NP_READ_ARGUMENT_6 &&
				 identity.steps == 0 && identity.add == 0;
	constexpr uint32_t kToldWithNames = NP_TELLS_IDENTITY | NP_TELLS_NAMES;
	if (!place.in_registers || !is_argument || reads.tells != kToldWithNames)
		return std::nullopt;
	return static_cast<uint16_t>(identity.from - NP_READ_ARGUMENT_1);
}

Status AgentCalls::open(UprobeKind kind, runtime_events_bpf *program)
{
	kind_ = kind;
	program_ = program;
	library_ = UniqueFd(::open(memory_.library().c_str(), O_RDONLY | O_CLOEXEC));
	const auto index = library_.valid() ? CodeIndex::read(library_.get())
					    : Result<CodeIndex>(Error{ErrorCode::io, std::strerror(errno), errno, ""});
	if (!index.ok())
		return index.error();
	const std::pair<const char *, uint64_t *> code[] = {{"neuroperf_agent_calls", &calls_offset_},
							    {"neuroperf_agent_slow_call", &slow_call_offset_},
							    {"neuroperf_agent_slow_end", &slow_end_offset_},
							    {"neuroperf_agent_ask", &ask_offset_}};
	const std::pair<const char *, uint64_t *> data[] = {{"neuroperf_agent_functions", &functions_address_},
							    {"neuroperf_agent_is_ready", &ready_address_}};
	for (const auto &[name, offset] : code) {
		const auto found = index->exported(name);
		if (found.empty())
			return Error{ErrorCode::not_found, fmt::format("the agent has no {}", name), 0, ""};
		*offset = found.front().offset;
	}
	for (const auto &[name, address] : data) {
		const auto found = index->data(name);
		if (!found)
			return Error{ErrorCode::not_found, fmt::format("the agent has no {}", name), 0, ""};
		*address = found->offset;
	}
	calls_address_ = index->address_of(calls_offset_).value_or(0);
	return put_probes();
}

void AgentCalls::add_file(const FileKey &key, int file, std::vector<AgentFunction> functions, ProbeCookies cookies)
{
	if (functions.empty())
		return;
	File &added = files_[key];
	added.file = UniqueFd(::fcntl(file, F_DUPFD_CLOEXEC, 0));
	added.cookies = std::move(cookies);
	for (AgentFunction &function : functions)
		added.functions.push_back({std::move(function), State::probed, std::nullopt});
}

// The same process again: it may have become another program, or loaded the file anew.
bool AgentCalls::has_mapped(pid_t process, const FileMapping &mapping)
{
	const auto found = files_.find(mapping.file);
	if (found == files_.end() || found->second.is_shared)
		return false;
	File &file = found->second;
	const uint64_t first = file.functions.front().what.entry_offset;
	if (first < mapping.offset || first - mapping.offset >= mapping.end - mapping.start)
		return false; // another part of it
	if (file.owner == process && file.start == mapping.start && file.offset == mapping.offset)
		return false;
	const bool is_other = file.owner != 0 && file.owner != process && !has_ended(file.owner);
	const bool put_back = give_back(&file);
	file.problem.clear();
	file.is_shared = is_other;
	counts_.given_back += is_other ? 1 : 0;
	file.owner = process;
	file.start = mapping.start;
	file.offset = mapping.offset;
	file.end = mapping.end;
	file.tries = 0;
	return put_back;
}

// Probes first: what both tell of is told once. Returns whether there was anything to put back.
bool AgentCalls::give_back(File *file)
{
	std::vector<UprobeSpot> spots;
	std::vector<Function *> given_back;
	for (Function &function : file->functions) {
		if (function.state != State::taken && function.state != State::both)
			continue;
		given_back.push_back(&function);
		if (function.state == State::both)
			continue;
		file->cookies.count(function.what.spot.cookie);
		spans_.tell_ends_of(NP_COOKIE_FUNCTION(function.what.spot.cookie), false);
		spots.push_back(function.what.spot);
	}
	const bool any = !spots.empty();
	if (any)
		probes_.add(kind_, program_->progs.np_runtime_entry, file->file.get(), std::move(spots), true,
			    file->cookies);
	for (Function *function : given_back) {
		__atomic_store_n(&memory_.shared().calls[*function->number].on, 0, __ATOMIC_RELEASE);
		function->state = State::probed;
	}
	file->both_since_ns = 0;
	return any;
}

void AgentCalls::work(uint64_t now_ns, bool on)
{
	std::erase_if(stopping_, [](const auto &thread) { return thread->release(); });
	switch_to(on);
	if (now_ns - last_look_at_rings_ns_ >= kLookAtRingsNs) {
		last_look_at_rings_ns_ = now_ns;
		memory_.free_rings_of_dead_threads();
	}
	for (auto &[key, file] : files_) {
		if (file.owner != 0 && has_ended(file.owner)) {
			give_back(&file); // before the next one comes
			file.owner = 0;
		}
		if (file.both_since_ns != 0 && now_ns - file.both_since_ns > kBothNs)
			take_probes_off(&file);
		if (file.is_shared || file.owner == 0 || now_ns < file.next_try_ns || !probes_.is_on())
			continue;
		std::vector<Function *> met;
		for (Function &function : file.functions)
			if (function.state == State::probed && file.cookies.is_met(function.what.spot.cookie))
				met.push_back(&function);
		file.next_try_ns = now_ns + kBetweenTriesNs;
		if (!met.empty())
			take_over(key, &file, met);
	}
}

// Where it lies in a process; nothing if it is not there, or does nothing.
std::optional<AgentCalls::Inside> AgentCalls::find_agent(pid_t process)
{
	const auto mappings = read_file_mappings(process);
	for (const FileMapping &mapping : mappings.ok() ? *mappings : std::vector<FileMapping>{}) {
		if (!mapping.executable || mapping.path != memory_.library() || calls_offset_ < mapping.offset ||
		    calls_offset_ - mapping.offset >= mapping.end - mapping.start)
			continue;
		Inside found;
		found.calls = mapping.start + (calls_offset_ - mapping.offset);
		found.functions = found.calls + (functions_address_ - calls_address_);
		uint32_t is_ready = 0;
		if (read_process_memory(process, found.calls + (ready_address_ - calls_address_), &is_ready,
					sizeof is_ready) &&
		    is_ready == 1)
			return found;
	}
	return std::nullopt;
}

// At what all calls come by, in each process that has the agent.
Status AgentCalls::put_probes()
{
	memory_.shared().header.return_number = callers_.add_told(0, ProbeCost::agent);
	const uint32_t slow_end = callers_.add_told(NP_AGENT_SLOW_END_PUSHED, ProbeCost::emulated);
	const std::pair<const bpf_program *, UprobeSpot> probes[] = {
		{program_->progs.np_agent_entry, {slow_call_offset_, 0}},
		{program_->progs.np_runtime_return, {slow_end_offset_, slow_end}},
		{program_->progs.np_agent_asks, {ask_offset_, 0}}};
	for (const auto &[program, spot] : probes)
		if (probes_.add(kind_, program, library_.get(), {spot}, false) == 0)
			return bpf_error("attach to", "the agent", errno, "record without --agent");
	return Done{};
}

// Its entry in the agent: once and for all. False if there are no more.
bool AgentCalls::number(Function *function)
{
	if (function->number)
		return true;
	const AgentFunction &what = function->what;
	NumberedFunction slow = what.told, fast = what.told;
	slow.pushed_bytes = fast.pushed_bytes = 0;
	slow.ends_are_told = fast.ends_are_told = true;
	slow.cost = ProbeCost::emulated;
	fast.cost = ProbeCost::agent;
	const uint64_t slow_number = spans_.add_function(std::move(slow)),
		       fast_number = spans_.add_function(std::move(fast));
	if (numbers_ == NP_AGENT_CALLS || fast_number >= NP_MOST_FUNCTIONS)
		return false;
	program_->bss->np_functions[slow_number][NP_FUNCTION_MET] = 1; // its callers are of no interest
	np_agent_call &call = memory_.shared().calls[numbers_];
	call.function = static_cast<uint32_t>(fast_number);
	call.names_stay_ns = what.names_stay_ns;
	call.place = what.place;
	call.identity_argument = what.identity_argument;
	const uint64_t cookie = NP_COOKIE(uint64_t{what.place}, slow_number, 0, 1);
	bpf_map_update_elem(bpf_map__fd(program_->maps.np_agent_cookies), &numbers_, &cookie, BPF_ANY);
	function->number = numbers_++;
	return true;
}

bool AgentCalls::is_mapped_by_others(const FileKey &key, pid_t owner) const
{
	for (const ChildProcess &child : descendants(::getpid())) {
		const auto mappings = child.pid == owner ? Result<std::vector<FileMapping>>(std::vector<FileMapping>{})
							 : read_file_mappings(child.pid);
		if (mappings.ok() && std::any_of(mappings->begin(), mappings->end(),
						 [&](const FileMapping &mapping) { return mapping.file == key; }))
			return true;
	}
	return false;
}

void AgentCalls::take_over(const FileKey &key, File *file, const std::vector<Function *> &met)
{
	auto inside = find_agent(file->owner);
	if (!inside) // or not yet: it is loaded after the program itself
		return try_again(file, met, "the agent is not in the program, or was refused there");
	std::vector<Function *> numbered;
	for (Function *function : met)
		if (number(function))
			numbered.push_back(function);
		else
			function->state = State::refused;
	const UniqueFd memory(::open(fmt::format("/proc/{}/mem", file->owner).c_str(), O_RDWR | O_CLOEXEC));
	inside->memory = memory.get();
	std::vector<Function *> taken;
	{
		const uint64_t begin_ns = monotonic_now_ns();
		const HeldProcess process(file->owner, &stopping_);
		counts_.held++;
		if (!memory.valid() || !process.held())
			file->problem = "the program could not be held, or its memory not be written";
		else if (is_mapped_by_others(key, file->owner))
			file->is_shared = true;
		else
			taken = write(file, *inside, numbered);
		counts_.longest_hold_ns = std::max(counts_.longest_hold_ns, monotonic_now_ns() - begin_ns);
	}
	if (file->is_shared) {
		give_back(file);
		counts_.given_back++;
		return;
	}
	if (taken.empty())
		return try_again(file, met, file->problem);
	for (Function *function : taken)
		function->state = State::both;
	counts_.functions += taken.size();
	file->both_since_ns = monotonic_now_ns();
}

// Later, some times: a program may be so young that its tables are not filled yet.
void AgentCalls::try_again(File *file, const std::vector<Function *> &met, const std::string &problem)
{
	file->problem = problem;
	file->next_try_ns = monotonic_now_ns() + (kBetweenTriesNs << std::min(file->tries, 6u));
	if (++file->tries >= kMostTries)
		for (Function *function : met)
			function->state = State::refused;
}

AgentCallsCounts AgentCalls::counts() const
{
	AgentCallsCounts found = counts_;
	for (const auto &[key, file] : files_)
		if (!file.problem.empty())
			found.problem = file.problem;
	return found;
}

void AgentCalls::take_probes_off(File *file)
{
	std::set<uint64_t> functions;
	file->both_since_ns = 0;
	for (Function &function : file->functions) {
		if (function.state != State::both)
			continue;
		const uint32_t number = NP_COOKIE_FUNCTION(function.what.spot.cookie);
		function.state = State::taken;
		functions.insert(number);
		__atomic_store_n(&program_->bss->np_functions[number][NP_FUNCTION_SIDE], kNoSide, __ATOMIC_RELEASE);
		spans_.tell_ends_of(number, true); // those that are in the rings have not been met yet
	}
	probes_.remove([&](uint64_t cookie) { return functions.contains(NP_COOKIE_FUNCTION(cookie)); });
	callers_.drop_spare(); // where those that are still probed return to is met anew
	spans_.forget_callers();
}

// Those whose slots hold their address, all of them: where one does not, somebody else has been there.
std::vector<AgentCalls::Function *> AgentCalls::write(File *file, const Inside &inside,
						      const std::vector<Function *> &met)
{
	std::vector<Function *> written;
	file->problem.clear();
	for (Function *function : met) {
		const AgentFunction &what = function->what;
		if (what.entry_offset < file->offset || what.entry_offset - file->offset >= file->end - file->start)
			continue;
		const uint64_t address = file->start + (what.entry_offset - file->offset);
		const auto slot_at = [&](uint64_t slot) { return address + (slot - what.entry_address); };
		const bool as_expected = std::all_of(what.slots.begin(), what.slots.end(), [&](uint64_t slot) {
			uint64_t word = 0;
			return read_word(inside.memory, slot_at(slot), &word) && word == address;
		});
		if (!as_expected) {
			file->problem = fmt::format("the tables of {} do not hold its address", what.told.name);
			continue;
		}
		if (!write_word(inside.memory, inside.functions + uint64_t{8} * *function->number, address))
			continue;
		__atomic_store_n(&memory_.shared().calls[*function->number].on, on_ ? 1 : 0, __ATOMIC_RELEASE);
		const uint64_t entry = inside.calls + uint64_t{*function->number} * NP_AGENT_CALL_BYTES;
		const bool done = std::all_of(what.slots.begin(), what.slots.end(), [&](uint64_t slot) {
			return write_word(inside.memory, slot_at(slot), entry);
		});
		for (std::size_t i = 0; !done && i < what.slots.size(); i++) // as it was
			write_word(inside.memory, slot_at(what.slots[i]), address);
		if (done)
			written.push_back(function);
	}
	return written;
}

void AgentCalls::switch_to(bool on)
{
	if (on == on_)
		return;
	on_ = on;
	for (auto &[key, file] : files_)
		for (const Function &function : file.functions)
			if (function.state == State::taken || function.state == State::both)
				__atomic_store_n(&memory_.shared().calls[*function.number].on, on ? 1 : 0,
						 __ATOMIC_RELEASE);
}

} // namespace neuroperf::collector
