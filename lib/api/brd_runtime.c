// brd_runtime.c - what there is once in a process: arena, host, names
//
// SPDX-License-Identifier: MPL-2.0
//
// The process's own state, one of the globals docs/decisions/0003-globals.md
// permits. A worker inherits it with the snapshot: arena and brood stay, the
// host is its owner's and is not touched; the birth number tells.

#include "api/brd_runtime.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "api/brd_children.h"
#include "api/brd_named.h"
#include "api/brd_pool.h"
#include "api/brd_role.h"
#include "base/brd_check.h"
#include "base/brd_log.h"
#include "base/brd_mem.h"
#include "base/brd_process.h"
#include "base/brd_sleep.h"
#include "base/brd_sys.h"
#include "client/brd_code.h"
#include "client/brd_session.h"
#include "client/brd_tasks.h"

static struct {
    pthread_mutex_t lock;
    brd_arena_t *arena;
    brd_shared_t *shared;
    uint64_t brood;
    int inline_calls;
    char *pool_spec;
    brd_authkey_t authkey;
    int forks_seen;  // 1: s_forked is registered
    int is_main;     // 1: by brood_init ()
    int keep_exit;
    uint32_t exit_birth;  // Process that has registered s_at_exit
    brd_host_t *host;
    uint32_t host_birth;  // Process the host belongs to
    int stopped;          // 1: brood_fini () has been called
} s_runtime = { .lock = PTHREAD_MUTEX_INITIALIZER };

// A stray child of the program's own fork () runs this too and must leave
// everything alone. A worker or a process registers its own, and never comes to
// its parent's.
static void
s_at_exit (void)
{
    brd_runtime_leave ();
}

// In a child, after any fork: another thread may have held the lock.
static void
s_forked (void)
{
    brd_code_forked ();
    (void) pthread_mutex_init (&s_runtime.lock, NULL);
    brd_children_forget ();
    brd_named_forget ();
    brd_pool_forget ();
}

// The lock is held, or there is one thread. 0, or -1 with ENOMEM.
static int
s_register_exit (void)
{
    if (s_runtime.keep_exit || s_runtime.exit_birth == brd_process_birth ())
        return 0;
    if (atexit (s_at_exit) != 0)
        return brd_error_set (ENOMEM, "no room for an exit handler");
    s_runtime.exit_birth = brd_process_birth ();
    return 0;
}

static int
s_see_forks (void)
{
    if (!s_runtime.forks_seen
        && pthread_atfork (brd_code_fork_begins, brd_code_forked, s_forked)
               != 0)
        return brd_error_set (ENOMEM, "no room for a fork handler");
    s_runtime.forks_seen = 1;
    return 0;
}

static int
s_start (const brood_options_t *options)
{
    if (brd_tasks_verdict () < 0)
        return -1;
    brd_log_init_from_env ();
    if (s_see_forks () < 0)
        return -1;
    if (brd_sys_random (&s_runtime.brood, sizeof s_runtime.brood) < 0)
        return brd_error_system ("random bytes");
    s_runtime.brood |= 1;  // 0 means: cannot travel
    if (s_runtime.authkey.size == 0) {
        const size_t size = 32;
        if (brd_sys_random (s_runtime.authkey.bytes, size) < 0)
            return brd_error_system ("random bytes");
        s_runtime.authkey.size = size;
    }
    if (brd_session_make_secret () < 0)
        return -1;
    brd_arena_t *arena =
        brd_arena_new (options ? options->arena_size_bytes : 0);
    if (!arena)
        return -1;
    brd_shared_t *shared = brd_shared_new (arena);
    if (!shared || brd_process_become (BRD_ROLE_OWNER) < 0) {
        brd_arena_destroy (&arena);
        return -1;
    }
    s_runtime.inline_calls = options && options->inline_calls;
    s_runtime.keep_exit = options && options->keep_exit;
    (void) s_register_exit ();
    s_runtime.arena = arena;
    s_runtime.shared = shared;
    return 0;
}

static int
s_ensure (const brood_options_t *options, int is_main)
{
    if (brd_process_role () == BRD_ROLE_STRAY)
        return brd_error_set (ENOTSUP,
                              "brood cannot be used in a child of the "
                              "program's own fork ()");
    pthread_mutex_lock (&s_runtime.lock);
    int rc = 0;
    if (!s_runtime.arena) {
        if (!is_main)
            brd_role_take (0);
        rc = s_start (options);
        s_runtime.is_main = is_main;
    }
    pthread_mutex_unlock (&s_runtime.lock);
    return rc;
}

int
brd_runtime_start (const brood_options_t *options)
{
    return s_ensure (options, 1);
}

int
brd_runtime_need (void)
{
    return s_ensure (NULL, 0);
}

int
brd_runtime_is_main (void)
{
    return s_runtime.is_main;
}

void
brd_runtime_world (brd_runtime_world_t *ret_world)
{
    *ret_world = (brd_runtime_world_t){
        .arena = s_runtime.arena,
        .shared = s_runtime.shared,
        .brood = s_runtime.brood,
        .keep_exit = s_runtime.keep_exit,
        .pool_spec = s_runtime.pool_spec,
    };
    brd_runtime_authkey (&ret_world->authkey);
}

int
brd_runtime_enter (const brd_runtime_world_t *world)
{
    if (world->pool_spec && brd_runtime_set_pool_spec (world->pool_spec) < 0)
        return -1;
    if (s_see_forks () < 0)
        return -1;
    s_runtime.arena = world->arena;
    s_runtime.shared = world->shared;
    s_runtime.brood = world->brood;
    s_runtime.authkey = world->authkey;
    s_runtime.keep_exit = world->keep_exit;
    s_runtime.is_main = 1;
    return 0;
}

void
brd_runtime_stop (void)
{
    if (brd_process_role () != BRD_ROLE_OWNER
        && brd_process_role () != BRD_ROLE_WORKER)
        return;
    brd_host_t *host = brd_runtime_host_or_null ();
    pthread_mutex_lock (&s_runtime.lock);
    s_runtime.stopped = 1;
    pthread_mutex_unlock (&s_runtime.lock);
    // First: what waits for the processes may still need its pools.
    brd_children_end ();
    // Its memory stays: handles that are left may still be destroyed.
    if (host)
        brd_host_stop (host);
    // Last: the names of shared memory are there as long as anybody is.
    if (brd_process_role () == BRD_ROLE_OWNER)
        brd_named_end ();
    brd_arena_close_fd (s_runtime.arena);
}

void
brd_runtime_leave (void)
{
    const uint32_t birth = brd_process_birth ();
    if (birth != 0 && s_runtime.exit_birth == birth)
        brd_runtime_stop ();
}

static int
s_stopped (void)
{
    return brd_error_set (ENOTSUP, "brood has been ended by brood_fini ()");
}

int
brd_runtime_exit_here (void)
{
    pthread_mutex_lock (&s_runtime.lock);
    const int rc = s_runtime.stopped ? s_stopped () : s_register_exit ();
    pthread_mutex_unlock (&s_runtime.lock);
    return rc;
}

brd_host_t *
brd_runtime_host_or_null (void)
{
    pthread_mutex_lock (&s_runtime.lock);
    brd_host_t *host =
        s_runtime.host_birth == brd_process_birth () ? s_runtime.host : NULL;
    pthread_mutex_unlock (&s_runtime.lock);
    return host;
}

brd_host_t *
brd_runtime_host (void)
{
    if (brd_runtime_need () < 0)
        return NULL;
    pthread_mutex_lock (&s_runtime.lock);
    if (s_runtime.stopped) {
        pthread_mutex_unlock (&s_runtime.lock);
        (void) s_stopped ();
        return NULL;
    }
    if (!s_runtime.host || s_runtime.host_birth != brd_process_birth ()) {
        s_runtime.host = brd_host_new (s_runtime.shared);
        s_runtime.host_birth = brd_process_birth ();
    }
    brd_host_t *host = s_runtime.host;
    pthread_mutex_unlock (&s_runtime.lock);
    return host;
}

void
brd_runtime_interrupt (void)
{
    brd_sleep_interrupt ();
    // No lock in a signal handler: the pointer is read as it is. It is set
    // before anybody can wait, and cleared when nobody may any more.
    brd_host_t *host = s_runtime.host;
    if (host && s_runtime.host_birth == brd_process_birth ())
        brd_host_ring (host);
}

brd_arena_t *
brd_runtime_arena (void)
{
    return s_runtime.arena;
}

brd_shared_t *
brd_runtime_shared (void)
{
    return s_runtime.shared;
}

uint64_t
brd_runtime_brood (void)
{
    return s_runtime.brood;
}

const char *
brd_runtime_pool_spec (void)
{
    return s_runtime.pool_spec ? s_runtime.pool_spec : getenv ("BROOD_POOL");
}

int
brd_runtime_set_pool_spec (const char *spec)
{
    char *copy = brd_mem_strdup (spec);
    if (!copy)
        return -1;
    brd_mem_free (s_runtime.pool_spec);
    s_runtime.pool_spec = copy;
    return 0;
}

void
brd_runtime_authkey (brd_authkey_t *ret_key)
{
    pthread_mutex_lock (&s_runtime.lock);
    *ret_key = s_runtime.authkey;
    pthread_mutex_unlock (&s_runtime.lock);
}

void
brd_runtime_set_authkey (const brd_authkey_t *key)
{
    pthread_mutex_lock (&s_runtime.lock);
    s_runtime.authkey = *key;
    pthread_mutex_unlock (&s_runtime.lock);
}

int
brd_runtime_inline (void)
{
    return s_runtime.inline_calls;
}
