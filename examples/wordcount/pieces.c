// pieces.c - a walk over trees of files, cut into pieces of work
//
// SPDX-License-Identifier: MPL-2.0
//
// The owner walks (pieces_*), workers read (piece_read). Where a large file is
// cut, a word may lie across:
//
//     ...the quick br|own fox jum|ps over...
//                    ^from       ^to
//
// It belongs to the piece in which it begins. So a reader looks at the byte
// before its piece, passes over a word that had begun there, and reads on past
// the end until its own last word is whole.

#include "pieces.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// A file with a NUL among its first bytes is no text; git has the same rule.
#define HEAD_SIZE 8000

int
pieces_open (pieces *self, char **paths, pieces_skip_fn *skip, void *arg)
{
    *self = (pieces){ .skip = skip, .arg = arg };
    self->tree =
        fts_open (paths, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, NULL);
    return self->tree ? 0 : -1;
}

void
pieces_close (pieces *self)
{
    if (self->tree)
        fts_close (self->tree);
    self->tree = NULL;
}

// 1 if the file is text, 0 if not, -1 if it cannot be read.
static int
is_text (const char *path)
{
    char head[HEAD_SIZE];
    const int fd = open (path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    const ssize_t size = pread (fd, head, sizeof head, 0);
    close (fd);
    return size < 0 ? -1 : !memchr (head, 0, (size_t) size);
}

// The next regular file; others are told about, or of no interest.
static const FTSENT *
next_file (pieces *self)
{
    FTSENT *e;
    while ((e = fts_read (self->tree))) {
        switch (e->fts_info) {
        case FTS_F:
            if (e->fts_pathlen < sizeof self->next.path)
                return e;
            self->skip (e->fts_path, strerror (ENAMETOOLONG), self->arg);
            break;
        case FTS_DNR:
        case FTS_ERR:
        case FTS_NS:
            self->skip (e->fts_path, strerror (e->fts_errno), self->arg);
            break;
        default:
            break;
        }
    }
    return NULL;
}

// Cuts the next piece off a large file.
static long long
cut (pieces *self, piece *ret_piece)
{
    *ret_piece = self->next;
    if (self->size - self->next.from > PIECE_SIZE) {
        ret_piece->to = self->next.from + PIECE_SIZE;
        self->next.from = ret_piece->to;
        return PIECE_SIZE;
    }
    ret_piece->to = -1;
    self->next.from = 0;
    return self->size - ret_piece->from;
}

long long
pieces_next (pieces *self, piece *ret_piece)
{
    const FTSENT *e;
    if (self->next.from > 0)
        return cut (self, ret_piece);
    while ((e = next_file (self))) {
        self->size = (long long) e->fts_statp->st_size;
        self->next.from = 0;
        memcpy (self->next.path, e->fts_path, e->fts_pathlen + 1);
        if (self->size <= PIECE_SIZE)
            return cut (self, ret_piece);
        // Only the first piece could tell that it is binary, and its fellows
        // would not hear of it: so look before cutting.
        const int text = is_text (e->fts_path);
        if (text > 0)
            return cut (self, ret_piece);
        self->skip (
            e->fts_path, text < 0 ? strerror (errno) : "binary", self->arg);
    }
    return -1;
}

// --- In the workers --------------------------------------------------------

// Reads until text has want bytes from start on, or the file ends.
static int
read_up_to (int fd, piece_text *text, long long start, size_t want)
{
    while (text->size < want) {
        if (text->size == text->room) {
            const size_t room = text->room ? 2 * text->room : 1 << 16;
            char *data = realloc (text->data, room);
            if (!data)
                return -1;
            text->data = data;
            text->room = room;
        }
        size_t room = text->room - text->size;
        if (room > want - text->size)
            room = want - text->size;
        const ssize_t got = pread (
            fd, text->data + text->size, room, start + (off_t) text->size);
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        text->size += (size_t) got;
    }
    return 0;
}

// Moves end on to where the word that it cuts ends.
static int
finish_word (int fd, piece_text *text, long long start)
{
    while (piece_letter (text->data[text->end - 1])) {
        if (text->end == text->size
            && read_up_to (fd, text, start, text->size + 4096) < 0)
            return -1;
        if (text->end == text->size || !piece_letter (text->data[text->end]))
            break;
        text->end++;
    }
    return 0;
}

static int
read_from (int fd, const piece *self, piece_text *text)
{
    const long long start = self->from > 0 ? self->from - 1 : 0;
    const size_t want = self->to < 0 ? SIZE_MAX : (size_t) (self->to - start);
    text->size = text->first = 0;
    if (read_up_to (fd, text, start, want) < 0)
        return -1;
    text->end = text->size;
    if (self->from == 0 && text->size > 0
        && memchr (
            text->data, 0, text->size < HEAD_SIZE ? text->size : HEAD_SIZE))
        return 0;
    if (self->from > 0 && text->size > 0) {
        text->first = 1;
        if (piece_letter (text->data[0]))
            while (text->first < text->end
                   && piece_letter (text->data[text->first]))
                text->first++;
    }
    if (text->first < text->end && self->to >= 0
        && finish_word (fd, text, start) < 0)
        return -1;
    return 1;
}

int
piece_read (const piece *self, piece_text *text)
{
    const int fd = open (self->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    const int rc = read_from (fd, self, text);
    const int error = errno;
    close (fd);
    errno = error;
    return rc;
}
