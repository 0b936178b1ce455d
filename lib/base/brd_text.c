// brd_text.c - a text file, whole
//
// SPDX-License-Identifier: MPL-2.0

#include "base/brd_text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/brd_error.h"
#include "base/brd_sys.h"

enum {
    S_PIECE = 4096
};

static int
s_read (int fd, const char *path, brd_buf_t *text)
{
    for (;;) {
        void *room = brd_buf_reserve (text, S_PIECE);
        if (!room)
            return errno == EMSGSIZE
                       ? brd_error_set (EFBIG, "%s: too large", path)
                       : -1;
        const ssize_t size = brd_sys_read (fd, room, S_PIECE);
        if (size < 0)
            return brd_error_system ("%s", path);
        if (size == 0)
            break;
        text->size += (size_t) size;
    }
    if (memchr (text->bytes, '\0', text->size))
        return brd_error_set (EINVAL, "%s: not a text", path);
    text->bytes[text->size] = '\0';  // There is room: a piece was just had
    return 0;
}

int
brd_text_read (const char *path, size_t size_max, brd_buf_t *ret_text)
{
    brd_buf_t text;
    int fd = brd_sys_open (path, O_RDONLY, 0);
    if (fd < 0)
        return brd_error_system ("%s", path);
    brd_buf_init (&text, size_max);
    const int rc = s_read (fd, path, &text);
    brd_sys_close (&fd);
    if (rc < 0)
        brd_buf_fini (&text);
    else
        *ret_text = text;
    return rc;
}
