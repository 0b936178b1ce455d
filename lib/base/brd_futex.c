// brd_futex.c - sleeping until a word in memory changes
//
// SPDX-License-Identifier: MPL-2.0
//
// FUTEX_WAIT_BITSET, because it alone takes an absolute time: a wait that is
// interrupted and begun again does not drift.

#include "base/brd_futex.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/brd_check.h"
#include "base/brd_clock.h"

int
brd_futex_wait (_Atomic uint32_t *word,
                uint32_t value,
                int64_t deadline,
                int shared)
{
    const int op = FUTEX_WAIT_BITSET | (shared ? 0 : FUTEX_PRIVATE_FLAG);
    struct timespec at = { .tv_sec = 0 };
    if (deadline > 0) {
        at.tv_sec = (time_t) (deadline / 1000000000);
        at.tv_nsec = (long) (deadline % 1000000000);
    }
    const long rc = syscall (SYS_futex,
                             word,
                             op,
                             value,
                             deadline == BRD_NEVER ? NULL : &at,
                             NULL,
                             FUTEX_BITSET_MATCH_ANY);
    if (rc == 0 || errno == EAGAIN)
        return 0;
    if (errno == ETIMEDOUT)
        return brd_error_set (ETIMEDOUT, "timed out");
    brd_assert (errno == EINTR);
    return brd_error_set (EINTR, "interrupted");
}

void
brd_futex_wake (_Atomic uint32_t *word, int count, int shared)
{
    const int saved_errno = errno;
    const int op = FUTEX_WAKE | (shared ? 0 : FUTEX_PRIVATE_FLAG);
    (void) syscall (SYS_futex, word, op, count, NULL, NULL, 0);
    errno = saved_errno;
}
