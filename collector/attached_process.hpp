// SPDX-License-Identifier: Apache-2.0
// The probes of one process: finds its objects, mends what it has inherited of its parent's probes, attaches to their
// sites, reads their definitions.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "collector/attached_events.hpp"
#include "collector/attached_names.hpp"
#include "collector/file_mappings.hpp"
#include "collector/inherited_call.hpp"
#include "collector/local_definitions.hpp"
#include "collector/uprobe_disposal.hpp"
#include "collector/usdt_sites.hpp"

struct bpf_program;

namespace neuroperf::collector {

// Probes of a file in every process that maps it. Each probe at a site is asked at every hit, in whatever process
// (30 ns here), so that many processes with probes of their own would be dear; but processes that nobody wants
// recorded are hit by these.
struct FileProbes {
	uint16_t object = 0;
	std::vector<Uprobe> probes;
};

// What all processes share.
struct Attaching {
	explicit Attaching(uint32_t first_id) : names(first_id) {}

	const bpf_program *program = nullptr;
	const bpf_program *program_for_files = nullptr; // null: it cannot be told whose events are wanted
	std::function<void(int pid, bool by_files)> mark;
	std::size_t most_with_own_probes = 0, with_own_probes = 0; // processes
	UprobeKind kind = UprobeKind::perf;
	bool use_wide_nops = false;
	uint16_t last_object = 0; // number of the object found last
	int attach_errno = 0;     // why the last refused site was refused
	AttachedNames names;
	AttachedEventsCounts counts;
	UprobeDisposal disposal;
	// What is known of files as long as a process has them mapped: then the numbers mean the same file.
	std::map<FileKey, std::weak_ptr<const UsdtSites>> files;
	std::map<FileKey, FileProbes> file_probes; // for good: the file stays with them
};

class AttachedProcess {
public:
	explicit AttachedProcess(int pid) : pid_(pid) {}

	uint32_t pid() const { return static_cast<uint32_t>(pid_); }
	bool is_gone() const { return gone_; }
	bool has_sites() const;
	bool is_by_files() const { return by_ == By::files; }

	// Compares what is mapped with what was, attaches to what is new and lets go of what is not there any more.
	Status rescan(Attaching *to);
	void read_definitions(Attaching *to);
	// After an event with an unknown handle: reads definitions, unless that was in vain a moment ago. Returns the
	// number of the handle, 0 if it stays unknown.
	uint32_t look_again(Attaching *to, uint16_t object, uint32_t handle);
	// All probes, for the caller to let go of.
	void take_probes(std::vector<Uprobe> *probes);
	// Only mends what the process has inherited, of one file or of all; for processes that are not attached to.
	void mend(Attaching *to, Mended how, const FileKey *only = nullptr) const;

private:
	struct Object {
		uint16_t number = 0;
		std::shared_ptr<const UsdtSites> file; // never null
		std::vector<Uprobe> probes;
		std::vector<LocalDefinitions> tables;
		bool told_recorded_elsewhere = false;
	};
	using Mappings = std::vector<FileMapping>;
	std::shared_ptr<const UsdtSites> find_sites(const FileMapping &mapping, Attaching *to) const;
	Object find_object(const FileMapping &mapping, const Mappings &all, Attaching *to);
	bool mend(const FileMapping &text, const UsdtSites &file, const Mappings &all, Mended how, Attaching *to) const;
	void decide(Attaching *to);
	std::vector<Uprobe> attach(int pid, int file, const UsdtSites &sites, uint16_t object,
				   const bpf_program *program, Attaching *to) const;
	void end(Attaching *to);
	static void update_tables(const FileMapping &mapping, Object *object, int pid);
	void read_definitions(Object *object, Attaching *to);

	// How it is attached to, from its first site on.
	enum class By { undecided, own_probes, files };

	int pid_;
	bool gone_ = false;
	By by_ = By::undecided;
	uint64_t in_vain_ns_ = 0;           // when definitions were last read for a handle that was not there
	std::map<FileKey, Object> objects_; // of all executable files, most without a site
};

} // namespace neuroperf::collector
