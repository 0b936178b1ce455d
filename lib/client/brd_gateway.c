// brd_gateway.c - to the managers of a brood whose program is on another host
//
// SPDX-License-Identifier: MPL-2.0
//
//     0         8
//     | "BRDGATE1" | number of the manager, little endian |
//
// A fresh socket takes so few bytes at once.
//
// Read next: brd_session_link.c; broker/host/host_gateway.c, the other side.

#include "client/brd_gateway.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/brd_error.h"
#include "base/brd_sys.h"
#include "client/brd_session.h"
#include "transport/brd_endpoint.h"
#include "wire/brd_le.h"

static const unsigned char s_magic[8] = "BRDGATE1";

void
brd_gateway_address (uint64_t gateway,
                     char ret_address[BRD_GATEWAY_ADDRESS_SIZE])
{
    (void) snprintf (ret_address,
                     BRD_GATEWAY_ADDRESS_SIZE,
                     "ipc://@brood/gateway-%016llx",
                     (unsigned long long) gateway);
}

static int
s_connect (const char *address)
{
    brd_endpoint_t to;
    if (brd_endpoint_parse (&to, address, 0) < 0)
        return -1;
    int fd = brd_endpoint_connect (&to, 0);
    if (fd < 0 || brd_endpoint_check_user (fd) == 0)
        return fd;
    brd_sys_close (&fd);
    return -1;
}

static int
s_ask (int fd, uint64_t manager)
{
    unsigned char ask[BRD_GATEWAY_ASK];
    memcpy (ask, s_magic, sizeof s_magic);
    brd_le_put (ask + 8, manager, 8);
    if (brd_sys_send (fd, ask, sizeof ask, MSG_NOSIGNAL | MSG_DONTWAIT)
        == (ssize_t) sizeof ask)
        return 0;
    return brd_error_set (ECONNREFUSED, "the way to other hosts has closed");
}

int
brd_gateway_connect (uint64_t manager)
{
    char address[BRD_SESSION_ADDRESS_SIZE];
    char gateway[BRD_GATEWAY_ADDRESS_SIZE];
    brd_session_address (manager, address);
    int fd = s_connect (address);
    if (fd >= 0 || errno != ECONNREFUSED || brd_session_gateway () == 0)
        return fd;
    brd_gateway_address (brd_session_gateway (), gateway);
    fd = s_connect (gateway);
    if (fd >= 0 && s_ask (fd, manager) < 0)
        brd_sys_close (&fd);
    return fd;
}

int
brd_gateway_read_ask (const unsigned char ask[BRD_GATEWAY_ASK],
                      uint64_t *ret_manager)
{
    const uint64_t manager = brd_le_get (ask + 8, 8);
    if (memcmp (ask, s_magic, sizeof s_magic) != 0 || manager == 0)
        return brd_error_set (EPROTO, "not what a process of a brood says");
    *ret_manager = manager;
    return 0;
}
