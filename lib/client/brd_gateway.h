// brd_gateway.h - to the managers of a brood whose program is on another host
//
// SPDX-License-Identifier: MPL-2.0
//
// A manager has an address on its own host, made of its number. Elsewhere the
// brood has a gateway (broker/host/host_gateway.c): who connects to it says 16
// bytes, the manager's number in them, and all that follows is what would have
// been said to the manager.
//
// Threads: any. Fork: the gateway is inherited.

#ifndef BRD_GATEWAY_H
#define BRD_GATEWAY_H

#include <stddef.h>
#include <stdint.h>

enum {
    BRD_GATEWAY_ASK = 16,
    BRD_GATEWAY_ADDRESS_SIZE = 64
};

void
brd_gateway_address (uint64_t gateway,
                     char ret_address[BRD_GATEWAY_ADDRESS_SIZE]);

// A socket that leads to a manager of the family, on this host or through the
// gateway; non-blocking. That there is one shows when it is used. -1 with
//     ECONNREFUSED  it is not on this host, and there is no gateway
//     EAGAIN        too many wait there already; try again
//     EACCES        another user's
//     EMFILE, ENOMEM
int
brd_gateway_connect (uint64_t manager);

// What the other side has said, whole: 0, or -1 if it is nobody of ours.
int
brd_gateway_read_ask (const unsigned char ask[BRD_GATEWAY_ASK],
                      uint64_t *ret_manager);

#endif  // BRD_GATEWAY_H
