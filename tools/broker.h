// broker.h - the inside of brood broker, which is one of two
//
// SPDX-License-Identifier: MPL-2.0
//
//     of a program    it started this, and gives its work by a descriptor
//         agents are launched            broker_program.c
//         or a standing broker has them  broker_dial.c
//     standing        programs and agents come and go
//         who may, and keeps it          broker_keys.c
//         who comes, what ends it        broker_standing.c
//         whose hosts work for whom      broker_pools.c
//
// Each is one process with one host (host/host.h). Only the standing one has
// threads: one for each program that gives work.

#ifndef BROKER_H
#define BROKER_H

#include "client/brd_code.h"
#include "client/brd_place.h"
#include "host/host.h"
#include "transport/brd_curve.h"
#include "transport/brd_wan.h"
#include "wire/brd_join.h"
#include "wire/brd_token.h"

enum {
    BRD_BROKER_END_MS = 1500  // For what was said last to be heard
};

// --- broker_program.c ------------------------------------------------------

typedef struct {
    unsigned char build[BRD_CODE_BUILD];
    size_t build_size;
    int fd;        // The program's
    char **words;  // The place, and what runs there
    int count;
} brd_broker_given_t;

// Serves the program until it is gone; an exit code.
int
brd_broker_program (const brd_broker_given_t *given);

// A descriptor of the program's that tells of its end while nobody reads what
// it says, for brd_broker_program_left (). -1 with EMFILE.
int
brd_broker_program_watch (const brd_broker_given_t *given);
int
brd_broker_program_left (int watch);

// --- broker_dial.c ---------------------------------------------------------

// The same, of a place at tcp://.
int
brd_broker_dial (const brd_broker_given_t *given,
                 const brd_place_t *place,
                 brd_host_t *host,
                 double scale);

// --- broker_address.c ------------------------------------------------------

// Where a listener at this address ("tcp://0.0.0.0:5555") can be reached:
// there, or, if that is any address, at those of this host, the loopback one
// last.
void
brd_broker_address_set (brd_join_t *join, const char *listening);

// --- broker_keys.c ---------------------------------------------------------

typedef struct {
    const char *folder;
    brd_join_t addresses;  // What the strings say of them; nothing else of it
    int64_t lasts_s;       // That are made now; 0: for ever
} brd_broker_keys_options_t;

// The folder, made if it is not there, and the pair in it, likewise. -1 with
// EACCES (it is another's, or others may use it), ENOTDIR, EINVAL (no key is in
// the file) and what the system says, with a text.
int
brd_broker_keys_open (const char *folder, brd_curve_t *ret_pair);

// Enters the tokens of the folder's join strings into the book; what is missing
// or expired is made, what says other addresses is written anew. -1 as above;
// EINVAL also if one is of another key.
int
brd_broker_keys_strings (const brd_broker_keys_options_t *options,
                         const brd_curve_t *pair,
                         brd_token_book_t *book);

// --- broker_standing.c -----------------------------------------------------

typedef struct {
    const char *listen;  // tcp://HOST:PORT
    const char *keys;    // A folder
    brd_join_t addresses;
    int64_t lasts_s;
    int hosts_max;
    int clients_max;
    int strangers_max;
} brd_broker_standing_t;

// Until SIGTERM or SIGINT; an exit code.
int
brd_broker_standing (const brd_broker_standing_t *options);

// --- broker_pools.c --------------------------------------------------------

// Who works for whom. Programs of one build that want the same (the same OPEN)
// share a pool. A host of that build that is free, or comes, goes to the pool
// that has the fewest.
typedef struct brd_broker_pools brd_broker_pools_t;

// NULL with ENOMEM.
brd_broker_pools_t *
brd_broker_pools_new (brd_host_t *host, double scale);
// When it has ended: brd_broker_pools_end (). Peers that are left are those of
// who made them.
void
brd_broker_pools_destroy (brd_broker_pools_t **self_p);

// Locked (host/host.h). One that has joined; NULL, or why not. Its peer is
// taken.
const char *
brd_broker_pools_add_host (brd_broker_pools_t *self,
                           brd_peer_t *peer,
                           const brd_hello_who_t *who);
const char *
brd_broker_pools_add_client (brd_broker_pools_t *self,
                             brd_peer_t *peer,
                             const brd_hello_who_t *who);

// Locked. How many there are, and how many of the hosts work for nobody.
size_t
brd_broker_pools_free (const brd_broker_pools_t *self);
size_t
brd_broker_pools_hosts (const brd_broker_pools_t *self);
size_t
brd_broker_pools_clients (const brd_broker_pools_t *self);

// Locked. Hosts that are free and gone are forgotten; who has waited for a host
// for too long is told why there is none.
void
brd_broker_pools_turn (brd_broker_pools_t *self, int64_t now);
int64_t
brd_broker_pools_due (const brd_broker_pools_t *self);

// Not locked. Everybody is told that it is over; returns when they have left,
// or have not in a while: then -1.
int
brd_broker_pools_end (brd_broker_pools_t *self);

#endif  // BROKER_H
