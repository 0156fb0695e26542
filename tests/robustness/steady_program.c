/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program with many layer events and a diary: every millisecond it writes CLOCK_MONOTONIC and the number of calls so
 * far to a file, so that a test can say how much of it a recording misses. It ends with its recorder.
 *
 *     steady_program DIARY SECONDS CALLS_PER_MS
 */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <neuroperf/neuroperf.h>

static uint64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int main(int argc, char **argv)
{
	const int diary = argc > 1 ? open(argv[1], O_WRONLY | O_CREAT | O_TRUNC, 0600) : -1;
	const double seconds = argc > 2 ? atof(argv[2]) : 1;
	const int calls_per_ms = argc > 3 ? atoi(argv[3]) : 100;
	const np_layer_t layers[2] = {np_layer_define("steady_conv", "conv", 0),
				      np_layer_define("steady_lif", "lif", 0)};
	const uint64_t begin = now_ns();
	uint64_t entry[2] = {begin, 0};
	volatile unsigned work = 0;
	if (diary < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
		return 2;
	while (entry[0] - begin < (uint64_t)(seconds * 1e9)) {
		for (int call = 0; call < calls_per_ms; call++) {
			const np_layer_t layer = layers[call % 2];
			np_layer_begin(layer);
			np_spikes(layer, 3);
			np_layer_end(layer);
		}
		entry[1] += (uint64_t)calls_per_ms;
		do {
			work++;
		} while (now_ns() < entry[0] + 1000000);
		entry[0] = now_ns();
		if (write(diary, entry, sizeof entry) != sizeof entry)
			return 3;
	}
	return 0;
}
