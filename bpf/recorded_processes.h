/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What recorded_processes.bpf.h knows of a process, for the collector too. */
#ifndef NEUROPERF_RECORDED_PROCESSES_H
#define NEUROPERF_RECORDED_PROCESSES_H

enum np_recorded {
	NP_RECORDED_AFTER_EXEC = 1, /* it is still the recorder's child, on its way to the program */
	NP_RECORDED = 2,
};

#endif
