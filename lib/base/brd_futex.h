// brd_futex.h - sleeping until a word in memory changes
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BRD_FUTEX_H
#define BRD_FUTEX_H

#include <stdatomic.h>
#include <stdint.h>

// Sleeps while *word is value, until woken or deadline (CLOCK_MONOTONIC,
// BRD_NEVER). 0 when woken or the word differed, -1 with ETIMEDOUT or EINTR.
// shared: between processes. Spurious returns happen: look again.
int
brd_futex_wait (_Atomic uint32_t *word,
                uint32_t value,
                int64_t deadline,
                int shared);

void
brd_futex_wake (_Atomic uint32_t *word, int count, int shared);

#endif  // BRD_FUTEX_H
