// brood_shm.c - shared memory with a name
//
// SPDX-License-Identifier: MPL-2.0
//
// Read next: brd_named.c, which is all of it.

#include "brood/brood_shm.h"

#include "api/brd_named.h"
#include "base/brd_check.h"

struct brood_shm {
    union {
        brd_handle_t handle;
        brd_named_t named;
    };
};

brood_shm_t *
brood_shm_new (const char *name, size_t size_bytes)
{
    BRD_REQUIRE (size_bytes > 0, NULL);
    return brd_named_new (
        sizeof (brood_shm_t), BRD_KIND_SHM, name, size_bytes, NULL, NULL);
}

brood_shm_t *
brood_shm_open (const char *name)
{
    BRD_REQUIRE (name, NULL);
    return brd_named_open (sizeof (brood_shm_t), BRD_KIND_SHM, name);
}

brood_shm_t *
brood_shm_from (void *ref)
{
    return brd_named_from (sizeof (brood_shm_t), BRD_KIND_SHM, ref);
}

void
brood_shm_destroy (brood_shm_t **self_p)
{
    brd_named_destroy (self_p);
}

int
brood_shm_unlink (brood_shm_t *self)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_SHM, -1);
    return brd_named_unlink (&self->named);
}

void *
brood_shm_ptr (const brood_shm_t *self)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_SHM, NULL);
    return self->named.memory;
}

size_t
brood_shm_size (const brood_shm_t *self)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_SHM, 0);
    return self->named.size;
}

const char *
brood_shm_name (const brood_shm_t *self)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_SHM, NULL);
    return self->named.name;
}
