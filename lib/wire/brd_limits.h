// brd_limits.h - every limit the protocol sets, with its reason
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BRD_LIMITS_H
#define BRD_LIMITS_H

// A message between two processes of a brood: BROOD_MSG_SIZE_MAX and room for
// the headers around it.
#define BRD_WIRE_SIZE_MAX ((size_t) 2147483647 + 65536)

// Tasks or results in one message. More would make the last one wait for the
// first, fewer would pay a send for each.
#define BRD_WIRE_BATCH_MAX 256

// A message is closed when it holds so many bytes: larger ones are slower per
// byte (they leave the cache) and hold up what comes behind them.
#define BRD_WIRE_BATCH_BYTES 262144

// Containers within containers in a payload. msgpack-c stops at 32.
#define BRD_WIRE_DEPTH_MAX 31

// A result up to this size lies in the worker's page, and outlives the worker.
#define BRD_PAGE_INLINE 64

// A body or result from this size on lies in the arena, and only its place
// travels. Below, a message is as fast, and a block would be mostly empty.
#define BRD_WIRE_ARENA_MIN 262144

// Tasks one worker can hold.
#define BRD_PAGE_SLOTS 256

#endif  // BRD_LIMITS_H
