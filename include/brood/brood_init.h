// brood_init.h - starting, ending, and driving from a foreign event loop
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BROOD_INIT_H
#define BROOD_INIT_H

#include "brood/brood_prelude.h"

#ifdef __cplusplus
extern "C" {
#endif

// The first line of main:
//
//     int main (int argc, char **argv)
//     {
//         brood_init (&argc, &argv);
//
// In the process a person started it prepares the shared arena and returns.
// In one that brood itself started for start_exec (brood_process_options_t,
// brood_pool_options_t) it becomes what it was started for, and never returns.
// In a copy of the program that brood started on another host, or that an MPI
// or Slurm launcher started as a worker rank with BROOD_POOL saying so, it
// serves tasks and never returns. A program that never leaves this host may
// leave it out: the first brood_x_new () then calls brood_init (NULL, NULL).
//
// Threads and fork. Call it before starting threads: workers are copies of the
// calling thread's view of memory. Nothing here touches signal handlers,
// stdout, the locale or random (); one atexit handler runs brood_fini (), and
// one fork handler leaves no lock of brood's held in a child.

typedef struct brood_options {
    size_t arena_size_bytes;  // Of shared memory; 0: chosen from the host
    int inline_calls;         // 1: no processes at all, as BROOD_POOL=inline
    int keep_exit;            // 1: no atexit handler, brood_fini () is yours
    BROOD_RESERVED (8);
} brood_options_t;

// Starts brood and takes its own options (--brood-*) out of argc and argv;
// both may be NULL. A second call is a no-op.
//     EPROTO        the environment holds a BROOD_* value it cannot read
BROOD_EXPORT int
brood_init (int *argc, char ***argv);

// The same with options, or NULL.
BROOD_EXPORT int
brood_init_with (int *argc, char ***argv, const brood_options_t *options);

// Ends brood as leaving main does: daemon processes are terminated, others
// joined, pools terminated, shared memory given back. Handles left over may
// only be destroyed. Runs by itself at exit.
BROOD_EXPORT void
brood_fini (void);

// CPUs this process may use: affinity and cgroup quota, capped by BROOD_CPUS.
// Always at least 1.
BROOD_EXPORT int
brood_cpu_count (void);

// Makes every wait of this process return -1 with EINTR, once; if there is none
// just now, the next one. The only function of brood that a signal handler may
// call.
BROOD_EXPORT void
brood_interrupt (void);

// A descriptor for poll, epoll or a foreign loop: readable when
// brood_dispatch () has something to do. Owned by brood; once asked for, brood
// starts no thread of its own and depends on dispatch being called. -1 on
// failure.
//     EMFILE        no descriptor left
BROOD_EXPORT int
brood_fd (void);

// Does what is to be done and runs the callbacks that are due (then, progress,
// log), waiting up to timeout_ms for the first; returns how many ran, 0 when
// time ran out. Callbacks may call anything but brood_fini ().
BROOD_EXPORT long
brood_dispatch (int timeout_ms);

// The key that listeners and those who connect prove to each other to know; it
// is never sent. brood_init () makes one of 32 random bytes, which children
// inherit; programs that are not children of one another must set the same one,
// from a file that others cannot read, say. Holds for listeners and connections
// made from then on, here and in children born later. At most
// BROOD_AUTHKEY_SIZE_MAX bytes, which are copied.
#define BROOD_AUTHKEY_SIZE_MAX 256
BROOD_EXPORT int
brood_set_authkey (const void *key, size_t size_bytes);

// "0.1.0": the library's own version, where BROOD_VERSION_* is the header's.
BROOD_EXPORT const char *
brood_version (void);

#ifdef __cplusplus
}
#endif

#endif  // BROOD_INIT_H
