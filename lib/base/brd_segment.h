// brd_segment.h - shared memory in a file without a name, to be handed on
//
// SPDX-License-Identifier: MPL-2.0
//
// A memfd of an exact size, with all of its memory had at once and sealed: who
// is given the descriptor can rely on it, whoever gave it. It lasts as long as
// somebody has it mapped, or a descriptor of it.

#ifndef BRD_SEGMENT_H
#define BRD_SEGMENT_H

#include <stddef.h>

// What they are called in /proc/PID/maps: "/memfd:brood-shm (deleted)".
#define BRD_SEGMENT_NAME "brood-shm"

// size zeros. Its descriptor, or -1 with ENOSPC (more than there is memory, or
// than RLIMIT_FSIZE lets this process have), EMFILE, ENOMEM.
int
brd_segment_new (size_t size);

// Maps it, and says how large it is. NULL with EPROTO if it is not such a file:
// one that could shrink under its readers' feet; ENOMEM.
void *
brd_segment_map (int fd, size_t *ret_size);

// Ends all mappings of segments that this process has, its own or inherited:
// for one that serves others and is not to hold their memory. Callable between
// fork and exec.
void
brd_segment_unmap_all (void);

#endif  // BRD_SEGMENT_H
