// relay.h - the process between a program and other hosts
//
// SPDX-License-Identifier: MPL-2.0
//
//     program --stream socket-- brood broker --tcp-- agents
//
// The broker is executed by a child of a nursery's kind: the program's wait ()
// does not see it, and it ends when its end of the socket is alone.

#ifndef BRD_RELAY_H
#define BRD_RELAY_H

#include <limits.h>
#include <sys/types.h>

typedef struct {
    int fd;  // The nursery's
    pid_t pid;
} brd_relay_t;

// Executes the broker for a place (client/brd_place.h), with what it is to run
// there: this program with its arguments. *ret_fd is our end of the socket.
//     ENOENT   there is no brood command
//     EAGAIN, EMFILE, ENOMEM
int
brd_relay_start (brd_relay_t *self, const char *spec, int *ret_fd);

// Waits for its end, which begins when our end of the socket is closed; after
// two seconds it is killed.
void
brd_relay_end (brd_relay_t *self);

// --- relay_find.c ----------------------------------------------------------

// The brood command: $BROOD_BIN; else where libbrood is, or in a bin beside its
// folder; else in PATH. -1 with ENOENT and a text.
int
brd_relay_find (char ret_path[PATH_MAX]);

// Any command in PATH. 1, or 0: it is in none of its folders.
int
brd_relay_find_in_path (const char *name, char ret_path[PATH_MAX]);

#endif  // BRD_RELAY_H
