// host_drain.c - hosts that are to be left alone
//
// SPDX-License-Identifier: MPL-2.0
//
//     drain    its name is written down
//              hosts of that name: WIDTH 0, RECLAIM of all they have
//                RECLAIMED  -> another host's
//                KEPT       -> it has started, and ends there
//     a host of that name comes     it waits, and is not counted
//     undrain  WIDTH as ever; who waited joins
//
// A name and not a host, as somebody who is about to mend a machine means also
// the agent that its launcher starts there anew.
//
// Read next: host_far.c, brd_host_far_rest ().

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/brd_clock.h"
#include "base/brd_error.h"
#include "base/brd_mem.h"
#include "host/host_internal.h"

static brd_host_drained_t *
s_find (const brd_host_t *self, const char *name)
{
    for (brd_list_t *i = self->drains.next; i != &self->drains; i = i->next) {
        brd_host_drained_t *one = BRD_LIST_ITEM (i, brd_host_drained_t, link);
        if (strcmp (one->name, name) == 0)
            return one;
    }
    return NULL;
}

int
brd_host_drain_is_on (const brd_host_t *self, const char *name)
{
    return name[0] != '\0' && s_find (self, name) != NULL;
}

void
brd_host_drain_free (brd_host_t *self)
{
    brd_list_t *link;
    while ((link = brd_list_pop (&self->drains)) != NULL)
        brd_mem_free (BRD_LIST_ITEM (link, brd_host_drained_t, link));
}

// How many of the pool's hosts are called so. They are told, unless rests < 0.
static size_t
s_each (const brd_host_pool_t *pool, const char *name, int rests)
{
    size_t count = 0;
    for (brd_list_t *i = pool->fars.next; i != &pool->fars; i = i->next) {
        brd_host_far_t *far = BRD_LIST_ITEM (i, brd_host_far_t, link);
        if (strcmp (far->name, name) != 0)
            continue;
        count++;
        if (rests >= 0)
            brd_host_far_rest (far, rests);
    }
    return count;
}

static size_t
s_all (const brd_host_t *self, const char *name, int rests)
{
    size_t count = 0;
    for (brd_list_t *i = self->pools.next; i != &self->pools; i = i->next)
        count += s_each (BRD_LIST_ITEM (i, brd_host_pool_t, link), name, rests);
    return count;
}

static int
s_write_down (brd_host_t *self, const char *name)
{
    brd_host_drained_t *one = brd_mem_zalloc (sizeof *one);
    if (!one)
        return -1;
    snprintf (one->name, sizeof one->name, "%s", name);
    brd_list_append (&self->drains, &one->link);
    return 0;
}

static void
s_strike_out (brd_host_drained_t *one)
{
    brd_list_remove (&one->link);
    brd_mem_free (one);
}

int
brd_host_drain (brd_host_t *self, const char *name, int on)
{
    brd_host_drained_t *one = s_find (self, name);
    if (name[0] == '\0' || (!one && s_all (self, name, -1) == 0))
        return brd_error_set (ENOENT, "no host is called \"%s\"", name);
    if (on && !one && s_write_down (self, name) < 0)
        return -1;
    if (!on && one)
        s_strike_out (one);
    self->now = brd_clock_now ();
    (void) s_all (self, name, on != 0);
    // Whoever sleeps makes a turn, which sends what this has left.
    self->touched = 1;
    self->changed = 1;
    brd_host_ring (self);
    brd_host_keeper_call (self);
    return 0;
}
