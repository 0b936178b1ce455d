// host_gateway.c - where workers of this host ask for managers of another
//
// SPDX-License-Identifier: MPL-2.0
//
//     worker --connects, 16 bytes--> door --DUCT_OPEN--> the program above
//
// Of an agent: its workers inherit the gateway's number, and the family's
// secret, which proves to a manager at the other end who they are. Who else of
// this user connects can have bytes carried, and no more.
//
// Read next: lib/client/brd_gateway.h, the worker's side.

#include <errno.h>
#include <sys/epoll.h>

#include "base/brd_clock.h"
#include "base/brd_error.h"
#include "base/brd_sys.h"
#include "client/brd_session.h"
#include "host/host_duct.h"
#include "transport/brd_endpoint.h"

enum {
    S_ADMIT = 16,            // In one turn
    S_CLOSED_NS = 100000000  // A door for which there is no descriptor
};

static int
s_watch (brd_host_t *host, int how, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.ptr = NULL };
    return epoll_ctl (host->ducts.source.fd, how, host->ducts.door, &event);
}

// --- Opening ---------------------------------------------------------------

static int
s_listen (uint64_t *ret_id)
{
    char address[BRD_GATEWAY_ADDRESS_SIZE];
    brd_endpoint_t at;
    if (brd_sys_random (ret_id, sizeof *ret_id) < 0)
        return brd_error_system ("random bytes");
    *ret_id |= 1;  // 0 is none
    brd_gateway_address (*ret_id, address);
    return brd_endpoint_parse (&at, address, 1) < 0 ? -1
                                                    : brd_endpoint_listen (&at);
}

static int
s_open (brd_host_t *host)
{
    uint64_t id;
    brd_host_ducts_t *ducts = &host->ducts;
    if (brd_host_duct_socket_begin (host) < 0)
        return -1;
    ducts->door = s_listen (&id);
    if (ducts->door < 0)
        return -1;
    if (s_watch (host, EPOLL_CTL_ADD, EPOLLIN) < 0) {
        brd_error_system ("to sleep on the gateway");
        brd_sys_close (&ducts->door);
        return -1;
    }
    brd_session_set_gateway (id);
    return 0;
}

int
brd_host_gateway_open (brd_host_t *host,
                       const unsigned char family[BRD_WIRE_FAMILY])
{
    brd_host_lock (host);
    const int rc = host->ducts.door >= 0 ? 0 : s_open (host);
    const int error = errno;
    if (rc == 0)
        brd_session_set_secret (family);
    brd_host_unlock (host);
    errno = error;
    return rc;
}

// --- Letting in ------------------------------------------------------------

// 1, or 0: nobody more now.
static int
s_admit (brd_host_t *host, int64_t now)
{
    brd_host_ducts_t *ducts = &host->ducts;
    int fd = brd_sys_accept (ducts->door);
    if (fd < 0) {
        if (errno == EAGAIN || errno == ECONNABORTED)
            return 0;
        // Until somebody has left a descriptor.
        (void) s_watch (host, EPOLL_CTL_MOD, 0);
        ducts->door_due = now + S_CLOSED_NS;
        return 0;
    }
    brd_host_duct_t *duct = brd_endpoint_check_same_user (fd) == 0
                                ? brd_host_duct_new (host)
                                : NULL;
    if (!duct || brd_host_duct_socket_accept (duct, fd) < 0) {
        brd_sys_close (&fd);
        if (duct)
            brd_host_duct_free (duct);
    }
    return 1;
}

void
brd_host_gateway_admit (brd_host_t *host, int64_t now)
{
    for (int i = 0; i < S_ADMIT && s_admit (host, now); i++)
        continue;
}

int64_t
brd_host_gateway_due (const brd_host_t *host)
{
    return host->ducts.door_due;
}

void
brd_host_gateway_turn (brd_host_t *host, int64_t now)
{
    if (now < host->ducts.door_due)
        return;
    host->ducts.door_due = BRD_NEVER;
    (void) s_watch (host, EPOLL_CTL_MOD, EPOLLIN);
}

// Nobody above, or no sense in it: it is closed, as a door is that leads
// nowhere.
void
brd_host_gateway_asked (brd_host_duct_t *duct)
{
    brd_host_guest_t *guest =
        brd_host_duct_guest (duct->host, brd_session_secret ());
    if (!guest || brd_gateway_read_ask (duct->ask, &duct->manager) < 0
        || brd_host_duct_ask (duct, guest) < 0) {
        brd_host_duct_socket_end (duct);
        return;
    }
    duct->state = BRD_HOST_DUCT_OPEN;
    brd_host_duct_socket_more (duct);
}
