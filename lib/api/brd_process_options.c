// brd_process_options.c - what a process is to be like: checked, copied
//
// SPDX-License-Identifier: MPL-2.0
//
// The options may be a literal that is gone when start () is called, so
// everything they point to is copied. What only the system can judge (is there
// such a folder?) is judged where it counts, in the child: nursery_once.c.

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/resource.h>

#include "api/brd_process_private.h"
#include "base/brd_check.h"
#include "base/brd_mem.h"
#include "client/brd_msg.h"

static int
s_check_name (const char *what, const char *name)
{
    if (!name || (name[0] != '\0' && strlen (name) < BROOD_NAME_SIZE))
        return 0;
    return brd_error_set (
        EINVAL, "a process's %s has 1 to %d bytes", what, BROOD_NAME_SIZE - 1);
}

static int
s_check_rlimits (const brood_rlimit_t *limits, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (limits[i].resource == (int) RLIMIT_LOCKS)
            return brd_error_set (
                EINVAL, "rlimits: RLIMIT_LOCKS tells brood whose a process is");
        if (limits[i].resource < 0 || limits[i].resource >= RLIM_NLIMITS)
            return brd_error_set (
                EINVAL, "rlimits: there is no resource %d", limits[i].resource);
        if (limits[i].soft > limits[i].hard)
            return brd_error_set (
                EINVAL,
                "rlimits: soft limit above the hard one (RLIM_INFINITY is "
                "none)");
    }
    return 0;
}

static int
s_check (const brood_process_options_t *options)
{
    BRD_REQUIRE_ZERO (options->reserved_, -1);
    if (brd_exec_check (options->start_exec, options->executable) < 0)
        return -1;
    if (options->args)
        BRD_REQUIRE_HANDLE (options->args, BRD_KIND_MSG, -1);
    if (s_check_name ("name", options->name) < 0
        || s_check_name ("type", options->type) < 0)
        return -1;
    if (options->cpu < 0)
        return brd_error_set (EINVAL, "cpu: there is none below 0");
    if ((options->n_keep_fds > 0 && !options->keep_fds)
        || options->n_keep_fds > INT_MAX)
        return brd_error_set (EINVAL, "keep_fds: not so many");
    if (options->n_rlimits > 0 && !options->rlimits)
        return brd_error_set (EINVAL, "rlimits: not so many");
    return s_check_rlimits (options->rlimits, options->n_rlimits);
}

static void *
s_copy (const void *from, size_t n, size_t size)
{
    void *to = brd_mem_array (n, size);
    if (to)
        memcpy (to, from, n * size);
    return to;
}

// One block: the pointers, then what they point to.
static char **
s_copy_env (char *const *env)
{
    size_t n = 0, bytes = 0;
    for (; env[n]; n++)
        bytes += strlen (env[n]) + 1;
    char **copy = brd_mem_alloc ((n + 1) * sizeof *copy + bytes);
    if (!copy)
        return NULL;
    char *at = (char *) (copy + n + 1);
    for (size_t i = 0; i < n; i++) {
        const size_t size = strlen (env[i]) + 1;
        copy[i] = memcpy (at, env[i], size);
        at += size;
    }
    copy[n] = NULL;
    return copy;
}

// -1 with ENOMEM.
static int
s_take_wishes (brood_process_t *self, const brood_process_options_t *options)
{
    brd_nursery_once_t *wishes = &self->wishes;
    wishes->nice = options->nice;
    wishes->cpu = options->cpu;
    wishes->keep_stdin = options->keep_stdin != 0;
    if (options->cwd && !(wishes->cwd = brd_mem_strdup (options->cwd)))
        return -1;
    if (options->env && !(wishes->env = s_copy_env (options->env)))
        return -1;
    if (options->n_rlimits == 0)
        return 0;
    wishes->rlimits =
        s_copy (options->rlimits, options->n_rlimits, sizeof *options->rlimits);
    wishes->n_rlimits = options->n_rlimits;
    return wishes->rlimits ? 0 : -1;
}

int
brd_process_options_take (brood_process_t *self,
                          const brood_process_options_t *options)
{
    if (s_check (options) < 0 || s_take_wishes (self, options) < 0)
        return -1;
    atomic_store (&self->daemon, options->daemon != 0);
    if (options->name)
        strncpy (self->name, options->name, sizeof self->name - 1);
    if (options->type)
        strncpy (self->type, options->type, sizeof self->type - 1);
    self->start_exec = options->start_exec != 0;
    if (options->executable
        && !(self->executable = brd_mem_strdup (options->executable)))
        return -1;
    if (options->args && !(self->args = brood_msg_dup (options->args)))
        return -1;
    if (options->n_keep_fds == 0)
        return 0;
    self->keep_fds = s_copy (
        options->keep_fds, options->n_keep_fds, sizeof *options->keep_fds);
    self->n_keep_fds = options->n_keep_fds;
    return self->keep_fds ? 0 : -1;
}

void
brd_process_options_free (brood_process_t *self)
{
    brd_mem_free ((void *) (uintptr_t) self->wishes.cwd);
    brd_mem_free ((void *) (uintptr_t) self->wishes.env);
    brd_mem_free ((void *) (uintptr_t) self->wishes.rlimits);
    brd_mem_free (self->keep_fds);
    brd_mem_free (self->executable);
}
