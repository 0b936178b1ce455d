// nursery_listen.c - a socket for a worker that is about to be
//
// SPDX-License-Identifier: MPL-2.0

#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/brd_sys.h"
#include "workers/nursery_internal.h"

enum {
    S_BACKLOG = 8
};

// "@brood/" and 128 random bits: nothing to unlink, and nobody can guess it or
// bind it first.
static int
s_make_name (char name[BRD_NURSERY_NAME_SIZE])
{
    static const char prefix[] = "@brood/";
    static const char hex[] = "0123456789abcdef";
    unsigned char bits[16];
    if (brd_sys_random (bits, sizeof bits) < 0)
        return -1;
    memcpy (name, prefix, sizeof prefix);
    char *at = name + sizeof prefix - 1;
    for (size_t i = 0; i < sizeof bits; i++) {
        *at++ = hex[bits[i] >> 4];
        *at++ = hex[bits[i] & 15];
    }
    *at = '\0';
    return 0;
}

static int
s_listen (const char *name)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    const size_t size = strlen (name);
    memcpy (address.sun_path, name, size);
    address.sun_path[0] = '\0';  // Abstract
    const socklen_t length =
        (socklen_t) (offsetof (struct sockaddr_un, sun_path) + size);
    int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    if (bind (fd, (const struct sockaddr *) &address, length) < 0
        || listen (fd, S_BACKLOG) < 0)
        brd_sys_close (&fd);
    return fd;
}

int
brd_nursery_listen (char ret_name[BRD_NURSERY_NAME_SIZE])
{
    return s_make_name (ret_name) < 0 ? -1 : s_listen (ret_name);
}
