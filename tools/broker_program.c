// broker_program.c - between a program and other hosts
//
// SPDX-License-Identifier: MPL-2.0
//
//     program --OPEN--> pool of hosts, none yet
//                         listen (transport/brd_wan.h); a token for each host
//                         launch an agent there (launch.h), which joins
//             <-SLOTS--   as hosts come and go
//     tasks, both ways    host_guest.c above, host_far.c below
//     program is gone --> agents are told to end; so is this
//
// One thread: brd_host_guest_serve () drives, and what listens and launches are
// sources of the host's.
//
// Read next: broker_dial.c.

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/brd_runtime.h"
#include "base/brd_clock.h"
#include "base/brd_error.h"
#include "base/brd_sys.h"
#include "client/brd_scale.h"
#include "tools/ask.h"
#include "tools/broker.h"
#include "tools/launch.h"
#include "tools/tool.h"
#include "transport/brd_peer_fd.h"
#include "wire/brd_limits.h"

enum {
    S_TOKEN_S = 600,  // For an agent to come
    S_HOSTS_MAX = 10000,
    S_STRANGERS_MAX = 64
};

typedef struct {
    const brd_broker_given_t *given;
    double scale;
    brd_place_t place;
    brd_host_t *host;
    brd_host_pool_t *pool;  // NULL before the program has asked for it
    brd_curve_t pair;
    brd_token_book_t *book;
    brd_wan_listen_t *listen;
    brd_launch_t *launch;
    brd_ask_t *ask;  // Who looks
    brd_host_source_t listening;
    brd_host_source_t launching;
    size_t joined;  // Ever
    size_t given_up;
    int none;       // 1: there is no allocation
    char why[640];  // What went wrong last
    int above;      // brd_broker_program_watch ()
    const char *const *argv;
} s_broker_t;

// --- Hosts -----------------------------------------------------------------

static const char *
s_tcp_any (const s_broker_t *self)
{
    return self->place.kind == BRD_PLACE_LOCAL ? "tcp://127.0.0.1:0"
                                               : "tcp://0.0.0.0:0";
}

// What is said of a host besides the join string: its slots, and a name with
// its number, to know it again. Ranks of MPI are told all the same.
static int
s_print (const s_broker_t *self,
         const char *text,
         size_t host,
         char ret_line[BRD_LAUNCH_SECRET_MAX])
{
    const brd_hosts_entry_t *entry =
        host == BRD_LAUNCH_ALL
            ? NULL
            : &brd_launch_hosts (self->launch)->entries[host];
    const int n =
        entry ? snprintf (ret_line,
                          BRD_LAUNCH_SECRET_MAX,
                          "%s %d %.200s#%zu",
                          text,
                          entry->slots,
                          entry->name,
                          host)
              : snprintf (ret_line, BRD_LAUNCH_SECRET_MAX, "%s 1", text);
    return n < BRD_LAUNCH_SECRET_MAX
               ? 0
               : brd_error_set (EMSGSIZE, "the line for an agent is too long");
}

// A token for one join, or for all the ranks.
static int
s_secret (void *arg, size_t host, char ret_line[BRD_LAUNCH_SECRET_MAX])
{
    s_broker_t *self = arg;
    brd_curve_t token;
    brd_join_t join = { .role = BRD_JOIN_BELOW };
    char text[BRD_JOIN_TEXT_MAX];
    const int uses = host == BRD_LAUNCH_ALL ? S_HOSTS_MAX : 1;
    if (brd_curve_make (&token) < 0)
        return -1;
    join.expires = (int64_t) time (NULL) + S_TOKEN_S;
    memcpy (join.key, self->pair.public_key, sizeof join.key);
    memcpy (join.token, token.secret_key, sizeof join.token);
    brd_broker_address_set (&join, brd_wan_listen_address (self->listen));
    int rc = brd_token_add (
        self->book, token.public_key, BRD_JOIN_BELOW, uses, join.expires);
    if (rc == 0)
        rc = brd_join_print (&join, text);
    if (rc == 0)
        rc = s_print (self, text, host, ret_line);
    brd_curve_wipe (&token);
    brd_join_wipe (&join);
    explicit_bzero (text, sizeof text);
    return rc;
}

static const char *
s_joined (void *arg, brd_peer_t *peer, const brd_hello_who_t *who)
{
    s_broker_t *self = arg;
    char name[BRD_HELLO_HOST_MAX + 1];
    const char *number = strrchr (who->host, '#');
    if (!self->pool)
        return "the program has ended its pool";
    snprintf (
        name, sizeof name, "%.*s", (int) strcspn (who->host, "#"), who->host);
    if (brd_host_pool_add_host (self->pool, peer, name, who->pid) < 0)
        return "there is no room for one more host";
    self->joined++;
    const size_t host = number ? strtoul (number + 1, NULL, 10) : SIZE_MAX;
    if (host < brd_launch_hosts (self->launch)->count)
        brd_launch_joined (self->launch, host, brd_clock_now ());
    return NULL;
}

// One line: the first it said last, or how it ended.
static void
s_why (const brd_launch_event_t *event, char *ret_text, size_t size)
{
    const char *text = event->text + strspn (event->text, "\n");
    const size_t length = strcspn (text, "\n");
    if (length > 0)
        snprintf (ret_text,
                  size,
                  "%s: %.*s",
                  event->name,
                  length > 300 ? 300 : (int) length,
                  text);
    else if (event->late)
        snprintf (ret_text, size, "%s: no agent has come", event->name);
    else if (event->signal > 0)
        snprintf (ret_text,
                  size,
                  "%s: its agent was killed by signal %d",
                  event->name,
                  event->signal);
    else
        snprintf (ret_text,
                  size,
                  "%s: its agent has ended with exit code %d",
                  event->name,
                  event->status);
}

static void
s_launched (void *arg, const brd_launch_event_t *event)
{
    s_broker_t *self = arg;
    if (event->happened == BRD_LAUNCH_STARTED || event->stopped)
        return;
    s_why (event, self->why, sizeof self->why);
    fprintf (stderr, "brood broker: %s\n", self->why);
    if (event->happened != BRD_LAUNCH_OVER)
        return;
    self->given_up += event->host != BRD_LAUNCH_ALL;
    self->none |= event->host == BRD_LAUNCH_ALL;
}

// --- Sources ---------------------------------------------------------------

static void
s_listen_turn (brd_host_source_t *source, int64_t now)
{
    s_broker_t *self = BRD_LIST_ITEM (source, s_broker_t, listening);
    brd_wan_listen_turn (self->listen, now);
}

static int64_t
s_listen_due (brd_host_source_t *source, int64_t now)
{
    const s_broker_t *self = BRD_LIST_ITEM (source, s_broker_t, listening);
    return brd_wan_listen_due (self->listen, now);
}

static void
s_launch_turn (brd_host_source_t *source, int64_t now)
{
    s_broker_t *self = BRD_LIST_ITEM (source, s_broker_t, launching);
    brd_launch_turn (self->launch, now);
}

static int64_t
s_launch_due (brd_host_source_t *source, int64_t now)
{
    const s_broker_t *self = BRD_LIST_ITEM (source, s_broker_t, launching);
    (void) now;
    return brd_launch_due (self->launch);
}

static int
s_start (s_broker_t *self)
{
    static const char *const env[] = { "BROOD_AGENT=1", NULL };
    brd_wan_listen_options_t options = {
        .address = s_tcp_any (self),
        .pair = self->pair,
        .book = self->book,
        .build = self->given->build,
        .build_size = self->given->build_size,
        .joined = s_joined,
        .arg = self,
        .sessions_max = S_HOSTS_MAX,
        .strangers_max = S_STRANGERS_MAX,
        .time_scale = self->scale,
    };
    const brd_launch_options_t launch = {
        .place = &self->place,
        .argv = self->argv,
        .env = env,
        .time_scale = self->scale,
        .secret = s_secret,
        .event = s_launched,
        .said = brd_launch_pass_on,
        .arg = self,
    };
    self->listen = brd_wan_listen_new (&options);
    self->launch = self->listen ? brd_launch_new (&launch) : NULL;
    if (!self->launch)
        return -1;
    self->listening =
        (brd_host_source_t){ .fd = brd_wan_listen_fd (self->listen),
                             .turn = s_listen_turn,
                             .due = s_listen_due };
    self->launching = (brd_host_source_t){ .fd = brd_launch_fd (self->launch),
                                           .turn = s_launch_turn,
                                           .due = s_launch_due };
    brd_host_lock (self->host);
    const int rc =
        brd_host_source_add (self->host, &self->listening) < 0
                || brd_host_source_add (self->host, &self->launching) < 0
            ? -1
            : 0;
    brd_host_unlock (self->host);
    return rc;
}

// --- The pool --------------------------------------------------------------

static int
s_is_decided (void *arg)
{
    const s_broker_t *self = arg;
    const size_t count = brd_launch_hosts (self->launch)->count;
    return brd_host_pool_has_host (self->pool) || self->none
           || (count > 0 && self->given_up >= count)
           || brd_broker_program_left (self->above);
}

int
brd_broker_program_watch (const brd_broker_given_t *given)
{
    return brd_sys_dup (given->fd);
}

int
brd_broker_program_left (int watch)
{
    struct pollfd one = { .fd = watch, .events = POLLRDHUP };
    return poll (&one, 1, 0) == 1;
}

// The program waits until the first host is there, or none will be.
static brd_host_pool_t *
s_open (void *arg, const brd_wire_open_t *open)
{
    s_broker_t *self = arg;
    self->pool = brd_host_pool_open_hosts (
        self->host, &(brd_host_hosts_options_t){ .open = open, .remote = 1 });
    if (!self->pool || s_start (self) < 0)
        return NULL;
    while (brd_host_wait (self->host, s_is_decided, self, BRD_NEVER) < 0
           && errno == EINTR)
        continue;
    if (brd_host_pool_has_host (self->pool))
        return self->pool;
    brd_error_set (EHOSTUNREACH, "no host can be had: %s", self->why);
    return NULL;
}

// Agents are told, and have a moment to say that they have ended.
static void
s_end (s_broker_t *self)
{
    const int64_t deadline = brd_clock_deadline (BRD_BROKER_END_MS);
    if (self->pool)
        brd_host_pool_end (self->pool);
    if (!self->launch)
        return;
    brd_host_lock (self->host);
    brd_launch_stop (self->launch, brd_clock_now ());
    int64_t now = brd_clock_now ();
    while (now < deadline
           && (!brd_launch_is_over (self->launch)
               || !brd_wan_listen_settled (self->listen))) {
        (void) poll (NULL, 0, 5);
        now = brd_clock_now ();
        brd_wan_listen_turn (self->listen, now);
        brd_launch_turn (self->launch, now);
    }
    brd_host_source_remove (self->host, &self->listening);
    brd_host_source_remove (self->host, &self->launching);
    brd_host_unlock (self->host);
    brd_launch_destroy (&self->launch);
}

// Without a door the program is served all the same.
static void
s_open_door (s_broker_t *self)
{
    self->ask = brd_ask_new (self->host, self->given->words[0]);
    if (!self->ask || brd_ask_open_door (self->ask) < 0)
        fprintf (stderr,
                 "brood broker: it cannot be asked how it is: %s\n",
                 brd_error_get ()->text);
}

static int
s_serve (s_broker_t *self, int fd)
{
    s_open_door (self);
    brd_peer_t *above = brd_peer_fd_new (fd, BRD_WIRE_SIZE_MAX);
    self->above = brd_broker_program_watch (self->given);
    if (self->above < 0 || !above
        || brd_host_guest_serve (self->host, above, s_open, self) < 0)
        return brd_tool_fail ("broker");
    brd_ask_destroy (&self->ask);
    s_end (self);
    return TOOL_OK;
}

int
brd_broker_program (const brd_broker_given_t *given)
{
    static s_broker_t self;
    self.given = given;
    self.argv = (const char *const *) (given->words + 1);
    if (brd_scale_read (&self.scale) < 0
        || brd_place_read (given->words[0], &self.place) < 0
        || brd_runtime_start (NULL) < 0
        || (self.host = brd_runtime_host ()) == NULL)
        return brd_tool_fail ("broker");
    if (self.place.kind == BRD_PLACE_TCP)
        return brd_broker_dial (given, &self.place, self.host, self.scale);
    if ((self.book = brd_token_new ()) == NULL
        || brd_curve_make (&self.pair) < 0)
        return brd_tool_fail ("broker");
    return s_serve (&self, given->fd);
}
