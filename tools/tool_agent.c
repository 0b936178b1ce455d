// tool_agent.c - brood agent: keeps a program's agent at a standing broker
//
// SPDX-License-Identifier: MPL-2.0
//
//     join string (--join, standard input)
//       launch.h, one host, which is this one:
//           PROGRAM with BROOD_AGENT=1, the line on its standard input
//       has ended with 0   again, at once: the program it worked for is gone
//       has failed         again, later each time
//       was turned away    so is this, with the same code
//     SIGTERM, SIGINT      it is told to end, and this ends
//
// An agent ends with its standard input, so it does whatever becomes of this.

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/brd_clock.h"
#include "base/brd_error.h"
#include "base/brd_secret.h"
#include "client/brd_scale.h"
#include "client/brd_ticket.h"
#include "relay/relay.h"
#include "tools/launch.h"
#include "tools/notify.h"
#include "tools/tool.h"

enum {
    S_LINE_MS = 30000,  // For a join string to come
    S_AGAIN_MS = 1000,  // From one start to the next, at least
    S_SLOTS_MAX = 4096,
    S_NAME_MAX = 200,
    S_KEY_ADDRESS = 256
};

typedef struct {
    const char *join;  // A file; NULL: standard input
    const char *address;
    const char *name;
    int slots;    // 0: as many as it finds CPUs
    char **argv;  // The program's
} s_wanted_t;

typedef struct {
    s_wanted_t wanted;
    char text[BRD_JOIN_TEXT_MAX];  // What came on standard input
    char path[PATH_MAX];
    double scale;
    brd_place_t place;
    brd_launch_t *launch;
    int signals;
    int is_told;    // 1: to end
    int has_begun;  // 1: its start is not accounted for yet
    int has_ended;  // 1: it is over, with what follows
    int status;     // Its exit code, -1
    int error;      // Why it could not be started
    int64_t since;  // Its start
} s_agent_t;

// --- The command line ------------------------------------------------------

static const struct argp_option s_options[] = {
    { "join",
      'j',
      "FILE",
      0,
      "The join string, in a file of yours that nobody else can read: the "
      "`work' of the broker's keys. Otherwise it is read from standard input",
      0 },
    { "slots", 's', "N", 0, "Tasks at a time; otherwise one for each CPU", 0 },
    { "name", 'n', "NAME", 0, "What this host is called there", 0 },
    { "address",
      S_KEY_ADDRESS,
      "tcp://HOST:PORT",
      0,
      "Where the broker is, whatever the join string says",
      0 },
    { 0 },
};

static error_t
s_option (int key, char *arg, struct argp_state *state)
{
    s_wanted_t *wanted = state->input;
    switch (key) {
    case 'j':
        wanted->join = arg;
        return 0;
    case 's':
        wanted->slots = (int) strtol (arg, NULL, 10);
        if (wanted->slots < 1 || wanted->slots > S_SLOTS_MAX)
            argp_error (state, "%s: wanted 1 to %d slots", arg, S_SLOTS_MAX);
        return 0;
    case 'n':
        wanted->name = arg;
        if (*arg == '\0' || strlen (arg) > S_NAME_MAX || strpbrk (arg, " \t\n"))
            argp_error (state,
                        "a name has no blanks, and %d letters at most",
                        S_NAME_MAX);
        return 0;
    case S_KEY_ADDRESS:
        wanted->address = arg;
        if (strncmp (arg, "tcp://", 6) != 0)
            argp_error (state, "%s: wanted tcp://HOST:PORT", arg);
        return 0;
    case ARGP_KEY_ARGS:
        wanted->argv = state->argv + state->next;
        return 0;
    case ARGP_KEY_END:
        if (!wanted->argv)
            argp_error (state, "which program is it to be?");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp brd_tool_agent_argp = {
    .options = s_options,
    .parser = s_option,
    .args_doc = "-- PROGRAM [ARG...]",
    .doc = "Keeps an agent of PROGRAM, which does work for the same program "
           "elsewhere, at a standing broker; starts it again when it has "
           "ended. Ends, with 0, at SIGTERM or SIGINT; with 77 if the broker "
           "turns it away, 126 or 127 if PROGRAM cannot be executed.",
};

// --- Its program -----------------------------------------------------------

// As a shell looks for it; agents on other hosts are told a whole path too.
static int
s_find (s_agent_t *self)
{
    const char *name = self->wanted.argv[0];
    char candidate[PATH_MAX];
    if (strchr (name, '/'))
        return realpath (name, self->path) ? 0 : brd_error_system ("%s", name);
    if (brd_relay_find_in_path (name, candidate))
        return realpath (candidate, self->path)
                   ? 0
                   : brd_error_system ("%s", candidate);
    return brd_error_set (ENOENT, "%s: not in PATH", name);
}

// --- What it is told -------------------------------------------------------

static int
s_read_join (const s_agent_t *self, brd_join_t *ret_join)
{
    const s_wanted_t *wanted = &self->wanted;
    return wanted->join
               ? brd_ticket_read (
                   wanted->join, BRD_JOIN_BELOW, wanted->address, ret_join)
               : brd_ticket_parse (
                   self->text, BRD_JOIN_BELOW, wanted->address, ret_join);
}

// The file is read for each start: it may be another by then.
static int
s_secret (void *arg, size_t host, char ret_line[BRD_LAUNCH_SECRET_MAX])
{
    const s_agent_t *self = arg;
    char text[BRD_JOIN_TEXT_MAX];
    brd_join_t join;
    (void) host;
    if (s_read_join (self, &join) < 0)
        return -1;
    int rc = brd_join_print (&join, text);
    if (rc == 0
        && snprintf (ret_line,
                     BRD_LAUNCH_SECRET_MAX,
                     "%s %d%s%s",
                     text,
                     self->wanted.slots,
                     self->wanted.name ? " " : "",
                     self->wanted.name ? self->wanted.name : "")
               >= BRD_LAUNCH_SECRET_MAX)
        rc = brd_error_set (EMSGSIZE, "the line for an agent is too long");
    brd_join_wipe (&join);
    brd_secret_wipe (text, sizeof text);
    return rc;
}

// --- What becomes of it ----------------------------------------------------

static void
s_happened (void *arg, const brd_launch_event_t *event)
{
    s_agent_t *self = arg;
    if (event->happened == BRD_LAUNCH_STARTED) {
        self->has_begun = 1;
        return;
    }
    if (event->happened == BRD_LAUNCH_OVER) {
        self->has_ended = 1;
        self->status = event->status;
        self->error = event->error;
    }
    if (event->stopped || event->status == 0)
        return;
    // What an agent has to say it has said to standard error.
    if (event->signal > 0)
        fprintf (stderr, "brood agent: killed by signal %d\n", event->signal);
    else if (event->error != 0)
        fprintf (stderr, "brood agent: %s\n", event->text);
    else
        fprintf (stderr, "brood agent: exit code %d\n", event->status);
}

static int
s_launch (s_agent_t *self)
{
    static const char *const env[] = { "BROOD_AGENT=1", NULL };
    const brd_launch_options_t options = {
        .place = &self->place,
        .argv = (const char *const *) self->wanted.argv,
        .env = env,
        .tries_max = INT_MAX,
        .time_scale = self->scale,
        .secret = s_secret,
        .event = s_happened,
        .said = brd_launch_pass_on,
        .arg = self,
    };
    self->has_ended = 0;
    self->launch = brd_launch_new (&options);
    return self->launch ? 0 : -1;
}

// --- Its life --------------------------------------------------------------

static void
s_sleep (const s_agent_t *self, int64_t until)
{
    struct pollfd fds[2] = {
        { .fd = self->signals, .events = POLLIN },
        { .fd = brd_launch_fd (self->launch), .events = POLLIN },
    };
    (void) poll (fds, 2, brd_clock_left_ms (until));
}

static void
s_hear_signals (s_agent_t *self)
{
    if (!brd_tool_caught_end (self->signals))
        return;
    if (!self->is_told)
        brd_notify ("STOPPING=1");
    self->is_told = 1;
}

// Nobody here hears of its joining: it gives up by itself, if it cannot.
static void
s_turn (s_agent_t *self)
{
    const int64_t now = brd_clock_now ();
    s_hear_signals (self);
    if (self->is_told)
        brd_launch_stop (self->launch, now);
    brd_launch_turn (self->launch, now);
    if (self->has_begun) {
        self->has_begun = 0;
        self->since = now;
        brd_launch_joined (self->launch, 0, now);
    }
}

// One that ends with 0 as soon as it is started is not started all the time.
static void
s_rest (s_agent_t *self)
{
    const int64_t until =
        self->since + (int64_t) (S_AGAIN_MS * 1e6 * self->scale);
    while (!self->is_told && brd_clock_now () < until) {
        s_sleep (self, until);
        s_hear_signals (self);
    }
}

// Until there is nothing to start again; an exit code.
static int
s_run (s_agent_t *self)
{
    for (;;) {
        if (s_launch (self) < 0)
            return brd_tool_fail ("agent");
        while (!self->has_ended) {
            s_turn (self);
            if (!self->has_ended)
                s_sleep (self, brd_launch_due (self->launch));
        }
        if (!self->is_told && self->status == 0)
            s_rest (self);
        brd_launch_destroy (&self->launch);
        if (self->is_told)
            return TOOL_OK;
        if (self->status != 0)
            break;
    }
    if (self->error != 0)
        return self->error == ENOENT ? TOOL_NOT_FOUND : TOOL_NOT_EXECUTABLE;
    return self->status > 0 ? self->status : EX_SOFTWARE;
}

// What is wrong with the join string is told before anything is started.
static int
s_open (s_agent_t *self)
{
    brd_join_t join;
    if (!self->wanted.join
        && brd_secret_read_fd (
               0, self->text, sizeof self->text, brd_clock_deadline (S_LINE_MS))
               < 0)
        return -1;
    const int rc = s_read_join (self, &join);
    brd_join_wipe (&join);
    if (rc < 0 || brd_scale_read (&self->scale) < 0
        || brd_place_read ("local:1?hosts=1", &self->place) < 0)
        return -1;
    self->signals = brd_tool_catch_end ();
    return self->signals < 0 ? -1 : 0;
}

int
brd_tool_agent (int argc, char **argv)
{
    static s_agent_t self;
    const struct sigaction ignored = { .sa_handler = SIG_IGN };
    brd_tool_parse (&brd_tool_agent_argp, argc, argv, &self.wanted);
    (void) sigaction (SIGPIPE, &ignored, NULL);
    if (s_find (&self) < 0) {
        const int code = errno == ENOENT ? TOOL_NOT_FOUND : TOOL_NOT_EXECUTABLE;
        fprintf (stderr, "brood agent: %s\n", brd_error_get ()->text);
        return code;
    }
    self.wanted.argv[0] = self.path;
    if (s_open (&self) < 0)
        return brd_tool_fail ("agent");
    brd_notify ("READY=1");
    const int code = s_run (&self);
    brd_secret_wipe (self.text, sizeof self.text);
    return code;
}
