// brd_endpoint.c - an address in words, and the socket there
//
// SPDX-License-Identifier: MPL-2.0
//
//     "tcp://localhost:0" --parse--> places (::1, 127.0.0.1) --listen--> fd
//                                                            --connect-> fd
//
// A socket file outlives its socket. One that refuses connections has nobody
// behind it and is replaced; but so has one that was bound a moment ago and
// does not listen yet. So whoever brings up a socket file holds an abstract
// socket, named for the path, while it does: two that want the same path at
// the same time get EADDRINUSE, and neither removes the other's.
//
// Read brd_stream.c and brd_listener.c next.

#include "transport/brd_endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/brd_check.h"
#include "base/brd_hash.h"
#include "base/brd_sys.h"

static const char s_tcp[] = "tcp://";
static const char s_ipc[] = "ipc://";

enum {
    PORT_MAX = 65535,
    KEEP_IDLE_S = 30,
    KEEP_EVERY_S = 10,
    KEEP_COUNT = 6,
    ACK_WITHIN_MS = 90000
};

// --- Parsing ---------------------------------------------------------------

static int
s_parse_ipc (brd_endpoint_t *self, const char *address)
{
    const char *name = address + sizeof s_ipc - 1;
    struct sockaddr_un *place = (struct sockaddr_un *) &self->places[0];
    const size_t size = strlen (name);
    if ((name[0] != '/' && name[0] != '@') || size < 2)
        return brd_error_set (
            EINVAL, "%s: after ipc:// comes /path or @name", address);
    if (size >= sizeof place->sun_path)
        return brd_error_set (EINVAL,
                              "%s: the name is longer than the %zu bytes of a "
                              "socket address",
                              address,
                              sizeof place->sun_path - 1);
    place->sun_family = AF_UNIX;
    memcpy (place->sun_path, name, size);
    // An abstract name begins with a zero, and ends where its length says.
    if (name[0] == '@')
        place->sun_path[0] = '\0';
    const size_t end = name[0] == '@' ? 0 : 1;
    self->sizes[0] =
        (socklen_t) (offsetof (struct sockaddr_un, sun_path) + size + end);
    self->n_places = 1;
    return 0;
}

// "host:port" or "[host]:port" into the two.
static int
s_split (const char *address, char *host, size_t size, int *ret_port)
{
    const char *from = address + sizeof s_tcp - 1;
    const char *colon = strrchr (from, ':');
    char *end = NULL;
    const long port = colon && colon[1] >= '0' && colon[1] <= '9'
                          ? strtol (colon + 1, &end, 10)
                          : -1;
    size_t length = colon ? (size_t) (colon - from) : 0;
    if (length > 1 && from[0] == '[' && from[length - 1] == ']') {
        from++;
        length -= 2;
    }
    else if (length > 0 && memchr (from, ':', length))
        return brd_error_set (
            EINVAL, "%s: put the host in brackets, [::1]:port", address);
    if (port < 0 || port > PORT_MAX || *end != '\0' || length == 0
        || length >= size)
        return brd_error_set (
            EINVAL, "%s: not of the form tcp://host:port", address);
    memcpy (host, from, length);
    host[length] = '\0';
    *ret_port = (int) port;
    return 0;
}

static int
s_resolve_failed (int code, const char *address)
{
    if (code == EAI_MEMORY)
        return brd_error_set (ENOMEM, "out of memory");
    if (code == EAI_SYSTEM)
        return brd_error_system ("%s", address);
    return brd_error_set (code == EAI_AGAIN ? EAGAIN : ENOENT,
                          "%s: %s",
                          address,
                          gai_strerror (code));
}

static int
s_parse_tcp (brd_endpoint_t *self, const char *address, int listens)
{
    char host[1025], service[16];
    int port = 0;
    if (s_split (address, host, sizeof host, &port) < 0)
        return -1;
    const int all = strcmp (host, "*") == 0;
    if (!listens && (all || port == 0))
        return brd_error_set (
            EINVAL, "%s: not an address to connect to", address);
    snprintf (service, sizeof service, "%d", port);
    struct addrinfo *found = NULL, hints = {
        .ai_family = all ? AF_INET : AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
    };
    // Digits first: a name server is asked for names only.
    int code = getaddrinfo (all ? NULL : host, service, &hints, &found);
    if (code == EAI_NONAME) {
        hints.ai_flags = AI_NUMERICSERV;
        code = getaddrinfo (host, service, &hints, &found);
    }
    if (code != 0)
        return s_resolve_failed (code, address);
    for (struct addrinfo *at = found; at; at = at->ai_next) {
        if (self->n_places == BRD_ENDPOINT_PLACES)
            break;
        memcpy (&self->places[self->n_places], at->ai_addr, at->ai_addrlen);
        self->sizes[self->n_places++] = at->ai_addrlen;
    }
    freeaddrinfo (found);
    return 0;
}

int
brd_endpoint_parse (brd_endpoint_t *self, const char *address, int listens)
{
    *self = (brd_endpoint_t){ .n_places = 0 };
    self->is_tcp = strncmp (address, s_tcp, sizeof s_tcp - 1) == 0;
    if (self->is_tcp)
        return s_parse_tcp (self, address, listens);
    if (strncmp (address, s_ipc, sizeof s_ipc - 1) == 0)
        return s_parse_ipc (self, address);
    return brd_error_set (
        EINVAL, "\"%s\": an address begins with tcp:// or ipc://", address);
}

// --- Connecting ------------------------------------------------------------

static const struct sockaddr *
s_place (const brd_endpoint_t *self, int place)
{
    return (const struct sockaddr *) &self->places[place];
}

int
brd_endpoint_connect (const brd_endpoint_t *self, int place)
{
    const struct sockaddr *to = s_place (self, place);
    int fd = brd_sys_socket (to->sa_family);
    if (fd < 0)
        return brd_error_system ("socket");
    if (brd_sys_connect (fd, to, self->sizes[place]) == 0
        || errno == EINPROGRESS || errno == EINTR)
        return fd;
    // A socket file that is not there has nobody who listens, either.
    if (errno == ENOENT)
        errno = ECONNREFUSED;
    brd_error_system ("connect");
    brd_sys_close (&fd);
    return -1;
}

void
brd_endpoint_tune (int fd)
{
    static const struct {
        int level, name, value;
    } options[] = {
        { IPPROTO_TCP, TCP_NODELAY, 1 },
        { SOL_SOCKET, SO_KEEPALIVE, 1 },
        { IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S },
        { IPPROTO_TCP, TCP_KEEPINTVL, KEEP_EVERY_S },
        { IPPROTO_TCP, TCP_KEEPCNT, KEEP_COUNT },
        { IPPROTO_TCP, TCP_USER_TIMEOUT, ACK_WITHIN_MS },
    };
    // Where one is not known, connections work all the same.
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        (void) setsockopt (fd,
                           options[i].level,
                           options[i].name,
                           &options[i].value,
                           sizeof options[i].value);
}

static int
s_peer_user (int fd, uid_t *ret_user)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) {
        brd_error_system ("SO_PEERCRED");
        return -1;
    }
    *ret_user = peer.uid;
    return 0;
}

static int
s_wrong_user (uid_t user)
{
    return brd_error_set (EACCES,
                          "the other end is a process of user %ld, not of %ld",
                          (long) user,
                          (long) geteuid ());
}

int
brd_endpoint_check_user (int fd)
{
    uid_t user;
    const uid_t mine = geteuid ();
    if (s_peer_user (fd, &user) < 0)
        return -1;
    return user == mine || user == 0 || mine == 0 ? 0 : s_wrong_user (user);
}

int
brd_endpoint_check_same_user (int fd)
{
    uid_t user;
    if (s_peer_user (fd, &user) < 0)
        return -1;
    return user == geteuid () ? 0 : s_wrong_user (user);
}

// --- Listening -------------------------------------------------------------

static int
s_listen_at (const struct sockaddr *at, socklen_t size)
{
    int fd = brd_sys_socket (at->sa_family);
    if (fd < 0)
        return brd_error_system ("socket");
    const int on = 1;
    // Or a port could not be had again for the minute that the last connection
    // to it takes to be forgotten.
    if (at->sa_family != AF_UNIX)
        (void) setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (brd_sys_bind (fd, at, size) < 0)
        brd_error_system ("bind");
    else if (brd_sys_listen (fd) < 0)
        brd_error_system ("listen");
    else
        return fd;
    brd_sys_close (&fd);
    return -1;
}

// Held while the socket file of this path is brought up. The same path, the
// same name.
static int
s_guard (const char *path)
{
    const uint64_t hash = brd_hash_add (BRD_HASH_EMPTY, path, strlen (path));
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    const int size = snprintf (name.sun_path + 1,
                               sizeof name.sun_path - 1,
                               "brood-path/%016llx",
                               (unsigned long long) hash);
    return s_listen_at ((struct sockaddr *) &name,
                        (socklen_t) (offsetof (struct sockaddr_un, sun_path) + 1
                                     + (size_t) size));
}

// 1 if there is a socket file at path and nobody behind it.
static int
s_is_stale (const brd_endpoint_t *self, const char *path)
{
    struct stat at;
    if (lstat (path, &at) < 0 || !S_ISSOCK (at.st_mode))
        return 0;
    int fd = brd_sys_socket (AF_UNIX);
    if (fd < 0)
        return 0;
    const int stale =
        brd_sys_connect (fd, s_place (self, 0), self->sizes[0]) < 0
        && errno == ECONNREFUSED;
    brd_sys_close (&fd);
    return stale;
}

static int
s_listen_at_path (brd_endpoint_t *self, const char *path)
{
    int guard = s_guard (path);
    if (guard < 0)
        return -1;
    int fd = s_listen_at (s_place (self, 0), self->sizes[0]);
    if (fd < 0 && errno == EADDRINUSE) {
        if (s_is_stale (self, path) && unlink (path) == 0)
            fd = s_listen_at (s_place (self, 0), self->sizes[0]);
        else
            brd_error_set (EADDRINUSE, "%s: in use", path);
    }
    struct stat at;
    if (fd >= 0 && lstat (path, &at) == 0) {
        self->file_device = at.st_dev;
        self->file_inode = at.st_ino;
    }
    brd_sys_close (&guard);
    return fd;
}

static const char *
s_path (const brd_endpoint_t *self)
{
    const struct sockaddr_un *at =
        (const struct sockaddr_un *) &self->places[0];
    return at->sun_family == AF_UNIX && at->sun_path[0] ? at->sun_path : NULL;
}

int
brd_endpoint_listen (brd_endpoint_t *self)
{
    const char *path = s_path (self);
    if (path)
        return s_listen_at_path (self, path);
    int fd = -1;
    for (int i = 0; fd < 0 && i < self->n_places; i++)
        fd = s_listen_at (s_place (self, i), self->sizes[i]);
    return fd;
}

void
brd_endpoint_remove (const brd_endpoint_t *self)
{
    const int saved_errno = errno;
    const char *path = s_path (self);
    struct stat at;
    if (path && self->file_inode != 0 && lstat (path, &at) == 0
        && at.st_ino == self->file_inode && at.st_dev == self->file_device)
        (void) unlink (path);
    errno = saved_errno;
}

int
brd_endpoint_text (const brd_endpoint_t *self,
                   int fd,
                   char text[BRD_ENDPOINT_TEXT_MAX])
{
    const struct sockaddr_un *name =
        (const struct sockaddr_un *) &self->places[0];
    if (!self->is_tcp) {
        const int is_path = name->sun_path[0] != '\0';
        snprintf (text,
                  BRD_ENDPOINT_TEXT_MAX,
                  "%s%s%.*s",
                  s_ipc,
                  is_path ? "" : "@",
                  (int) (sizeof name->sun_path - 1),
                  is_path ? name->sun_path : name->sun_path + 1);
        return 0;
    }
    struct sockaddr_storage at;
    socklen_t size = sizeof at;
    char host[64], port[16];
    if (getsockname (fd, (struct sockaddr *) &at, &size) < 0)
        return brd_error_system ("getsockname");
    const int code = getnameinfo ((struct sockaddr *) &at,
                                  size,
                                  host,
                                  sizeof host,
                                  port,
                                  sizeof port,
                                  NI_NUMERICHOST | NI_NUMERICSERV);
    if (code != 0)
        return s_resolve_failed (code, "the listening socket");
    const int is_v6 = at.ss_family == AF_INET6;
    snprintf (text,
              BRD_ENDPOINT_TEXT_MAX,
              "%s%s%s%s:%s",
              s_tcp,
              is_v6 ? "[" : "",
              host,
              is_v6 ? "]" : "",
              port);
    return 0;
}
