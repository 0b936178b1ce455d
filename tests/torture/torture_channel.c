// torture_channel.c - two channels: each allocation fails once
//
// SPDX-License-Identifier: MPL-2.0
//
// A message that could not be queued was not; a packet there was no memory for
// is as good as lost, and comes again. What was queued comes out once.

#include "torture.h"

#include <string.h>

#include "wire/brd_channel.h"

enum {
    S_COUNT = 12  // Sent by each
};

#define S_MS INT64_C (1000000)

typedef struct {
    brd_channel_t *ends[2];
    int64_t now;
    int sent[2][S_COUNT];  // In their order
    int sent_count[2];
    int taken[2];
} s_talk_t;

static size_t
s_size (int i)
{
    static const size_t sizes[] = { 10, 0, 70000, 200, 1500000, 65528 };
    return sizes[i % 6];
}

static void
s_send (s_talk_t *self, int end, int i)
{
    static unsigned char bytes[1500000];
    memset (bytes, i + end, s_size (i));
    if (TORTURE_OK (brd_channel_send (self->ends[end], bytes, s_size (i)) == 0))
        self->sent[end][self->sent_count[end]++] = i;
}

static void
s_carry (s_talk_t *self, int end)
{
    const void *bytes;
    size_t size;
    while (brd_channel_output (self->ends[end], self->now, &bytes, &size)
           == 0) {
        (void) TORTURE_OK (
            brd_channel_input (self->ends[!end], self->now, bytes, size) == 0);
        brd_channel_sent (self->ends[end]);
    }
}

static void
s_take (s_talk_t *self, int end)
{
    const void *message;
    size_t size;
    while (brd_channel_recv (self->ends[end], &message, &size) == 0) {
        TORTURE_MUST (self->taken[end] < self->sent_count[!end]);
        const int i = self->sent[!end][self->taken[end]++];
        const unsigned char *bytes = message;
        TORTURE_MUST (size == s_size (i));
        TORTURE_MUST (size == 0
                      || (bytes[0] == i + !end && bytes[size - 1] == i + !end));
        brd_channel_done (self->ends[end]);
    }
}

static void
s_talk (s_talk_t *self)
{
    // Seconds: until the last that was missing is missed.
    for (int turn = 0; turn < 200; turn++) {
        for (int end = 0; end < 2; end++) {
            if (turn < S_COUNT)
                s_send (self, end, turn);
            s_carry (self, end);
            s_take (self, !end);
            brd_channel_check (self->ends[!end]);
        }
        self->now += 20 * S_MS;
    }
    for (int end = 0; end < 2; end++)
        TORTURE_MUST (self->taken[!end] == self->sent_count[end]);
}

static void
s_pair (void)
{
    s_talk_t self = { .now = S_MS };
    for (uint64_t i = 0; i < 2; i++)
        self.ends[i] = brd_channel_new (
            &(brd_channel_options_t){ .epoch = i + 1 }, self.now);
    if (TORTURE_OK (self.ends[0] && self.ends[1]))
        s_talk (&self);
    brd_channel_destroy (&self.ends[0]);
    brd_channel_destroy (&self.ends[1]);
}

const torture_scenario_t torture_channel[] = {
    { "pair", s_pair },
    { NULL, NULL },
};
