// brd_endpoint.h - an address in words, and the socket there
//
// SPDX-License-Identifier: MPL-2.0
//
//     tcp://host:port     also tcp://[::1]:port; to listen at, host "*" is
//                         all interfaces and port 0 any that is free
//     ipc:///path         a socket file
//     ipc://@name         abstract: no file, this network namespace
//
// Threads: one that uses it.

#ifndef BRD_ENDPOINT_H
#define BRD_ENDPOINT_H

#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

enum {
    BRD_ENDPOINT_PLACES = 8,      // That a host name may stand for
    BRD_ENDPOINT_TEXT_MAX = 1100  // A host name, or a path, and around it
};

typedef struct {
    struct sockaddr_storage places[BRD_ENDPOINT_PLACES];
    socklen_t sizes[BRD_ENDPOINT_PLACES];
    int n_places;
    int is_tcp;
    dev_t file_device;  // The socket file that brd_endpoint_listen () made
    ino_t file_inode;   // 0: none
} brd_endpoint_t;

// Reads an address to connect to, or to listen at. -1 with EINVAL, ENOENT (no
// such host), EAGAIN (the name server does not answer), ENOMEM.
int
brd_endpoint_parse (brd_endpoint_t *self, const char *address, int listens);

// A socket that connects, or has connected, to one of the places. -1 with
// errno as connect (2) without EINPROGRESS.
int
brd_endpoint_connect (const brd_endpoint_t *self, int place);

// A socket that listens. A socket file that nobody listens at is replaced. -1
// with errno as bind (2).
int
brd_endpoint_listen (brd_endpoint_t *self);

// Removes the socket file, if it is still the one made there.
void
brd_endpoint_remove (const brd_endpoint_t *self);

// Where a listening socket really is, as an address: 0 or -1.
int
brd_endpoint_text (const brd_endpoint_t *self,
                   int fd,
                   char text[BRD_ENDPOINT_TEXT_MAX]);

// What connections want: small frames leave at once, and a host that has
// vanished is noticed within a minute and a half.
void
brd_endpoint_tune (int fd);

// 0 if the other end of an ipc socket is a process of this user or of root, or
// we are root; -1 with EACCES.
int
brd_endpoint_check_user (int fd);

// The same where root is a user as any other.
int
brd_endpoint_check_same_user (int fd);

#endif  // BRD_ENDPOINT_H
