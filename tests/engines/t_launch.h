// t_launch.h - launchers, with what tests ask about the agents they start
//
// SPDX-License-Identifier: MPL-2.0

#ifndef T_LAUNCH_H
#define T_LAUNCH_H

#include "tests/t.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/brd_clock.h"
#include "base/brd_error.h"
#include "base/brd_hash.h"
#include "tools/launch.h"

enum {
    T_LAUNCH_HOSTS = 8,
    T_LAUNCH_SECONDS = 60,
    T_LAUNCH_WORDS = 24
};

// What an agent reported.
typedef struct {
    pid_t pid;
    uint64_t hash;
    int fds;
    int signals;
    char node[64];
    char value[256];
    char words[T_LAUNCH_WORDS][64];
    int n_words;
} t_agent_t;

typedef struct {
    brd_launch_t *launch;
    brd_place_t place;
    char reports[64];
    const char *argv[T_LAUNCH_WORDS + 3];
    const char *env[4];
    char mark[64];
    int secrets[T_LAUNCH_HOSTS];  // Handed out, per host
    int started, ended, over;     // Of all hosts
    int all_started, all_over;    // Of the allocation
    int secret_errno;             // What secret fails with
    brd_launch_event_t last;      // Its text is in:
    char text[1024];
    char said[3][4096];
} t_launch_t;

static inline void
t_launch_line (size_t host, int n, char line[BRD_LAUNCH_SECRET_MAX])
{
    snprintf (line, BRD_LAUNCH_SECRET_MAX, "secret of %zu, %d", host, n);
}

static inline int
t_launch_secret (void *arg, size_t host, char line[BRD_LAUNCH_SECRET_MAX])
{
    t_launch_t *t = arg;
    if (t->secret_errno != 0)
        return brd_error_set (t->secret_errno, "no secrets today");
    const size_t at = host == BRD_LAUNCH_ALL ? 0 : host;
    assert_true (at < T_LAUNCH_HOSTS);
    t_launch_line (at, ++t->secrets[at], line);
    return 0;
}

static inline void
t_launch_event (void *arg, const brd_launch_event_t *event)
{
    t_launch_t *t = arg;
    const int is_all = event->host == BRD_LAUNCH_ALL;
    t->last = *event;
    snprintf (t->text, sizeof t->text, "%s", event->text);
    t->last.text = t->text;
    if (event->happened == BRD_LAUNCH_STARTED)
        ++*(is_all ? &t->all_started : &t->started);
    else if (event->happened == BRD_LAUNCH_ENDED)
        t->ended++;
    else
        ++*(is_all ? &t->all_over : &t->over);
}

static inline void
t_launch_said (
    void *arg, size_t host, int stream, const char *bytes, size_t size)
{
    t_launch_t *t = arg;
    (void) host;
    const size_t at = strlen (t->said[stream]);
    const size_t room = sizeof t->said[stream] - 1 - at;
    memcpy (t->said[stream] + at, bytes, size < room ? size : room);
}

// T_AGENT where the spec says, with words and T_MODE=mode.
static inline void
t_launch_prepare (t_launch_t *t,
                  const char *spec,
                  const char *const *words,
                  const char *mode)
{
    memset (t, 0, sizeof *t);
    if (brd_place_read (spec, &t->place) < 0)
        fail_msg ("%s", brood_error ());
    snprintf (t->reports, sizeof t->reports, "/tmp/t_launch.XXXXXX");
    const int fd = mkstemp (t->reports);
    assert_true (fd >= 0);
    close (fd);
    int n = 0;
    t->argv[n++] = T_AGENT;
    t->argv[n++] = t->reports;
    while (words && *words)
        t->argv[n++] = *words++;
    snprintf (t->mark, sizeof t->mark, "BROOD_T_MARK=%ld", (long) getpid ());
    t->env[0] = mode;
    t->env[1] = t->mark;
    t->env[2] = "T_VALUE=it's \"$HOME\" \\ here";
}

// Times are so many times the real ones. May leave launch NULL.
static inline void
t_launch_make (t_launch_t *t, double time_scale)
{
    const brd_launch_options_t options = {
        .place = &t->place,
        .argv = t->argv,
        .env = t->env,
        .time_scale = time_scale,
        .secret = t_launch_secret,
        .event = t_launch_event,
        .said = t_launch_said,
        .arg = t,
    };
    t->launch = brd_launch_new (&options);
}

static inline void
t_launch_init (t_launch_t *t,
               const char *spec,
               const char *const *words,
               const char *mode,
               double time_scale)
{
    t_launch_prepare (t, spec, words, mode);
    t_launch_make (t, time_scale);
    if (!t->launch)
        fail_msg ("%s", brood_error ());
}

// Makes turns until check (t, arg) holds.
static inline void
t_launch_until (t_launch_t *t, int (*check) (t_launch_t *t, int n), int n)
{
    const int64_t limit = brd_clock_deadline (T_LAUNCH_SECONDS * 1000);
    while (brd_launch_turn (t->launch, brd_clock_now ()), !check (t, n)) {
        // What agents write to the file wakes nobody here.
        const int64_t soon = brd_clock_deadline (20);
        const int64_t due = brd_launch_due (t->launch);
        struct pollfd fd = { brd_launch_fd (t->launch), POLLIN, 0 };
        poll (&fd, 1, brd_clock_left_ms (due < soon ? due : soon));
        if (brd_clock_now () > limit)
            fail_msg ("started %d ended %d over %d, last: %s; said: %s",
                      t->started,
                      t->ended,
                      t->over,
                      t->text,
                      t->said[2]);
    }
}

static inline void
t_launch_unhex (const char *from, char *to, size_t size)
{
    size_t n = 0;
    unsigned byte;
    for (; n + 1 < size && sscanf (from, "%2x", &byte) == 1; from += 2)
        to[n++] = (char) byte;
    to[n] = '\0';
}

// The n-th report, in order of time. 0 if there are not so many.
static inline int
t_launch_report (t_launch_t *t, int n, t_agent_t *ret_agent)
{
    char line[8192];
    FILE *file = fopen (t->reports, "r");
    assert_non_null (file);
    int found = 0;
    for (; n >= 0; n--)
        found = fgets (line, sizeof line, file) && strchr (line, '\n');
    fclose (file);
    if (!found)
        return 0;
    t_agent_t agent = { .pid = 0 };
    char *word = strtok (line, " \n");
    for (int i = 0; word; i++, word = strtok (NULL, " \n")) {
        if (i == 0)
            agent.pid = (pid_t) atol (word);
        else if (i == 1)
            agent.hash = strtoull (word, NULL, 16);
        else if (i == 2)
            agent.fds = atoi (word);
        else if (i == 3)
            agent.signals = atoi (word);
        else if (i == 4)
            snprintf (agent.node, sizeof agent.node, "%s", word);
        else if (i == 5)
            t_launch_unhex (word, agent.value, sizeof agent.value);
        else
            t_launch_unhex (word, agent.words[agent.n_words++], 64);
    }
    *ret_agent = agent;
    return 1;
}

static inline int
t_launch_n_reports (t_launch_t *t)
{
    t_agent_t agent;
    int n = 0;
    while (t_launch_report (t, n, &agent))
        n++;
    return n;
}

// 1 if some agent reported the n-th secret of the host.
static inline int
t_launch_has_read (t_launch_t *t, size_t host, int n)
{
    char line[BRD_LAUNCH_SECRET_MAX];
    t_agent_t agent;
    int found = 0;
    t_launch_line (host, n, line);
    const uint64_t hash = brd_hash_add (BRD_HASH_EMPTY, line, strlen (line));
    for (int i = 0; !found && t_launch_report (t, i, &agent); i++)
        found = agent.hash == hash;
    return found;
}

static inline int
t_launch_reported (t_launch_t *t, int n)
{
    return t_launch_n_reports (t) >= n;
}

static inline int
t_launch_over (t_launch_t *t, int n)
{
    return t->over >= n;
}

static inline int
t_launch_ended (t_launch_t *t, int n)
{
    return t->ended >= n;
}

static inline int
t_launch_all_over (t_launch_t *t, int n)
{
    (void) n;
    return brd_launch_is_over (t->launch);
}

static inline void
t_launch_stop (t_launch_t *t)
{
    brd_launch_stop (t->launch, brd_clock_now ());
    t_launch_until (t, t_launch_all_over, 0);
}

// With nothing left of it, here or there.
static inline void
t_launch_fini (t_launch_t *t)
{
    brd_launch_destroy (&t->launch);
    assert_null (t->launch);
    brd_place_fini (&t->place);
    unlink (t->reports);
    assert_int_equal (t_marked_wait (0, T_LAUNCH_SECONDS), 0);
}

static inline void
t_launch_orphan (void *place)
{
    t_launch_t t;
    t_launch_init (&t, place, NULL, "T_MODE=", 1.0);
    t_launch_until (&t, t_launch_reported, 2);
    unlink (t.reports);
    kill (getpid (), SIGKILL);
}

// Somebody who has launched two agents at this place is killed.
static inline void
t_launch_orphaned (const char *place)
{
    int status;
    free (t_run_child (
        t_launch_orphan, (void *) place, T_LAUNCH_SECONDS, &status));
    assert_true (WIFSIGNALED (status) && WTERMSIG (status) == SIGKILL);
}

#endif  // T_LAUNCH_H
