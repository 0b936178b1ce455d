// brd_secret.h - a line that nobody else may read
//
// SPDX-License-Identifier: MPL-2.0
//
// Secrets come in by a descriptor (a launcher writes one to the standard input
// of what it starts) or a file of this user's with mode 0600 or less. Arguments
// and the environment can be read in /proc, are copied by srun, and stay in
// shell histories.

#ifndef BRD_SECRET_H
#define BRD_SECRET_H

#include <stddef.h>
#include <stdint.h>

// The first line that fd has, without its newline; nothing behind it is taken.
// Its length, or -1 with
//     ENODATA    the end came, and no line
//     EMSGSIZE   it has size bytes or more
//     ETIMEDOUT  not by the deadline
//     errno of read (2)
// In all these cases ret_line holds none of it.
int
brd_secret_read_fd (int fd, char *ret_line, size_t size, int64_t deadline);

// The same of a file. -1 also with
//     EACCES     it is not a file of this user's, or others may read it
//     errno of open (2)
int
brd_secret_read_file (const char *path, char *ret_line, size_t size);

// Makes a file with mode 0600 and this line. -1 with EEXIST (it is never
// written over), errno of open (2) or write (2), and then there is none.
int
brd_secret_write_file (const char *path, const char *line);

// Overwrites, though nobody reads it afterwards.
void
brd_secret_wipe (void *memory, size_t size);

// 1 if they differ; takes as long wherever they do.
int
brd_secret_differ (const void *left, const void *right, size_t size);

#endif  // BRD_SECRET_H
