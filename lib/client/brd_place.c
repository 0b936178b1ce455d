// brd_place.c - where a pool runs, from one text
//
// SPDX-License-Identifier: MPL-2.0
//
// A row for each place: its name, and who reads what is behind it.

#include "client/brd_place.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/brd_error.h"
#include "brood/brood_pool.h"

typedef struct {
    const char *text;
    const char *at;
    brd_place_t *place;
} s_reader_t;

static int
s_bad (const s_reader_t *self, const char *at, const char *what)
{
    return brd_error_set (EINVAL,
                          "pool spec \"%s\": %s at %td",
                          self->text,
                          what,
                          at - self->text);
}

static int
s_end (const s_reader_t *self, const char *what)
{
    return *self->at == '\0' ? 0 : s_bad (self, self->at, what);
}

// A number of workers or of what stands for them.
static int
s_count (s_reader_t *self, int *ret_count)
{
    char *end;
    errno = 0;
    const long count = strtol (self->at, &end, 10);
    if (end == self->at || *self->at < '0' || *self->at > '9')
        return s_bad (self, self->at, "wanted a number of workers");
    if (errno != 0 || count < 1 || count > BROOD_POOL_WORKERS_MAX)
        return s_bad (self, self->at, "workers must be 1 to 4096");
    self->at = end;
    *ret_count = (int) count;
    return 0;
}

static int
s_number (s_reader_t *self)
{
    if (s_count (self, &self->place->workers) < 0)
        return -1;
    return s_end (self, "something behind the number");
}

// ":8", or nothing.
static int
s_workers (s_reader_t *self)
{
    if (*self->at != ':')
        return s_end (self, "no such place");
    self->at++;
    return s_number (self);
}

static int
s_local (s_reader_t *self)
{
    static const char hosts[] = "?hosts=";
    brd_place_t *place = self->place;
    if (*self->at == ':') {
        self->at++;
        if (s_count (self, &place->workers) < 0)
            return -1;
    }
    else if (*self->at != '?')
        return s_end (self, "no such place");
    if (*self->at == '?') {
        if (strncmp (self->at, hosts, sizeof hosts - 1) != 0)
            return s_bad (self, self->at, "wanted ?hosts=");
        self->at += sizeof hosts - 1;
        if (s_count (self, &place->hosts_here) < 0)
            return -1;
    }
    return s_end (self, "something behind the number");
}

static int
s_nothing (s_reader_t *self)
{
    return s_end (self, "no such place");
}

static int
s_ssh (s_reader_t *self)
{
    brd_place_t *place = self->place;
    int rc = *self->at == '@'
                 ? brd_hosts_read_file (&place->ssh, self->at + 1)
                 : brd_hosts_read (&place->ssh, self->text, self->at);
    if (rc == 0 && place->ssh.count == 0)
        rc = s_bad (self, self->at, "no hosts in that file");
    return rc;
}

static int
s_slurm (s_reader_t *self)
{
    if (*self->at == '\0')
        return 0;
    if (*self->at != ':')
        return s_bad (self, self->text, "no such place");
    self->place->rest = self->at + 1;
    return 0;
}

static int
s_tcp (s_reader_t *self)
{
    static const char join[] = "?join=";
    const size_t size = strcspn (self->at, "?");
    const char *end = self->at + size;
    const char *port = memrchr (self->at, ':', size);
    if (!port || port == self->at)
        return s_bad (self, self->at, "wanted HOST:PORT");
    char *after;
    const long number = strtol (port + 1, &after, 10);
    if (port[1] < '0' || port[1] > '9' || after != end || number < 1
        || number > 65535)
        return s_bad (self, port + 1, "wanted a port");
    if (*end == '?') {
        if (strncmp (end, join, sizeof join - 1) != 0
            || end[sizeof join - 1] == '\0')
            return s_bad (self, end, "wanted ?join=FILE");
        self->place->join = end + sizeof join - 1;
    }
    self->place->rest = self->at;
    self->place->rest_size = size;
    return 0;
}

static int
s_named (s_reader_t *self)
{
    if (*self->at == '\0' || strchr (self->at, '/'))
        return s_bad (self, self->at, "wanted a name");
    self->place->rest = self->at;
    return 0;
}

static const struct {
    const char *name;
    brd_place_kind_t kind;
    int (*read) (s_reader_t *self);
} s_places[] = {
    { "local", BRD_PLACE_LOCAL, s_local },
    { "threads", BRD_PLACE_THREADS, s_workers },
    { "inline", BRD_PLACE_INLINE, s_nothing },
    { "ssh:", BRD_PLACE_SSH, s_ssh },
    { "slurm", BRD_PLACE_SLURM, s_slurm },
    { "mpi", BRD_PLACE_MPI, s_nothing },
    { "tcp://", BRD_PLACE_TCP, s_tcp },
    { "@", BRD_PLACE_NAMED, s_named },
};

static int
s_read (s_reader_t *self)
{
    if (*self->at >= '0' && *self->at <= '9')
        return s_number (self);
    for (size_t i = 0; i < sizeof s_places / sizeof *s_places; i++) {
        const size_t length = strlen (s_places[i].name);
        if (strncmp (self->at, s_places[i].name, length) == 0) {
            self->at += length;
            self->place->kind = s_places[i].kind;
            return s_places[i].read (self);
        }
    }
    return s_bad (self, self->at, "no such place");
}

int
brd_place_read (const char *text, brd_place_t *ret_place)
{
    brd_place_t place = { .kind = BRD_PLACE_SET };
    s_reader_t reader = { .text = text, .at = text, .place = &place };
    if (s_read (&reader) < 0) {
        brd_place_fini (&place);
        return -1;
    }
    *ret_place = place;
    return 0;
}

void
brd_place_fini (brd_place_t *self)
{
    brd_hosts_fini (&self->ssh);
}
