// test_asking.c - a broker that runs is asked how it is, and has hosts drained
//
// SPDX-License-Identifier: MPL-2.0
//
// The whole road: a program with a pool on two hosts, whose broker is asked by
// its local door while it works. This program is its own agent.

#include "t_process.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/brd_buf.h"
#include "base/brd_clock.h"
#include "base/brd_mem.h"
#include "tools/ask_dial.h"
#include "tools/ask_door.h"
#include "wire/brd_json.h"

enum {
    N = 60
};

// Who runs it: the agent.
static int
s_who (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int ms;
    if (brood_msg_unpack (in, "%d", &ms) < 0)
        return brood_task_fail (task, "wanted a number");
    usleep ((useconds_t) ms * 1000);
    return brood_msg_pack (
        out, "%d", brood_process_pid (brood_process_parent ()));
}
BROOD_TASK (s_who);

// --- Asking ----------------------------------------------------------------

// The only broker among this test's processes.
static brd_ask_dial_t *
s_dial (void)
{
    pid_t pids[T_NAMES];
    char text[32];
    brd_ask_door_t *doors = NULL;
    brd_ask_dial_t *dial = NULL;
    const int marked = t_marked (pids, T_NAMES);
    const long count = brd_ask_door_list (&doors);
    T_MUST (count > 0);
    for (long i = 0; i < count && !dial; i++)
        for (int j = 0; j < marked && !dial; j++) {
            snprintf (text, sizeof text, "%d", (int) doors[i].pid);
            if (doors[i].pid == pids[j])
                dial = brd_ask_dial_new (text);
        }
    brd_mem_free (doors);
    T_MUST (dial != NULL);
    return dial;
}

// As JSON.
static const char *
s_asked (brd_ask_dial_t *dial, const char *question)
{
    static char text[8192];
    brd_buf_t answer, json;
    brd_buf_init (&answer, 1 << 21);
    brd_buf_init (&json, sizeof text - 1);
    T_MUST (
        brd_ask_dial_ask (dial, question, brd_clock_deadline (60000), &answer)
        == 0);
    T_MUST (brd_json_write (&json, answer.bytes, answer.size) == 0);
    snprintf (text, sizeof text, "%.*s", (int) json.size, (char *) json.bytes);
    brd_buf_fini (&answer);
    brd_buf_fini (&json);
    return text;
}

// What a report says of a host.
typedef struct {
    brd_ask_dial_t *dial;
    const char *name;
    int pid;
    int slots;
    int waiting;
    int running;
    int gone;  // Its number before
    char state[16];
} s_host_t;

// 0: it is not there. One that has died is there until it is lost.
static int
s_look (s_host_t *self)
{
    char wanted[64];
    snprintf (wanted, sizeof wanted, "\"name\": \"%s\"", self->name);
    const char *at = s_asked (self->dial, "report");
    while ((at = strstr (at, wanted)) != NULL) {
        at += strlen (wanted);
        if (sscanf (at,
                    ", \"pid\": %d, \"slots\": %d, \"waiting\": %d, "
                    "\"running\": %d, \"state\": \"%15[a-z]\"",
                    &self->pid,
                    &self->slots,
                    &self->waiting,
                    &self->running,
                    self->state)
                == 5
            && self->pid != self->gone)
            return 1;
    }
    return 0;
}

static int
s_is_up (void *arg)
{
    s_host_t *self = arg;
    return s_look (self) && strcmp (self->state, "up") == 0;
}

static int
s_is_busy (void *arg)
{
    s_host_t *self = arg;
    return s_look (self) && self->running > 0;
}

static int
s_is_empty (void *arg)
{
    s_host_t *self = arg;
    return s_look (self) && self->running + self->waiting == 0;
}

static int
s_has_slots (void *arg)
{
    s_host_t *self = arg;
    return s_look (self) && self->slots > 0;
}

// --- What is asked for -----------------------------------------------------

static brood_pool_t *
s_open (const char *spec, s_host_t hosts[2])
{
    T_MUST (brood_init (NULL, NULL) == 0);
    brood_pool_t *pool = brood_pool_new (spec);
    T_MUST (pool != NULL);
    brd_ask_dial_t *dial = s_dial ();
    hosts[0] = (s_host_t){ .dial = dial, .name = "local1" };
    hosts[1] = (s_host_t){ .dial = dial, .name = "local2" };
    for (int i = 0; i < 2; i++)
        T_MUST (t_eventually (s_is_up, &hosts[i], 60));
    return pool;
}

static void
s_submit (brood_pool_t *pool, brood_future_t *futures[N], int ms)
{
    for (int i = 0; i < N; i++) {
        futures[i] = brood_pool_submit (pool, s_who, "%d", ms);
        T_MUST (futures[i] != NULL);
    }
}

// How many of them this host has run. Only until the first that it has, if not
// all are wanted: then it is busy with others.
static int
s_take (brood_future_t *futures[N], int pid, int all)
{
    int who, count = 0;
    for (int i = 0; i < N && (all || count == 0); i++) {
        if (!futures[i])
            continue;
        T_MUST (brood_future_get (futures[i], 60000, "%d", &who) == 0);
        count += who == pid;
        brood_future_destroy (&futures[i]);
    }
    return count;
}

static void
s_works (void *arg)
{
    s_host_t hosts[2];
    brood_future_t *futures[N];
    BROOD_AUTO (pool) pool = s_open (arg, hosts);
    brd_ask_dial_t *dial = hosts[0].dial;
    T_MUST (hosts[0].slots == 2 && hosts[1].slots == 2);
    T_MUST (hosts[0].pid != hosts[1].pid);
    const char *report = s_asked (dial, "report");
    T_MUST (strstr (report, "\"place\": \"local:4?hosts=2\""));
    T_MUST (strstr (report, "\"slots\": 4, \"waiting\": 0, \"running\": 0"));
    T_MUST (strstr (report, "\"kind\": \"program\""));
    s_submit (pool, futures, 20);
    for (int i = 0; i < 2; i++)
        T_MUST (t_eventually (s_is_busy, &hosts[i], 60));
    T_MUST (s_take (futures, hosts[0].pid, 1) > 0);
    report = s_asked (dial, "report");
    T_MUST (strstr (report, "\"done\": 60, \"failed\": 0"));
    brd_ask_dial_destroy (&dial);
}

// In the middle of its work; nothing is lost, and nothing new comes.
static void
s_drains (void *arg)
{
    s_host_t hosts[2];
    brood_future_t *futures[N];
    BROOD_AUTO (pool) pool = s_open (arg, hosts);
    brd_ask_dial_t *dial = hosts[0].dial;
    s_submit (pool, futures, 20);
    T_MUST (s_take (futures, hosts[0].pid, 0) == 1);
    T_MUST (strcmp (s_asked (dial, "drain local1"), "null") == 0);
    T_MUST (t_eventually (s_is_empty, &hosts[0], 60));
    T_MUST (strcmp (hosts[0].state, "draining") == 0 && hosts[0].slots == 2);
    const int before = s_take (futures, hosts[0].pid, 1);
    T_MUST (before < N);
    s_submit (pool, futures, 1);
    T_MUST (s_take (futures, hosts[0].pid, 1) == 0);
    // With nobody left they wait, for whoever is back first.
    T_MUST (strcmp (s_asked (dial, "drain local2"), "null") == 0);
    s_submit (pool, futures, 1);
    T_MUST (s_look (&hosts[0]) && hosts[0].running == 0);
    T_MUST (strcmp (s_asked (dial, "undrain local1"), "null") == 0);
    T_MUST (s_take (futures, hosts[0].pid, 1) == N);
    brd_ask_dial_destroy (&dial);
}

// An agent that dies is started anew, under the same name.
static void
s_dies (void *arg)
{
    s_host_t hosts[2];
    brood_future_t *futures[N];
    BROOD_AUTO (pool) pool = s_open (arg, hosts);
    brd_ask_dial_t *dial = hosts[0].dial;
    hosts[0].gone = hosts[0].pid;
    T_MUST (strcmp (s_asked (dial, "drain local1"), "null") == 0);
    T_MUST (kill (hosts[0].gone, SIGKILL) == 0);
    T_MUST (t_eventually (s_has_slots, &hosts[0], 60));
    T_MUST (strcmp (hosts[0].state, "draining") == 0);
    s_submit (pool, futures, 1);
    T_MUST (s_take (futures, hosts[1].pid, 1) == N);
    brd_ask_dial_destroy (&dial);
}

static int
s_is_away (void *arg)
{
    brd_buf_t answer;
    brd_buf_init (&answer, 4096);
    const int rc =
        brd_ask_dial_ask (arg, "ping", brd_clock_deadline (60000), &answer);
    const int error = errno;
    brd_buf_fini (&answer);
    T_MUST (rc == 0 || error == EHOSTUNREACH);
    return rc < 0;
}

// The door goes with the broker.
static void
s_ends (void *arg)
{
    s_host_t hosts[2];
    brood_pool_t *pool = s_open (arg, hosts);
    brood_pool_destroy (&pool);
    T_MUST (t_eventually (s_is_away, hosts[0].dial, 60));
    brd_ask_dial_destroy (&hosts[0].dial);
}

// --- Running them ----------------------------------------------------------

static void
s_run (void (*fn) (void *arg))
{
    char spec[] = "local:4?hosts=2";
    int status;
    char *output = t_run_child (fn, spec, 100, &status);
    if (status != 0)
        fail_msg ("%x: %s", status, output);
    free (output);
    assert_int_equal (t_marked_wait (0, 20), 0);
}

#define TEST(name) \
    static void s_test_##name (void **state) \
    { \
        (void) state; \
        s_run (s_##name); \
    }

TEST (works)
TEST (drains)
TEST (dies)
TEST (ends)

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_works),
        cmocka_unit_test (s_test_drains),
        cmocka_unit_test (s_test_dies),
        cmocka_unit_test (s_test_ends),
    };
    if (getenv ("BROOD_AGENT"))
        (void) brood_init (&argc, &argv);
    t_mark (argv);
    t_watchdog (280);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
