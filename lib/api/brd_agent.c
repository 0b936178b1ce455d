// brd_agent.c - this program, started on another host to be workers there
//
// SPDX-License-Identifier: MPL-2.0
//
//     read the line -> dial (transport/brd_wan.h) -> serve: OPEN makes a pool
//     of this host's; what is given runs in it; until the other end is gone
//
// Two things end it at once, with all its workers, whose nurseries see to that:
// the end of standard input, and a lease that runs out while something runs. So
// when the other end takes what it gave for lost, none of it runs any more.
//
// Read next: broker/host/host_guest.c.

#include "api/brd_agent.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "api/brd_runtime.h"
#include "base/brd_clock.h"
#include "base/brd_error.h"
#include "base/brd_mem.h"
#include "base/brd_process.h"
#include "base/brd_secret.h"
#include "client/brd_code.h"
#include "client/brd_rank.h"
#include "client/brd_scale.h"
#include "transport/brd_wan.h"

enum {
    S_LINE_MS = 30000,  // For the line to come
    S_LINE_MAX = BRD_JOIN_TEXT_MAX + 320,
    S_LAST_WORDS_MS = 2000,
    S_ALONE_MS = 60000  // Without the other end, though nothing runs
};

typedef struct {
    brd_join_t join;
    int is_rank;  // 1: of an MPI job; standard input is the job's
    brd_rank_t rank;
    uint32_t slots;
    char name[BRD_HELLO_HOST_MAX + 1];
    double scale;
    brd_host_t *host;
    brd_wan_dial_t *dial;
    brd_peer_t *peer;
    brd_host_pool_t *pool;
    char failed[BRD_PAGE_TEXT];  // Why it could not be made; ""
    brd_host_source_t input;
    brd_host_source_t lease;
} s_agent_t;

static _Noreturn void
s_end (int code, const char *why)
{
    if (why)
        fprintf (stderr, "brood agent: %s\n", why);
    (void) fflush (NULL);
    _exit (code);
}

// --- What it is told -------------------------------------------------------

static void
s_read_line (s_agent_t *self)
{
    char line[S_LINE_MAX];
    unsigned slots = 0;
    self->name[0] = '\0';
    const int64_t deadline = brd_clock_deadline (S_LINE_MS);
    const int size =
        self->is_rank
            ? brd_rank_await (&self->rank, line, sizeof line, deadline)
            : brd_secret_read_fd (0, line, sizeof line, deadline);
    if (size < 0)
        s_end (EX_DATAERR,
               self->is_rank ? brd_error_get ()->text
                             : "no join string came on standard input");
    char *rest = strchr (line, ' ');
    const size_t length = rest ? (size_t) (rest - line) : (size_t) size;
    const int rc = brd_join_parse (&self->join, line, length);
    if (rest)
        (void) sscanf (rest, "%u %255s", &slots, self->name);
    brd_secret_wipe (line, sizeof line);
    if (rc < 0)
        s_end (EX_DATAERR, brd_error_get ()->text);
    self->slots = slots > 0 ? slots : (uint32_t) brd_process_cpus ();
    if (self->name[0] == '\0'
        && gethostname (self->name, sizeof self->name - 1) < 0)
        snprintf (self->name, sizeof self->name, "unknown");
}

static void
s_dial (s_agent_t *self)
{
    brd_wan_dial_options_t options = {
        .join = &self->join,
        .time_scale = self->scale,
    };
    brd_hello_who_t *who = &options.who;
    who->role = BRD_JOIN_BELOW;
    who->slots = self->slots;
    who->pid = (uint32_t) getpid ();
    who->build_size = BRD_CODE_BUILD;
    brd_code_build (who->build);
    snprintf (who->host, sizeof who->host, "%s", self->name);
    self->dial = brd_wan_dial_new (&options);
    brd_join_wipe (&self->join);
    if (!self->dial)
        s_end (EX_UNAVAILABLE, brd_error_get ()->text);
    self->peer = brd_wan_dial_peer (self->dial);
}

// --- What ends it ----------------------------------------------------------

static void
s_input_turn (brd_host_source_t *source, int64_t now)
{
    struct pollfd one = { .fd = 0, .events = POLLIN };
    char bytes[256];
    (void) source;
    (void) now;
    while (poll (&one, 1, 0) == 1) {
        if (read (0, bytes, sizeof bytes) <= 0)
            s_end (0, NULL);
    }
}

static s_agent_t *
s_of_lease (brd_host_source_t *source)
{
    return BRD_LIST_ITEM (source, s_agent_t, lease);
}

static int64_t
s_lease_due (brd_host_source_t *source, int64_t now)
{
    const s_agent_t *self = s_of_lease (source);
    (void) now;
    return self->pool && !brd_host_pool_idle (self->pool)
               ? brd_wan_line_lease_end (self->peer)
               : brd_wan_line_contact (self->peer)
                     + (int64_t) (S_ALONE_MS * 1e6 * self->scale);
}

static void
s_lease_turn (brd_host_source_t *source, int64_t now)
{
    if (now >= s_lease_due (source, now))
        s_end (EX_TEMPFAIL, "out of contact: what it runs has ended");
}

static void
s_watch (s_agent_t *self)
{
    self->input = (brd_host_source_t){ .fd = 0, .turn = s_input_turn };
    self->lease = (brd_host_source_t){ .fd = -1,
                                       .turn = s_lease_turn,
                                       .due = s_lease_due };
    brd_host_lock (self->host);
    const int rc =
        (!self->is_rank && brd_host_source_add (self->host, &self->input) < 0)
                || brd_host_source_add (self->host, &self->lease) < 0
            ? -1
            : 0;
    brd_host_unlock (self->host);
    if (rc < 0)
        s_end (EX_OSERR, brd_error_get ()->text);
}

// --- Its pool --------------------------------------------------------------

static brd_host_pool_t *
s_open (void *arg, const brd_wire_open_t *open)
{
    s_agent_t *self = arg;
    static char name[BROOD_NAME_SIZE];
    static brd_code_t code;  // For ever: the pool has it
    brd_host_pool_options_t options;
    brd_host_pool_t *pool = NULL;
    if (brd_host_gateway_open (self->host, open->family) == 0
        && brd_host_pool_undescribe (open, name, &options) == 0) {
        brd_code_look (&code);
        options.core.workers = self->slots;
        options.setup.leaving = brd_runtime_leave;
        options.code = &code;
        pool = brd_host_pool_open (self->host, &options);
        if (!pool)
            brd_mem_free (options.setup.initargs);
    }
    if (!pool)
        snprintf (
            self->failed, sizeof self->failed, "%s", brd_error_get ()->text);
    brd_host_lock (self->host);
    self->pool = pool;
    brd_host_unlock (self->host);
    return pool;
}

// What was said last is still to be heard.
static void
s_settle (s_agent_t *self)
{
    const int64_t deadline = brd_clock_deadline (S_LAST_WORDS_MS);
    int64_t now = brd_clock_now ();
    while (!brd_wan_dial_settled (self->dial) && now < deadline) {
        brd_wan_dial_turn (self->dial, now);
        (void) poll (NULL, 0, 5);
        now = brd_clock_now ();
    }
}

// How its time here has ended. Who was turned away need not come again; who has
// lost the broker, or could not do what it was asked to, should.
static _Noreturn void
s_leave (s_agent_t *self, int rc)
{
    char why[BRD_HELLO_TEXT_MAX + 1];
    const brd_wan_state_t state =
        brd_wan_line_state (self->peer, brd_clock_now ());
    if (self->pool) {
        brd_host_pool_end (self->pool);
        s_settle (self);
        s_end (0, NULL);
    }
    if (rc < 0)
        s_end (EX_OSERR, brd_error_get ()->text);
    snprintf (why, sizeof why, "%s", brd_wan_dial_why (self->dial));
    if (state == BRD_WAN_REFUSED)
        s_end (BRD_JOIN_REFUSED, why);
    if (state >= BRD_WAN_LOST)
        s_end (EX_TEMPFAIL, why);
    // It was told to end.
    s_settle (self);
    s_end (self->failed[0] != '\0' ? EX_UNAVAILABLE : 0,
           self->failed[0] != '\0' ? self->failed : NULL);
}

static _Noreturn void
s_become (const brd_rank_t *rank)
{
    static s_agent_t self;
    self.is_rank = rank != NULL;
    if (rank)
        self.rank = *rank;
    if (brd_scale_read (&self.scale) < 0)
        s_end (EX_CONFIG, brd_error_get ()->text);
    s_read_line (&self);
    if (brd_runtime_start (NULL) < 0
        || (self.host = brd_runtime_host ()) == NULL)
        s_end (EX_OSERR, brd_error_get ()->text);
    s_dial (&self);
    s_watch (&self);
    const int rc = brd_host_guest_serve (self.host, self.peer, s_open, &self);
    // It took the peer; what the dial is stays.
    brd_host_lock (self.host);
    brd_host_source_remove (self.host, &self.lease);
    brd_host_unlock (self.host);
    s_leave (&self, rc);
}

// 1 for a rank of a job that is to serve its rank 0: only if the program's
// pools are to run on the job's ranks.
static int
s_is_rank (brd_rank_t *ret_rank)
{
    const char *spec = getenv ("BROOD_POOL");
    return spec && strcmp (spec, "mpi") == 0 && brd_rank_read (ret_rank) == 0
           && ret_rank->rank > 0;
}

void
brd_agent_role (int is_main)
{
    brd_rank_t rank;
    const char *asked = getenv ("BROOD_AGENT");
    if (!asked && is_main && s_is_rank (&rank))
        s_become (&rank);
    if (!asked || strcmp (asked, "1") != 0)
        return;
    // Workers' own children are no agents.
    (void) unsetenv ("BROOD_AGENT");
    if (!is_main)
        s_end (EX_SOFTWARE,
               "the program uses brood before brood_init (), which must be "
               "main's first line");
    s_become (NULL);
}
