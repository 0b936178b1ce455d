// brd_hosts.h - the hosts that a text or a file names
//
// SPDX-License-Identifier: MPL-2.0
//
//     n1,n2/8                  two hosts, the second with 8 workers
//     anna@n1:2222/8           as whom, and sshd's port
//     n[1-3,7]  rack[0-1]n[01-16]     as Slurm writes them; zeros are kept
//     [fe80::1]:2222/4         an address with colons
//
// A file has one such text on a line, or what MPI's have ("n1 slots=8"); #
// begins a comment. The order is that of the text, a host may come twice.
//
// Names go to other programs' command lines: blanks, control characters and a
// dash in front are refused.

#ifndef BRD_HOSTS_H
#define BRD_HOSTS_H

#include <stddef.h>

enum {
    BRD_HOSTS_MAX = 10000,
    BRD_HOSTS_NAME_MAX = 255,
    BRD_HOSTS_SLOTS_MAX = 4096
};

typedef struct {
    char *name;  // "n1", "anna@n1", "fe80::1"
    int port;    // 0: not said
    int slots;   // 0: not said
} brd_hosts_entry_t;

typedef struct {
    brd_hosts_entry_t *entries;
    size_t count;
    size_t room;
} brd_hosts_t;

// All zeros is an empty list.
void
brd_hosts_fini (brd_hosts_t *self);

// Adds the hosts that text names from at, which lies in it, to its end. -1 with
// EINVAL and a text that points at where, or ENOMEM; then some may have been
// added.
int
brd_hosts_read (brd_hosts_t *self, const char *text, const char *at);

// The same for a file. -1 also with what open and read say, and EFBIG.
int
brd_hosts_read_file (brd_hosts_t *self, const char *path);

#endif  // BRD_HOSTS_H
