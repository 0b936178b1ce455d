// broker_address.c - where a listener can be reached
//
// SPDX-License-Identifier: MPL-2.0
//
//     tcp://0.0.0.0:5555 -> tcp://10.0.0.7:5555, tcp://127.0.0.1:5555
//     tcp://head:5555    -> the same
//
// Who dials tries one after the other, so an address that leads nowhere from
// there costs time and no more.

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "tools/broker.h"

static void
s_add (brd_join_t *join, const char *host, const char *port)
{
    if (join->n_addresses < BRD_JOIN_ADDRESSES)
        (void) snprintf (join->addresses[join->n_addresses++],
                         sizeof join->addresses[0],
                         "tcp://%s:%s",
                         host,
                         port);
}

static void
s_add_interfaces (brd_join_t *join, const char *port)
{
    char text[INET_ADDRSTRLEN];
    struct ifaddrs *all = NULL;
    if (getifaddrs (&all) < 0)
        return;
    for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
        if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET
            || (i->ifa_flags & IFF_LOOPBACK) || !(i->ifa_flags & IFF_UP))
            continue;
        const struct sockaddr_in *in =
            (const struct sockaddr_in *) (const void *) i->ifa_addr;
        if (inet_ntop (AF_INET, &in->sin_addr, text, sizeof text))
            s_add (join, text, port);
    }
    freeifaddrs (all);
}

void
brd_broker_address_set (brd_join_t *join, const char *listening)
{
    static const char scheme[] = "tcp://";
    const char *host = listening + sizeof scheme - 1;
    const char *port = strrchr (host, ':') + 1;
    const size_t size = (size_t) (port - host - 1);
    const int is_any = (size == 7 && strncmp (host, "0.0.0.0", 7) == 0)
                       || (size == 4 && strncmp (host, "[::]", 4) == 0);
    join->n_addresses = 0;
    if (!is_any) {
        (void) snprintf (
            join->addresses[0], sizeof join->addresses[0], "%s", listening);
        join->n_addresses = 1;
        return;
    }
    s_add_interfaces (join, port);
    s_add (join, "127.0.0.1", port);
}
