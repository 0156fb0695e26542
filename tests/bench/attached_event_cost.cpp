// SPDX-License-Identifier: Apache-2.0
// What an event costs a program that a recorder has attached to. As root:
//
//     attached_event_cost PUPPET EVENTS [RUNS]     PUPPET: the program of tests/programs/puppet.c
//
// Runs the events in the program again and again: nobody attached; attached, with the recorder taking them out of the
// ring and into a file; and, as the peer, the least that a probe of <sys/sdt.h> can cost: a one-byte nop with a BPF
// program that does nothing. Prints the medians of the program's CPU time, and the recorder's own.
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <usdt_events.skel.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "collector/attached_events.hpp"
#include "collector/usdt_sites.hpp"
#include "recording/unique_fd.hpp"
#include "tests/support/puppet.hpp"
#include "tests/support/recording_builder.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace neuroperf;

namespace {

double ns_of(const std::string &answer)
{
	const std::size_t at = answer.find(" ns ");
	return at == std::string::npos ? -1 : std::atof(answer.c_str() + at + 4);
}

double thread_cpu_ns()
{
	timespec now{};
	::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

double median(std::vector<double> values)
{
	std::sort(values.begin(), values.end());
	return values[values.size() / 2];
}

// An empty program on the first, one-byte nop of the site.
double peer_ns(test::Puppet *puppet, const char *program, const std::string &order)
{
	const UniqueFd file(::open(program, O_RDONLY | O_CLOEXEC));
	const auto found = collector::find_usdt_sites(file.get());
	usdt_events_bpf *bpf = usdt_events_bpf__open_and_load();
	if (!bpf || !found.ok() || found->sites.empty())
		return -1;
	bpf_uprobe_opts options{};
	options.sz = sizeof options;
	options.ref_ctr_offset = found->sites[0].semaphore_offset;
	bpf_link *link = bpf_program__attach_uprobe_opts(bpf->progs.np_usdt_trial, puppet->pid(),
							 fmt::format("/proc/self/fd/{}", file.get()).c_str(),
							 found->sites[0].offset, &options);
	const double ns = link ? ns_of(puppet->ask(order)) : -1;
	bpf_link__destroy(link);
	usdt_events_bpf__destroy(bpf);
	return ns;
}

} // namespace

int main(int argc, char **argv)
{
	if (argc < 3) {
		std::fprintf(stderr, "usage: attached_event_cost PUPPET EVENTS [RUNS]\n");
		return 2;
	}
	const uint64_t events = std::strtoull(argv[2], nullptr, 10);
	const int runs = argc > 3 ? std::atoi(argv[3]) : 5;
	test::Puppet puppet(argv[1]);
	puppet.hear();
	test::TemporaryFolder folder;
	test::RecordingBuilder recording(folder.file("a.data"));
	collector::OwnEventEncoder encoder(&recording.writer(), false);
	std::vector<double> alone, attached, recorder, peer;
	uint64_t taken = 0, dropped = 0;
	bool calls = false;
	for (int run = 0; run < runs; run++) {
		const std::string order = "hits " + std::to_string(events);
		alone.push_back(ns_of(puppet.ask(order)));
		peer.push_back(peer_ns(&puppet, argv[1], order));
		auto opened = collector::AttachedEvents::open({puppet.pid()}, 16u << 20);
		if (!opened.ok()) {
			std::fprintf(stderr, "%s; %s\n", opened.error().what.c_str(), opened.error().hint.c_str());
			return 1;
		}
		std::atomic<bool> over = false;
		std::thread asking([&] {
			attached.push_back(ns_of(puppet.ask(order)));
			over = true;
		});
		const double begin = thread_cpu_ns();
		while (!over) { // as the recorder does: often enough for the ring, not more
			std::this_thread::sleep_for(std::chrono::milliseconds(20));
			opened->drain(&encoder);
		}
		asking.join();
		opened->drain(&encoder);
		recorder.push_back((thread_cpu_ns() - begin) / static_cast<double>(events));
		taken += opened->counts().events;
		dropped += opened->counts().dropped;
		calls = opened->uses_calls();
	}
	std::printf("alone ns_per_event %.2f\nattached ns_per_event %.1f\nrecorder ns_per_event %.1f\n", median(alone),
		    median(attached), median(recorder));
	std::printf("peer ns_per_event %.1f\n", median(peer));
	std::printf("events %llu dropped %llu calls %d\n", static_cast<unsigned long long>(taken),
		    static_cast<unsigned long long>(dropped), calls);
	return 0;
}
