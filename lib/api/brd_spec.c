// brd_spec.c - where a pool is to run, and what is not said of that
//
// SPDX-License-Identifier: MPL-2.0
//
//     NULL     $BROOD_POOL, else "local"
//     "4"      the same, with 4 workers
//     "@name"  what brd_config.c knows by that name
//     other    brd_place.c reads it

#include "api/brd_pool.h"
#include "api/brd_runtime.h"
#include "base/brd_mem.h"
#include "base/brd_process.h"
#include "client/brd_config.h"
#include "client/brd_place.h"

static void
s_from_place (const char *text, const brd_place_t *place, brd_spec_t *ret_spec)
{
    ret_spec->inline_calls = place->kind == BRD_PLACE_INLINE;
    ret_spec->threads = place->kind == BRD_PLACE_THREADS;
    ret_spec->workers = place->workers;
    if (!ret_spec->inline_calls && !ret_spec->threads
        && (place->kind != BRD_PLACE_LOCAL || place->hosts_here > 0))
        ret_spec->elsewhere = text;
}

static int
s_read_named (const char *name, brd_spec_t *ret_spec);

// A text that may be a number alone, of workers of what is set.
static int
s_read (const char *text, brd_spec_t *ret_spec)
{
    brd_place_t place;
    int rc = 0;
    if (brd_place_read (text, &place) < 0)
        return -1;
    if (place.kind == BRD_PLACE_SET)
        ret_spec->workers = place.workers;
    else if (place.kind == BRD_PLACE_NAMED)
        rc = s_read_named (place.rest, ret_spec);
    else
        s_from_place (text, &place, ret_spec);
    brd_place_fini (&place);
    return rc;
}

// What a name stands for is no name.
static int
s_read_named (const char *name, brd_spec_t *ret_spec)
{
    char *text;
    if (brd_config_place (name, &text) < 0)
        return -1;
    brd_mem_free (ret_spec->named);
    ret_spec->named = text;
    return s_read (text, ret_spec);
}

int
brd_spec_read (const char *spec, brd_spec_t *ret_spec)
{
    brd_spec_t read = { 0 };
    const char *set = brd_runtime_pool_spec ();
    if (!set || *set == '\0')
        set = "local";
    const int relative = !spec || (*spec >= '0' && *spec <= '9');
    if ((relative && s_read (set, &read) < 0)
        || (spec && s_read (spec, &read) < 0)) {
        brd_spec_fini (&read);
        return -1;
    }
    if (read.workers == 0)
        read.workers = read.inline_calls ? 1 : brd_process_cpus ();
    read.inline_calls |= brd_runtime_inline ();
    if (read.inline_calls)
        read.elsewhere = NULL;
    *ret_spec = read;
    return 0;
}

void
brd_spec_fini (brd_spec_t *self)
{
    brd_mem_free (self->named);
    self->named = NULL;
}
