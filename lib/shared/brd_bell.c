// brd_bell.c - waking those who wait for several things at once
//
// SPDX-License-Identifier: MPL-2.0
//
// The name of a bell is "\0brood/<the brood's secret>/<seat>": nobody outside
// can guess it, and it needs no table. The socket is the thread's, closed on
// exec and of no use to children, who have it replaced.

#include "shared/brd_bell.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/brd_check.h"
#include "base/brd_process.h"
#include "base/brd_sys.h"
#include "shared/brd_root.h"

// The thread's own; docs/decisions/0003-globals.md.
static _Thread_local struct {
    int fd;
    uint32_t birth;
    uint32_t seat;
} s_mine;

static pthread_once_t s_once = PTHREAD_ONCE_INIT;
static pthread_key_t s_key;
static int s_has_key;

static void
s_leave (void *arg)
{
    (void) arg;
    if (s_mine.birth == brd_process_birth () && s_mine.seat != 0)
        brd_sys_close (&s_mine.fd);
    s_mine.seat = 0;
}

static void
s_make_key (void)
{
    s_has_key = pthread_key_create (&s_key, s_leave) == 0;
}

// Written by hand: snprintf is not for sweeps.
static socklen_t
s_name (const brd_shared_t *shared, uint32_t seat, struct sockaddr_un *ret_name)
{
    static const char prefix[] = "brood/";
    static const char hex[] = "0123456789abcdef";
    memset (ret_name, 0, sizeof *ret_name);
    ret_name->sun_family = AF_UNIX;
    char *at = ret_name->sun_path + 1;
    memcpy (at, prefix, sizeof prefix - 1);
    at += sizeof prefix - 1;
    for (size_t i = 0; i < sizeof shared->secret; i++) {
        *at++ = hex[shared->secret[i] >> 4];
        *at++ = hex[shared->secret[i] & 15];
    }
    *at++ = '/';
    for (int shift = 12; shift >= 0; shift -= 4)
        *at++ = hex[seat >> shift & 15];
    return (socklen_t) (at - (char *) ret_name);
}

int
brd_bell_open (brd_shared_t *shared)
{
    const uint32_t seat = brd_seat_mine (shared);
    if (seat == 0)
        return -1;
    if (s_mine.seat == seat && s_mine.birth == brd_process_birth ())
        return s_mine.fd;
    struct sockaddr_un name;
    const socklen_t size = s_name (shared, seat, &name);
    int fd = brd_sys_datagram ();
    if (fd < 0 || bind (fd, (const struct sockaddr *) &name, size) < 0) {
        brd_error_system ("a socket to wait for several things");
        brd_sys_close (&fd);
        return -1;
    }
    s_mine.fd = fd;
    s_mine.seat = seat;
    s_mine.birth = brd_process_birth ();
    (void) pthread_once (&s_once, s_make_key);
    if (s_has_key)
        (void) pthread_setspecific (s_key, &s_mine);
    return fd;
}

void
brd_bell_listen (brd_shared_t *shared)
{
    atomic_store (&brd_seat_at (shared, s_mine.seat)->bell, 1);
}

void
brd_bell_quiet (brd_shared_t *shared)
{
    char rung;
    const int saved_errno = errno;
    atomic_store (&brd_seat_at (shared, s_mine.seat)->bell, 0);
    while (recv (s_mine.fd, &rung, 1, MSG_DONTWAIT) >= 0)
        continue;
    errno = saved_errno;
}

int
brd_bell_watch (brd_hold_t *hold)
{
    brd_share_t *share = brd_hold_share (hold);
    if (!share)
        return -1;
    atomic_fetch_add (&share->watching, 1);
    atomic_fetch_add (&hold->object->watchers, 1);
    return 0;
}

void
brd_bell_unwatch (brd_hold_t *hold)
{
    brd_share_t *share = brd_hold_share (hold);
    if (!share)
        return;
    atomic_fetch_sub (&hold->object->watchers, 1);
    atomic_fetch_sub (&share->watching, 1);
}

void
brd_bell_ring (brd_object_t *object)
{
    brd_shared_t *shared = object->shared;
    const int saved_errno = errno;
    const uint32_t top = atomic_load (&shared->seats.top);
    int fd = -1;
    for (uint32_t i = 1; i < top; i++) {
        struct sockaddr_un name;
        if (atomic_load (&shared->seats.seats[i].bell) == 0)
            continue;
        const socklen_t size = s_name (shared, i, &name);
        if (fd < 0)
            fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        // Without a descriptor for it the sleeper's own slices must do.
        (void) sendto (fd,
                       "",
                       1,
                       MSG_DONTWAIT | MSG_NOSIGNAL,
                       (const struct sockaddr *) &name,
                       size);
    }
    brd_sys_close (&fd);
    errno = saved_errno;
}
