// brd_pool_exec.c - a pool whose workers start by exec
//
// SPDX-License-Identifier: MPL-2.0
//
//     owner     brd_pool_exec_open     options -> story -> brd_exec_open ()
//                                      the nursery is ready: its code -> pool
//     program   brd_pool_exec_become   story -> options; brd_host_pool_nursery
//                                      as the owner of a copy would call it
//
// Read next: brd_exec.h.

#include <errno.h>
#include <string.h>

#include "api/brd_exec.h"
#include "api/brd_pool.h"
#include "api/brd_runtime.h"
#include "base/brd_check.h"

// --- Here ------------------------------------------------------------------

static brood_msg_t *
s_story (const brd_host_t *host, const brd_host_pool_options_t *options)
{
    const brd_worker_setup_t *setup = &options->setup;
    brood_msg_t *story = brd_exec_story (BRD_EXEC_POOL);
    if (story
        && brood_msg_set (story,
                          "pool",
                          "{name: %s, nice: %d, pin: %d, owner: <%zu %p>, "
                          "initializer: %lld, initargs: <%zu %p>, "
                          "max_age_ns: %lld, max_memory: %zu}",
                          options->name,
                          options->nice,
                          options->pin,
                          (size_t) BRD_ZMQ_ID,
                          (const void *) brd_host_id (host),
                          (long long) brd_pool_address (&setup->initializer),
                          setup->initargs_size,
                          (const void *) setup->initargs,
                          (long long) setup->max_age_ns,
                          setup->max_memory)
               < 0)
        brood_msg_destroy (&story);
    return story;
}

brd_host_pool_t *
brd_pool_exec_open (brood_pool_t *self,
                    brd_host_pool_options_t *options,
                    const char *executable)
{
    brd_exec_t exec;
    brd_host_pool_t *pool = NULL;
    brood_msg_t *story = s_story (self->host, options);
    const int rc = story ? brd_exec_open (&exec, story, executable) : -1;
    brood_msg_destroy (&story);
    if (rc < 0)
        return NULL;
    options->exec = &exec.nursery;
    pool = brd_host_pool_open (self->host, options);
    options->exec = NULL;
    brd_exec_close (&exec, pool ? self->code : NULL);
    return pool;
}

// --- There -----------------------------------------------------------------

void
brd_pool_exec_become (const brd_exec_call_t *call)
{
    // For ever: this is the nursery's main.
    static brd_host_pool_options_t options;
    static char name[BROOD_NAME_SIZE];
    brd_worker_setup_t *setup = &options.setup;
    brd_nursery_options_t nursery;
    size_t owner_size, args_size, max_memory;
    void *owner, *args;
    long long initializer, max_age_ns;
    if (brood_msg_get (call->story,
                       "pool",
                       "{name: %63s, nice: %d, pin: %d, owner: <%zu %p>, "
                       "initializer: %lld, initargs: <%zu %p>, "
                       "max_age_ns: %lld, max_memory: %zu}",
                       name,
                       &options.nice,
                       &options.pin,
                       &owner_size,
                       &owner,
                       &initializer,
                       &args_size,
                       &args,
                       &max_age_ns,
                       &max_memory)
        < 0)
        brd_exec_refuse (call, errno);
    brd_assert (owner_size == BRD_ZMQ_ID);
    const uint64_t fn = brd_exec_fn (call, initializer);
    memcpy (&setup->initializer, &fn, sizeof setup->initializer);
    memcpy (setup->owner, owner, BRD_ZMQ_ID);
    setup->arena = brd_runtime_arena ();
    setup->shared = brd_runtime_shared ();
    setup->initargs = brd_exec_copy (call, args, args_size);
    setup->initargs_size = args_size;
    setup->max_age_ns = max_age_ns;
    setup->max_memory = max_memory;
    setup->leaving = brd_runtime_leave;
    options.name = name;
    brd_host_pool_nursery (&options, setup, &nursery);
    brd_nursery_exec_become (&call->nursery, &nursery);
}
