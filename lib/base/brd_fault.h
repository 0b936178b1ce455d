// brd_fault.h - makes the n-th fallible call fail, for the torture tests
//
// SPDX-License-Identifier: MPL-2.0
//
// Compiled away unless BRD_FAULTS is defined, as it is in the static library
// the tests link (brood_testing) and in nothing that is installed. brd_mem and
// brd_sys ask before each call.

#ifndef BRD_FAULT_H
#define BRD_FAULT_H

typedef enum {
    BRD_FAULT_MEMORY,  // brd_mem_*: ENOMEM
    BRD_FAULT_SYSTEM,  // brd_sys_*: the errno armed
    BRD_FAULT_KINDS
} brd_fault_t;

#ifdef BRD_FAULTS
// From now on the n-th call (1 is the next) of this kind fails once with
// error; 0 disarms. Counts in this process and, through fork, in its children
// from where their copy stood.
void
brd_fault_arm (brd_fault_t kind, long n, int error);

// How many calls of this kind were made since it was armed.
long
brd_fault_count (brd_fault_t kind);

// 1 and errno set if this call must fail.
int
brd_fault_hit (brd_fault_t kind);
#else
#define brd_fault_hit(kind) 0
#endif

#endif  // BRD_FAULT_H
