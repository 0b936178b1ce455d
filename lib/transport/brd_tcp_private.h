// brd_tcp_private.h - what both ends of a link between hosts need
//
// SPDX-License-Identifier: MPL-2.0
//
// For brd_tcp_*.c only.

#ifndef BRD_TCP_PRIVATE_H
#define BRD_TCP_PRIVATE_H

#include "base/brd_list.h"
#include "transport/brd_tcp.h"
#include "transport/brd_zmq_private.h"

// Newer than, or left out of, Debian 12's <zmq.h>: in libzmq itself it is.
#ifndef ZMQ_ZAP_ENFORCE_DOMAIN
#define ZMQ_ZAP_ENFORCE_DOMAIN 93
#endif

// Times in milliseconds, before the scale; and what a busy machine needs all
// the same for a handshake.
enum {
    BRD_TCP_MAXRT_MS = 20000,
    BRD_TCP_HANDSHAKE_MS = 5000,
    BRD_TCP_MS_MIN = 1000
};

// ms at this scale, but not less than the floor.
int
brd_tcp_common_ms (int ms, double scale, int floor_ms);

// The options both ends have, and CURVE: a socket without it is never bound or
// connected. -1 with ENOTSUP, ENOMEM.
int
brd_tcp_common_secure (void *socket,
                       const brd_curve_t *pair,
                       const unsigned char *server_key,
                       double scale);

// What listens: a link that lets in whom brd_tcp_zap says, and nobody while
// there is none. NULL with ENOTSUP, EMFILE, ENOMEM.
brd_zmq_t *
brd_tcp_common_router (const brd_curve_t *pair, double scale);

// Sends one frame, or keeps out as it was; -1 with EAGAIN, EHOSTUNREACH.
int
brd_tcp_common_send (void *socket, brd_buf_t *out);

// --- What libzmq tells of a socket's connections ---------------------------

typedef struct {
    void *socket;  // Whose
    void *pair;
    int fd;
} brd_tcp_monitor_t;

// events: ZMQ_EVENT_... -1 with EMFILE, ENOMEM.
int
brd_tcp_monitor_init (brd_tcp_monitor_t *self, void *socket, int events);

// Before the socket is closed. Takes one that was never made.
void
brd_tcp_monitor_fini (brd_tcp_monitor_t *self);

// The next event: 1; 0 if there is none.
int
brd_tcp_monitor_next (brd_tcp_monitor_t *self, int *ret_event, int *ret_value);

// --- Who may come in -------------------------------------------------------

typedef struct {
    void *socket;
    int fd;
} brd_tcp_zap_t;

typedef struct {
    int is_curve;  // 0: it was not asked as we ask; the answer is no
    unsigned char key[BRD_CURVE_KEY];
    char host[64];
    char id[64];  // What the answer is matched by
    size_t id_size;
} brd_tcp_zap_request_t;

// From now on this is asked for every key in this process. -1 with EADDRINUSE,
// EMFILE, ENOMEM.
int
brd_tcp_zap_init (brd_tcp_zap_t *self);
void
brd_tcp_zap_fini (brd_tcp_zap_t *self);

// The next question: 1, and it must be answered; 0 if there is none.
int
brd_tcp_zap_next (brd_tcp_zap_t *self, brd_tcp_zap_request_t *ret);

// serial: yes, and all that comes over this connection bears this number; 0:
// no.
void
brd_tcp_zap_answer (brd_tcp_zap_t *self,
                    const brd_tcp_zap_request_t *request,
                    uint64_t serial);

// Whose key the sender has proven, and the number it was given. Serial 0: it
// was let in by nobody here, and no key.
uint64_t
brd_tcp_zap_sender (const brd_zmq_msg_t *msg,
                    unsigned char ret_key[BRD_CURVE_KEY]);

// --- Who is there ----------------------------------------------------------

typedef struct {
    brd_list_t link;  // Among strangers, the admitted or who leaves
    int fd;
    uint64_t cookie;  // The kernel's, of the socket; 0: it was gone already
    int64_t until;    // A stranger's time
    uint64_t since;   // The last number given to anybody before it came
    uint64_t serial;  // Its own; 0: it has not sent anything
    int is_admitted;
    int is_dropped;  // Hung up on; libzmq has not noticed yet
    int packets;     // It has sent as a stranger
    unsigned char peer[BRD_TCP_ID];
} brd_tcp_guest_t;

typedef struct {
    brd_list_t strangers;  // The oldest first
    brd_list_t admitted;
    brd_list_t leaving;  // Hung up on
    int n_strangers;     // Who leaves is counted as what it was
    int n_admitted;
    uint64_t n_unheard;  // Ever: gone, and have not sent anything
    brd_tcp_guest_t **by_fd;
    size_t room;
    int listen_fd;  // On loan
    int look;       // Ours, for a look at what another number stands for
} brd_tcp_guests_t;

// Before anything can fail: what fini takes.
void
brd_tcp_guests_init (brd_tcp_guests_t *self);

// Those that come to this socket. -1 with EMFILE.
int
brd_tcp_guests_open (brd_tcp_guests_t *self, int listen_fd);
void
brd_tcp_guests_fini (brd_tcp_guests_t *self);

// One has come, or gone. One for whom there is no memory is hung up on.
void
brd_tcp_guests_add (brd_tcp_guests_t *self,
                    int fd,
                    int64_t until,
                    uint64_t since);
void
brd_tcp_guests_remove (brd_tcp_guests_t *self, int fd);

// Who sent it; NULL: it is gone, or was let in by nobody here.
brd_tcp_guest_t *
brd_tcp_guests_sender (brd_tcp_guests_t *self, const brd_zmq_msg_t *msg);

// Who has said something under this id, or NULL.
brd_tcp_guest_t *
brd_tcp_guests_find (brd_tcp_guests_t *self,
                     const unsigned char peer[BRD_TCP_ID]);

void
brd_tcp_guests_admit (brd_tcp_guests_t *self, brd_tcp_guest_t *guest);

// Hangs up; it is here until libzmq has noticed.
void
brd_tcp_guests_drop (brd_tcp_guests_t *self, brd_tcp_guest_t *guest);

// --- Whether more may come -------------------------------------------------

// on: the kernel drops what comes to this listening socket from those who are
// not connected yet. 0 or -1.
int
brd_tcp_door_close (int listen_fd, int on);

// Hangs up on those who wait to be accepted and cannot be, for want of a
// descriptor: *spare is given for it, and had again, or is -1 for now.
void
brd_tcp_door_clear (int listen_fd, int *spare);

#endif  // BRD_TCP_PRIVATE_H
