// brd_large.c - where the bytes of calls lie
//
// SPDX-License-Identifier: MPL-2.0
//
// Which of the places it is the address tells. Read brd_outcome.c next; the
// other end is workers/worker_loop.c.

#include "api/brd_large.h"

#include <string.h>
#include <unistd.h>

#include "api/brd_runtime.h"
#include "base/brd_mem.h"

void *
brd_large_alloc (size_t size)
{
    brd_arena_t *arena = brd_runtime_arena ();
    void *memory = NULL;
    if (size >= BRD_WIRE_ARENA_MIN && arena)
        memory = brd_arena_alloc (arena, size, (uint32_t) getpid (), 0);
    return memory ? memory : brd_mem_alloc (size);
}

void
brd_large_free (void *memory)
{
    brd_arena_t *arena = brd_runtime_arena ();
    if (memory && arena && brd_arena_offset (arena, memory) != 0)
        brd_arena_free (arena, memory);
    else
        brd_mem_free (memory);
}

int
brd_large_set_body (brd_call_t *call,
                    brd_outcome_t *outcome,
                    void **large,
                    const void *bytes,
                    size_t size)
{
    void *body = outcome->small;
    if (size > sizeof outcome->small) {
        body = *large = brd_large_alloc (size);
        if (!body)
            return -1;
    }
    memcpy (body, bytes, size);
    call->body = body;
    call->core.size_bytes = (uint32_t) size;
    return 0;
}
