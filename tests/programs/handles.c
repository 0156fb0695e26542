/* SPDX-License-Identifier: Apache-2.0 */
/* Defines layers here and in handles_other.c and says which handles they have, "NAME HANDLE"; usdt_site_test.py
 * compiles it in many ways. Usage: handles [COUNT]: so many more definitions, from two threads that define the same. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <neuroperf/neuroperf.h>

np_layer_t handle_elsewhere(const char *name);

static unsigned count;
static np_layer_t handles[2][100000];

static void *define_many(void *which)
{
	char name[32];
	unsigned i;
	for (i = 0; i < count; i++) {
		snprintf(name, sizeof name, "layer %u", i);
		((np_layer_t *)which)[i] = np_layer_define(name, "lif", (const np_layer_facts *)0);
	}
	return 0;
}

int main(int argc, char **argv)
{
	const np_layer_facts facts = {1, 2, 3, 4};
	pthread_t threads[2];
	unsigned i, differ = 0, none = 0;
	printf("same %x\n", np_layer_define("same", "lif", (const np_layer_facts *)0));
	printf("elsewhere %x\n", handle_elsewhere("same"));
	printf("other %x\n", np_layer_define("other", "lif", (const np_layer_facts *)0));
	printf("facts %x\n", np_layer_define("same", "lif", &facts));
	printf("kind %x\n", np_layer_define("same", "dense", (const np_layer_facts *)0));
	printf("what %x\n", np_inference_define("same", "lif"));
	printf("again %x\n", np_layer_define("same", "lif", (const np_layer_facts *)0));
	np_mark(np_mark_define("done"));
	count = argc > 1 ? (unsigned)atoi(argv[1]) : 0;
	count = count > 100000 ? 100000 : count;
	for (i = 0; i < 2; i++)
		if (pthread_create(&threads[i], 0, define_many, handles[i]) != 0)
			return 1;
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], 0);
	for (i = 0; i < count; i++) {
		none += handles[0][i] == 0;
		differ += handles[0][i] != handles[1][i] && handles[0][i] != 0 && handles[1][i] != 0;
	}
	printf("defined %u differ %u without %u\n", count, differ, none);
	return np_recording();
}
