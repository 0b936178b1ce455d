// brd_children.c - the processes this one has started, and what it is itself
//
// SPDX-License-Identifier: MPL-2.0
//
//     the end    daemons     SIGTERM, a second, SIGKILL, a second, the nursery
//                others      waited for; interrupted: as daemons
//
// One list and one lock, among the globals of docs/decisions/0003-globals.md. A
// fork leaves the list to the parent and makes the lock new (brd_runtime.c). A
// child whose handle is given up while it runs stays in the list until
// somebody sees that it has ended: each start looks.
//
// What a process is itself is found out when first asked for. Then what is here
// from before the fork tells who the parent was, so whoever forks asks first.

#include "api/brd_children.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/brd_process_private.h"
#include "base/brd_clock.h"
#include "base/brd_process.h"

enum {
    S_GRACE_MS = 1000,  // From SIGTERM to SIGKILL
    S_KILLED_MS = 1000  // From SIGKILL to the end of its nursery
};

static struct {
    pthread_mutex_t lock;
    brd_list_t all;
    uint32_t made;
    uint32_t birth;  // Of the process that current is
    brood_process_t *current;
    brood_process_t itself;  // current where it is no handle of the parent's
    brood_process_t parent;
    int has_parent;
} s_children = { .lock = PTHREAD_MUTEX_INITIALIZER,
                 .all = { &s_children.all, &s_children.all } };

static void
s_lock (void)
{
    pthread_mutex_lock (&s_children.lock);
}

static void
s_unlock (void)
{
    pthread_mutex_unlock (&s_children.lock);
}

void
brd_children_forget (void)
{
    (void) pthread_mutex_init (&s_children.lock, NULL);
    brd_list_init (&s_children.all);
    s_children.made = 0;
}

// --- Who we are ------------------------------------------------------------

static void
s_fill (brood_process_t *self, brd_process_kin_t kin, pid_t pid)
{
    memset (self, 0, sizeof *self);
    brd_handle_init (&self->handle, BRD_KIND_PROCESS);
    brd_list_init (&self->link);
    self->kin = kin;
    self->fd = self->watch = self->snapshot = -1;
    atomic_store (&self->state, BRD_PROCESS_RUNNING);
    atomic_store (&self->exitcode, BROOD_NO_EXITCODE);
    atomic_store (&self->pid, pid);
    snprintf (self->type, sizeof self->type, "Process");
}

// current is still the parent, if the parent ever asked.
static void
s_fill_parent (const brd_nursery_birth_t *birth)
{
    brood_process_t before;
    s_fill (&before, BRD_PROCESS_IS_PARENT, birth->owner);
    before.watch = birth->owner_fd;
    const brood_process_t *was = s_children.current;
    if (was) {
        memcpy (before.identity, was->identity, sizeof before.identity);
        memcpy (before.type, was->type, sizeof before.type);
        memcpy (before.name, was->name, sizeof before.name);
        atomic_store (&before.daemon, atomic_load (&was->daemon));
    }
    else
        snprintf (before.name, sizeof before.name, "MainProcess");
    s_children.parent = before;
}

// The lock is held. self: the handle whose run this process is, NULL.
static void
s_find_out (brood_process_t *self)
{
    const brd_nursery_birth_t *birth = brd_nursery_birth ();
    if (s_children.birth == brd_process_birth ())
        return;
    s_children.has_parent = birth != NULL;
    if (birth)
        s_fill_parent (birth);
    if (!self) {
        self = &s_children.itself;
        s_fill (self, BRD_PROCESS_IS_CURRENT, getpid ());
        if (birth) {
            snprintf (
                self->identity, sizeof self->identity, "%u", birth->place);
            snprintf (
                self->name, sizeof self->name, "PoolWorker-%u", birth->place);
        }
        else
            snprintf (self->name, sizeof self->name, "MainProcess");
    }
    s_children.current = self;
    s_children.birth = brd_process_birth ();
}

// As if it were here from before a fork: s_fill_parent () looks for it.
void
brd_children_inherit (const char *name,
                      const char *type,
                      const char *identity,
                      int daemon)
{
    brood_process_t *was = &s_children.itself;
    s_fill (was, BRD_PROCESS_IS_CURRENT, 0);
    snprintf (was->name, sizeof was->name, "%s", name);
    snprintf (was->type, sizeof was->type, "%s", type);
    snprintf (was->identity, sizeof was->identity, "%s", identity);
    atomic_store (&was->daemon, daemon);
    s_children.current = was;
}

void
brd_children_born (brood_process_t *self)
{
    // The line to its nursery is the parent's; the numbers mean nothing here.
    self->kin = BRD_PROCESS_IS_CURRENT;
    self->fd = self->watch = self->snapshot = -1;
    atomic_store (&self->pid, getpid ());
    atomic_store (&self->state, BRD_PROCESS_RUNNING);
    s_lock ();
    s_find_out (self);
    s_unlock ();
}

brood_process_t *
brd_children_current (void)
{
    s_lock ();
    s_find_out (NULL);
    brood_process_t *current = s_children.current;
    s_unlock ();
    return current;
}

brood_process_t *
brd_children_parent (void)
{
    (void) brd_children_current ();
    return s_children.has_parent ? &s_children.parent : NULL;
}

void
brd_children_number (char ret_identity[BROOD_NAME_SIZE])
{
    s_lock ();
    s_find_out (NULL);
    const char *above = s_children.current->identity;
    const int n = snprintf (ret_identity,
                            BROOD_NAME_SIZE,
                            "%s%s%u",
                            above,
                            above[0] != '\0' ? ":" : "",
                            ++s_children.made);
    // So deep below that it says nothing any more.
    if (n >= BROOD_NAME_SIZE)
        snprintf (ret_identity, BROOD_NAME_SIZE, "...:%u", s_children.made);
    s_unlock ();
}

// --- The list --------------------------------------------------------------

// The lock is held. Frees those that nobody has a handle to.
static void
s_reap (void)
{
    brd_list_t *next;
    for (brd_list_t *at = s_children.all.next; at != &s_children.all;
         at = next) {
        brood_process_t *one = BRD_LIST_ITEM (at, brood_process_t, link);
        next = at->next;
        if (!one->given_up || one->pins > 0 || !brd_process_run_look (one))
            continue;
        brd_list_remove (&one->link);
        brd_process_free (one);
    }
}

void
brd_children_add (brood_process_t *self)
{
    s_lock ();
    s_reap ();
    brd_list_append (&s_children.all, &self->link);
    self->listed = 1;
    s_unlock ();
}

void
brd_children_give_up (brood_process_t *self)
{
    s_lock ();
    brd_handle_fini (&self->handle);
    self->given_up = 1;
    s_reap ();
    s_unlock ();
}

long
brd_children_alive (brood_process_t **ret_children, size_t n)
{
    long count = 0;
    s_lock ();
    s_reap ();
    for (brd_list_t *at = s_children.all.next; at != &s_children.all;
         at = at->next) {
        brood_process_t *one = BRD_LIST_ITEM (at, brood_process_t, link);
        if (one->given_up || brd_process_run_look (one))
            continue;
        if ((size_t) count < n)
            ret_children[count] = one;
        count++;
    }
    s_unlock ();
    return count;
}

// --- The end ---------------------------------------------------------------

static int
s_concerns (brood_process_t *one, int daemons_only)
{
    return (!daemons_only || atomic_load (&one->daemon))
           && !brd_process_run_look (one);
}

// One that still runs, and is not freed while we look at it; NULL.
static brood_process_t *
s_pin (int daemons_only)
{
    brood_process_t *found = NULL;
    s_lock ();
    for (brd_list_t *at = s_children.all.next; at != &s_children.all && !found;
         at = at->next) {
        brood_process_t *one = BRD_LIST_ITEM (at, brood_process_t, link);
        if (s_concerns (one, daemons_only))
            found = one;
    }
    if (found)
        found->pins++;
    s_unlock ();
    return found;
}

static void
s_unpin (brood_process_t *one)
{
    s_lock ();
    one->pins--;
    s_reap ();
    s_unlock ();
}

// 0 when all have ended; -1 with ETIMEDOUT or EINTR.
static int
s_await (int daemons_only, int64_t deadline)
{
    brood_process_t *one;
    while ((one = s_pin (daemons_only)) != NULL) {
        const int rc = brd_process_run_wait (one, deadline);
        s_unpin (one);
        if (rc < 0)
            return -1;
    }
    return 0;
}

// To all that still run; 0: their nurseries end them.
static void
s_signal (int daemons_only, int signal)
{
    s_lock ();
    for (brd_list_t *at = s_children.all.next; at != &s_children.all;
         at = at->next) {
        brood_process_t *one = BRD_LIST_ITEM (at, brood_process_t, link);
        if (!s_concerns (one, daemons_only))
            continue;
        if (signal != 0)
            (void) brd_process_run_signal (one, signal);
        else
            brd_process_run_abandon (one);
    }
    s_unlock ();
}

static void
s_terminate (int daemons_only)
{
    s_signal (daemons_only, SIGTERM);
    if (s_await (daemons_only, brd_clock_deadline (S_GRACE_MS)) == 0)
        return;
    s_signal (daemons_only, SIGKILL);
    if (s_await (daemons_only, brd_clock_deadline (S_KILLED_MS)) == 0)
        return;
    s_signal (daemons_only, 0);
}

void
brd_children_end (void)
{
    s_terminate (1);
    if (s_await (0, BRD_NEVER) < 0)
        s_terminate (0);
}
