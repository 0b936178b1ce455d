// brd_buf.c - bytes that grow, up to a ceiling
//
// SPDX-License-Identifier: MPL-2.0
//
// Room doubles, so n appends cost n; the ceiling is named at init, so nothing
// a peer sends makes one grow without end.

#include "base/brd_buf.h"

#include <errno.h>
#include <string.h>

#include "base/brd_error.h"
#include "base/brd_mem.h"

enum {
    ROOM_MIN = 64
};

void
brd_buf_init (brd_buf_t *self, size_t size_max)
{
    *self = (brd_buf_t){ .size_max = size_max };
}

void
brd_buf_fini (brd_buf_t *self)
{
    brd_mem_free (self->bytes);
    *self = (brd_buf_t){ .size_max = self->size_max };
}

static int
s_grow (brd_buf_t *self, size_t needed)
{
    size_t room = self->room > ROOM_MIN ? self->room : ROOM_MIN;
    while (room < needed) {
        if (room > self->size_max / 2)
            room = needed > self->size_max ? needed : self->size_max;
        else
            room *= 2;
    }
    unsigned char *bytes = brd_mem_resize (self->bytes, room);
    if (!bytes)
        return -1;
    self->bytes = bytes;
    self->room = room;
    return 0;
}

void *
brd_buf_reserve (brd_buf_t *self, size_t extra)
{
    if (extra > self->size_max || self->size > self->size_max - extra) {
        brd_error_set (EMSGSIZE,
                       "%zu bytes and %zu more exceed the limit of "
                       "%zu",
                       self->size,
                       extra,
                       self->size_max);
        return NULL;
    }
    const size_t needed = self->size + extra;
    if ((!self->bytes || needed > self->room) && s_grow (self, needed) < 0)
        return NULL;
    return self->bytes + self->size;
}

int
brd_buf_add (brd_buf_t *self, const void *bytes, size_t size)
{
    void *room = brd_buf_reserve (self, size);
    if (!room)
        return -1;
    if (size > 0)
        memcpy (room, bytes, size);
    self->size += size;
    return 0;
}

void *
brd_buf_steal (brd_buf_t *self, size_t *ret_size)
{
    *ret_size = self->size;
    if (self->size == 0)
        return NULL;
    void *bytes = self->bytes;
    *self = (brd_buf_t){ .size_max = self->size_max };
    return bytes;
}
