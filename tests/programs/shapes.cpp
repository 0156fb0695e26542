// SPDX-License-Identifier: Apache-2.0
// Code of every shape that a profiler's symbols and call chains trip over, for comparing two profilers:
//
//     shapes MILLISECONDS [MODE...]
//
// Modes (default: all, the time shared among them): recursion, sort, virtual, library, exception, alloca, signal,
// faults, threads, process. `stay` does a little of the first ones until it is killed, after it said "ready".
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#define NOINLINE __attribute__((noinline, noclone))

namespace {

// Of the thread's own CPU time: on a busy machine too there are so many samples.
std::chrono::nanoseconds cpu_time()
{
	timespec now{};
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}
using Callback = unsigned (*)(unsigned);

volatile unsigned sink;
std::string folder;

NOINLINE unsigned leaf(unsigned seed)
{
	unsigned value = seed | 1;
	for (int i = 0; i < 2000; i++)
		value = value * 1664525 + 1013904223 + (value >> 7);
	return value;
}

NOINLINE unsigned odd_steps(unsigned depth);

NOINLINE unsigned even_steps(unsigned depth)
{
	return depth == 0 ? leaf(sink) : odd_steps(depth - 1) + 1;
}

NOINLINE unsigned odd_steps(unsigned depth)
{
	return depth == 0 ? leaf(sink) : even_steps(depth - 1) ^ 3;
}

NOINLINE void recursion()
{
	sink = even_steps(40);
}

NOINLINE bool by_low_byte(unsigned a, unsigned b)
{
	return (a & 0xff) != (b & 0xff) ? (a & 0xff) < (b & 0xff) : a < b;
}

NOINLINE int compare_for_libc(const void *a, const void *b)
{
	const unsigned left = *static_cast<const unsigned *>(a), right = *static_cast<const unsigned *>(b);
	return left < right ? -1 : left > right;
}

NOINLINE void sort()
{
	std::vector<unsigned> numbers(600);
	unsigned value = sink;
	for (unsigned &number : numbers)
		number = value = value * 1664525 + 1013904223;
	std::sort(numbers.begin(), numbers.end(), by_low_byte);
	std::qsort(numbers.data(), numbers.size(), sizeof numbers[0], compare_for_libc);
	sink = sink + numbers[17];
}

class Shape {
public:
	virtual ~Shape() = default;
	virtual unsigned area(unsigned depth) const = 0;
};

class Circle final : public Shape {
public:
	NOINLINE unsigned area(unsigned depth) const override { return leaf(depth) * 3; }
};

template <typename Inner> class Frame final : public Shape {
public:
	NOINLINE unsigned area(unsigned depth) const override { return inner_.area(depth + 1) + depth; }

private:
	Inner inner_;
};

NOINLINE void virtual_calls()
{
	const std::unique_ptr<Shape> shapes[] = {std::make_unique<Circle>(), std::make_unique<Frame<Circle>>(),
						 std::make_unique<Frame<Frame<Frame<Circle>>>>()};
	for (const auto &shape : shapes)
		sink = sink + shape->area(1);
}

NOINLINE unsigned called_back(unsigned value)
{
	unsigned result = leaf(value);
	for (int i = 0; i < 1000; i++)
		result = result * 22695477 + 1 + (result >> 9);
	return result;
}

// Loaded once and left; two functions of the library, one of them found by name.
NOINLINE void library()
{
	static const auto enter = [] {
		void *handle = dlopen((folder + "/libshapes_loaded.so").c_str(), RTLD_NOW | RTLD_LOCAL);
		if (handle == nullptr) {
			std::fprintf(stderr, "shapes: %s\n", dlerror());
			std::exit(1);
		}
		return reinterpret_cast<unsigned (*)(Callback, unsigned)>(dlsym(handle, "shapes_library_enter"));
	}();
	sink = sink + enter(called_back, sink);
}

NOINLINE unsigned thrower(unsigned depth)
{
	if (depth == 0)
		throw std::runtime_error("as usual");
	return thrower(depth - 1) + 1;
}

NOINLINE void exception()
{
	for (int i = 0; i < 20; i++) {
		try {
			sink = thrower(8);
		} catch (const std::runtime_error &) {
			sink = sink + 1;
		}
	}
}

// A frame whose size the compiler does not know.
NOINLINE void variable_frame()
{
	const std::size_t size = 64 + sink % 4096;
	auto *bytes = static_cast<volatile unsigned char *>(__builtin_alloca(size));
	bytes[0] = 1;
	bytes[size - 1] = static_cast<unsigned char>(leaf(bytes[0]));
	sink = sink + bytes[size - 1] + even_steps(3);
}

void on_signal(int)
{
	for (int i = 0; i < 20; i++)
		sink = sink + even_steps(60);
}

NOINLINE void signals()
{
	struct sigaction action = {};
	action.sa_handler = on_signal;
	sigaction(SIGALRM, &action, nullptr);
	itimerval every = {{0, 200}, {0, 200}};
	setitimer(ITIMER_REAL, &every, nullptr);
	for (int i = 0; i < 100; i++)
		recursion();
	every = {};
	setitimer(ITIMER_REAL, &every, nullptr);
}

NOINLINE void faults()
{
	constexpr std::size_t kSize = 1 << 20;
	void *memory = mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return;
	for (std::size_t at = 0; at < kSize; at += 4096)
		static_cast<volatile char *>(memory)[at] = 1;
	munmap(memory, kSize);
}

template <typename Work> void for_a_while(std::chrono::milliseconds time, Work work)
{
	for (const auto end = cpu_time() + time; cpu_time() < end;)
		work();
}

NOINLINE void threads(std::chrono::milliseconds time)
{
	std::vector<std::thread> workers;
	for (int i = 0; i < 3; i++)
		workers.emplace_back([i, time] {
			pthread_setname_np(pthread_self(), ("worker " + std::to_string(i)).c_str());
			for_a_while(time, recursion);
		});
	for (std::thread &worker : workers)
		worker.join();
}

// A child that works, and then becomes another program.
NOINLINE void process(std::chrono::milliseconds time)
{
	const pid_t child = fork();
	if (child == 0) {
		for_a_while(time / 2, sort);
		const std::string program = folder + "/shapes_stripped", left = std::to_string((time / 2).count());
		execl(program.c_str(), program.c_str(), left.c_str(), "virtual", "library", nullptr);
		_exit(1);
	}
	int status = 0;
	if (child > 0)
		waitpid(child, &status, 0);
	if (child < 0 || status != 0)
		std::exit(1);
}

const struct {
	const char *name;
	void (*work)();
	void (*for_time)(std::chrono::milliseconds);
} kModes[] = {
	{"recursion", recursion, nullptr}, {"sort", sort, nullptr},           {"virtual", virtual_calls, nullptr},
	{"library", library, nullptr},     {"exception", exception, nullptr}, {"alloca", variable_frame, nullptr},
	{"signal", signals, nullptr},      {"faults", faults, nullptr},       {"threads", nullptr, threads},
	{"process", nullptr, process},
};

void stay()
{
	std::printf("ready\n");
	std::fflush(stdout);
	for (;;) {
		for (const auto &mode : kModes)
			if (mode.work != nullptr)
				mode.work();
	}
}

} // namespace

int main(int argc, char **argv)
{
	char self[4096];
	const ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
	if (argc < 2 || length <= 0)
		return 2;
	folder = std::string(self, static_cast<std::size_t>(length));
	folder.resize(folder.rfind('/'));
	if (argc == 3 && std::strcmp(argv[2], "stay") == 0)
		stay();
	const auto wanted = [&](const char *name) {
		return argc == 2 || std::any_of(argv + 2, argv + argc,
						[&](const char *word) { return std::strcmp(word, name) == 0; });
	};
	const auto modes = std::count_if(std::begin(kModes), std::end(kModes),
					 [&](const auto &mode) { return wanted(mode.name); });
	if (modes == 0)
		return 2;
	const auto time = std::chrono::milliseconds(std::atol(argv[1])) / modes;
	for (const auto &mode : kModes) {
		if (!wanted(mode.name))
			continue;
		if (mode.work != nullptr)
			for_a_while(time, mode.work);
		else
			mode.for_time(time);
	}
	return 0;
}
