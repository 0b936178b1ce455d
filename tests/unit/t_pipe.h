// t_pipe.h - a pipe, and short words for its calls
//
// SPDX-License-Identifier: MPL-2.0

#ifndef T_PIPE_H
#define T_PIPE_H

#include "t_shared.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/brd_clock.h"
#include "shared/brd_pipe.h"

static inline brd_sleep_t
t_pipe_for (int timeout_ms)
{
    brd_sleep_t sleep;
    brd_sleep_begin (&sleep, brd_clock_deadline (timeout_ms));
    return sleep;
}

static inline int
t_pipe_send (brd_pipe_end_t *end,
             int timeout_ms,
             const void *bytes,
             size_t size)
{
    brd_sleep_t sleep = t_pipe_for (timeout_ms);
    return brd_pipe_send (end, &sleep, bytes, size, 0);
}

// Its size, -1.
static inline long
t_pipe_recv (brd_pipe_end_t *end, int timeout_ms, void *buffer, size_t room)
{
    brd_sleep_t sleep = t_pipe_for (timeout_ms);
    brd_pipe_view_t view;
    if (brd_pipe_peek (end, &sleep, &view) < 0)
        return -1;
    if (view.size > room)
        abort ();
    if (view.size > 0)
        memcpy (buffer, view.bytes, view.size);
    brd_pipe_take (end, &view, 0);
    return (long) view.size;
}

static inline void
t_pipe_new (int duplex, brd_pipe_end_t ends[2])
{
    assert_int_equal (brd_pipe_new (t_shared, duplex, ends), 0);
}

static inline void
t_pipe_drop (brd_pipe_end_t ends[2])
{
    brd_pipe_drop (&ends[0]);
    brd_pipe_drop (&ends[1]);
}

#endif  // T_PIPE_H
