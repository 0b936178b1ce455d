// brd_process.h - which process is this, in brood's eyes
//
// SPDX-License-Identifier: MPL-2.0
//
// A program may fork () behind our back. Its child has all our memory and none
// of our threads, so every entry point must find out and refuse (ENOTSUP). The
// word that tells lies in a page the kernel wipes at fork (MADV_WIPEONFORK):
// one memory read, where getpid costs a system call.

#ifndef BRD_PROCESS_H
#define BRD_PROCESS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef enum {
    BRD_ROLE_NONE,     // Before brood_init ()
    BRD_ROLE_OWNER,    // The user's program
    BRD_ROLE_NURSERY,  // A fork server
    BRD_ROLE_WORKER,   // Born of a nursery
    BRD_ROLE_STRAY     // A child of the program's own fork ()
} brd_role_t;

// Makes this process what role says; called by brood_init () and, after our
// own forks, by the nursery and the worker. -1 with ENOMEM.
int
brd_process_become (brd_role_t role);

// The page; NULL before the first become. Known here because every public call
// asks it two or three times, and a lock that nobody else wants costs little
// more than that.
typedef struct {
    _Atomic uint32_t role;  // 0: a stray
    _Atomic uint32_t birth;
} brd_process_page_t;

extern _Atomic (brd_process_page_t *) brd_process_page;

static inline brd_role_t
brd_process_role (void)
{
    brd_process_page_t *page =
        atomic_load_explicit (&brd_process_page, memory_order_acquire);
    if (!page)
        return BRD_ROLE_NONE;
    const uint32_t role =
        atomic_load_explicit (&page->role, memory_order_relaxed);
    return role != 0 ? (brd_role_t) role : BRD_ROLE_STRAY;
}

// Grows by one with each become: objects made earlier belong to a parent.
static inline uint32_t
brd_process_birth (void)
{
    brd_process_page_t *page =
        atomic_load_explicit (&brd_process_page, memory_order_acquire);
    return page ? atomic_load_explicit (&page->birth, memory_order_relaxed) : 0;
}

// 1 if that process has begun to end, which it can not be kept from, and may
// have closed its descriptors for that; 0 if not, or if nobody says (/proc).
// Callable between fork and exec.
int
brd_process_is_ending (pid_t pid);

// What ps and top show of this process, whichever thread asks: the first 15
// bytes.
void
brd_process_show (const char *name);

// CPUs this process may use: affinity, cgroup quota (v1 and v2, rounded up),
// capped by BROOD_CPUS; at least 1.
int
brd_process_cpus (void);

// argv as the system has it, since the program may have changed its own: each
// argument with a zero behind it, *ret_size bytes in all, and one zero more.
// Free it with brd_mem_free (). NULL with ENOENT, ENOMEM.
char *
brd_process_command_line (size_t *ret_size);

#endif  // BRD_PROCESS_H
