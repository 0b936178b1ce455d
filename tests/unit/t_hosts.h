// t_hosts.h - a pool whose hosts the test speaks for
//
// SPDX-License-Identifier: MPL-2.0

#ifndef T_HOSTS_H
#define T_HOSTS_H

#include "t_peer.h"

// --- Calls -----------------------------------------------------------------

typedef struct {
    brd_call_t call;  // First
    _Atomic int ended;
    brd_call_end_t end;
    char text[256];
} t_call_t;

static inline void
t_call_ended (brd_call_t *call, const brd_call_end_t *end)
{
    t_call_t *self = (t_call_t *) (void *) call;
    self->end = *end;
    snprintf (self->text,
              sizeof self->text,
              "%.*s",
              (int) end->size,
              end->bytes ? (const char *) end->bytes : "");
    self->ended = 1;
}

static inline int
t_call_has_ended (void *arg)
{
    return ((t_call_t *) arg)->ended;
}

static inline void
t_call_await (t_call_t *self)
{
    assert_int_equal (brd_host_wait (brd_runtime_host (),
                                     t_call_has_ended,
                                     self,
                                     brd_clock_deadline (30000)),
                      0);
}

static inline void
t_call_submit (t_call_t *self,
               const brd_host_pool_t *pool,
               const brd_core_task_options_t *options)
{
    *self = (t_call_t){ .call = {
                            .core = { .pool = brd_host_pool_number (pool),
                                      .size_bytes = 1,
                                      .options = options },
                            .fn = t_number (t_double),
                            .body = "\x15",
                            .ended = t_call_ended,
                        } };
    assert_int_equal (brd_host_submit (brd_runtime_host (), &self->call), 0);
}

static inline brd_host_pool_t *
t_hosts_pool (int only)
{
    const brd_host_hosts_options_t options = {
        .name = "above",
        .open = &t_wanted,
        .only = only,
        .remote = 1,
    };
    brd_host_pool_t *pool =
        brd_host_pool_open_hosts (brd_runtime_host (), &options);
    assert_non_null (pool);
    return pool;
}

static inline void
t_hosts_hears_open (brd_peer_t *peer)
{
    brd_frame_t frame;
    brd_wire_open_t open;
    assert_true (t_hear (peer, BRD_OP_OPEN, &frame));
    assert_int_equal (brd_frame_next_open (&frame, &open), 1);
    assert_true (open.name_size == 4 && memcmp (open.name, "pool", 4) == 0);
    peer->done (peer);
}

// The other end of a host of this pool, which was told what to open; *ret_above
// is the pool's.
static inline brd_peer_t *
t_hosts_at (brd_host_pool_t *pool,
            int (*silent) (brd_peer_t *peer, int64_t now),
            brd_peer_t **ret_above)
{
    brd_peer_t *peers[2];
    brd_host_t *host = brd_runtime_host ();
    t_pair (peers);
    if (silent)
        peers[0]->silent = silent;
    brd_host_lock (host);
    assert_int_equal (brd_host_pool_add_peer (pool, peers[0]), 0);
    brd_host_unlock (host);
    t_hosts_hears_open (peers[1]);
    *ret_above = peers[0];
    return peers[1];
}

// One that has a name, and so many slots.
static inline brd_peer_t *
t_hosts_called (brd_host_pool_t *pool, const char *name, uint32_t slots)
{
    brd_peer_t *peers[2];
    brd_host_t *host = brd_runtime_host ();
    t_pair (peers);
    brd_host_lock (host);
    assert_int_equal (brd_host_pool_add_host (pool, peers[0], name, 4711), 0);
    brd_host_unlock (host);
    t_hosts_hears_open (peers[1]);
    t_say_slots (peers[1], slots, 0, "");
    return peers[1];
}

static inline brd_peer_t *
t_hosts_one (brd_host_pool_t *pool,
             int (*silent) (brd_peer_t *peer, int64_t now))
{
    brd_peer_t *above;
    return t_hosts_at (pool, silent, &above);
}

// The seq of the only task that comes next.
static inline uint64_t
t_hosts_hears_task (brd_peer_t *peer, uint16_t attempt)
{
    brd_frame_t frame;
    brd_wire_task_t task;
    assert_true (t_hear (peer, BRD_OP_TASKS, &frame));
    assert_int_equal (brd_frame_next_task (&frame, &task), 1);
    assert_true (task.fn == t_number (t_double) && task.attempt == attempt);
    assert_true (task.flags == 0 && task.kind == BRD_TASK_MESSAGE);
    assert_true (task.size == 1 && memcmp (task.body, "\x15", 1) == 0);
    const uint64_t seq = task.seq;
    assert_int_equal (brd_frame_next_task (&frame, &task), 0);
    peer->done (peer);
    return seq;
}

static inline void
t_hosts_says_done (brd_peer_t *peer, uint64_t seq)
{
    t_say_result (
        peer, &(brd_wire_result_t){ .seq = seq, .size = 1, .body = "\x2a" });
}

static inline void
t_hosts_end (brd_host_pool_t *pool)
{
    brd_host_pool_end (pool);
    brd_host_pool_free (&pool);
}

static inline int
t_hosts_has_slots (void *pool)
{
    return brd_host_pool_slots (pool) > 0;
}

static inline int
t_hosts_has_none (void *pool)
{
    return brd_host_pool_slots (pool) == 0;
}

#endif  // T_HOSTS_H
