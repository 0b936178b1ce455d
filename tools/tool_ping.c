// tool_ping.c - brood ping: how far away a broker is
//
// SPDX-License-Identifier: MPL-2.0
//
// Questions, one after the other, a moment between them: a broker cuts off who
// asks without pause (ask.h).

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include "base/brd_clock.h"
#include "base/brd_mem.h"
#include "tools/ask_dial.h"
#include "tools/tool.h"
#include "tools/tool_look.h"

enum {
    S_COUNT = 10,
    S_COUNT_MAX = 1000000,
    S_PAUSE_MS = 10
};

typedef struct {
    const char *broker;
    long count;
} s_wanted_t;

static const struct argp_option s_options[] = {
    { "count", 'c', "N", 0, "So many round trips, 10 if it is not said", 0 },
    { 0 },
};

static error_t
s_option (int key, char *arg, struct argp_state *state)
{
    char *end;
    s_wanted_t *wanted = state->input;
    switch (key) {
    case 'c':
        wanted->count = strtol (arg, &end, 10);
        if (end == arg || *end != '\0' || wanted->count < 1
            || wanted->count > S_COUNT_MAX)
            argp_error (state, "%s: 1 to %d round trips", arg, S_COUNT_MAX);
        return 0;
    case ARGP_KEY_ARG:
        if (wanted->broker)
            argp_error (state, "one broker");
        wanted->broker = arg;
        return 0;
    case ARGP_KEY_END:
        if (!wanted->broker)
            argp_error (state, "which broker?");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp brd_tool_ping_argp = {
    .options = s_options,
    .parser = s_option,
    .args_doc = "BROKER",
    .doc = "Asks a broker for nothing, and tells how long the answer took. "
           "BROKER is as for brood status.",
};

static int
s_by_length (const void *left, const void *right)
{
    const int64_t *a = left, *b = right;
    return *a < *b ? -1 : *a > *b;
}

// The first one is not counted: it waits for the session to begin.
static int
s_measure (brd_ask_dial_t *dial, int64_t *trips, long count)
{
    brd_buf_t answer;
    int rc = 0;
    brd_buf_init (&answer, SIZE_MAX / 2);
    for (long i = -1; rc == 0 && i < count; i++) {
        answer.size = 0;
        (void) poll (NULL, 0, i < 0 ? 0 : S_PAUSE_MS);
        const int64_t before = brd_clock_now ();
        rc =
            brd_ask_dial_ask (dial, "ping", brd_tool_look_deadline (), &answer);
        if (i >= 0)
            trips[i] = brd_clock_now () - before;
    }
    brd_buf_fini (&answer);
    return rc;
}

int
brd_tool_ping (int argc, char **argv)
{
    s_wanted_t wanted = { .count = S_COUNT };
    brd_tool_parse (&brd_tool_ping_argp, argc, argv, &wanted);
    int64_t *trips = brd_mem_array ((size_t) wanted.count, sizeof *trips);
    brd_ask_dial_t *dial = trips ? brd_ask_dial_new (wanted.broker) : NULL;
    const int rc = dial ? s_measure (dial, trips, wanted.count) : -1;
    const int code = rc < 0 ? brd_tool_fail ("ping") : TOOL_OK;
    if (rc == 0) {
        qsort (trips, (size_t) wanted.count, sizeof *trips, s_by_length);
        printf ("%ld round trips: min %.3f ms, median %.3f ms, max %.3f ms\n",
                wanted.count,
                (double) trips[0] / 1e6,
                (double) trips[wanted.count / 2] / 1e6,
                (double) trips[wanted.count - 1] / 1e6);
    }
    if (dial)
        brd_ask_dial_destroy (&dial);
    brd_mem_free (trips);
    return fflush (stdout) != 0 ? EX_IOERR : code;
}
