// pieces.h - a walk over trees of files, cut into pieces of work
//
// SPDX-License-Identifier: MPL-2.0
//
// A file of more than PIECE_SIZE bytes is several pieces, and many small files
// are one batch: a task should be worth its way to a worker, and no file should
// keep the rest waiting.

#ifndef PIECES_H
#define PIECES_H

#include <fts.h>
#include <stddef.h>

#ifndef PIECE_SIZE
#define PIECE_SIZE (1 << 20)
#endif

// The bytes from .. to of a file; to -1: to its end, wherever that is by then.
typedef struct {
    char path[4096];
    long long from;
    long long to;
} piece;

// Called for whatever is passed over, with why: "binary", or an errno's text.
typedef void
pieces_skip_fn (const char *path, const char *why, void *arg);

typedef struct {
    FTS *tree;
    piece next;      // The rest of a large file; from 0: none
    long long size;  // Of that file
    pieces_skip_fn *skip;
    void *arg;
} pieces;

// Files and directories in paths, NULL at the end. Symbolic links within are
// not followed. -1 with errno.
int
pieces_open (pieces *self, char **paths, pieces_skip_fn *skip, void *arg);

// The next piece: its size, or -1 when there is none left.
long long
pieces_next (pieces *self, piece *ret_piece);

void
pieces_close (pieces *self);

typedef struct {
    char *data;
    size_t size;
    size_t room;
    size_t first;  // Where the piece's own words begin
    size_t end;    // And where the last of them ends
} piece_text;

// Reads a piece, for whoever counts it: words that begin in it, whole. Returns
// 1, 0 if the file is binary (its first piece says so), or -1 with errno.
int
piece_read (const piece *self, piece_text *text);

// c as a lower case letter, or 0 if it is none, in ASCII.
static inline char
piece_letter (char c)
{
    const unsigned char lower = (unsigned char) c | 0x20;
    return lower >= 'a' && lower <= 'z' ? (char) lower : 0;
}

#endif  // PIECES_H
