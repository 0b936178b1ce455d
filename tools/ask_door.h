// ask_door.h - a broker's local door: a name that says whose it is
//
// SPDX-License-Identifier: MPL-2.0
//
//     @brood/ask/1000/4711    abstract: the broker of user 1000, process 4711
//
// Nothing to unlink, and it is gone with the broker. Anybody can bind such a
// name, so both ends look who is at the other: the broker lets in its own user
// and root; who asks believes a door whose maker is the process and the user
// that its name says.
//
// Threads: any.

#ifndef ASK_DOOR_H
#define ASK_DOOR_H

#include <stddef.h>
#include <sys/types.h>

typedef struct {
    uid_t user;
    pid_t pid;
} brd_ask_door_t;

// This process's, listening and non-blocking. -1 with errno of bind (2).
int
brd_ask_door_listen (void);

// The next at the door, non-blocking. -1 with EAGAIN: nobody now; EACCES:
// somebody else's process was sent away; EMFILE, ENFILE, ENOMEM: somebody
// waits.
int
brd_ask_door_accept (int fd);

// Connects to it. -1 with EHOSTUNREACH: nobody is there; EACCES: it is not
// whose it says, or does not let us in; EAGAIN: too many are waiting.
int
brd_ask_door_connect (const brd_ask_door_t *door);

// Doors of this host that this user may try: its own, or all if it is root. In
// the order of their numbers; *ret_doors is for brd_mem_free (). How many, or
// -1 with ENOMEM and errno of open (2).
long
brd_ask_door_list (brd_ask_door_t **ret_doors);

#endif  // ASK_DOOR_H
