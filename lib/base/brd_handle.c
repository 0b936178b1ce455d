// brd_handle.c - what every public handle begins with
//
// SPDX-License-Identifier: MPL-2.0
//
// The check at every public entrance: is it there, alive, of this class, and
// are we a process that may use it?

#include "base/brd_handle.h"

#include <string.h>

#include "base/brd_check.h"
#include "base/brd_process.h"

static const uint32_t s_dead = 0xdeadb70d;

// Between the name of what is NULL and why. A text that has it already is
// itself such an answer: only what follows is worth repeating, or a program
// that goes on with NULL would read the chain of all its calls.
static const char s_because[] = " is NULL: ";

void
brd_handle_init (brd_handle_t *self, brd_kind_t kind)
{
    *self = (brd_handle_t){
        .magic = BRD_HANDLE_ALIVE,
        .birth = brd_process_birth (),
        .ref = { .kind = kind },
    };
}

void
brd_handle_fini (brd_handle_t *self)
{
    // Volatile, or the compiler sees that nobody may read it after free.
    *(volatile uint32_t *) &self->magic = s_dead;
}

static int
s_null (brd_kind_t kind, const char *function)
{
    const char *why = brd_error_get ()->text;
    const char *before = strstr (why, s_because);
    if (before)
        why = before + sizeof s_because - 1;
    if (why[0] == '\0')
        return brd_error_set (
            EINVAL, "%s: the %s is NULL", function, brd_kind_text (kind));
    return brd_error_set (EINVAL,
                          "%s: the %s%s%s",
                          function,
                          brd_kind_text (kind),
                          s_because,
                          why);
}

int
brd_handle_refuse (const brd_handle_t *self,
                   brd_kind_t kind,
                   const char *function)
{
    if (!self)
        return s_null (kind, function);
    if (self->magic == s_dead)
        return brd_error_set (
            EINVAL, "%s: the %s was destroyed", function, brd_kind_text (kind));
    if (self->magic != BRD_HANDLE_ALIVE)
        return brd_error_set (
            EINVAL, "%s: this is not a %s", function, brd_kind_text (kind));
    if (self->ref.kind != kind)
        return brd_error_set (EINVAL,
                              "%s: this is a %s, not a %s",
                              function,
                              brd_kind_text ((brd_kind_t) self->ref.kind),
                              brd_kind_text (kind));
    return brd_error_set (
        ENOTSUP, "%s: not in a child of the program's own fork ()", function);
}

int
brd_handle_check_mine (const brd_handle_t *self,
                       brd_kind_t kind,
                       const char *function)
{
    if (brd_handle_check (self, kind, function) < 0)
        return -1;
    if (brd_handle_is_mine (self))
        return 0;
    return brd_error_set (ENOTSUP,
                          "%s: the %s is the parent's, of no use here",
                          function,
                          brd_kind_text (kind));
}

static const char *const s_kinds[BRD_KIND_COUNT] = {
    [BRD_KIND_NONE] = "nothing",
    [BRD_KIND_MSG] = "message",
    [BRD_KIND_REF] = "ref",
    [BRD_KIND_TASK] = "task",
    [BRD_KIND_FUTURE] = "future",
    [BRD_KIND_STREAM] = "stream",
    [BRD_KIND_POOL] = "pool",
    [BRD_KIND_PROGRESS] = "progress",
    [BRD_KIND_ARRAY] = "array",
    [BRD_KIND_PROCESS] = "process",
    [BRD_KIND_QUEUE] = "queue",
    [BRD_KIND_CONN] = "connection",
    [BRD_KIND_LISTENER] = "listener",
    [BRD_KIND_LOCK] = "lock",
    [BRD_KIND_RLOCK] = "rlock",
    [BRD_KIND_SEMAPHORE] = "semaphore",
    [BRD_KIND_EVENT] = "event",
    [BRD_KIND_CONDITION] = "condition",
    [BRD_KIND_BARRIER] = "barrier",
    [BRD_KIND_VALUE] = "value",
    [BRD_KIND_SHM] = "shared memory",
    [BRD_KIND_MANAGER] = "manager",
    [BRD_KIND_DICT] = "dict",
    [BRD_KIND_LIST] = "list",
    [BRD_KIND_NAMESPACE] = "namespace",
    [BRD_KIND_PROXY] = "proxy",
    [BRD_KIND_SHMLIST] = "list in shared memory",
};

const char *
brd_kind_text (brd_kind_t kind)
{
    // Kinds also come from the wire.
    const unsigned index = (unsigned) kind;
    return index < BRD_KIND_COUNT ? s_kinds[index] : "unknown thing";
}

int
brd_handle_is_mine (const brd_handle_t *self)
{
    return self->birth == brd_process_birth ();
}
