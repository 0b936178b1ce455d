// brd_spec.c - where a pool runs, from one string
//
// SPDX-License-Identifier: MPL-2.0
//
//     NULL          $BROOD_POOL, else "local"
//     "4"           the same, with 4 workers
//     "local" "local:8" "threads" "threads:8" "inline"
//
// The other places of brood_pool.h are known by name, so that a program that
// asks for one is told so, and not that it cannot spell.

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/brd_pool.h"
#include "api/brd_runtime.h"
#include "base/brd_error.h"
#include "base/brd_process.h"

static int
s_bad (const char *spec, const char *at, const char *what)
{
    return brd_error_set (
        EINVAL, "pool spec \"%s\": %s at %td", spec, what, at - spec);
}

// A number of workers up to the end of the text.
static int
s_count (const char *spec, const char *at, int *ret_count)
{
    char *end;
    errno = 0;
    const long count = strtol (at, &end, 10);
    if (end == at || *at < '0' || *at > '9')
        return s_bad (spec, at, "wanted a number of workers");
    if (*end == '?')
        return brd_error_set (ENOTSUP,
                              "pool spec \"%s\": options behind ? are not in "
                              "this version",
                              spec);
    if (*end != '\0')
        return s_bad (spec, end, "something behind the number");
    if (errno != 0 || count < 1 || count > BROOD_POOL_WORKERS_MAX)
        return s_bad (spec, at, "workers must be 1 to 4096");
    *ret_count = (int) count;
    return 0;
}

static int
s_elsewhere (const char *spec)
{
    static const char *const places[] = { "ssh:", "slurm", "mpi", "tcp:", "@" };
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (strncmp (spec, places[i], strlen (places[i])) == 0)
            return 1;
    }
    return 0;
}

// A place with its name, and maybe a number behind a colon.
static int
s_place (const char *spec, brd_spec_t *ret_spec)
{
    if (strcmp (spec, "inline") == 0) {
        ret_spec->inline_calls = 1;
        return 0;
    }
    if (strcmp (spec, "local") == 0)
        return 0;
    if (strncmp (spec, "local:", 6) == 0)
        return s_count (spec, spec + 6, &ret_spec->workers);
    ret_spec->threads = strncmp (spec, "threads", 7) == 0;
    if (strcmp (spec, "threads") == 0)
        return 0;
    if (strncmp (spec, "threads:", 8) == 0)
        return s_count (spec, spec + 8, &ret_spec->workers);
    if (strncmp (spec, "local?", 6) == 0 || s_elsewhere (spec))
        return brd_error_set (ENOTSUP,
                              "pool spec \"%s\": this version runs pools on "
                              "this host only",
                              spec);
    return s_bad (spec, spec, "no such place");
}

int
brd_spec_read (const char *spec, brd_spec_t *ret_spec)
{
    brd_spec_t read = { 0 };
    const char *set = brd_runtime_pool_spec ();
    int workers = 0;
    if (spec && *spec >= '0' && *spec <= '9') {
        if (s_count (spec, spec, &workers) < 0)
            return -1;
        spec = NULL;
    }
    if (!spec)
        spec = set && *set != '\0' ? set : "local";
    const int rc = *spec >= '0' && *spec <= '9'
                       ? s_count (spec, spec, &read.workers)
                       : s_place (spec, &read);
    if (rc < 0)
        return -1;
    if (workers > 0)
        read.workers = workers;
    if (read.workers == 0)
        read.workers = read.inline_calls ? 1 : brd_process_cpus ();
    read.inline_calls |= brd_runtime_inline ();
    *ret_spec = read;
    return 0;
}
