// broker_pools.c - whose hosts work for whom, at a standing broker
//
// SPDX-License-Identifier: MPL-2.0
//
//     a host joins       free, or to the pool of its build that has the fewest
//     a program joins    a thread: brd_host_guest_serve ()
//       OPEN               the pool of its build and wishes, or a new one
//       no host for it     who has several spares one, which comes again
//       nor for long       the pool is broken, and all of it are told why
//       it is gone         the last one's end is the pool's: its hosts are told
//                          to end; they come again, by who started them
//
// All is under the host's lock, which joining comes with. Who opens or ends a
// pool must let go of it meanwhile, so there is a second lock for that, which
// is always taken first.
//
// Read next: broker/host/host_serve.c, broker/host/host_hosts.c.

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "base/brd_error.h"
#include "base/brd_list.h"
#include "base/brd_log.h"
#include "base/brd_mem.h"
#include "base/brd_sys.h"
#include "tools/broker.h"
#include "wire/brd_frame.h"
#include "wire/brd_limits.h"

enum {
    S_PATIENCE_MS = 60000,  // For a first host
    S_END_MS = 5000,        // For everybody to leave
    S_HEX = 2 * BRD_CODE_BUILD + 1
};

struct brd_broker_pools {
    brd_host_t *host;
    double scale;
    pthread_mutex_t opening;  // Taken before the host's
    brd_list_t pools;         // s_pool_t
    brd_list_t hosts;         // s_free_t
    size_t clients;           // Threads
    uint64_t joined;          // Hosts, ever
    int is_over;
};

typedef struct {
    size_t size;
    unsigned char bytes[BRD_HELLO_BUILD_MAX];
} s_build_t;

// A pool, for all programs that want the same.
typedef struct {
    brd_list_t link;
    s_build_t build;
    brd_buf_t open;  // As it was asked for
    brd_host_pool_t *pool;
    size_t clients;  // Under `opening`
    int has_begun;   // 1: it has had a host that works
    int has_asked;   // 1: another is to spare one for it
    int64_t since;   // When it last had none
} s_pool_t;

// A host that works for nobody.
typedef struct {
    brd_list_t link;
    s_build_t build;
    brd_peer_t *peer;
    uint32_t pid;
    char name[BRD_HELLO_HOST_MAX + 1];
} s_free_t;

// A program that gives work; of its thread.
typedef struct {
    brd_broker_pools_t *pools;
    brd_peer_t *peer;
    s_build_t build;
    s_pool_t *pool;  // NULL: it has not asked yet, or in vain
} s_client_t;

static s_build_t
s_build (const brd_hello_who_t *who)
{
    s_build_t build = { .size = who->build_size };
    memcpy (build.bytes, who->build, who->build_size);
    return build;
}

static int
s_is_same (const s_build_t *left, const s_build_t *right)
{
    return left->size == right->size
           && memcmp (left->bytes, right->bytes, left->size) == 0;
}

static const char *
s_text (const s_build_t *build, char ret_text[S_HEX])
{
    ret_text[0] = '\0';
    for (size_t i = 0; i < build->size && i < BRD_CODE_BUILD; i++)
        snprintf (ret_text + 2 * i, 3, "%02x", build->bytes[i]);
    return build->size > 0 ? ret_text : "unknown";
}

// --- Hosts -----------------------------------------------------------------

static s_pool_t *
s_pool (brd_list_t *link)
{
    return BRD_LIST_ITEM (link, s_pool_t, link);
}

static s_free_t *
s_free (brd_list_t *link)
{
    return BRD_LIST_ITEM (link, s_free_t, link);
}

// The one of this build that has the fewest hosts; NULL: none takes any.
static s_pool_t *
s_neediest (const brd_broker_pools_t *self, const s_build_t *build)
{
    s_pool_t *found = NULL;
    size_t fewest = SIZE_MAX;
    for (brd_list_t *i = self->pools.next; i != &self->pools; i = i->next) {
        s_pool_t *pool = s_pool (i);
        const size_t count = brd_host_pool_hosts (pool->pool);
        if (!s_is_same (&pool->build, build) || count >= fewest
            || brd_host_pool_is_broken (pool->pool))
            continue;
        fewest = count;
        found = pool;
    }
    return found;
}

// -1: nobody takes it now.
static int
s_employ (const brd_broker_pools_t *self,
          const s_build_t *build,
          brd_peer_t *peer,
          const char *name,
          uint32_t pid)
{
    s_pool_t *pool = s_neediest (self, build);
    return pool ? brd_host_pool_add_host (pool->pool, peer, name, pid) : -1;
}

static void
s_dismiss (s_free_t *host)
{
    brd_list_remove (&host->link);
    brd_mem_free (host);
}

static void
s_employ_all (brd_broker_pools_t *self)
{
    for (brd_list_t *i = self->hosts.next, *next; i != &self->hosts; i = next) {
        s_free_t *host = s_free (i);
        next = i->next;
        if (s_employ (self, &host->build, host->peer, host->name, host->pid)
            == 0)
            s_dismiss (host);
    }
}

const char *
brd_broker_pools_add_host (brd_broker_pools_t *self,
                           brd_peer_t *peer,
                           const brd_hello_who_t *who)
{
    const s_build_t build = s_build (who);
    // One that comes when it is over is not turned away: it is to come again.
    if (s_employ (self, &build, peer, who->host, who->pid) == 0) {
        self->joined++;
        return NULL;
    }
    s_free_t *host = brd_mem_zalloc (sizeof *host);
    if (!host)
        return "the broker has no memory for one more host";
    host->build = build;
    host->peer = peer;
    host->pid = who->pid;
    snprintf (host->name, sizeof host->name, "%s", who->host);
    brd_list_append (&self->hosts, &host->link);
    self->joined++;
    return NULL;
}

size_t
brd_broker_pools_free (const brd_broker_pools_t *self)
{
    size_t count = 0;
    for (const brd_list_t *i = self->hosts.next; i != &self->hosts; i = i->next)
        count++;
    return count;
}

size_t
brd_broker_pools_hosts (const brd_broker_pools_t *self)
{
    size_t count = brd_broker_pools_free (self);
    for (brd_list_t *i = self->pools.next; i != &self->pools; i = i->next)
        count += brd_host_pool_hosts (s_pool (i)->pool);
    return count;
}

// --- Pools -----------------------------------------------------------------

// Programs may share a pool; who has opened it has its managers reached from
// there (decision 29).
static int
s_write_open (brd_buf_t *out, const brd_wire_open_t *open)
{
    brd_wire_open_t wish = *open;
    memset (wish.family, 0, sizeof wish.family);
    brd_buf_init (out, BRD_WIRE_SIZE_MAX);
    if (brd_frame_begin (out, BRD_OP_OPEN) < 0
        || brd_frame_add_open (out, &wish) < 0) {
        brd_buf_fini (out);
        return -1;
    }
    return 0;
}

// Under `opening`.
static s_pool_t *
s_find (const brd_broker_pools_t *self,
        const s_build_t *build,
        const brd_buf_t *open)
{
    for (brd_list_t *i = self->pools.next; i != &self->pools; i = i->next) {
        s_pool_t *pool = s_pool (i);
        if (s_is_same (&pool->build, build) && pool->open.size == open->size
            && memcmp (pool->open.bytes, open->bytes, open->size) == 0
            && brd_host_pool_check (pool->pool) == 0)
            return pool;
    }
    return NULL;
}

// Under `opening`; takes the buffer on success.
static s_pool_t *
s_make (brd_broker_pools_t *self,
        const s_build_t *build,
        brd_buf_t *bytes,
        const brd_wire_open_t *open)
{
    s_pool_t *pool = brd_mem_zalloc (sizeof *pool);
    if (!pool)
        return NULL;
    pool->pool = brd_host_pool_open_hosts (
        self->host, &(brd_host_hosts_options_t){ .open = open, .remote = 1 });
    if (!pool->pool) {
        brd_mem_free (pool);
        return NULL;
    }
    pool->build = *build;
    pool->open = *bytes;
    brd_list_init (&pool->link);
    brd_host_lock (self->host);
    pool->since = brd_clock_now ();
    brd_list_append (&self->pools, &pool->link);
    s_employ_all (self);
    brd_host_unlock (self->host);
    return pool;
}

static void
s_unref (brd_broker_pools_t *self, s_pool_t *pool)
{
    (void) pthread_mutex_lock (&self->opening);
    const int is_last = --pool->clients == 0;
    if (is_last) {
        brd_host_lock (self->host);
        brd_list_remove (&pool->link);
        brd_host_unlock (self->host);
    }
    (void) pthread_mutex_unlock (&self->opening);
    if (!is_last)
        return;
    brd_host_pool_end (pool->pool);
    brd_host_pool_free (&pool->pool);
    brd_buf_fini (&pool->open);
    brd_mem_free (pool);
}

// --- Programs that give work -----------------------------------------------

static brd_host_pool_t *
s_open (void *arg, const brd_wire_open_t *open)
{
    s_client_t *client = arg;
    brd_broker_pools_t *self = client->pools;
    brd_buf_t bytes;
    if (s_write_open (&bytes, open) < 0)
        return NULL;
    (void) pthread_mutex_lock (&self->opening);
    s_pool_t *pool = s_find (self, &client->build, &bytes);
    if (pool)
        brd_buf_fini (&bytes);
    else if (!self->is_over)
        pool = s_make (self, &client->build, &bytes, open);
    else
        brd_error_set (EPIPE, "the broker is ending");
    if (pool) {
        pool->clients++;
        client->pool = pool;
    }
    (void) pthread_mutex_unlock (&self->opening);
    if (!pool)
        brd_buf_fini (&bytes);
    return pool ? pool->pool : NULL;
}

static void *
s_serve (void *arg)
{
    s_client_t *client = arg;
    brd_broker_pools_t *self = client->pools;
    if (brd_host_guest_serve (self->host, client->peer, s_open, client) < 0) {
        brd_log (BROOD_LOG_ERROR, "a client: %s", brd_error_get ()->text);
        brd_host_lock (self->host);
        client->peer->destroy (client->peer);
        brd_host_unlock (self->host);
    }
    if (client->pool)
        s_unref (self, client->pool);
    brd_mem_free (client);
    // The last word: who ends waits for it.
    brd_host_lock (self->host);
    self->clients--;
    brd_host_changed (self->host);
    brd_host_unlock (self->host);
    return NULL;
}

const char *
brd_broker_pools_add_client (brd_broker_pools_t *self,
                             brd_peer_t *peer,
                             const brd_hello_who_t *who)
{
    pthread_t thread;
    s_client_t *client = self->is_over ? NULL : brd_mem_zalloc (sizeof *client);
    if (!client)
        return self->is_over ? "the broker is ending"
                             : "the broker has no memory for one more program";
    *client =
        (s_client_t){ .pools = self, .peer = peer, .build = s_build (who) };
    if (brd_sys_thread (&thread, s_serve, client) < 0) {
        brd_mem_free (client);
        return "the broker cannot serve one more program";
    }
    (void) pthread_detach (thread);
    self->clients++;
    return NULL;
}

size_t
brd_broker_pools_clients (const brd_broker_pools_t *self)
{
    return self->clients;
}

// --- What is due -----------------------------------------------------------

static int64_t
s_patience_ends (const brd_broker_pools_t *self, const s_pool_t *pool)
{
    return pool->has_begun || brd_host_pool_is_broken (pool->pool)
               ? BRD_NEVER
               : pool->since + (int64_t) (S_PATIENCE_MS * 1e6 * self->scale);
}

// All are taken: who has several spares one, which comes again, and then to
// whom has the fewest.
static void
s_ask (const brd_broker_pools_t *self, s_pool_t *pool)
{
    s_pool_t *richest = NULL;
    size_t most = 1;
    for (brd_list_t *i = self->pools.next; i != &self->pools; i = i->next) {
        const size_t count = brd_host_pool_hosts (s_pool (i)->pool);
        if (!s_is_same (&s_pool (i)->build, &pool->build) || count <= most)
            continue;
        most = count;
        richest = s_pool (i);
    }
    pool->has_asked = richest && brd_host_pool_spare (richest->pool) == 0;
}

// 1 if some pool of this build has hosts.
static int
s_is_busy (const brd_broker_pools_t *self, const s_build_t *build)
{
    for (brd_list_t *i = self->pools.next; i != &self->pools; i = i->next)
        if (s_is_same (&s_pool (i)->build, build)
            && brd_host_pool_hosts (s_pool (i)->pool) > 0)
            return 1;
    return 0;
}

// A host of whatever build, to name: one that is free, or works for others.
static const s_build_t *
s_any_build (const brd_broker_pools_t *self)
{
    if (!brd_list_empty (&self->hosts))
        return &s_free (self->hosts.next)->build;
    for (brd_list_t *i = self->pools.next; i != &self->pools; i = i->next)
        if (brd_host_pool_hosts (s_pool (i)->pool) > 0)
            return &s_pool (i)->build;
    return NULL;
}

static void
s_give_up (const brd_broker_pools_t *self, s_pool_t *pool)
{
    char why[BRD_PAGE_TEXT], ours[S_HEX], theirs[S_HEX];
    const s_build_t *other = s_any_build (self);
    if (s_is_busy (self, &pool->build))
        snprintf (why,
                  sizeof why,
                  "all hosts of this program's build work for others");
    else if (other)
        snprintf (why,
                  sizeof why,
                  "hosts have joined, but none of this program's build: "
                  "theirs is %s, the program's %s; the same executable must be "
                  "run on all hosts",
                  s_text (other, theirs),
                  s_text (&pool->build, ours));
    else
        snprintf (why,
                  sizeof why,
                  self->joined > 0 ? "the broker has no hosts any more"
                                   : "no host has joined the broker yet");
    brd_host_pool_break (pool->pool, EHOSTUNREACH, why);
}

void
brd_broker_pools_turn (brd_broker_pools_t *self, int64_t now)
{
    for (brd_list_t *i = self->hosts.next, *next; i != &self->hosts; i = next) {
        s_free_t *host = s_free (i);
        next = i->next;
        if (brd_wan_line_state (host->peer, now) < BRD_WAN_LOST)
            continue;
        host->peer->destroy (host->peer);
        s_dismiss (host);
    }
    for (brd_list_t *i = self->pools.next; i != &self->pools; i = i->next) {
        s_pool_t *pool = s_pool (i);
        // What an initializer takes is its own affair.
        if (brd_host_pool_hosts (pool->pool) > 0)
            pool->since = now;
        else if (!pool->has_begun && !pool->has_asked)
            s_ask (self, pool);
        pool->has_begun |= brd_host_pool_has_host (pool->pool);
        if (now >= s_patience_ends (self, pool))
            s_give_up (self, pool);
    }
}

int64_t
brd_broker_pools_due (const brd_broker_pools_t *self)
{
    int64_t due = BRD_NEVER;
    for (brd_list_t *i = self->pools.next; i != &self->pools; i = i->next) {
        const int64_t one = s_patience_ends (self, s_pool (i));
        due = one < due ? one : due;
    }
    return due;
}

// --- Its life --------------------------------------------------------------

brd_broker_pools_t *
brd_broker_pools_new (brd_host_t *host, double scale)
{
    brd_broker_pools_t *self = brd_mem_zalloc (sizeof *self);
    if (!self)
        return NULL;
    self->host = host;
    self->scale = scale;
    brd_assert (pthread_mutex_init (&self->opening, NULL) == 0);
    brd_list_init (&self->pools);
    brd_list_init (&self->hosts);
    return self;
}

void
brd_broker_pools_destroy (brd_broker_pools_t **self_p)
{
    brd_broker_pools_t *self = *self_p;
    if (!self)
        return;
    brd_assert (brd_list_empty (&self->pools));
    while (!brd_list_empty (&self->hosts))
        s_dismiss (s_free (self->hosts.next));
    (void) pthread_mutex_destroy (&self->opening);
    brd_mem_free (self);
    *self_p = NULL;
}

// A host that works for nobody may go, and comes again.
static void
s_send_away (s_free_t *host)
{
    brd_buf_t out;
    brd_buf_init (&out, BRD_WIRE_SIZE_MAX);
    if (brd_frame_begin (&out, BRD_OP_STOP) == 0) {
        brd_frame_close (&out, 0);
        (void) host->peer->send (host->peer, &out);
    }
    brd_buf_fini (&out);
    host->peer->destroy (host->peer);
    s_dismiss (host);
}

static int
s_have_left (void *arg)
{
    return ((const brd_broker_pools_t *) arg)->clients == 0;
}

int
brd_broker_pools_end (brd_broker_pools_t *self)
{
    brd_host_lock (self->host);
    self->is_over = 1;
    while (!brd_list_empty (&self->hosts))
        s_send_away (s_free (self->hosts.next));
    for (brd_list_t *i = self->pools.next; i != &self->pools; i = i->next)
        brd_host_pool_break (s_pool (i)->pool, EPIPE, "the broker has ended");
    brd_host_unlock (self->host);
    const int64_t deadline = brd_clock_deadline (S_END_MS);
    while (brd_host_wait (self->host, s_have_left, self, deadline) < 0) {
        if (errno != EINTR)
            return -1;
    }
    return 0;
}
