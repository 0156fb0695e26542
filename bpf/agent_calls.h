/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What BPF programs, the recorder and the agent inside a program (collector/agent/) know alike; for assembly too. */
#ifndef NEUROPERF_AGENT_CALLS_H
#define NEUROPERF_AGENT_CALLS_H

#define NP_AGENT_CALLS 2048 /* virtual functions that go by the agent, of all runtimes together */

#endif
