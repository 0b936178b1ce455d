// notify.c - what a supervisor is told: sd_notify(3)'s protocol
//
// SPDX-License-Identifier: MPL-2.0
//
//     NOTIFY_SOCKET=/run/...  a socket file
//     NOTIFY_SOCKET=@...      an abstract one

#include "tools/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/brd_sys.h"

void
brd_notify (const char *state)
{
    const char *name = getenv ("NOTIFY_SOCKET");
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    const size_t size = name ? strlen (name) : 0;
    if (size < 2 || size >= sizeof to.sun_path
        || (name[0] != '/' && name[0] != '@'))
        return;
    memcpy (to.sun_path, name, size);
    if (name[0] == '@')
        to.sun_path[0] = '\0';
    int fd = brd_sys_datagram ();
    if (fd < 0)
        return;
    (void) sendto (
        fd,
        state,
        strlen (state),
        MSG_NOSIGNAL,
        (const struct sockaddr *) &to,
        (socklen_t) (offsetof (struct sockaddr_un, sun_path) + size));
    brd_sys_close (&fd);
}

// The number in a variable, 0 if there is none.
static long long
s_number (const char *name)
{
    const char *text = getenv (name);
    char *end;
    errno = 0;
    const long long number = text ? strtoll (text, &end, 10) : 0;
    return text && errno == 0 && end != text && *end == '\0' && number > 0
               ? number
               : 0;
}

int64_t
brd_notify_watchdog (void)
{
    const long long pid = s_number ("WATCHDOG_PID");
    const long long period_us = s_number ("WATCHDOG_USEC");
    if (pid != 0 && pid != getpid ())
        return 0;
    return period_us < INT64_MAX / 1000 ? period_us * 1000 / 2 : 0;
}
