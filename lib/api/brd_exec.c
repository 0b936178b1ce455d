// brd_exec.c - the program started anew, and what it must know of this one
//
// SPDX-License-Identifier: MPL-2.0
//
// In shared memory, for the moment of the start:
//
//     | size | code: what is here | story |
//
// The story is one message: the world (what makes a process one of this brood)
// and what the nursery is to be. All of it is copied by who reads it, and
// nothing is written there: the owner may have died and been swept, and the
// place be another's. What is answered goes through the pair.
//
// Read next: brd_role.c; workers/nursery_exec.c.

#include "api/brd_exec.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/brd_children.h"
#include "api/brd_process_private.h"
#include "api/brd_runtime.h"
#include "base/brd_check.h"
#include "base/brd_log.h"
#include "base/brd_mem.h"
#include "client/brd_msg.h"
#include "client/brd_session.h"

typedef struct {
    uint64_t size;
    brd_code_t code;
    unsigned char story[];
} s_block_t;

// --- Here ------------------------------------------------------------------

// That it exists is better said here than by a child.
static int
s_check_executable (const char *path)
{
    struct stat status;
    if (access (path, X_OK) < 0 || stat (path, &status) < 0)
        return brd_error_system ("%s", path);
    if (!S_ISREG (status.st_mode))
        return brd_error_set (EACCES, "%s: not a file", path);
    return 0;
}

int
brd_exec_check (int start_exec, const char *executable)
{
    if (!start_exec)
        return executable
                   ? brd_error_set (EINVAL, "executable: without start_exec")
                   : 0;
    if (executable && s_check_executable (executable) < 0)
        return -1;
    if (getauxval (AT_SECURE))
        return brd_error_set (EPERM,
                              "start_exec: a set-user-ID program would have "
                              "its rights again when started anew");
    if (brd_runtime_is_main ())
        return 0;
    return brd_error_set (EINVAL,
                          "start_exec: the program does not begin with "
                          "brood_init (), which must be main's first line");
}

brood_msg_t *
brd_exec_story (brd_exec_kind_t kind)
{
    brd_runtime_world_t world;
    brd_runtime_world (&world);
    const brood_process_t *who = brd_children_current ();
    brood_msg_t *story = brood_msg_new (
        "{kind: %d, shared: %lld, brood: %lld, keep_exit: %d, log: %d, "
        "key: <%zu %p>, secret: <%zu %p>, gateway: %llu, "
        "who: {name: %s, type: %s, identity: %s, daemon: %d}}",
        (int) kind,
        (long long) brd_arena_offset (world.arena, world.shared),
        (long long) world.brood,
        world.keep_exit,
        atomic_load (&brd_log_level),
        world.authkey.size,
        (void *) world.authkey.bytes,
        (size_t) BRD_SESSION_SECRET_SIZE,
        brd_session_secret (),
        (unsigned long long) brd_session_gateway (),
        who->name,
        who->type,
        who->identity,
        atomic_load (&who->daemon));
    explicit_bzero (&world.authkey, sizeof world.authkey);
    if (story && world.pool_spec
        && brood_msg_set (story,
                          "spec",
                          "<%zu %p>",
                          strlen (world.pool_spec),
                          (const void *) world.pool_spec)
               < 0)
        brood_msg_destroy (&story);
    return story;
}

int
brd_exec_open (brd_exec_t *self,
               const brood_msg_t *story,
               const char *executable)
{
    brd_arena_t *arena = brd_runtime_arena ();
    size_t size;
    const void *bytes = brd_msg_data (story, &size);
    const int fd = brd_arena_fd (arena);
    self->block = NULL;
    if (fd < 0)
        return brd_error_set (
            EBADF, "the program has closed the descriptor of shared memory");
    s_block_t *block =
        brd_arena_alloc (arena, sizeof *block + size, (uint32_t) getpid (), 0);
    if (!block)
        return -1;
    block->size = size;
    brd_code_look (&block->code);
    if (executable)
        brd_code_add_names (&block->code);
    memcpy (block->story, bytes, size);
    self->block = block;
    self->nursery = (brd_nursery_exec_t){
        .arena = arena,
        .arena_span = brd_arena_span (arena),
        .arena_fd = fd,
        .executable = executable,
        .library = brd_code_file ((uint64_t) (uintptr_t) brd_exec_open),
        .story = brd_arena_offset (arena, block),
        .answer = self->there,
        .answer_size = sizeof self->there,
    };
    return 0;
}

void
brd_exec_close (brd_exec_t *self, brd_code_t *ret_code)
{
    s_block_t *block = self->block;
    self->block = NULL;
    if (!block)
        return;
    if (ret_code) {
        *ret_code = block->code;
        brd_code_take (ret_code, self->there);
    }
    explicit_bzero (block->story, block->size);  // The keys
    brd_arena_free (brd_runtime_arena (), block);
}

// --- There -----------------------------------------------------------------

void
brd_exec_refuse (const brd_exec_call_t *call, int error)
{
    brd_nursery_exec_refuse (&call->nursery, error);
}

uint64_t
brd_exec_fn (const brd_exec_call_t *call, long long address)
{
    if (address == 0)
        return 0;
    const uint64_t fn = brd_code_there (call->code, (uint64_t) address);
    if (fn == 0)
        brd_exec_refuse (call, ENOSYS);
    return fn;
}

void *
brd_exec_copy (const brd_exec_call_t *call, const void *bytes, size_t size)
{
    char *copy = brd_mem_alloc (size + 1);
    if (!copy)
        brd_exec_refuse (call, ENOMEM);
    if (size > 0)
        memcpy (copy, bytes, size);
    copy[size] = '\0';
    return copy;
}

// -1 with ENOMEM, EBADMSG.
static int
s_enter (const brd_exec_call_t *call, brd_arena_t *arena)
{
    long long shared, brood;
    unsigned long long gateway;
    int log, daemon;
    size_t key_size, secret_size, spec_size = 0;
    void *key, *secret, *spec = NULL;
    char name[BROOD_NAME_SIZE], type[BROOD_NAME_SIZE];
    char identity[BROOD_NAME_SIZE];
    brd_runtime_world_t world = { .arena = arena };
    if (brood_msg_unpack (
            call->story,
            "{shared: %lld, brood: %lld, keep_exit: %d, log: %d, "
            "key: <%zu %p>, secret: <%zu %p>, gateway: %llu, "
            "spec?: <%zu %p>, "
            "who: {name: %63s, type: %63s, identity: %63s, daemon: %d}}",
            &shared,
            &brood,
            &world.keep_exit,
            &log,
            &key_size,
            &key,
            &secret_size,
            &secret,
            &gateway,
            &spec_size,
            &spec,
            name,
            type,
            identity,
            &daemon)
        < 0)
        return -1;
    brd_assert (key_size <= sizeof world.authkey.bytes);
    brd_assert (secret_size == BRD_SESSION_SECRET_SIZE);
    world.shared = brd_arena_at (arena, (uint64_t) shared);
    world.brood = (uint64_t) brood;
    world.pool_spec = spec ? brd_exec_copy (call, spec, spec_size) : NULL;
    world.authkey.size = key_size;
    memcpy (world.authkey.bytes, key, key_size);
    brd_session_set_secret (secret);
    brd_session_set_gateway (gateway);
    brd_children_inherit (name, type, identity, daemon);
    brd_log_set_sink (log, NULL, NULL);
    return brd_runtime_enter (&world);
}

static void
s_become (brd_exec_call_t *call)
{
    int kind;
    brd_arena_t *arena = brd_arena_join (call->nursery.exec.arena_fd,
                                         call->nursery.exec.arena,
                                         call->nursery.exec.arena_span);
    if (!arena)
        brd_exec_refuse (call, errno);
    const s_block_t *block = brd_arena_at (arena, call->nursery.exec.story);
    if (!block || !brd_arena_holds (arena, block, sizeof *block + block->size))
        brd_exec_refuse (call, ECONNRESET);
    call->code = brd_exec_copy (call, &block->code, sizeof block->code);
    call->story = brood_msg_new_bytes (block->story, block->size);
    if (!call->story || brd_code_match (call->code) < 0
        || s_enter (call, arena) < 0
        || brood_msg_get (call->story, "kind", "%d", &kind) < 0)
        brd_exec_refuse (call, errno);
    uint64_t there[BRD_CODE_SEGMENTS_MAX];
    brd_code_answer (call->code, there);
    brd_nursery_exec_answer (&call->nursery, there, sizeof there);
    if (kind == BRD_EXEC_POOL)
        brd_pool_exec_become (call);
    brd_process_exec_become (call);
}

void
brd_exec_role (int is_main)
{
    brd_exec_call_t call = { .story = NULL };
    if (!brd_nursery_exec_found (&call.nursery))
        return;
    if (!is_main)
        brd_exec_refuse (&call, EALREADY);
    const uint64_t here = (uint64_t) (uintptr_t) brd_exec_open;
    if (call.nursery.exec.library != brd_code_file (here))
        brd_exec_refuse (&call, ESTALE);
    s_become (&call);
}
