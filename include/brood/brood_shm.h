// brood_shm.h - shared memory with a name
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BROOD_SHM_H
#define BROOD_SHM_H

#include "brood/brood_prelude.h"

#ifdef __cplusplus
extern "C" {
#endif

// What multiprocessing.shared_memory.SharedMemory is to Python, for programs
// that are not born of one another. Within a brood, brood_value.h and
// brood_array.h need no names.
//
//     brood_shm_t *s = brood_shm_new ("frame", 1 << 20);     // one program
//     brood_shm_t *s = brood_shm_open ("frame");             // another
//     memcpy (brood_shm_ptr (s), pixels, brood_shm_size (s));
//
// Names. 1 to BROOD_NAME_SIZE - 1 bytes, without slashes and control
// characters. Each user of a host has names of his own: what one calls "frame"
// is not there for another. Inside a container that has its own network, only
// its own are.
//
// Where it lives. In memory of this host, at an address of its own in each
// process; zeroed, and all of it there from the start, so that using it never
// ends in SIGBUS.
//
// How long. The name is there until unlink, or until the brood ends whose
// process made it, however it ends: no name is left behind. Neither the death
// of the process that made it nor that of any who had it open changes
// anything. Who has it open keeps the memory, and the last one frees it: by
// destroy or by ending. A process that brood forks, a worker, say, has open
// what its parent has at that moment; so has a pool or a manager until it ends.
//
// Refs. They lead there from any process of this user, as the name does and as
// long as it has one.
//
// Threads and fork. The handle: any thread. The memory: as C has it.
//
// Errors of new, open, from and unlink
//     ETIMEDOUT     the process that keeps the name has been stopped
//     EMFILE        no descriptor left for a moment
//     EAGAIN        no process can be started to keep the name

// Exactly so many zeros. A NULL name is made up.
//     EEXIST        there is one
//     EACCES        a program of another user sits on the name
//     ENOSPC        more than there is memory, now or for this program
BROOD_EXPORT BROOD_MUST_USE brood_shm_t *
brood_shm_new (const char *name, size_t size_bytes);

//     ENOENT        there is none
//     EACCES        a program of another user sits on the name
//     EPROTO        a program that is not brood does
//     EINVAL        it is a list (brood_shmlist.h)
BROOD_EXPORT BROOD_MUST_USE brood_shm_t *
brood_shm_open (const char *name);

// A handle on the one whose ref came in a message.
//     ENOENT        it has no name any more
BROOD_EXPORT BROOD_MUST_USE brood_shm_t *
brood_shm_from (void *ref);

BROOD_EXPORT void
brood_shm_destroy (brood_shm_t **self_p);

// Takes the name away, which is then free for another; who has it open keeps
// it. Idempotent. Whoever has a handle may.
BROOD_EXPORT int
brood_shm_unlink (brood_shm_t *self);

// The memory, page-aligned, on loan while the handle lives; how large it is;
// what it is called, also if that was made up.
BROOD_EXPORT void *
brood_shm_ptr (const brood_shm_t *self);
BROOD_EXPORT size_t
brood_shm_size (const brood_shm_t *self);
BROOD_EXPORT const char *
brood_shm_name (const brood_shm_t *self);

#ifdef __cplusplus
}
#endif

#endif  // BROOD_SHM_H
