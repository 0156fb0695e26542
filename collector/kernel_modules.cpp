// SPDX-License-Identifier: Apache-2.0
#include "collector/kernel_modules.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>

#include "recording/elf_build_id.hpp"

namespace neuroperf::collector {
namespace {

// "kernel/fs/some-fs.ko.xz" -> some_fs, as the kernel calls it.
std::string module_name(std::string_view file)
{
	file.remove_prefix(file.rfind('/') + 1); // npos + 1 is 0
	std::string name(file.substr(0, file.find(".ko")));
	std::replace(name.begin(), name.end(), '-', '_');
	return name;
}

// Name -> path, by modules.dep: "kernel/fs/ext4/ext4.ko.xz: what it needs".
std::map<std::string, std::string> module_files(const std::string &root, const std::string &folder)
{
	std::map<std::string, std::string> files;
	std::ifstream list(root + folder + "/modules.dep");
	std::string line;
	while (std::getline(list, line)) {
		const std::string file = line.substr(0, line.find(':'));
		if (line.find(':') == line.npos || file.find(".ko") == file.npos)
			continue;
		files.emplace(module_name(file), file.starts_with('/') ? file : folder + "/" + file);
	}
	return files;
}

std::string build_id_in_file(const std::string &path)
{
	std::ifstream file(path, std::ios::binary);
	const std::string notes{std::istreambuf_iterator<char>(file), {}};
	return recording::build_id_in_notes(notes);
}

std::string module_build_id(const std::string &root, const std::string &name)
{
	if (name.find('/') != name.npos)
		return "";
	return build_id_in_file(root + "/sys/module/" + name + "/notes/.note.gnu.build-id");
}

} // namespace

KernelModules kernel_modules(uint64_t sample_type, const recording::RecordIdentity &moment,
			     const std::string &kernel_release, const std::string &root)
{
	KernelModules result;
	const std::map<std::string, std::string> files = module_files(root, "/lib/modules/" + kernel_release);
	recording::RecordIdentity who = moment;
	who.pid = UINT32_MAX; // perf's convention for the kernel
	who.tid = 0;
	std::ifstream list(root + "/proc/modules");
	std::string line;
	while (std::getline(list, line)) { // name size users needed-by state address
		std::istringstream words(line);
		std::string name, users, needed_by, state, address;
		recording::MappedFile module;
		if (!(words >> name >> module.length >> users >> needed_by >> state >> address) || module.length == 0)
			continue;
		module.start = std::strtoull(address.c_str(), nullptr, 16);
		if (module.start == 0 || module.start + module.length < module.start) {
			result.hidden |= module.start == 0;
			continue;
		}
		const auto file = files.find(name);
		const std::string path = file != files.end() ? file->second : "[" + name + "]";
		const std::string build_id = module_build_id(root, name);
		module.path = path;
		module.build_id = build_id;
		module.protection = PROT_READ | PROT_EXEC;
		result.records += recording::mmap2_record(who, PERF_RECORD_MISC_KERNEL, module, sample_type);
		result.modules++;
	}
	return result;
}

std::string kernel_build_id(const std::string &root)
{
	return build_id_in_file(root + "/sys/kernel/notes");
}

} // namespace neuroperf::collector
