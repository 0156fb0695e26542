// SPDX-License-Identifier: Apache-2.0
// Which file is taken for what was recorded: build ids, namespaces, perf's cache, debug files, servers.
#include <filesystem>
#include <thread>

#include <arpa/inet.h>
#include <csignal>
#include <dlfcn.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "analyzer/build_id.hpp"
#include "analyzer/symbolizer.hpp"
#include "tests/support/elf_writer.hpp"
#include "tests/support/temporary_folder.hpp"

namespace neuroperf::analyzer {
namespace {

namespace fs = std::filesystem;
using test::elf_with_function;
using test::TemporaryFolder;
using testing::HasSubstr;

const std::string kId = "\x12\x34\x56\x78\x9a\xbc\xde\xf0\x12\x34\x56\x78\x9a\xbc\xde\xf0\x12\x34\x56\x78";
const std::string kOther = "\x56\x78\x56\x78\x9a\xbc\xde\xf0\x12\x34\x56\x78\x9a\xbc\xde\xf0\x12\x34\x56\x78";
const std::string kHexEnd = "3456789abcdef0123456789abcdef012345678";
constexpr uint64_t kOffset = 0x1014; // inside the function that elf_with_function() defines

void write_file(const std::string &path, const std::string &content)
{
	fs::create_directories(fs::path(path).parent_path());
	test::write_file(path, content);
}

// A system of its own: files below `root`, a cache beside it.
struct System {
	TemporaryFolder folder;
	std::string root = folder.file("root");
	std::string cache = folder.file("cache");
	Symbolizer::Options options() const
	{
		Symbolizer::Options result;
		result.kallsyms = "";
		result.root = root;
		result.build_id_cache = cache;
		return result;
	}
	void write(const std::string &path, const std::string &content) const { write_file(root + path, content); }
	void write_cached(const std::string &kind, const std::string &content) const
	{
		write_file(cache + "/.build-id/12/" + kHexEnd + kind, content);
	}
};

struct Answer {
	std::string name, problem;
};

Answer ask(const Symbolizer::Options &options, const CodeFile &file, uint64_t offset = kOffset)
{
	Symbolizer symbolizer(options);
	const Symbolizer::FileId id = symbolizer.add(file);
	Answer answer{std::string(symbolizer.name(id, offset).text), ""};
	if (const auto found = symbolizer.problems().find(file.path); found != symbolizer.problems().end())
		answer.problem = found->second;
	return answer;
}

TEST(BuildId, filled_with_zeros_is_the_same)
{
	EXPECT_TRUE(same_build_id(kId, kId));
	EXPECT_FALSE(same_build_id(kId, kOther));
	EXPECT_FALSE(same_build_id(kId, ""));
	const std::string short_id = "\x01\x02\x03\x04\x05\x06\x07\x08";
	EXPECT_TRUE(same_build_id(short_id, short_id + std::string(12, '\0')));
	EXPECT_FALSE(same_build_id(short_id, short_id + std::string(11, '\0') + "x"));
	EXPECT_EQ(build_id_place(short_id + std::string(12, '\0')), ".build-id/01/02030405060708");
	EXPECT_EQ(build_id_place("a"), "");
	EXPECT_EQ(build_id_place(std::string(65, 'a')), "");
}

TEST(CodeFile, the_path_below_the_root)
{
	const System system;
	system.write("/usr/lib/x.so", elf_with_function("", "f"));
	EXPECT_EQ(ask(system.options(), {"/usr/lib/x.so", "", 0, false}).name, "f");
	EXPECT_EQ(ask(system.options(), {"/usr/lib/x.so", "", 0, false}).problem, "");
}

TEST(CodeFile, the_build_id_must_be_the_recorded_one)
{
	const System system;
	system.write("/x.so", elf_with_function(kId, "f"));
	EXPECT_EQ(ask(system.options(), {"/x.so", kId, 0, false}).name, "f");
	const Answer other = ask(system.options(), {"/x.so", kOther, 0, false});
	EXPECT_EQ(other.name, "");
	EXPECT_EQ(other.problem,
		  "the file was replaced since it was recorded (build id 56785678.. recorded, 12345678.. "
		  "found); its functions have no names");
	system.write("/x.so", elf_with_function("", "f"));
	EXPECT_THAT(ask(system.options(), {"/x.so", kId, 0, false}).problem, HasSubstr("none found"));
}

TEST(CodeFile, deleted_files_need_a_build_id)
{
	const System system;
	system.write("/x.so", elf_with_function(kId, "f"));
	EXPECT_EQ(ask(system.options(), {"/x.so (deleted)", kId, 0, false}).name, "f");
	EXPECT_EQ(ask(system.options(), {"/x.so (deleted)", "", 0, false}).name, "");
	EXPECT_THAT(ask(system.options(), {"/x.so (deleted)", "", 0, false}).problem, HasSubstr("deleted or replaced"));
	EXPECT_THAT(ask(system.options(), {"/x.so (deleted)", kOther, 0, false}).problem, HasSubstr("was replaced"));
}

TEST(CodeFile, perfs_cache_when_the_file_is_another_or_gone)
{
	for (const char *kind : {"/elf", "/vdso", ""}) { // "": the entry is the file itself
		const System system;
		system.write("/x.so", elf_with_function(kOther, "wrong"));
		system.write_cached(kind, elf_with_function(kId, "cached"));
		EXPECT_EQ(ask(system.options(), {"/x.so", kId, 0, false}).name, "cached") << kind;
		EXPECT_EQ(ask(system.options(), {"/x.so", kId, 0, false}).problem, "") << kind;
		EXPECT_EQ(ask(system.options(), {"/gone (deleted)", kId, 0, false}).name, "cached") << kind;
		EXPECT_EQ(ask(system.options(), {"/memfd:jit (deleted)", kId, 0, false}).name, "cached") << kind;
		system.write_cached(kind, elf_with_function(kOther, "wrong"));
		EXPECT_EQ(ask(system.options(), {"/x.so", kId, 0, false}).name, "")
			<< "the cache is not believed either";
	}
}

TEST(CodeFile, a_debug_file_names_a_binary_that_is_gone)
{
	const System system;
	const std::string place = "/usr/lib/debug/.build-id/12/" + kHexEnd + ".debug";
	system.write(place, elf_with_function(kId, "f"));
	EXPECT_EQ(ask(system.options(), {"/gone", kId, 0, false}).name, "f");
	EXPECT_EQ(ask(system.options(), {"/gone", kId, 0, false}).problem, "");
	EXPECT_EQ(ask(system.options(), {"/gone", kOther, 0, false}).name, "");
	// objcopy --only-keep-debug leaves segments without size.
	system.write(place, elf_with_function(kId, "f", 0));
	const Answer answer = ask(system.options(), {"/gone", kId, 0, false});
	EXPECT_EQ(answer.name, "");
	EXPECT_THAT(answer.problem, HasSubstr("No such file"));
	EXPECT_THAT(answer.problem, HasSubstr("only its separate debug file is found"));
}

TEST(CodeFile, a_cached_debug_file_names_a_stripped_binary)
{
	const System system;
	test::ElfWriter stripped;
	stripped.add_build_id(kId);
	system.write("/x.so", stripped.bytes());
	EXPECT_EQ(ask(system.options(), {"/x.so", kId, 0, false}).name, "");
	system.write_cached("/debug", elf_with_function(kId, "f", 0));
	EXPECT_EQ(ask(system.options(), {"/x.so", kId, 0, false}).name, "f");
}

TEST(CodeFile, another_systems_links_stay_in_it)
{
	const System system;
	system.write("/opt/x.so", elf_with_function("", "inside"));
	fs::create_symlink("/opt/x.so", system.root + "/link.so");
	EXPECT_EQ(ask(system.options(), {"/link.so", "", 0, false}).name, "inside");
}

TEST(CodeFile, only_regular_files_are_opened)
{
	const System system;
	fs::create_directories(system.root);
	ASSERT_EQ(::mkfifo((system.root + "/fifo").c_str(), 0600), 0);
	EXPECT_THAT(ask(system.options(), {"/fifo", "", 0, false}).problem, HasSubstr("not a regular file"));
}

TEST(CodeFile, the_vdso_of_this_kernel_only)
{
	const System system;
	Symbolizer::Options options = system.options();
	options.root = "";
	const Answer other = ask(options, {"[vdso]", kId, 0, false});
	EXPECT_EQ(other.name, "");
	EXPECT_THAT(other.problem, HasSubstr("under another kernel than this one"));
	system.write_cached("/vdso", elf_with_function(kId, "their_clock"));
	EXPECT_EQ(ask(options, {"[vdso]", kId, 0, false}).name, "their_clock");
}

TEST(CodeFile, processes_share_what_was_read)
{
	const System system;
	system.write("/x.so", elf_with_function(kId, "f"));
	Symbolizer symbolizer(system.options());
	const auto one = symbolizer.add({"/x.so", kId, 1, false}), two = symbolizer.add({"/x.so", kId, 2, false});
	EXPECT_NE(one, two);
	EXPECT_EQ(symbolizer.add({"/x.so", kId, 1, false}), one);
	EXPECT_EQ(symbolizer.name(one, kOffset).text.data(), symbolizer.name(two, kOffset).text.data());
	EXPECT_EQ(symbolizer.name(77, kOffset).text, "");
}

// A process with a mount namespace of its own, in which `folder` is empty but for what prepare() puts there.
class Container {
public:
	template <typename Prepare> Container(const std::string &folder, Prepare prepare)
	{
		int ready[2];
		if (::pipe(ready) != 0)
			return;
		pid_ = ::fork();
		if (pid_ == 0) {
			const bool ok = ::unshare(CLONE_NEWNS) == 0 &&
					::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
					::mount("none", folder.c_str(), "tmpfs", 0, nullptr) == 0;
			if (ok)
				prepare();
			const char answer = ok ? 'y' : 'n';
			if (::write(ready[1], &answer, 1) == 1)
				::pause();
			::_exit(0);
		}
		char answer = 'n';
		is_up_ = ::read(ready[0], &answer, 1) == 1 && answer == 'y';
		::close(ready[0]);
		::close(ready[1]);
	}
	Container(const Container &) = delete;
	Container &operator=(const Container &) = delete;
	~Container() { stop(); }
	void stop()
	{
		if (pid_ <= 0)
			return;
		::kill(pid_, SIGKILL);
		::waitpid(pid_, nullptr, 0);
		pid_ = 0;
	}
	bool is_up() const { return is_up_; }
	uint32_t pid() const { return static_cast<uint32_t>(pid_); }

private:
	pid_t pid_ = 0;
	bool is_up_ = false;
};

TEST(CodeFile, as_a_process_in_another_mount_namespace_sees_it)
{
	const TemporaryFolder folder;
	const std::string path = folder.path() + "/inner/x.so", link = folder.path() + "/inner/link.so";
	write_file(path, elf_with_function(kOther, "outside"));
	Container container(folder.path() + "/inner", [&] {
		test::write_file(path, elf_with_function(kId, "inside"));
		fs::create_symlink(folder.path() + "/inner/hidden.so", link);
	});
	if (!container.is_up())
		GTEST_SKIP() << "mount namespaces need root";
	Symbolizer::Options options;
	options.build_id_cache = folder.path() + "/cache";
	EXPECT_EQ(ask(options, {path, kId, container.pid(), false}).name, "inside");
	EXPECT_EQ(ask(options, {path, kOther, container.pid(), false}).name, "outside")
		<< "the path itself comes first";
	EXPECT_EQ(ask(options, {path, "", container.pid(), false}).name, "inside")
		<< "without build id its own files do";
	EXPECT_EQ(ask(options, {path, "", 0, false}).name, "outside");
	// What it links to is meant as it sees things, and there it has no such file.
	write_file(folder.path() + "/inner/hidden.so", elf_with_function(kId, "followed"));
	EXPECT_EQ(ask(options, {link, kId, container.pid(), false}).name, "");
	const uint32_t pid = container.pid();
	container.stop();
	EXPECT_EQ(ask(options, {path, kId, pid, false}).name, "") << "the process is gone";
}

// Serves one file under one path, on the loopback interface.
class FileServer {
public:
	FileServer(std::string path, std::string content) : path_(std::move(path)), content_(std::move(content))
	{
		sockaddr_in address = {};
		address.sin_family = AF_INET;
		address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		socklen_t size = sizeof address;
		if (::bind(socket_, reinterpret_cast<sockaddr *>(&address), size) != 0 || ::listen(socket_, 8) != 0 ||
		    ::getsockname(socket_, reinterpret_cast<sockaddr *>(&address), &size) != 0)
			return;
		port_ = ntohs(address.sin_port);
		thread_ = std::thread([this] { serve(); });
	}
	FileServer(const FileServer &) = delete;
	FileServer &operator=(const FileServer &) = delete;
	~FileServer()
	{
		::shutdown(socket_, SHUT_RDWR);
		if (thread_.joinable())
			thread_.join();
		::close(socket_);
	}
	std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

private:
	void serve()
	{
		for (int client = 0; (client = ::accept(socket_, nullptr, nullptr)) >= 0; ::close(client)) {
			std::string request(4096, '\0');
			const ssize_t got = ::read(client, request.data(), request.size());
			const bool known = got > 0 && request.compare(0, path_.size() + 5, "GET " + path_ + " ") == 0;
			const std::string answer =
				known ? "HTTP/1.0 200 OK\r\nContent-Length: " + std::to_string(content_.size()) +
						"\r\n\r\n" + content_
				      : "HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n";
			if (::write(client, answer.data(), answer.size()) < 0)
				continue;
		}
	}

	std::string path_, content_;
	int socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int port_ = 0;
	std::thread thread_;
};

class DebuginfodTest : public testing::Test {
protected:
	void SetUp() override
	{
		if (::dlopen("libdebuginfod.so.1", RTLD_NOW) == nullptr)
			GTEST_SKIP() << "libdebuginfod is not installed";
		::setenv("DEBUGINFOD_CACHE_PATH", system_.folder.file("client").c_str(), 1);
		::setenv("no_proxy", "127.0.0.1", 1);
		test::ElfWriter stripped;
		stripped.add_build_id(kId);
		system_.write("/x.so", stripped.bytes());
	}
	void TearDown() override { ::unsetenv("DEBUGINFOD_URLS"); }
	Answer ask_servers(const std::string &urls, const CodeFile &file, bool debuginfod = true)
	{
		::setenv("DEBUGINFOD_URLS", urls.c_str(), 1);
		Symbolizer::Options options = system_.options();
		options.debuginfod = debuginfod;
		return ask(options, file);
	}
	System system_;
};

TEST_F(DebuginfodTest, gives_what_a_stripped_file_lacks)
{
	const FileServer server("/buildid/12" + kHexEnd + "/debuginfo", elf_with_function(kId, "served", 0));
	EXPECT_EQ(ask_servers(server.url(), {"/x.so", kId, 0, false}, false).name, "") << "not without being asked to";
	EXPECT_EQ(ask_servers(server.url(), {"/x.so", kId, 0, false}).name, "served");
}

TEST_F(DebuginfodTest, gives_a_binary_that_is_gone)
{
	const FileServer server("/buildid/12" + kHexEnd + "/executable", elf_with_function(kId, "served"));
	EXPECT_EQ(ask_servers(server.url(), {"/gone.so", kId, 0, false}).name, "served");
}

TEST_F(DebuginfodTest, other_files_than_asked_for_are_refused)
{
	const FileServer server("/buildid/12" + kHexEnd + "/executable", elf_with_function(kOther, "served"));
	const Answer answer = ask_servers(server.url(), {"/gone.so", kId, 0, false});
	EXPECT_EQ(answer.name, "");
	EXPECT_THAT(answer.problem, HasSubstr("gave another file"));
}

TEST_F(DebuginfodTest, what_fails_is_said)
{
	EXPECT_THAT(ask_servers("", {"/x.so", kId, 0, false}).problem, HasSubstr("DEBUGINFOD_URLS names no"));
	const FileServer server("/nothing", "");
	EXPECT_THAT(ask_servers(server.url(), {"/x.so", kId, 0, false}).problem, HasSubstr("do not have it"));
	// The client remembers for a while what there is not.
	::setenv("DEBUGINFOD_CACHE_PATH", system_.folder.file("another_client").c_str(), 1);
	EXPECT_THAT(ask_servers("http://127.0.0.1:1", {"/x.so", kId, 0, false}).problem, HasSubstr("cannot be asked"));
}

} // namespace
} // namespace neuroperf::analyzer
