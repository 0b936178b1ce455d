// host_guest.h - the inside of a guest, for host_guest.c and host_given.c
//
// SPDX-License-Identifier: MPL-2.0

#ifndef HOST_GUEST_H
#define HOST_GUEST_H

#include "host/host_internal.h"

struct brd_host_guest {
    brd_list_t link;  // In host.guests
    brd_host_t *host;
    brd_host_pool_t *pool;  // NULL: it is no more, or not known yet
    int here;               // 1: it hears us
    int remote;             // 1: another program, which shares no memory
    // Of one by invitation
    uint32_t worker;  // Whose task it is
    uint32_t pid;     // Of that worker
    int sweep;        // 1: its blocks are to be swept when all has ended
    unsigned char peer[BRD_ZMQ_ID];
    char name[BRD_NURSERY_NAME_SIZE];
    // Of one that is another program
    brd_peer_t *line;                       // NULL: it is gone
    struct brd_host_serving *serving;       // Who waits for its end, NULL
    int asked;                              // 1: it has said what it wants
    uint32_t width;                         // Slots it was told of last
    int64_t rtt;                            // And how far they are
    unsigned char family[BRD_WIRE_FAMILY];  // The brood's, as it said
    brd_map_t ducts;                        // That lead to it, by their numbers
    int deaf;  // 1: some of what goes through them was lost
    brd_list_t given;
    int lent;           // 1: the pool has a worker more for it
    int64_t lent_till;  // When that goes back, BRD_NEVER
    int leaving;        // 1: RETIRE is due when nothing is given
    int failed;         // 1: something did not get through, all is to end
    int64_t stop_at;    // Not before
    int retired;        // 1: RETIRE was sent
    int64_t forget_at;  // Or, if not, when it is tried again; BRD_NEVER
    brd_buf_t out;      // A RESULTS message being filled
    uint32_t out_count;
};

// --- host_guest.c ----------------------------------------------------------

// One that is not in the host's list yet. NULL with ENOMEM.
brd_host_guest_t *
brd_host_guest_new (brd_host_t *host);

// 1 if there is room for one more; who has left makes some.
int
brd_host_guest_has_room (brd_host_t *self);

// --- host_serve.c ----------------------------------------------------------

// Takes messages of its peer, and sees its end; returns how many there were.
int
brd_host_serve_drain (brd_host_guest_t *self);
// When its peer has something to do; BRD_NEVER.
int64_t
brd_host_serve_deadline (const brd_host_guest_t *self);

// OPEN has come. -1 with EPROTO if it may not.
int
brd_host_serve_asked (brd_host_guest_t *self, const void *bytes, size_t size);

// Its pool has so many slots by now.
void
brd_host_serve_resized (brd_host_guest_t *self);

// It is not served, or no more: it is told why.
void
brd_host_serve_refuse (brd_host_guest_t *self, int error, const char *why);

// It is being forgotten.
void
brd_host_serve_end (brd_host_guest_t *self);

// --- host_given.c ----------------------------------------------------------

// Sends what is gathered.
void
brd_host_given_flush (brd_host_guest_t *self);

// One message without entries, or with one. If it cannot be sent: -1; or the
// guest has failed.
int
brd_host_given_try_tell (brd_host_guest_t *self,
                         brd_op_t op,
                         const brd_wire_note_t *note);
void
brd_host_given_tell (brd_host_guest_t *self,
                     brd_op_t op,
                     const brd_wire_note_t *note);

// A message that is not about tasks; NULL: there was no memory for it. What
// cannot be sent is the end of the guest.
void
brd_host_given_pass (brd_host_guest_t *self, brd_buf_t *out);

// Messages from it: TASKS, and those about tasks. -1: not in order.
int
brd_host_given_tasks (brd_host_guest_t *self, brd_frame_t *frame);
int
brd_host_given_asked (brd_host_guest_t *self, brd_frame_t *frame);

// Ends all it has given, by this event.
void
brd_host_given_stop (brd_host_guest_t *self, brd_core_event_type_t type);

// The same, later and gently: its process is dead. Legs of maps end with the
// item they are in.
void
brd_host_given_abandon (brd_host_guest_t *self);

// What no worker has yet goes back to the guest: there is none.
void
brd_host_given_back (brd_host_guest_t *self);

#endif  // HOST_GUEST_H
