// host_source.c - what else a host sleeps on
//
// SPDX-License-Identifier: MPL-2.0
//
//     leader's poll, foreign epoll -> heeded, an epoll of
//         peers: hosts below, guests
//         sources: a listener, a timer, a child's descriptor ...
//
// One descriptor stands for all of them, so none of those who sleep has to be
// woken when one comes or goes.
//
// Read next: host_drive.c.

#include <errno.h>
#include <sys/epoll.h>

#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "base/brd_error.h"
#include "base/brd_sys.h"
#include "host/host_internal.h"

// --- Descriptors -----------------------------------------------------------

static int
s_begin (brd_host_t *self)
{
    if (self->heeded >= 0)
        return 0;
    self->heeded = brd_sys_epoll ();
    if (self->heeded < 0)
        return brd_error_system ("a descriptor for peers");
    brd_host_watch (self, self->heeded);
    brd_host_ring (self);  // The leader sleeps without it
    return 0;
}

int
brd_host_heed (brd_host_t *self, int fd)
{
    struct epoll_event event = { .events = EPOLLIN };
    if (fd < 0)
        return 0;
    if (s_begin (self) < 0)
        return -1;
    return epoll_ctl (self->heeded, EPOLL_CTL_ADD, fd, &event) < 0
               ? brd_error_system ("to sleep on a peer's descriptor")
               : 0;
}

void
brd_host_ignore (brd_host_t *self, int fd)
{
    if (self->heeded >= 0 && fd >= 0)
        (void) epoll_ctl (self->heeded, EPOLL_CTL_DEL, fd, NULL);
}

// --- Sources ---------------------------------------------------------------

int
brd_host_source_add (brd_host_t *self, brd_host_source_t *source)
{
    brd_assert (source->turn != NULL);
    if (brd_host_heed (self, source->fd) < 0)
        return -1;
    brd_list_append (&self->sources, &source->link);
    brd_host_keeper_call (self);
    self->touched = 1;
    return 0;
}

void
brd_host_source_remove (brd_host_t *self, brd_host_source_t *source)
{
    brd_host_ignore (self, source->fd);
    brd_list_remove (&source->link);
}

// One may remove itself.
void
brd_host_sources_turn (brd_host_t *self)
{
    for (brd_list_t *i = self->sources.next, *next; i != &self->sources;
         i = next) {
        next = i->next;
        brd_host_source_t *source = BRD_LIST_ITEM (i, brd_host_source_t, link);
        source->turn (source, self->now);
    }
}

int64_t
brd_host_sources_deadline (const brd_host_t *self)
{
    int64_t due = BRD_NEVER;
    for (const brd_list_t *i = self->sources.next; i != &self->sources;
         i = i->next) {
        brd_host_source_t *source = BRD_LIST_ITEM (i, brd_host_source_t, link);
        const int64_t one =
            source->due ? source->due (source, self->now) : BRD_NEVER;
        due = one < due ? one : due;
    }
    return due;
}
