// brood_array.c - many numbers, or structs, in shared memory
//
// SPDX-License-Identifier: MPL-2.0
//
// A block of the arena with a head: the number of handles, so that the last one
// of any process gives it back. Read lib/base/brd_arena.h next.

#include "brood/brood_array.h"

#include <errno.h>
#include <stdatomic.h>
#include <unistd.h>

#include "api/brd_runtime.h"
#include "base/brd_check.h"
#include "base/brd_handle.h"
#include "base/brd_mem.h"
#include "client/brd_msg.h"

// In front of the elements, which stay aligned for any type.
typedef struct {
    _Alignas(64) _Atomic uint32_t handles;
    uint64_t size;
    uint64_t n;
} s_head_t;

struct brood_array {
    brd_handle_t handle;
    s_head_t *head;
};

static size_t
s_type_size (brood_ctype_t type)
{
    switch (type) {
    case BROOD_CHAR:
    case BROOD_INT8:
    case BROOD_UINT8:
        return 1;
    case BROOD_INT16:
    case BROOD_UINT16:
        return 2;
    case BROOD_INT:
    case BROOD_UINT:
        return sizeof (int);
    case BROOD_FLOAT32:
    case BROOD_INT32:
    case BROOD_UINT32:
        return 4;
    case BROOD_LONG:
    case BROOD_ULONG:
        return sizeof (long);
    case BROOD_DOUBLE:
    case BROOD_INT64:
    case BROOD_UINT64:
        return 8;
    }
    return 0;
}

static brood_array_t *
s_handle (s_head_t *head)
{
    brood_array_t *self = brd_mem_zalloc (sizeof *self);
    if (!self)
        return NULL;
    brd_handle_init (&self->handle, BRD_KIND_ARRAY);
    self->handle.ref.brood = brd_runtime_brood ();
    self->handle.ref.offset = brd_arena_offset (brd_runtime_arena (), head);
    self->head = head;
    return self;
}

brood_array_t *
brood_array_new_sized (size_t size_bytes, size_t n)
{
    size_t bytes;
    BRD_REQUIRE (size_bytes > 0 && n > 0, NULL);
    if (brd_runtime_need () < 0)
        return NULL;
    if (__builtin_mul_overflow (size_bytes, n, &bytes)
        || __builtin_add_overflow (bytes, sizeof (s_head_t), &bytes)) {
        brd_error_set (ENOSPC,
                       "an array of %zu elements of %zu bytes is too "
                       "large for any memory",
                       n,
                       size_bytes);
        return NULL;
    }
    brd_arena_t *arena = brd_runtime_arena ();
    s_head_t *head = brd_arena_alloc (arena, bytes, (uint32_t) getpid (), 1);
    if (!head)
        return NULL;
    atomic_store (&head->handles, 1);
    head->size = size_bytes;
    head->n = n;
    brood_array_t *self = s_handle (head);
    if (!self)
        brd_arena_free (arena, head);
    return self;
}

brood_array_t *
brood_array_new (brood_ctype_t type, size_t n)
{
    const size_t size = s_type_size (type);
    BRD_REQUIRE (size > 0, NULL);
    return brood_array_new_sized (size, n);
}

brood_array_t *
brood_array_from (void *ref)
{
    brd_ref_t found;
    if (brd_ref_resolve (ref, BRD_KIND_ARRAY, &found) < 0)
        return NULL;
    brd_arena_t *arena = brd_runtime_arena ();
    s_head_t *head = arena && found.brood == brd_runtime_brood ()
                         ? brd_arena_at (arena, found.offset)
                         : NULL;
    if (!head || !brd_arena_holds (arena, head, sizeof *head)) {
        brd_error_set (ENOENT, "the array is gone, or of another program");
        return NULL;
    }
    // From none to one is not allowed: then the memory is somebody else's.
    uint32_t handles = atomic_load (&head->handles);
    do {
        if (handles == 0) {
            brd_error_set (ENOENT, "the array is gone");
            return NULL;
        }
    } while (
        !atomic_compare_exchange_weak (&head->handles, &handles, handles + 1));
    brood_array_t *self = s_handle (head);
    if (!self)
        atomic_fetch_sub (&head->handles, 1);
    return self;
}

void
brood_array_destroy (brood_array_t **self_p)
{
    if (!self_p || !*self_p)
        return;
    const int saved_errno = errno;
    brood_array_t *self = *self_p;
    *self_p = NULL;
    // A handle that came along through a fork was counted in the parent only.
    if (brd_handle_is_mine (&self->handle)
        && atomic_fetch_sub (&self->head->handles, 1) == 1)
        brd_arena_free (brd_runtime_arena (), self->head);
    brd_handle_fini (&self->handle);
    brd_mem_free (self);
    errno = saved_errno;
}

void *
brood_array_ptr (const brood_array_t *self)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_ARRAY, NULL);
    return self->head + 1;
}

size_t
brood_array_len (const brood_array_t *self)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_ARRAY, 0);
    return (size_t) self->head->n;
}
