// names.h - the process that keeps the names of shared memory
//
// SPDX-License-Identifier: MPL-2.0
//
//     any process of the brood --fork, fork--> keeper      names_owner.c
//                                                epoll     names_loop.c
//                                                  control: put, get, drop, end
//                                                  one door for each name
//
// It holds a listening socket and a descriptor for each name, and nothing else
// has to be there for a stranger to get in: neither the maker, nor a thread or
// a loop of the owner's. When the owner has gone, by whatever death, it goes,
// and all names with it.

#ifndef BRD_NAMES_KEEPER_H
#define BRD_NAMES_KEEPER_H

#include <stdint.h>
#include <sys/types.h>

// What the process has of it that started it.
typedef struct {
    int fd;  // Our end of its pair, -1
    pid_t pid;
} brd_names_keeper_t;

// Starts the keeper of that brood and of this process's user; it can be asked
// when this returns, also when somebody else was faster. owner: when that
// process has ended, so has it. If this is the owner, the pair stays open, and
// closing it ends the keeper as well: exec (2) closes it. -1 with EAGAIN,
// EMFILE, ENOMEM, EACCES.
int
brd_names_keeper_start (brd_names_keeper_t *self, uint64_t brood, pid_t owner);

// Ends one that was started here and whose pair is open.
void
brd_names_keeper_end (brd_names_keeper_t *self);

#endif  // BRD_NAMES_KEEPER_H
