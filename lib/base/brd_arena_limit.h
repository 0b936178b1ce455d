// brd_arena_limit.h - how large the arena may be
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BRD_ARENA_LIMIT_H
#define BRD_ARENA_LIMIT_H

#include <stdint.h>

// $BROOD_ARENA, or else the least of RAM/2, cgroup limit/2 and (under valgrind)
// 4 GiB; in both cases no more than RLIMIT_FSIZE and RLIMIT_AS/4. 0, or -1 with
// EPROTO if $BROOD_ARENA cannot be read.
int
brd_arena_limit (uint64_t *ret_bytes);

// Bytes from "512K", "64M", "2G" or "1048576"; -1 with EPROTO and what is wrong
// with it.
int
brd_arena_limit_read (const char *text, uint64_t *ret_bytes);

#endif  // BRD_ARENA_LIMIT_H
