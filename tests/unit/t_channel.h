// t_channel.h - two channels in one process, and a clock by hand
//
// SPDX-License-Identifier: MPL-2.0

#ifndef T_CHANNEL_H
#define T_CHANNEL_H

#include "t.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "wire/brd_channel.h"
#include "wire/brd_channel_codec.h"

#define T_MS INT64_C (1000000)
#define T_S INT64_C (1000000000)

typedef struct {
    brd_channel_t *a;
    brd_channel_t *b;
    int64_t now;
} t_channels_t;

// Refused, with this errno.
#define t_refused(call, error) \
    do { \
        errno = 0; \
        assert_int_equal ((call), -1); \
        assert_int_equal (errno, error); \
    } while (0)

static inline brd_channel_t *
t_channel_new (brd_channel_options_t options, int64_t now)
{
    brd_channel_t *self = brd_channel_new (&options, now);
    assert_non_null (self);
    return self;
}

// The next packet of it, which was sent; a copy. 0 if there is none.
static inline size_t
t_channel_packet (brd_channel_t *self, int64_t now, unsigned char *out)
{
    const void *bytes;
    size_t size;
    if (brd_channel_output (self, now, &bytes, &size) < 0) {
        assert_int_equal (errno, EAGAIN);
        return 0;
    }
    assert_true (size <= BRD_CHANNEL_PACKET_MAX);
    memcpy (out, bytes, size);
    brd_channel_sent (self);
    return size;
}

// All packets there are go from one to the other, or to nobody (NULL); how
// many.
static inline int
t_channel_carry (brd_channel_t *from, brd_channel_t *to, int64_t now)
{
    static unsigned char bytes[BRD_CHANNEL_PACKET_MAX];
    size_t size;
    int count = 0;
    for (; (size = t_channel_packet (from, now, bytes)) > 0; count++)
        if (to)
            assert_int_equal (brd_channel_input (to, now, bytes, size), 0);
    brd_channel_check (from);
    if (to)
        brd_channel_check (to);
    return count;
}

// Until nobody has anything to say now; how many packets.
static inline int
t_channel_settle (t_channels_t *self)
{
    int all = 0;
    for (int some = 1; some > 0; all += some) {
        some = t_channel_carry (self->a, self->b, self->now);
        some += t_channel_carry (self->b, self->a, self->now);
        assert_true (all < 1000);
    }
    return all;
}

// Of epochs 1 and 2, and known to each other.
static inline t_channels_t
t_channel_pair (brd_channel_options_t options)
{
    t_channels_t self = { .now = T_S };
    options.epoch = 1;
    self.a = t_channel_new (options, self.now);
    options.epoch = 2;
    self.b = t_channel_new (options, self.now);
    t_channel_settle (&self);
    assert_int_equal (brd_channel_state (self.a, self.now), BRD_CHANNEL_UP);
    assert_int_equal (brd_channel_state (self.b, self.now), BRD_CHANNEL_UP);
    return self;
}

static inline void
t_channel_end (t_channels_t *self)
{
    brd_channel_destroy (&self->a);
    brd_channel_destroy (&self->b);
}

// size bytes of this value are sent.
static inline int
t_channel_send (brd_channel_t *self, int value, size_t size)
{
    unsigned char *bytes = malloc (size + 1);
    assert_non_null (bytes);
    memset (bytes, value, size);
    const int rc = brd_channel_send (self, bytes, size);
    free (bytes);
    return rc;
}

// The next message is size bytes of this value, and stays on loan.
static inline void
t_channel_expect (brd_channel_t *self, int value, size_t size)
{
    const void *bytes = NULL;
    size_t got;
    assert_int_equal (brd_channel_recv (self, &bytes, &got), 0);
    assert_non_null (bytes);
    assert_int_equal (got, size);
    for (size_t i = 0; i < size; i++)
        if (((const unsigned char *) bytes)[i] != value)
            fail_msg ("byte %zu of %zu is wrong", i, size);
}

static inline void
t_channel_take (brd_channel_t *self, int value, size_t size)
{
    t_channel_expect (self, value, size);
    brd_channel_done (self);
}

static inline void
t_channel_expect_none (brd_channel_t *self)
{
    const void *bytes;
    size_t size;
    t_refused (brd_channel_recv (self, &bytes, &size), EAGAIN);
}

static inline brd_channel_stats_t
t_channel_stats (const brd_channel_t *self)
{
    brd_channel_stats_t stats;
    brd_channel_stats (self, &stats);
    return stats;
}

#endif  // T_CHANNEL_H
