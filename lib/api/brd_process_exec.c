// brd_process_exec.c - a process that starts by exec
//
// SPDX-License-Identifier: MPL-2.0
//
//     owner    brd_process_exec_open     handle -> story -> brd_exec_open ()
//     program  brd_process_exec_become   story -> a handle of the same content;
//                                        brd_process_run_nursery () as the
//                                        owner of a copy would call it
//
// Read next: brd_exec.h.

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "api/brd_process_private.h"
#include "base/brd_check.h"
#include "base/brd_mem.h"
#include "client/brd_msg.h"

// One of keep_fds, and whether it is closed in programs that it executes.
typedef struct {
    int fd;
    int flags;
} s_kept_t;

// --- Here ------------------------------------------------------------------

static int
s_put_bytes (brood_msg_t *story,
             const char *key,
             const void *bytes,
             size_t size)
{
    return bytes ? brood_msg_set (story, key, "<%zu %p>", size, bytes) : 0;
}

// As brd_process_options.c has copied them: the strings follow the pointers,
// one behind the other.
static int
s_put_env (brood_msg_t *story, char *const *env)
{
    size_t n = 0;
    if (!env)
        return 0;
    while (env[n])
        n++;
    const char *begin = n > 0 ? env[0] : "";
    const char *end = n > 0 ? env[n - 1] + strlen (env[n - 1]) + 1 : begin;
    return s_put_bytes (story, "env", begin, (size_t) (end - begin));
}

static int
s_put_kept (brood_msg_t *story, const brood_process_t *self)
{
    if (self->n_keep_fds == 0)
        return 0;
    s_kept_t *kept = brd_mem_array (self->n_keep_fds, sizeof *kept);
    if (!kept)
        return -1;
    for (size_t i = 0; i < self->n_keep_fds; i++) {
        kept[i].fd = self->keep_fds[i];
        kept[i].flags = fcntl (kept[i].fd, F_GETFD);
    }
    const int rc =
        s_put_bytes (story, "keep", kept, self->n_keep_fds * sizeof *kept);
    brd_mem_free (kept);
    return rc;
}

static int
s_put_wishes (brood_msg_t *story, const brood_process_t *self)
{
    const brd_nursery_once_t *wishes = &self->wishes;
    if (s_put_env (story, wishes->env) < 0
        || s_put_bytes (story,
                        "cwd",
                        wishes->cwd,
                        wishes->cwd ? strlen (wishes->cwd) : 0)
               < 0
        || s_put_bytes (story,
                        "rlimits",
                        wishes->rlimits,
                        wishes->n_rlimits * sizeof *wishes->rlimits)
               < 0)
        return -1;
    return brood_msg_set (story,
                          "wishes",
                          "{nice: %d, cpu: %d, keep_stdin: %d}",
                          wishes->nice,
                          wishes->cpu,
                          wishes->keep_stdin);
}

static int
s_put_args (brood_msg_t *story, const brood_process_t *self)
{
    size_t size;
    if (!self->args)
        return s_put_bytes (story, "object", self->object, self->object_size);
    const void *bytes = brd_msg_data (self->args, &size);
    return bytes ? s_put_bytes (story, "args", bytes, size) : -1;
}

static int
s_put (brood_msg_t *story, const brood_process_t *self)
{
    long long run = 0;
    memcpy (&run, &self->run, sizeof self->run);
    if (brood_msg_set (story,
                       "process",
                       "{name: %s, type: %s, identity: %s, daemon: %d, "
                       "run: %lld}",
                       self->name,
                       self->type,
                       self->identity,
                       atomic_load (&self->daemon),
                       run)
        < 0)
        return -1;
    return s_put_args (story, self) < 0 || s_put_wishes (story, self) < 0
                   || s_put_kept (story, self) < 0
               ? -1
               : 0;
}

int
brd_process_exec_open (const brood_process_t *self, brd_exec_t *exec)
{
    brood_msg_t *story = brd_exec_story (BRD_EXEC_PROCESS);
    const int rc = story && s_put (story, self) == 0
                       ? brd_exec_open (exec, story, self->executable)
                       : -1;
    brood_msg_destroy (&story);
    return rc;
}

// --- There -----------------------------------------------------------------

// What stands under key, copied; NULL if nothing does.
static void *
s_take_bytes (const brd_exec_call_t *call, const char *key, size_t *ret_size)
{
    void *bytes;
    if (brood_msg_get (call->story, key, "<%zu %p>", ret_size, &bytes) < 0) {
        *ret_size = 0;
        return NULL;
    }
    return brd_exec_copy (call, bytes, *ret_size);
}

static char **
s_take_env (const brd_exec_call_t *call)
{
    size_t size, n = 0;
    char *text = s_take_bytes (call, "env", &size);
    if (!text)
        return NULL;
    for (size_t i = 0; i < size; i++)
        n += text[i] == '\0';
    char **env = brd_mem_array (n + 1, sizeof *env);
    if (!env)
        brd_exec_refuse (call, ENOMEM);
    for (size_t i = 0; i < n; i++) {
        env[i] = text;
        text += strlen (text) + 1;
    }
    return env;
}

static void
s_take_kept (const brd_exec_call_t *call, brood_process_t *self)
{
    size_t size;
    s_kept_t *kept = s_take_bytes (call, "keep", &size);
    if (!kept)
        return;
    self->n_keep_fds = size / sizeof *kept;
    self->keep_fds = brd_mem_array (self->n_keep_fds, sizeof *self->keep_fds);
    if (!self->keep_fds)
        brd_exec_refuse (call, ENOMEM);
    for (size_t i = 0; i < self->n_keep_fds; i++) {
        self->keep_fds[i] = kept[i].fd;
        if (kept[i].flags >= 0)
            (void) fcntl (kept[i].fd, F_SETFD, kept[i].flags);
    }
    brd_mem_free (kept);
}

static void
s_take_wishes (const brd_exec_call_t *call, brd_nursery_once_t *wishes)
{
    size_t size;
    wishes->env = s_take_env (call);
    wishes->cwd = s_take_bytes (call, "cwd", &size);
    wishes->rlimits = s_take_bytes (call, "rlimits", &size);
    wishes->n_rlimits = size / sizeof *wishes->rlimits;
    if (brood_msg_get (call->story,
                       "wishes",
                       "{nice: %d, cpu: %d, keep_stdin: %d}",
                       &wishes->nice,
                       &wishes->cpu,
                       &wishes->keep_stdin)
        < 0)
        brd_exec_refuse (call, errno);
}

static void
s_take_args (const brd_exec_call_t *call, brood_process_t *self)
{
    size_t size;
    void *bytes = s_take_bytes (call, "args", &size);
    if (!bytes) {
        self->arg = self->object =
            s_take_bytes (call, "object", &self->object_size);
        return;
    }
    self->arg = self->args = brd_msg_new_take (bytes, size);
    if (!self->args)
        brd_exec_refuse (call, ENOMEM);
}

void
brd_process_exec_become (const brd_exec_call_t *call)
{
    int daemon;
    long long run;
    brd_nursery_options_t nursery;
    brood_process_t *self = brd_process_alloc ();
    if (!self)
        brd_exec_refuse (call, ENOMEM);
    if (brood_msg_get (call->story,
                       "process",
                       "{name: %63s, type: %63s, identity: %63s, daemon: %d, "
                       "run: %lld}",
                       self->name,
                       self->type,
                       self->identity,
                       &daemon,
                       &run)
        < 0)
        brd_exec_refuse (call, errno);
    const uint64_t fn = brd_exec_fn (call, run);
    memcpy (&self->run, &fn, sizeof self->run);
    atomic_store (&self->daemon, daemon);
    s_take_args (call, self);
    s_take_wishes (call, &self->wishes);
    s_take_kept (call, self);
    brd_process_run_nursery (self, &nursery);
    brd_nursery_exec_become (&call->nursery, &nursery);
}
