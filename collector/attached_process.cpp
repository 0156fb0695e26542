// SPDX-License-Identifier: Apache-2.0
#include "collector/attached_process.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <set>

#include "collector/clock.hpp"
#include "collector/target.hpp"

namespace neuroperf::collector {
namespace {

constexpr uint64_t kLookAgainNs = 10'000'000;

// The addresses at which a mapping has the struct np_probe of this site.
bool has_probe(const FileMapping &mapping, const UsdtSite &site, uint64_t *address)
{
	if (!mapping.writable || mapping.shared || site.semaphore_offset < mapping.offset + NP_PROBE_SEMAPHORE)
		return false;
	const uint64_t inside = site.semaphore_offset - NP_PROBE_SEMAPHORE - mapping.offset;
	const uint64_t size = mapping.end - mapping.start;
	if (inside >= size || size - inside < sizeof(np_probe))
		return false;
	*address = mapping.start + inside;
	return true;
}

} // namespace

Status AttachedProcess::rescan(Attaching *to)
{
	const auto mappings = read_file_mappings(pid_);
	if (!mappings.ok() || mappings->empty()) {
		end(to);
		if (!mappings.ok())
			return mappings.error();
		return Error{ErrorCode::not_found, fmt::format("cannot attach to process {}: it has ended", pid_), 0,
			     ""};
	}
	std::set<FileKey> there;
	for (const FileMapping &mapping : *mappings) {
		if (!mapping.executable)
			continue;
		there.insert(mapping.file);
		if (!objects_.contains(mapping.file))
			objects_.emplace(mapping.file, find_object(mapping, *mappings, to));
	}
	for (auto &[file, object] : objects_)
		if (!there.contains(file))
			to->disposal.add(std::move(object.probes));
	std::erase_if(objects_, [&](const auto &entry) { return !there.contains(entry.first); });
	for (const FileMapping &mapping : *mappings)
		if (const auto found = objects_.find(mapping.file);
		    found != objects_.end() && !found->second.file->sites.empty())
			update_tables(mapping, &found->second, pid_);
	read_definitions(to);
	return Done{};
}

void AttachedProcess::end(Attaching *to)
{
	if (gone_)
		return;
	gone_ = true;
	to->counts.processes_gone++;
	to->with_own_probes -= by_ == By::own_probes ? 1 : 0;
	std::vector<Uprobe> probes;
	take_probes(&probes);
	to->disposal.add(std::move(probes));
	objects_.clear();
}

bool AttachedProcess::has_sites() const
{
	return std::any_of(objects_.begin(), objects_.end(),
			   [](const auto &entry) { return !entry.second.file->sites.empty(); });
}

std::shared_ptr<const UsdtSites> AttachedProcess::find_sites(const FileMapping &mapping, Attaching *to) const
{
	std::weak_ptr<const UsdtSites> &known = to->files[mapping.file];
	if (auto file = known.lock())
		return file;
	const auto file = open_mapped_file(pid_, mapping);
	auto found = file.ok() ? find_usdt_sites(file->get()) : Result<UsdtSites>(file.error());
	if (!found.ok())
		to->counts.objects_unreadable++;
	auto sites = std::make_shared<const UsdtSites>(found.ok() ? std::move(*found) : UsdtSites{});
	known = sites;
	return sites;
}

// The semaphore's address is where the process has its file's data.
// False if a site has something that we may not mend.
bool AttachedProcess::mend(const FileMapping &text, const UsdtSites &file, const Mappings &all, Mended how,
			   Attaching *to) const
{
	bool all_whole = true;
	if (!to->use_wide_nops)
		return all_whole;
	for (const UsdtSite &site : file.sites) {
		if (!site.wide_nop_follows || site.offset < text.offset ||
		    site.offset - text.offset >= text.end - text.start)
			continue;
		uint64_t probe = 0;
		for (const FileMapping &mapping : all)
			if (mapping.file == text.file && has_probe(mapping, site, &probe))
				break;
		switch (mend_inherited_call(pid_, text.file, text.start + (site.offset - text.offset),
					    probe != 0 ? probe + NP_PROBE_SEMAPHORE : 0, how)) {
		case MendResult::nothing:
			break;
		case MendResult::mended:
			to->counts.inherited_calls++;
			break;
		case MendResult::refused:
			all_whole = false;
			break;
		}
	}
	return all_whole;
}

void AttachedProcess::mend(Attaching *to, Mended how, const FileKey *only) const
{
	const auto mappings = read_file_mappings(pid_);
	if (!mappings.ok())
		return;
	for (const FileMapping &mapping : *mappings)
		if (mapping.executable && (!only || mapping.file == *only))
			mend(mapping, *find_sites(mapping, to), *mappings, how, to);
}

void AttachedProcess::decide(Attaching *to)
{
	if (by_ != By::undecided)
		return;
	const bool own = !to->program_for_files || to->with_own_probes < to->most_with_own_probes;
	by_ = own ? By::own_probes : By::files;
	to->with_own_probes += own ? 1 : 0;
	if (to->mark)
		to->mark(pid_, !own);
}

AttachedProcess::Object AttachedProcess::find_object(const FileMapping &mapping, const Mappings &all, Attaching *to)
{
	Object object;
	object.file = find_sites(mapping, to);
	if (object.file->sites.empty())
		return object;
	const auto file = open_mapped_file(pid_, mapping);
	if (!file.ok()) {
		to->counts.objects_unreadable++;
		return object;
	}
	decide(to);
	const auto next_number = [to] { return ++to->last_object == 0 ? ++to->last_object : to->last_object; };
	const auto known = to->file_probes.find(mapping.file);
	const bool inherits_file_probe = by_ == By::files && known != to->file_probes.end();
	const Mended how = inherits_file_probe ? Mended::attached : Mended::unattached;
	for (const FileMapping &text : all)
		if (text.executable && text.file == mapping.file && !mend(text, *object.file, all, how, to)) {
			to->counts.inherited_calls_left++;
			return object;
		}
	to->counts.sites_found += object.file->sites.size();
	if (by_ == By::own_probes) {
		object.number = next_number();
		object.probes = attach(pid_, file->get(), *object.file, object.number, to->program, to);
	} else if (inherits_file_probe) {
		object.number = known->second.object;
		to->counts.sites_attached += known->second.probes.size();
	} else {
		object.number = next_number();
		FileProbes probes{object.number, attach(kEveryProcess, file->get(), *object.file, object.number,
							to->program_for_files, to)};
		to->file_probes.emplace(mapping.file, std::move(probes));
		if (to->use_wide_nops) // whoever has inherited a call has half a call now
			for (const int pid : all_processes())
				AttachedProcess(pid).mend(to, Mended::attached, &mapping.file);
	}
	return object;
}

std::vector<Uprobe> AttachedProcess::attach(int pid, int file, const UsdtSites &sites, uint16_t object,
					    const bpf_program *program, Attaching *to) const
{
	std::vector<Uprobe> probes;
	for (const UsdtSite &site : sites.sites) {
		const uint64_t offset = site.offset + (to->use_wide_nops && site.wide_nop_follows ? 1 : 0);
		auto probe = Uprobe::attach(to->kind, program, {pid, file, offset, site.semaphore_offset, object});
		if (!probe) {
			to->attach_errno = errno;
			to->counts.sites_failed++;
			continue;
		}
		to->counts.sites_attached++;
		probes.push_back(std::move(*probe));
	}
	return probes;
}

// Adds the tables that this mapping has. One whose memory is gone is found out by reading.
void AttachedProcess::update_tables(const FileMapping &mapping, Object *object, int pid)
{
	for (const UsdtSite &site : object->file->sites) {
		uint64_t address = 0;
		if (has_probe(mapping, site, &address) &&
		    std::none_of(object->tables.begin(), object->tables.end(),
				 [address](const LocalDefinitions &table) { return table.address() == address; }))
			object->tables.emplace_back(pid, address);
	}
}

void AttachedProcess::read_definitions(Attaching *to)
{
	for (auto &[file, object] : objects_)
		read_definitions(&object, to);
}

void AttachedProcess::read_definitions(Object *object, Attaching *to)
{
	std::vector<LocalDefinition> found;
	std::erase_if(object->tables, [&](LocalDefinitions &table) {
		const uint64_t malformed = table.malformed();
		const bool is_there = table.read_new(&found);
		to->counts.malformed_definitions += table.malformed() - malformed;
		if (is_there && table.is_recorded_elsewhere() && !object->told_recorded_elsewhere) {
			object->told_recorded_elsewhere = true;
			to->counts.recorded_elsewhere++;
		}
		return !is_there;
	});
	for (const LocalDefinition &definition : found)
		to->names.add(pid(), object->number, definition);
}

uint32_t AttachedProcess::look_again(Attaching *to, uint16_t object, uint32_t handle)
{
	const uint64_t now = monotonic_now_ns();
	if (!(handle & NP_HANDLE_LOCAL) || now - in_vain_ns_ < kLookAgainNs)
		return 0;
	read_definitions(to);
	const uint32_t id = to->names.id_of(pid(), object, handle);
	if (id == 0)
		in_vain_ns_ = now;
	return id;
}

void AttachedProcess::take_probes(std::vector<Uprobe> *probes)
{
	for (auto &[file, object] : objects_) {
		probes->insert(probes->end(), std::make_move_iterator(object.probes.begin()),
			       std::make_move_iterator(object.probes.end()));
		object.probes.clear();
	}
}

} // namespace neuroperf::collector
