/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs for the virtual NPUs of modules/, so many and no more: npu_work [options] vnpu|vdrm
 *
 *	-n JOBS     of each thread (4)              -t THREADS  each with an open file of its own (1)
 *	-d DEPTH    jobs of a thread under way (1: submit, wait, submit, ...)
 *	-u US       how long a layer of vnpu, a job of vdrm takes (1000)
 *	-m MODEL    (0)  -l LAYERS (4)              of vnpu: what spikes depend on, see modules/vnpu_uapi.h
 *	-f          vnpu: each thread's last job fails
 *	-s          vnpu: before all others comes a job that hangs, until its file is closed after 50 ms
 *	-c          vnpu: count with the device's PMU meanwhile
 *	-i          each job is an inference that neuroperf is told of; with -d 1
 *	-a          vdrm: each job after the thread's job before, which is on the other ring
 *
 * The last line is what it did, as JSON: every job with its times (CLOCK_MONOTONIC), and what vnpu must have counted.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <linux/perf_event.h>
#include <neuroperf/neuroperf.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "modules/vdrm_uapi.h"
#include "modules/vnpu_uapi.h"

enum { kLongestWaitMs = 20000, kStuckMs = 50, kCounters = 4 };

static const char *const counter_names[kCounters] = {"spikes", "macs", "dma_bytes", "jobs"};

struct job {
	uint64_t number;
	unsigned ring;
	int status;
	uint64_t submit_ns; /* before the call */
	uint64_t wait_ns;   /* before the call */
	uint64_t done_ns;   /* after the wait */
};

struct work {
	const char *device;
	char node[64];
	unsigned jobs, threads, depth, us, model, layers;
	bool fails, stuck, counts, chained, tells;
	int (*submit)(const struct work *work, int file, unsigned index, struct job *jobs);
	int (*wait)(int file, struct job *job);
};

struct thread {
	pthread_t id;
	const struct work *work;
	struct job *jobs;
	uint64_t busy_ns[VDRM_RINGS]; /* as the kernel told at the end */
};

static void die(const char *what)
{
	fprintf(stderr, "npu_work: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static int open_node(const struct work *work)
{
	const int file = open(work->node, O_RDWR | O_CLOEXEC);
	if (file < 0)
		die(work->node);
	return file;
}

/* --- vnpu --- */

static int submit_vnpu(const struct work *work, int file, unsigned index, struct job *jobs)
{
	struct vnpu_submit submit = {work->model, work->layers, work->us, 0, 0};
	if (work->fails && index + 1 == work->jobs)
		submit.flags = VNPU_JOB_FAILS;
	if (ioctl(file, VNPU_SUBMIT, &submit))
		return -1;
	jobs[index].number = submit.job;
	return 0;
}

static int wait_vnpu(int file, struct job *job)
{
	struct vnpu_wait wait = {job->number, kLongestWaitMs, 0};
	const int result = ioctl(file, VNPU_WAIT, &wait);
	job->status = wait.status;
	return result;
}

static uint64_t submit_stuck_job(int file, const struct work *work)
{
	struct vnpu_submit submit = {work->model, work->layers, work->us, VNPU_JOB_HANGS, 0};
	if (ioctl(file, VNPU_SUBMIT, &submit))
		die("submit the job that hangs");
	return submit.job;
}

/* Waits in vain, and lets the device go on. Returns the error of the wait. */
static int give_up_stuck_job(int file, uint64_t number)
{
	struct vnpu_wait wait = {number, kStuckMs, 0};
	const int error = ioctl(file, VNPU_WAIT, &wait) ? errno : 0;
	close(file);
	return error;
}

static void read_pmu_file(const char *name, const char *format, unsigned *value)
{
	char path[128];
	FILE *file;
	snprintf(path, sizeof(path), "/sys/bus/event_source/devices/vnpu/%s", name);
	file = fopen(path, "r");
	if (!file || fscanf(file, format, value) != 1)
		die(path);
	fclose(file);
}

/* As the kernel wants it of devices: for all processes, on the CPU that "cpumask" names. */
static int open_counter(const char *name)
{
	struct perf_event_attr attr = {.size = sizeof(attr)};
	unsigned type, config, cpu;
	char event[64];
	int counter;
	snprintf(event, sizeof(event), "events/%s", name);
	read_pmu_file("type", "%u", &type);
	read_pmu_file("cpumask", "%u", &cpu);
	read_pmu_file(event, "event=%u", &config);
	attr.type = type;
	attr.config = config;
	counter = (int)syscall(SYS_perf_event_open, &attr, -1, (int)cpu, -1, 0);
	if (counter < 0)
		die(name);
	return counter;
}

static uint64_t read_counter(int counter)
{
	uint64_t value;
	if (read(counter, &value, sizeof(value)) != sizeof(value))
		die("read a counter");
	return value;
}

/* --- vdrm --- */

static int submit_vdrm(const struct work *work, int file, unsigned index, struct job *jobs)
{
	struct vdrm_submit submit = {index % VDRM_RINGS, work->us, 0, 0};
	if (work->chained && index > 0)
		submit.after = (uint32_t)jobs[index - 1].number;
	if (ioctl(file, DRM_IOCTL_VDRM_SUBMIT, &submit))
		return -1;
	jobs[index].number = submit.job;
	jobs[index].ring = submit.ring;
	return 0;
}

static int wait_vdrm(int file, struct job *job)
{
	struct vdrm_wait wait = {(uint32_t)job->number, kLongestWaitMs};
	return ioctl(file, DRM_IOCTL_VDRM_WAIT, &wait);
}

static bool is_vdrm(const char *node)
{
	char name[16] = "";
	struct drm_version version = {.name = name, .name_len = sizeof(name) - 1};
	const int file = open(node, O_RDWR | O_CLOEXEC);
	const bool is = file >= 0 && ioctl(file, DRM_IOCTL_VERSION, &version) == 0 && strcmp(name, "vdrm") == 0;
	if (file >= 0)
		close(file);
	return is;
}

static void find_vdrm(struct work *work)
{
	glob_t nodes;
	size_t i;
	glob("/dev/accel/accel*", 0, NULL, &nodes);
	glob("/dev/dri/renderD*", GLOB_APPEND, NULL, &nodes);
	for (i = 0; i < nodes.gl_pathc && !work->node[0]; i++)
		if (is_vdrm(nodes.gl_pathv[i]))
			snprintf(work->node, sizeof(work->node), "%s", nodes.gl_pathv[i]);
	globfree(&nodes);
	if (!work->node[0]) {
		errno = ENODEV;
		die("vdrm");
	}
}

/* Busy time of each ring, for this open file; none of vnpu. */
static void read_fdinfo(int file, uint64_t *busy_ns)
{
	char line[128];
	unsigned ring;
	uint64_t ns;
	FILE *lines;
	snprintf(line, sizeof(line), "/proc/self/fdinfo/%d", file);
	lines = fopen(line, "r");
	if (!lines)
		die(line);
	while (fgets(line, sizeof(line), lines))
		if (sscanf(line, "drm-engine-npu%u: %" SCNu64 " ns", &ring, &ns) == 2 && ring < VDRM_RINGS)
			busy_ns[ring] = ns;
	fclose(lines);
}

/* --- threads --- */

static np_inference_t inference;

static void submit_job(const struct thread *thread, int file, unsigned index)
{
	if (thread->work->tells)
		np_inference_begin(inference, index);
	thread->jobs[index].submit_ns = now_ns();
	if (thread->work->submit(thread->work, file, index, thread->jobs))
		die("submit a job");
}

static void wait_for_job(const struct thread *thread, int file, unsigned index)
{
	struct job *job = &thread->jobs[index];
	job->wait_ns = now_ns();
	if (thread->work->wait(file, job))
		die("wait for a job");
	job->done_ns = now_ns();
	if (thread->work->tells)
		np_inference_end(inference, index);
}

/* Keeps `depth` jobs under way: waits for the oldest before it submits one more. */
static void *run_thread(void *data)
{
	struct thread *thread = data;
	const struct work *work = thread->work;
	const int file = open_node(work);
	unsigned submitted = 0, waited = 0;
	while (waited < work->jobs) {
		while (submitted < work->jobs && submitted - waited < work->depth)
			submit_job(thread, file, submitted++);
		wait_for_job(thread, file, waited++);
	}
	read_fdinfo(file, thread->busy_ns);
	close(file);
	return NULL;
}

/* --- what it did --- */

static void print_jobs(const struct thread *threads, const struct work *work)
{
	unsigned i, j;
	printf("\"jobs\": [");
	for (i = 0; i < work->threads; i++) {
		for (j = 0; j < work->jobs; j++) {
			const struct job *job = &threads[i].jobs[j];
			printf("%s{\"thread\": %u, \"job\": %" PRIu64 ", \"ring\": %u, \"status\": %d, "
			       "\"submit_ns\": %" PRIu64 ", \"wait_ns\": %" PRIu64 ", \"done_ns\": %" PRIu64 "}",
			       i + j ? ", " : "", i, job->number, job->ring, job->status, job->submit_ns, job->wait_ns,
			       job->done_ns);
		}
	}
	printf("]");
}

static void print_busy_times(const struct thread *threads, const struct work *work)
{
	unsigned i, ring;
	printf(", \"busy_ns\": [");
	for (ring = 0; ring < VDRM_RINGS; ring++) {
		uint64_t ns = 0;
		for (i = 0; i < work->threads; i++)
			ns += threads[i].busy_ns[ring];
		printf("%s%" PRIu64, ring ? ", " : "", ns);
	}
	printf("]");
}

/* By the formulas, for the jobs of this program alone. A job that fails has no end of its last layer. */
static void print_expected(const struct work *work)
{
	const unsigned jobs = work->jobs * work->threads, failed = work->fails ? work->threads : 0;
	uint64_t totals[kCounters] = {0, 0, 0, jobs + (work->stuck ? 1 : 0)};
	unsigned i;
	printf(", \"layer_spikes\": [");
	for (i = 0; i < work->layers; i++) {
		const unsigned ends = i + 1 == work->layers ? jobs - failed : jobs;
		const uint64_t spikes = VNPU_LAYER_SPIKES((uint64_t)work->model, i);
		totals[0] += ends * spikes;
		totals[1] += ends * VNPU_LAYER_MACS((uint64_t)work->model, i);
		totals[2] += (uint64_t)ends * VNPU_LAYER_BYTES(i);
		printf("%s%" PRIu64, i ? ", " : "", spikes);
	}
	printf("], \"expected\": {");
	for (i = 0; i < kCounters; i++)
		printf("%s\"%s\": %" PRIu64, i ? ", " : "", counter_names[i], totals[i]);
	printf("}");
}

static void print_counted(const int *counters)
{
	unsigned i;
	printf(", \"counted\": {");
	for (i = 0; i < kCounters; i++)
		printf("%s\"%s\": %" PRIu64, i ? ", " : "", counter_names[i], read_counter(counters[i]));
	printf("}");
}

/* Options with a number, and those that are there or not: a letter for each place. */
static void parse_options(int argc, char **argv, struct work *work)
{
	static const char letters_of_numbers[] = "ntduml", letters_of_flags[] = "fscai";
	unsigned *const numbers[] = {&work->jobs, &work->threads, &work->depth, &work->us, &work->model, &work->layers};
	bool *const flags[] = {&work->fails, &work->stuck, &work->counts, &work->chained, &work->tells};
	int option;
	while ((option = getopt(argc, argv, "n:t:d:u:m:l:fscai")) != -1) {
		const char *letter;
		if (option == '?')
			exit(2);
		if ((letter = strchr(letters_of_numbers, option)))
			*numbers[letter - letters_of_numbers] = (unsigned)strtoul(optarg, NULL, 10);
		else if ((letter = strchr(letters_of_flags, option)))
			*flags[letter - letters_of_flags] = true;
	}
}

static struct work parse(int argc, char **argv)
{
	struct work work = {.jobs = 4, .threads = 1, .depth = 1, .us = 1000, .layers = 4};
	parse_options(argc, argv, &work);
	work.device = optind + 1 == argc ? argv[optind] : "";
	if (strcmp(work.device, "vnpu") == 0) {
		work.submit = submit_vnpu;
		work.wait = wait_vnpu;
		strcpy(work.node, "/dev/vnpu0");
	} else if (strcmp(work.device, "vdrm") == 0) {
		work.submit = submit_vdrm;
		work.wait = wait_vdrm;
		find_vdrm(&work);
	} else {
		fprintf(stderr, "npu_work: name one device: vnpu or vdrm\n");
		exit(2);
	}
	return work;
}

static void *zeroed(size_t count, size_t size)
{
	void *memory = calloc(count, size);
	if (!memory)
		die("memory");
	return memory;
}

int main(int argc, char **argv)
{
	const struct work work = parse(argc, argv);
	struct thread *threads = zeroed(work.threads, sizeof(*threads));
	int counters[kCounters], stuck_file = -1, stuck_error = 0;
	uint64_t stuck_job = 0;
	unsigned i;

	inference = np_inference_define("job", work.device);
	for (i = 0; work.counts && i < kCounters; i++)
		counters[i] = open_counter(counter_names[i]);
	if (work.stuck) {
		stuck_file = open_node(&work);
		stuck_job = submit_stuck_job(stuck_file, &work);
	}
	for (i = 0; i < work.threads; i++) {
		threads[i].work = &work;
		threads[i].jobs = zeroed(work.jobs, sizeof(struct job));
		if (pthread_create(&threads[i].id, NULL, run_thread, &threads[i]))
			die("start a thread");
	}
	if (work.stuck)
		stuck_error = give_up_stuck_job(stuck_file, stuck_job);
	for (i = 0; i < work.threads; i++)
		pthread_join(threads[i].id, NULL);

	printf("{\"device\": \"%s\", \"node\": \"%s\", \"pid\": %ld, \"us\": %u, \"model\": %u, ", work.device,
	       work.node, (long)getpid(), work.us, work.model);
	print_jobs(threads, &work);
	if (strcmp(work.device, "vnpu") == 0)
		print_expected(&work);
	else
		print_busy_times(threads, &work);
	if (work.stuck)
		printf(", \"stuck\": {\"job\": %" PRIu64 ", \"errno\": %d}", stuck_job, stuck_error);
	if (work.counts)
		print_counted(counters);
	printf("}\n");
	return 0;
}
