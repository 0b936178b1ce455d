// sim_channel.c - two channels over a transport that loses, doubles and breaks
//
// SPDX-License-Identifier: MPL-2.0
//
//     owner --send--> channel --packets--> link --> channel --recv--> owner
//       ^                                                               |
//       +---- restarts it, or makes a new one when it says it is over --+
//
//     sim_channel                          ten seconds of worlds
//     sim_channel --seconds 3600 --seed 0  an hour of worlds nobody has seen
//     sim_channel --seed 17                world 17 alone
//     sim_channel --messages 1000000       each end sends so many
//     sim_channel --plant forge-ack        a bug, to see it found
//     sim_channel --bench                  how fast a pair is, with no link
//
// Then all calms down, and what is left must come through, soon; and after that
// two idle ends must say no more than their heartbeats.
//
// Read next: sim_channel.h, and sim_channel_model.c for what must be true.

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "sim_channel.h"

static const char *const s_plants[] = { "forge-seq",  "forge-byte", "forge-ack",
                                        "forge-echo", "same-epoch", NULL };

enum {
    S_MESSAGES,
    S_BENCH
};

static sim_kit_option_t s_options[] = {
    [S_MESSAGES] = { .name = "messages", .word = "N", .replays = 1 },
    [S_BENCH] = { .name = "bench" },
    { .name = NULL }
};

static sim_kit_t s_kit = { .name = "sim_channel",
                           .plants = s_plants,
                           .options = s_options };

static uint64_t s_messages;
static uint64_t s_delivered;
static uint64_t s_lives;
static uint64_t s_again;  // Pieces that went once more, at the end of worlds

void
sim_channel_fail (const char *file, int line, const char *what)
{
    sim_kit_fail_at (&s_kit, file, line, what);
}

int
sim_channel_planted (sim_channel_t *self, const char *what)
{
    if (self->planted || !sim_kit_is_planted (&s_kit, what))
        return 0;
    self->planted = 1;
    return 1;
}

// --- Owners ----------------------------------------------------------------

static void
s_born (sim_channel_t *self, int i)
{
    sim_channel_end_t *end = &self->ends[i];
    SIM_CHANNEL_TRUE (self->lives_count < SIM_CHANNEL_LIVES);
    sim_channel_life_t *life = &self->lives[self->lives_count++];
    *life = (sim_channel_life_t){ .epoch = sim_rand_next (&self->rand) | 1,
                                  .born = self->now };
    if (end->life && end->life->sent > 0
        && sim_channel_planted (self, "same-epoch"))
        life->epoch = end->life->epoch;
    end->options.epoch = life->epoch;
    if (end->life)
        end->life->ended = 1;
    end->life = life;
    brd_channel_destroy (&end->channel);
    end->channel = brd_channel_new (&end->options, self->now + end->offset);
    SIM_CHANNEL_TRUE (end->channel);
    s_lives++;
}

// Sends until it has sent all, or is told to stop.
static void
s_send (sim_channel_t *self, int i, uint64_t most)
{
    static unsigned char bytes[1 << 20];
    sim_channel_end_t *end = &self->ends[i];
    for (; most > 0 && end->life->sent < self->theme.messages; most--) {
        const size_t size =
            sim_channel_model_size (self, end->life->epoch, end->life->sent);
        sim_channel_model_fill (end->life->epoch, end->life->sent, bytes, size);
        const int room = brd_channel_room (end->channel, size);
        const int rc = brd_channel_send (end->channel, bytes, size);
        SIM_CHANNEL_TRUE (rc == 0 || errno == ENOBUFS || errno == EPIPE
                          || errno == ESTALE);
        SIM_CHANNEL_TRUE (!room || rc == 0);
        if (rc < 0)
            return;
        end->life->sent++;
    }
}

static void
s_receive (sim_channel_t *self, int i, uint64_t most)
{
    sim_channel_end_t *end = &self->ends[i];
    const void *bytes;
    size_t size;
    for (; most > 0; most--) {
        if (brd_channel_recv (end->channel, &bytes, &size) < 0)
            return;
        sim_channel_model_received (self, i, bytes, size);
        brd_channel_done (end->channel);
    }
}

static void
s_pump (sim_channel_t *self, int i)
{
    sim_channel_end_t *end = &self->ends[i];
    const int64_t now = self->now + end->offset;
    const void *bytes;
    size_t size;
    if (end->refusing) {
        (void) brd_channel_output (end->channel, now, &bytes, &size);
        return;
    }
    while (brd_channel_output (end->channel, now, &bytes, &size) == 0) {
        SIM_CHANNEL_TRUE (size <= BRD_CHANNEL_PACKET_MAX);
        if (!sim_channel_link_put (self, i, bytes, size))
            return;
        brd_channel_sent (end->channel);
    }
    SIM_CHANNEL_TRUE (errno == EAGAIN);
    // Nothing to send, and it asks to be called again: that would be a loop.
    SIM_CHANNEL_TRUE (brd_channel_deadline (end->channel) > now);
}

static int
s_is_over (sim_channel_t *self, int i)
{
    sim_channel_end_t *end = &self->ends[i];
    return brd_channel_state (end->channel, self->now + end->offset)
           >= BRD_CHANNEL_LOST;
}

// --- Time ------------------------------------------------------------------

static void
s_pass (sim_channel_t *self, int64_t most)
{
    int64_t next = self->now + most;
    for (int i = 0; i < 2; i++) {
        const sim_channel_end_t *end = &self->ends[i];
        const int64_t due = sim_channel_link_due (&end->out);
        const int64_t at = brd_channel_deadline (end->channel);
        if (due < next)
            next = due;
        if (at != BRD_NEVER && at - end->offset < next)
            next = at - end->offset;
    }
    if (next > self->now)
        self->now = next;
}

static void
s_turn (sim_channel_t *self, int64_t most)
{
    s_pass (self, most);
    for (int i = 0; i < 2; i++)
        sim_channel_link_deliver (self, i);
    sim_channel_model_check (self);
    for (int i = 0; i < 2; i++) {
        if (self->calm || !sim_rand_chance (&self->rand, self->theme.lazy))
            s_receive (self,
                       i,
                       self->calm ? UINT64_MAX
                                  : sim_rand_below (&self->rand, 100));
        if (s_is_over (self, i)) {
            SIM_CHANNEL_TRUE (!self->theme.faultless);
            s_receive (self, i, UINT64_MAX);
            s_born (self, i);
        }
        s_pump (self, i);
    }
    sim_channel_model_check (self);
}

// --- Bad things ------------------------------------------------------------

static void
s_trouble (sim_channel_t *self)
{
    sim_channel_theme_t *theme = &self->theme;
    sim_rand_t *rand = &self->rand;
    const int i = (int) sim_rand_below (rand, 2);
    if (sim_rand_chance (rand, theme->cut)) {
        self->ends[i].out.cut = 1;
        self->ends[!i].out.cut |= !theme->split && sim_rand_chance (rand, 500);
    }
    if (sim_rand_chance (rand, theme->heal)) {
        self->ends[i].out.cut = 0;
        self->ends[!i].out.cut &= theme->split;
    }
    self->ends[i].refusing = sim_rand_chance (rand, theme->refuse);
    if (sim_rand_chance (rand, theme->reconnect)) {
        // Both lose what was on the way; perhaps only one end is told.
        sim_channel_link_clear (&self->ends[0].out);
        sim_channel_link_clear (&self->ends[1].out);
        brd_channel_reconnected (self->ends[i].channel,
                                 self->now + self->ends[i].offset);
        if (sim_rand_chance (rand, 700))
            brd_channel_reconnected (self->ends[!i].channel,
                                     self->now + self->ends[!i].offset);
    }
    if (self->lives_count < SIM_CHANNEL_LIVES / 2
        && sim_rand_chance (rand, theme->restart))
        s_born (self, i);
}

static int
s_all_through (sim_channel_t *self)
{
    for (int i = 0; i < 2; i++) {
        const sim_channel_end_t *end = &self->ends[i];
        brd_channel_stats_t stats;
        brd_channel_stats (end->channel, &stats);
        if (end->life->sent < self->theme.messages || stats.queued_items > 0
            || self->ends[!i].life->received < end->life->sent
            || brd_channel_state (end->channel, self->now + end->offset)
                   != BRD_CHANNEL_UP)
            return 0;
    }
    return 1;
}

// What was sent arrives soon after the last trouble.
static void
s_calm (sim_channel_t *self)
{
    const brd_channel_options_t *options = &self->ends[0].options;
    self->calm = 1;
    for (int i = 0; i < 2; i++) {
        self->ends[i].out.cut = 0;
        self->ends[i].refusing = 0;
    }
    int64_t limit = self->now + 3 * options->lost_ns;
    uint64_t delivered = self->delivered;
    while (!s_all_through (self)) {
        for (int i = 0; i < 2; i++)
            s_send (self, i, UINT64_MAX);
        s_turn (self, options->lost_ns);
        if (delivered != self->delivered) {
            limit = self->now + 3 * options->lost_ns;
            delivered = self->delivered;
        }
        SIM_CHANNEL_TRUE (self->now < limit);
    }
}

static void
s_idle (sim_channel_t *self)
{
    const int64_t beat = self->ends[0].options.heartbeat_ns;
    const int64_t settled = self->now + 2 * beat;
    while (self->now < settled)
        s_turn (self, settled - self->now);
    const uint64_t packets = self->packets;
    const int64_t end = self->now + 20 * beat;
    while (self->now < end)
        s_turn (self, end - self->now);
    SIM_CHANNEL_TRUE (self->packets - packets <= 2 * 22);
    SIM_CHANNEL_TRUE (s_all_through (self));
}

// --- Worlds ----------------------------------------------------------------

static void
s_draw (sim_channel_t *self)
{
    sim_rand_t *rand = &self->rand;
    sim_channel_theme_t *theme = &self->theme;
    const uint64_t kind = sim_rand_below (rand, 5);
    *theme = (sim_channel_theme_t){
        .messages = (uint64_t) sim_rand_log (rand, 10, 2000),
        .size_max = (uint64_t) sim_rand_log (rand, 1, 300000),
        .delay = sim_rand_log (rand, 1, 40 * SIM_MS),
        .lazy = (unsigned) sim_rand_between (rand, 0, 900),
        .refuse = (unsigned) sim_rand_between (rand, 0, 300),
        .ordered = kind < 2 || sim_rand_chance (rand, 300),
        .faultless = kind == 0,
    };
    if (kind == 0)
        return;
    theme->reconnect = (unsigned) sim_rand_between (rand, 0, 30);
    if (kind == 1)
        return;
    theme->loss = (unsigned) sim_rand_between (rand, 0, 300);
    theme->twice = (unsigned) sim_rand_between (rand, 0, 200);
    theme->cut = (unsigned) sim_rand_between (rand, 0, 10);
    theme->heal = (unsigned) sim_rand_between (rand, 5, 100);
    if (kind == 3)
        theme->restart = (unsigned) sim_rand_between (rand, 1, 15);
    if (kind == 4) {
        theme->split = 1;
        theme->loss /= 10;
        theme->cut = theme->heal = (unsigned) sim_rand_between (rand, 5, 60);
    }
}

static void
s_draw_end (sim_channel_t *self, int i)
{
    sim_rand_t *rand = &self->rand;
    sim_channel_end_t *end = &self->ends[i];
    const int64_t beat = 200 * SIM_MS;
    end->offset = sim_rand_between (rand, -SIM_S, 1000 * SIM_S);
    end->options = (brd_channel_options_t){
        .message_max = 1 << 20,
        .window_items = (uint32_t) sim_rand_log (rand, 1, 300),
        .window_bytes = (uint32_t) sim_rand_log (rand, 1, 1000000),
        .cap_items = (uint64_t) sim_rand_log (rand, 1, 1000),
        .cap_bytes = (uint64_t) sim_rand_log (rand, 1, 3000000),
        .heartbeat_ns = beat,
        .suspect_ns = 3 * beat,
        .lost_ns = 16 * beat,
        .opening_ns = BRD_NEVER,
        .ack_ns = sim_rand_log (rand, 1, 20 * SIM_MS),
        .replay_ns = 100 * SIM_MS,
    };
}

// For very many messages: they are small, and windows are not.
static void
s_widen (sim_channel_t *self)
{
    self->theme.messages = s_messages;
    self->theme.size_max = 1000;
    self->theme.lazy /= 4;
    self->theme.cut /= 4;
    for (int i = 0; i < 2; i++) {
        self->ends[i].options.window_items += 500;
        self->ends[i].options.window_bytes += 100000;
        self->ends[i].options.cap_items += 5000;
        self->ends[i].options.cap_bytes += 1000000;
    }
}

// All that was sent arrived once, and not more than once on the way.
static void
s_check_faultless (sim_channel_t *self)
{
    for (int i = 0; i < 2; i++) {
        brd_channel_stats_t stats;
        brd_channel_stats (self->ends[i].channel, &stats);
        SIM_CHANNEL_TRUE (self->ends[i].life->received == self->theme.messages);
        SIM_CHANNEL_TRUE (stats.pieces_early == 0 && stats.strangers == 0);
    }
}

static void
s_world (uint64_t seed)
{
    static sim_channel_t self;
    memset (&self, 0, sizeof self);
    sim_rand_seed (&self.rand, seed);
    s_draw (&self);
    for (int i = 0; i < 2; i++)
        s_draw_end (&self, i);
    if (s_messages > 0)
        s_widen (&self);
    for (int i = 0; i < 2; i++)
        s_born (&self, i);
    const uint64_t burst = s_messages > 0 ? 1000 : 10;
    const uint64_t turns = 10 * self.theme.messages / burst + 500;
    for (uint64_t turn = 0; turn < turns; turn++) {
        for (int i = 0; i < 2; i++)
            if (sim_rand_chance (&self.rand, 300))
                s_send (&self, i, sim_rand_below (&self.rand, burst));
        s_trouble (&self);
        s_turn (&self, sim_rand_log (&self.rand, SIM_US, 100 * SIM_MS));
    }
    s_calm (&self);
    s_idle (&self);
    if (self.theme.faultless)
        s_check_faultless (&self);
    for (int i = 0; i < 2; i++) {
        brd_channel_stats_t stats;
        brd_channel_stats (self.ends[i].channel, &stats);
        s_again += stats.pieces_again;
        sim_channel_link_clear (&self.ends[i].out);
        brd_channel_destroy (&self.ends[i].channel);
    }
    s_delivered += self.delivered;
}

// --- How fast --------------------------------------------------------------

static void
s_carry (brd_channel_t *from, brd_channel_t *to)
{
    const void *bytes;
    size_t size;
    while (brd_channel_output (from, 1, &bytes, &size) == 0) {
        SIM_CHANNEL_TRUE (brd_channel_input (to, 1, bytes, size) == 0);
        brd_channel_sent (from);
    }
}

static void
s_bench_size (size_t size, long count)
{
    static unsigned char message[1 << 20];
    const void *bytes;
    size_t got;
    struct timespec begin, end;
    brd_channel_t *a =
        brd_channel_new (&(brd_channel_options_t){ .epoch = 1 }, 1);
    brd_channel_t *b =
        brd_channel_new (&(brd_channel_options_t){ .epoch = 2 }, 1);
    SIM_CHANNEL_TRUE (a && b);
    long received = 0;
    clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &begin);
    for (long sent = 0; received < count;) {
        // Some hundred at a time, as a turn of an owner may have.
        for (int i = 0; i < 200 && sent < count; i++, sent++)
            if (brd_channel_send (a, message, size) < 0)
                break;
        s_carry (a, b);
        while (brd_channel_recv (b, &bytes, &got) == 0) {
            brd_channel_done (b);
            received++;
        }
        s_carry (b, a);
    }
    clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &end);
    const double seconds = (double) (end.tv_sec - begin.tv_sec)
                           + (double) (end.tv_nsec - begin.tv_nsec) / 1e9;
    brd_channel_stats_t stats;
    brd_channel_stats (a, &stats);
    printf ("%7zu bytes: %9.0f messages/s, %7.0f ns of CPU each (both ends), "
            "%6.1f messages a packet, %6.2f GB/s\n",
            size,
            (double) count / seconds,
            seconds * 1e9 / (double) count,
            (double) count / (double) stats.packets_out,
            (double) count * (double) size / seconds / 1e9);
    brd_channel_destroy (&a);
    brd_channel_destroy (&b);
}

static int
s_bench (void)
{
    s_bench_size (16, 10000000);
    s_bench_size (64, 10000000);
    s_bench_size (1000, 3000000);
    s_bench_size (65000, 100000);
    s_bench_size (1000000, 5000);
    return 0;
}

int
main (int argc, char **argv)
{
    if (sim_kit_read (&s_kit, argc, argv) < 0)
        return 2;
    if (s_options[S_BENCH].value)
        return s_bench ();
    s_messages = s_options[S_MESSAGES].value;
    sim_kit_guard (&s_kit);
    sim_kit_run (&s_kit, s_world);
    printf ("sim_channel: %llu seeds from %llu, %llu messages, %llu channels, "
            "%llu pieces sent again\n",
            (unsigned long long) s_kit.seeds,
            (unsigned long long) s_kit.first,
            (unsigned long long) s_delivered,
            (unsigned long long) s_lives,
            (unsigned long long) s_again);
    return 0;
}
