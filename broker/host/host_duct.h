// host_duct.h - the inside of a duct, for host_duct*.c and host_gateway.c
//
// SPDX-License-Identifier: MPL-2.0
//
//     agent                      broker                   program
//     a worker's socket -- guest     far -- guest     far -- a manager's socket
//
// Each is two ends: below it a host or a worker's socket, above it a guest or a
// manager's socket. At most one of them is a socket.

#ifndef HOST_DUCT_H
#define HOST_DUCT_H

#include "client/brd_gateway.h"
#include "host/host_guest.h"
#include "host/host_internal.h"

typedef enum {
    BRD_HOST_DUCT_NONE,     // It has no socket
    BRD_HOST_DUCT_ASKING,   // Who has connected has not said to whom
    BRD_HOST_DUCT_WAITING,  // To be connected, when that can be had
    BRD_HOST_DUCT_OPEN,
    BRD_HOST_DUCT_CLOSING  // The other end is over; what came is handed on
} brd_host_duct_state_t;

struct brd_host_duct {
    brd_host_t *host;
    brd_host_far_t *far;      // Who is below, NULL
    brd_host_guest_t *guest;  // Who is above, NULL
    uint64_t below;           // Its number there
    uint64_t above;
    uint32_t up;    // So many bytes may still come from below
    uint32_t down;  // The same from above
    // The end that is a socket
    brd_host_duct_state_t state;
    brd_list_t link;   // In ducts.sockets of the host
    int is_manager;    // 1: it is above
    uint64_t manager;  // Whose
    int fd;            // -1: not yet
    uint32_t armed;    // What the epoll waits for
    int64_t retry_at;  // Of WAITING, BRD_NEVER
    uint32_t owed;     // Bytes handed on that no credit was given for
    brd_buf_t out;     // From out_at on: not taken by the socket yet
    size_t out_at;
    size_t asked;  // Of ask, so far
    unsigned char ask[BRD_GATEWAY_ASK];
};

// --- host_duct.c -----------------------------------------------------------

// One with no ends yet. NULL with ENOMEM, or EMFILE: there are too many.
brd_host_duct_t *
brd_host_duct_new (brd_host_t *host);

// Takes it from its ends, which are not told.
void
brd_host_duct_free (brd_host_duct_t *self);

// A number at the guest, who is told what is wanted. -1 with ENOMEM.
int
brd_host_duct_ask (brd_host_duct_t *self, brd_host_guest_t *guest);

// The guest that is a program of this brood, NULL.
brd_host_guest_t *
brd_host_duct_guest (brd_host_t *host,
                     const unsigned char family[BRD_WIRE_FAMILY]);

// Who is there, upwards or not, is told; entry's number is set here.
void
brd_host_duct_tell (brd_host_duct_t *self,
                    int up,
                    brd_op_t op,
                    brd_wire_duct_t *entry);

// --- host_duct_socket.c ----------------------------------------------------

// Before there is one: whoever sleeps for the host looks after them. -1 with
// EMFILE, ENOMEM.
int
brd_host_duct_socket_begin (brd_host_t *host);

// Its socket leads to a manager: now, later, or the other end is told that
// there is none, and it is no more.
void
brd_host_duct_socket_connect (brd_host_duct_t *self, uint64_t manager);

// Its socket is a worker's, who will say to which manager. -1 with ENOMEM; then
// fd is still the caller's.
int
brd_host_duct_socket_accept (brd_host_duct_t *self, int fd);

// What the other end has said: bytes; more may be sent; it is over.
void
brd_host_duct_socket_take (brd_host_duct_t *self,
                           const void *bytes,
                           size_t size);
void
brd_host_duct_socket_more (brd_host_duct_t *self);
void
brd_host_duct_socket_end (brd_host_duct_t *self);

// --- host_gateway.c --------------------------------------------------------

// In a turn: the door is readable.
void
brd_host_gateway_admit (brd_host_t *host, int64_t now);

// When it is tried again, after there was no descriptor; BRD_NEVER.
int64_t
brd_host_gateway_due (const brd_host_t *host);
void
brd_host_gateway_turn (brd_host_t *host, int64_t now);

// The first bytes of a worker have come, whole.
void
brd_host_gateway_asked (brd_host_duct_t *duct);

#endif  // HOST_DUCT_H
