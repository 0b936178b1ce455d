// brd_page.h - what a worker and its host share in the arena
//
// SPDX-License-Identifier: MPL-2.0
//
// Messages cannot tell what a worker was doing when it died: what a dying
// process has sent may never leave it. So each worker has a page in shared
// memory, and the words there decide, at the cost of a few nanoseconds a task:
//
//     EMPTY -host-> OFFERED -worker-> RUNNING -worker-> DONE -host-> EMPTY
//                      |
//                      +-----host----> EMPTY      taken back, unstarted
//
// Each word is seq << 8 | state, and seq is never used twice: a worker that
// meets an old entry of a slot given anew fails its compare-and-swap and passes
// over it. Every move but the host's first is a compare-and-swap, so "started"
// and "taken back" exclude each other whatever happens.
//
// At a death: RUNNING was running; OFFERED had not started; DONE with its bytes
// in the slot is a result like any other.
//
// Small results lie in the slot and only their numbers travel: the host may
// read them at any time, also while the worker is busy with the next task.

#ifndef BRD_PAGE_H
#define BRD_PAGE_H

#include <stdatomic.h>
#include <stdint.h>

#include "wire/brd_limits.h"

enum {
    BRD_CLAIM_EMPTY,
    BRD_CLAIM_OFFERED,
    BRD_CLAIM_RUNNING,
    BRD_CLAIM_DONE,      // Result in the slot
    BRD_CLAIM_DONE_SENT  // Result in a message
};

#define BRD_CLAIM(seq, state) ((seq) << 8 | (state))
#define BRD_CLAIM_SEQ(word) ((word) >> 8)
#define BRD_CLAIM_STATE(word) ((int) ((word) &255))

// In a result's size: its bytes are a place in the arena.
#define BRD_PAGE_IN_ARENA (UINT32_C (1) << 31)

typedef struct {
    int64_t time_ns;
    int32_t status;
    uint32_t size;  // Of bytes, and perhaps BRD_PAGE_IN_ARENA
    unsigned char bytes[BRD_PAGE_INLINE];
} brd_page_result_t;

enum {
    BRD_PAGE_TEXT = 512
};

typedef struct {
    // Written by the worker
    _Alignas(64) _Atomic int64_t started_ns;  // Of the timed task it runs
    _Atomic uint64_t started_seq;
    _Atomic uint64_t item;  // Map: index + 1 of the item it runs, 0: none
    uint64_t claim_first;   // Map: the items it has claimed
    uint64_t claim_end;
    uint64_t range_first;  // Map: where the bounce begins
    uint64_t unwritten;    // Map: results from here to item - 1 are in the
    uint64_t bounce_out;   // bounce only, of range_first at this offset
    _Atomic uint64_t chunk_seq;  // Of the chunk of a map it had last, 0
    uint64_t chunk;  // Offset of that one's report, as far as it is written
    uint64_t chunk_size;        // At most
    _Atomic uint32_t born;      // 1: the initializer has run
    _Atomic uint32_t init_bad;  // 1: it failed, text says why
    uint64_t failed_item;       // Map: lowest failed item of this leg + 1
    char text[BRD_PAGE_TEXT];   // Of that item, or of the initializer

    // Written by the host
    _Alignas(64) _Atomic uint64_t cancel;  // seq of the task that should stop

    _Alignas(64) _Atomic uint64_t claim[BRD_PAGE_SLOTS];
    brd_page_result_t results[BRD_PAGE_SLOTS];
} brd_page_t;

#endif  // BRD_PAGE_H
