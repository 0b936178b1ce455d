// brd_arena_place.h - where in memory the arena is
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BRD_ARENA_PLACE_H
#define BRD_ARENA_PLACE_H

#include <stddef.h>

// Maps size bytes of a new memfd, whose descriptor is yours too: it is not one
// of the lowest, where there are others. NULL with EFBIG (RLIMIT_FSIZE) or the
// system's errno.
void *
brd_arena_place (size_t size, int *ret_fd);

#endif  // BRD_ARENA_PLACE_H
