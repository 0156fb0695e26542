/* SPDX-License-Identifier: Apache-2.0 */
/* The second translation unit of plain_c and plain_cpp. */
#ifndef PLAIN_C_OTHER_H
#define PLAIN_C_OTHER_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
void run_other_unit(uint64_t calls);
uint64_t other_unit_spikes(void);
#ifdef __cplusplus
}
#endif

#endif
