// brd_fault.c - makes the n-th fallible call fail, for the torture tests
//
// SPDX-License-Identifier: MPL-2.0
//
//     arm (MEMORY, 3, ENOMEM)   ok, ok, ENOMEM, ok, ok ...
//
// A test runs once with n = LONG_MAX to count, then once for every n.

#include "base/brd_fault.h"

#ifdef BRD_FAULTS

#include <errno.h>
#include <stdatomic.h>

static struct {
    _Atomic long n;      // The call that fails, 0 if none
    _Atomic long count;  // Calls since it was armed
    _Atomic int error;
} s_faults[BRD_FAULT_KINDS];

void
brd_fault_arm (brd_fault_t kind, long n, int error)
{
    atomic_store (&s_faults[kind].n, 0);
    atomic_store (&s_faults[kind].count, 0);
    atomic_store (&s_faults[kind].error, error);
    atomic_store (&s_faults[kind].n, n);
}

long
brd_fault_count (brd_fault_t kind)
{
    return atomic_load (&s_faults[kind].count);
}

int
brd_fault_hit (brd_fault_t kind)
{
    const long count = atomic_fetch_add (&s_faults[kind].count, 1) + 1;
    if (count != atomic_load (&s_faults[kind].n))
        return 0;
    errno =
        kind == BRD_FAULT_MEMORY ? ENOMEM : atomic_load (&s_faults[kind].error);
    return 1;
}

#endif
