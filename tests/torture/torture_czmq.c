// torture_czmq.c - zmsgs and loops: each allocation of brood's fails once
//
// SPDX-License-Identifier: MPL-2.0
//
// Only where czmq is found. A zmsg that was not taken is whole, a loop that
// could not be added polls nothing, and callbacks come once or were refused.

#include "torture.h"

#include <string.h>

#include <brood/brood_czmq.h>

enum {
    S_FRAMES = 20,
    S_TASKS = 4
};

static void
s_frames (void)
{
    static char bytes[900];
    zmsg_t *zmsg = zmsg_new ();
    for (int i = 0; i < S_FRAMES; i++)
        zmsg_addmem (zmsg, bytes, sizeof bytes);
    BROOD_AUTO (msg) msg = brood_msg_new_zmsg (&zmsg);
    if (TORTURE_OK (msg)) {
        TORTURE_MUST (!zmsg && brood_msg_len (msg, "") == S_FRAMES);
        TORTURE_MUST (brood_msg_len (msg, "[19]") == sizeof bytes);
    }
    else
        TORTURE_MUST (zmsg_size (zmsg) == S_FRAMES
                      && zmsg_content_size (zmsg) == S_FRAMES * sizeof bytes);
    zmsg_destroy (&zmsg);
}

static void
s_there_and_back (void)
{
    BROOD_AUTO (msg) there = brood_msg_new ("{a: [1, %d], b: %s}", 2, "text");
    if (!TORTURE_OK (there))
        return;
    zmsg_t *zmsg = brood_msg_zmsg (there);
    if (!TORTURE_OK (zmsg))
        return;
    BROOD_AUTO (msg) back = brood_msg_new_zmsg (&zmsg);
    if (TORTURE_OK (back))
        TORTURE_MUST (!zmsg && brood_msg_equal (there, back) == 1);
    else
        TORTURE_MUST (zmsg_size (zmsg) == 1);
    zmsg_destroy (&zmsg);
}

// --- A loop ----------------------------------------------------------------

typedef struct {
    int wanted;
    int came;
    int late;
} s_seen_t;

static int
s_next (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    if (brood_msg_unpack (in, "%d", &n) < 0)
        return brood_task_fail (task, "wanted a number");
    return brood_msg_pack (out, "%d", n + 1);
}
BROOD_TASK (s_next);

static void
s_came (brood_future_t *future, void *arg)
{
    (void) future;
    ((s_seen_t *) arg)->came++;
}

static int
s_look (zloop_t *loop, int timer, void *arg)
{
    const s_seen_t *seen = arg;
    (void) loop;
    (void) timer;
    return seen->came == seen->wanted ? -1 : 0;
}

static int
s_too_late (zloop_t *loop, int timer, void *arg)
{
    (void) loop;
    (void) timer;
    ((s_seen_t *) arg)->late = 1;
    return -1;
}

static void
s_loop (void)
{
    s_seen_t seen = { 0, 0, 0 };
    zloop_t *loop = zloop_new ();
    if (!TORTURE_OK (brood_zloop_add (loop) == 0)) {
        zloop_destroy (&loop);
        return;
    }
    for (int i = 0; i < S_TASKS; i++) {
        BROOD_AUTO (future)
        f = brood_pool_submit (torture_pool (), s_next, "%d", i);
        if (TORTURE_OK (f)
            && TORTURE_OK (brood_future_then (f, s_came, &seen) == 0))
            seen.wanted++;
    }
    zloop_timer (loop, 1, 0, s_look, &seen);
    zloop_timer (loop, TORTURE_MS, 1, s_too_late, &seen);
    TORTURE_MUST (zloop_start (loop) == -1);
    TORTURE_MUST (!seen.late && seen.came == seen.wanted);
    brood_zloop_remove (loop);
    zloop_destroy (&loop);
}

const torture_scenario_t torture_czmq[] = {
    { "frames", s_frames },
    { "there-and-back", s_there_and_back },
    { "loop", s_loop },
    { NULL, NULL },
};
