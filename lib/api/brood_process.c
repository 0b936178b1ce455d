// brood_process.c - one function in a process of its own
//
// SPDX-License-Identifier: MPL-2.0
//
// The class: who may call what. A handle is one of
//
//     a child      made here: all of it works
//     a child's    from a parent's memory: as it was, but no line to it
//     current      this process: a name, a pid, alive
//     parent       who started it: a name, a pid, and an end to wait for
//
// Read next: brd_process_private.h, which has the drawing.

#include "brood/brood_process.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "api/brd_children.h"
#include "api/brd_process_private.h"
#include "api/brd_runtime.h"
#include "api/brd_waitable.h"
#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "base/brd_mem.h"
#include "base/brd_process.h"

static int
s_is_child (const brood_process_t *self)
{
    return self->kin == BRD_PROCESS_IS_CHILD
           && brd_handle_is_mine (&self->handle);
}

// --- Making and giving up --------------------------------------------------

void
brd_process_free (brood_process_t *self)
{
    brd_process_run_close (self);
    brd_process_options_free (self);
    brood_msg_destroy (&self->args);
    brd_mem_free (self->object);
    brd_handle_fini (&self->handle);
    brd_mem_free (self);
}

brood_process_t *
brd_process_alloc (void)
{
    brood_process_t *self = brd_mem_zalloc (sizeof *self);
    if (!self)
        return NULL;
    brd_handle_init (&self->handle, BRD_KIND_PROCESS);
    brd_list_init (&self->link);
    self->fd = self->watch = self->snapshot = -1;
    atomic_store (&self->exitcode, BROOD_NO_EXITCODE);
    return self;
}

static void
s_set_names (brood_process_t *self)
{
    brd_children_number (self->identity);
    if (self->type[0] == '\0')
        snprintf (self->type, sizeof self->type, "Process");
    if (self->name[0] != '\0')
        return;
    const int n = snprintf (
        self->name, sizeof self->name, "%s-%s", self->type, self->identity);
    // What cannot be written whole keeps the end, which tells them apart.
    if (n >= (int) sizeof self->name)
        snprintf (self->name, sizeof self->name, "%s", self->identity);
}

// object: to be copied, or, where that is NULL, so many zeros.
static brood_process_t *
s_new (brood_process_fn *run,
       const void *object,
       size_t size,
       const brood_process_options_t *options)
{
    if (brd_runtime_need () < 0)
        return NULL;
    brood_process_t *self = brd_process_alloc ();
    if (!self)
        return NULL;
    self->run = run;
    self->object_size = size;
    if (size > 0) {
        self->arg = self->object = brd_mem_zalloc (size);
        if (!self->object)
            goto error;
        if (object)
            memcpy (self->object, object, size);
    }
    if (brd_process_options_take (self, options) < 0)
        goto error;
    s_set_names (self);
    return self;

error:
    brd_process_free (self);
    return NULL;
}

brood_process_t *
brood_process_new_with (brood_process_fn *run,
                        void *arg,
                        const brood_process_options_t *options)
{
    static const brood_process_options_t none;
    const size_t size = options ? options->arg_size_bytes : 0;
    BRD_REQUIRE (run != NULL, NULL);
    BRD_REQUIRE (size == 0 || arg != NULL, NULL);
    BRD_REQUIRE (!options || !options->args || arg == NULL, NULL);
    if (options && options->start_exec && arg && size == 0) {
        brd_error_set (EINVAL,
                       "start_exec: the new program does not have the memory "
                       "of arg; arg_size_bytes, or args, has it copied");
        return NULL;
    }
    brood_process_t *self = s_new (run, arg, size, options ? options : &none);
    if (self && size == 0)
        self->arg = self->args ? (void *) self->args : arg;
    return self;
}

brood_process_t *
brood_process_new (brood_process_fn *run, void *arg)
{
    return brood_process_new_with (run, arg, NULL);
}

brood_process_t *
brood_process_new_class (const brood_process_class_t *type, const void *object)
{
    BRD_REQUIRE (type != NULL && type->type != NULL && type->run != NULL, NULL);
    BRD_REQUIRE_ZERO (type->reserved_, NULL);
    const brood_process_options_t options = { .type = type->type };
    return s_new (type->run, object, type->size_bytes, &options);
}

void
brood_process_destroy (brood_process_t **self_p)
{
    if (!self_p || !*self_p)
        return;
    const int saved_errno = errno;
    brood_process_t *self = *self_p;
    *self_p = NULL;
    if (self->kin == BRD_PROCESS_IS_CHILD) {
        if (self->listed && s_is_child (self))
            brd_children_give_up (self);
        else {
            // In a child: its numbers may be the child's own by now.
            if (!s_is_child (self))
                self->fd = self->watch = -1;
            brd_process_free (self);
        }
    }
    errno = saved_errno;
}

// --- Its life --------------------------------------------------------------

static int
s_not_ours (const brood_process_t *self, const char *function)
{
    return brd_error_set (EPERM,
                          "%s: %s is not a process that this one has started",
                          function,
                          self->name);
}

// That it is ours and was started.
static int
s_check_started (const brood_process_t *self, const char *function)
{
    if (!s_is_child (self))
        return s_not_ours (self, function);
    if (atomic_load (&self->state) >= BRD_PROCESS_RUNNING)
        return 0;
    return brd_error_set (
        ECHILD, "%s: %s was not started", function, self->name);
}

int
brood_process_start (brood_process_t *self)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_PROCESS, -1);
    if (!s_is_child (self))
        return s_not_ours (self, __func__);
    if (brd_runtime_inline ())
        return brd_error_set (
            ENOTSUP, "%s: no processes with inline_calls", __func__);
    return brd_process_run_start (self);
}

int
brood_process_join (brood_process_t *self, int timeout_ms)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_PROCESS, -1);
    BRD_REQUIRE (timeout_ms >= BROOD_FOREVER, -1);
    if (self->kin != BRD_PROCESS_IS_PARENT
        && s_check_started (self, __func__) < 0)
        return -1;
    return brd_process_run_wait (self, brd_clock_deadline (timeout_ms));
}

static int
s_signal (brood_process_t *self, int signal, const char *function)
{
    if (s_check_started (self, function) < 0)
        return -1;
    return brd_process_run_signal (self, signal);
}

int
brood_process_terminate (brood_process_t *self)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_PROCESS, -1);
    return s_signal (self, SIGTERM, __func__);
}

int
brood_process_kill (brood_process_t *self)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_PROCESS, -1);
    return s_signal (self, SIGKILL, __func__);
}

int
brood_process_signal (brood_process_t *self, int signal)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_PROCESS, -1);
    BRD_REQUIRE (signal > 0 && signal <= SIGRTMAX, -1);
    return s_signal (self, signal, __func__);
}

// --- Questions -------------------------------------------------------------

// As far as it can be known here: 1 if it has ended.
static int
s_look (const brood_process_t *self)
{
    // A question may find the answer: that is no change the caller can see.
    brood_process_t *known = (brood_process_t *) (uintptr_t) self;
    if (self->kin == BRD_PROCESS_IS_PARENT || s_is_child (self))
        return brd_process_run_look (known);
    return atomic_load (&known->state) == BRD_PROCESS_ENDED;
}

int
brood_process_is_alive (const brood_process_t *self)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_PROCESS, -1);
    return !s_look (self) && atomic_load (&self->state) == BRD_PROCESS_RUNNING;
}

int
brood_process_exitcode (const brood_process_t *self)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_PROCESS, BROOD_NO_EXITCODE);
    return s_look (self) ? atomic_load (&self->exitcode) : BROOD_NO_EXITCODE;
}

int
brood_process_pid (const brood_process_t *self)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_PROCESS, -1);
    return atomic_load (&self->pid);
}

int
brood_process_sentinel (const brood_process_t *self)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_PROCESS, -1);
    if (self->kin == BRD_PROCESS_IS_PARENT) {
        if (self->watch < 0)
            return brd_error_set (ENOTSUP, "there are no pidfds here");
    }
    else if (s_check_started (self, __func__) < 0)
        return -1;
    return brd_process_run_sentinel (self);
}

void *
brood_process_self (const brood_process_t *self)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_PROCESS, NULL);
    return self->arg;
}

// --- Waiting for several things --------------------------------------------

static int
s_prepare (void *handle)
{
    const brood_process_t *self = handle;
    return self->kin == BRD_PROCESS_IS_PARENT
               ? 0
               : s_check_started (self, "brood_wait_any");
}

static int
s_ready (void *handle)
{
    return s_look (handle);
}

static int
s_fd (void *handle)
{
    return brd_process_run_sentinel (handle);
}

const brd_waitable_t brd_process_waitable = {
    .prepare = s_prepare,
    .ready = s_ready,
    .fd = s_fd,
};

// --- Names -----------------------------------------------------------------

const char *
brood_process_name (const brood_process_t *self)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_PROCESS, "");
    return self->name;
}

// That it is for us to change: it is not running yet.
static int
s_check_new (const brood_process_t *self, const char *function)
{
    if (!s_is_child (self))
        return s_not_ours (self, function);
    if (atomic_load (&self->state) == BRD_PROCESS_NEW)
        return 0;
    return brd_error_set (
        EBUSY, "%s: %s was started before", function, self->name);
}

int
brood_process_set_name (brood_process_t *self, const char *name)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_PROCESS, -1);
    BRD_REQUIRE (name != NULL && name[0] != '\0', -1);
    BRD_REQUIRE (strlen (name) < BROOD_NAME_SIZE, -1);
    const int itself = self == brd_children_current ();
    if (!itself && s_check_new (self, __func__) < 0)
        return -1;
    memmove (self->name, name, strlen (name) + 1);
    if (itself)
        brd_process_show (name);
    return 0;
}

int
brood_process_daemon (const brood_process_t *self)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_PROCESS, -1);
    return atomic_load (&self->daemon);
}

int
brood_process_set_daemon (brood_process_t *self, int daemon)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_PROCESS, -1);
    if (s_check_new (self, __func__) < 0)
        return -1;
    atomic_store (&self->daemon, daemon != 0);
    return 0;
}

static void
s_write_state (const brood_process_t *self, char *text, size_t size)
{
    char name[32];
    const int ended = s_look (self);
    const int code = atomic_load (&self->exitcode);
    if (!ended)
        snprintf (text,
                  size,
                  "%s",
                  atomic_load (&self->state) == BRD_PROCESS_RUNNING
                      ? "started"
                      : "initial");
    else if (code < 0 && code != BROOD_NO_EXITCODE)
        snprintf (text,
                  size,
                  "stopped exitcode=-%s",
                  brd_error_signal_name (-code, name, sizeof name));
    else if (code >= 0)
        snprintf (text, size, "stopped exitcode=%d", code);
    else
        snprintf (text, size, "stopped");
}

const char *
brood_process_repr (const brood_process_t *self)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_PROCESS, "");
    char state[64];
    char *text = ((brood_process_t *) (uintptr_t) self)->repr;
    s_write_state (self, state, sizeof state);
    snprintf (text,
              sizeof self->repr,
              "<%s(%s, %s%s)>",
              self->type,
              self->name,
              state,
              atomic_load (&self->daemon) ? " daemon" : "");
    return text;
}

// --- Who is who ------------------------------------------------------------

brood_process_t *
brood_process_current (void)
{
    return brd_runtime_need () < 0 ? NULL : brd_children_current ();
}

brood_process_t *
brood_process_parent (void)
{
    if (brd_runtime_need () < 0)
        return NULL;
    brood_process_t *parent = brd_children_parent ();
    if (!parent)
        brd_error_set (ESRCH, "this process was not started by brood");
    return parent;
}

long
brood_process_children (brood_process_t **ret_children, size_t n)
{
    BRD_REQUIRE (ret_children != NULL || n == 0, -1);
    if (brd_runtime_need () < 0)
        return -1;
    return brd_children_alive (ret_children, n);
}
