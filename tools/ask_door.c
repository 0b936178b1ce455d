// ask_door.c - a broker's local door: a name that says whose it is
//
// SPDX-License-Identifier: MPL-2.0
//
// Read next: ask.c, the broker's end, and ask_dial.c, the other.

#include "tools/ask_door.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/brd_error.h"
#include "base/brd_mem.h"
#include "base/brd_sys.h"

#define S_PREFIX "@brood/ask/"

enum {
    S_LINE_MAX = 512,
    S_DOORS_MAX = 65536
};

static socklen_t
s_address (const brd_ask_door_t *door, struct sockaddr_un *ret_address)
{
    *ret_address = (struct sockaddr_un){ .sun_family = AF_UNIX };
    const int size = snprintf (ret_address->sun_path,
                               sizeof ret_address->sun_path,
                               S_PREFIX "%lu/%ld",
                               (unsigned long) door->user,
                               (long) door->pid);
    ret_address->sun_path[0] = '\0';  // Abstract
    return (socklen_t) (offsetof (struct sockaddr_un, sun_path)
                        + (size_t) size);
}

static int
s_who (int fd, struct ucred *ret_who)
{
    socklen_t size = sizeof *ret_who;
    return getsockopt (fd, SOL_SOCKET, SO_PEERCRED, ret_who, &size) < 0
               ? brd_error_system ("SO_PEERCRED")
               : 0;
}

// --- The broker's side -----------------------------------------------------

int
brd_ask_door_listen (void)
{
    const brd_ask_door_t door = { .user = geteuid (), .pid = getpid () };
    struct sockaddr_un address;
    const socklen_t size = s_address (&door, &address);
    int fd = brd_sys_socket (AF_UNIX);
    if (fd < 0)
        return brd_error_system ("a door");
    if (brd_sys_bind (fd, (const struct sockaddr *) &address, size) == 0
        && brd_sys_listen (fd) == 0)
        return fd;
    brd_error_system ("the door %s", address.sun_path + 1);
    brd_sys_close (&fd);
    return -1;
}

int
brd_ask_door_accept (int listening)
{
    struct ucred who;
    int fd = brd_sys_accept (listening);
    if (fd < 0)
        return -1;
    if (s_who (fd, &who) == 0 && (who.uid == geteuid () || who.uid == 0))
        return fd;
    brd_sys_close (&fd);
    return brd_error_set (EACCES, "a process of another user was at the door");
}

// --- Who asks --------------------------------------------------------------

static int
s_nobody (const brd_ask_door_t *door)
{
    return brd_error_set (EHOSTUNREACH,
                          "no broker of user %lu is process %ld here",
                          (unsigned long) door->user,
                          (long) door->pid);
}

// A broker that is about to end may have gone on listening.
int
brd_ask_door_connect (const brd_ask_door_t *door)
{
    struct sockaddr_un address;
    struct ucred who;
    const socklen_t size = s_address (door, &address);
    int fd = brd_sys_socket (AF_UNIX);
    if (fd < 0)
        return brd_error_system ("a socket");
    if (brd_sys_connect (fd, (const struct sockaddr *) &address, size) < 0) {
        const int error = errno;
        brd_sys_close (&fd);
        return error == EAGAIN
                   ? brd_error_set (EAGAIN, "the broker is busy with others")
                   : s_nobody (door);
    }
    if (s_who (fd, &who) == 0 && who.uid == door->user && who.pid == door->pid)
        return fd;
    brd_sys_close (&fd);
    return brd_error_set (
        EACCES, "the door of process %ld is another's", (long) door->pid);
}

// A line of /proc/net/unix: 1 if it is a door, and listens.
static int
s_read (const char *line, brd_ask_door_t *ret_door)
{
    unsigned long flags, user;
    long pid;
    char end;
    const char *name = strstr (line, " " S_PREFIX);
    if (!name || sscanf (line, "%*s %*s %*s %lx", &flags) != 1
        || !(flags & 0x10000)  // SO_ACCEPTCON
        || sscanf (name + 1, S_PREFIX "%lu/%ld%c", &user, &pid, &end) != 3
        || end != '\n' || pid < 1)
        return 0;
    *ret_door = (brd_ask_door_t){ .user = (uid_t) user, .pid = (pid_t) pid };
    return geteuid () == 0 || geteuid () == ret_door->user;
}

static int
s_by_pid (const void *left, const void *right)
{
    const brd_ask_door_t *a = left, *b = right;
    return a->pid < b->pid ? -1 : a->pid > b->pid;
}

// Adds one, and doubles the room when it is full.
static int
s_add (brd_ask_door_t **doors, size_t *count, const brd_ask_door_t *door)
{
    if ((*count & (*count - 1)) == 0) {
        brd_ask_door_t *more = brd_mem_resize (
            *doors, (*count == 0 ? 1 : 2 * *count) * sizeof *more);
        if (!more)
            return -1;
        *doors = more;
    }
    (*doors)[(*count)++] = *door;
    return 0;
}

long
brd_ask_door_list (brd_ask_door_t **ret_doors)
{
    char line[S_LINE_MAX];
    brd_ask_door_t door, *doors = NULL;
    size_t count = 0;
    int rc = 0;
    FILE *file = fopen ("/proc/net/unix", "re");
    if (!file)
        return brd_error_system ("/proc/net/unix");
    while (rc == 0 && count < S_DOORS_MAX && fgets (line, sizeof line, file))
        rc = s_read (line, &door) ? s_add (&doors, &count, &door) : 0;
    (void) fclose (file);
    if (rc < 0) {
        brd_mem_free (doors);
        return -1;
    }
    if (count > 0)
        qsort (doors, count, sizeof *doors, s_by_pid);
    *ret_doors = doors;
    return (long) count;
}
