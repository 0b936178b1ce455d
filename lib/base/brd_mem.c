// brd_mem.c - memory, in one place
//
// SPDX-License-Identifier: MPL-2.0
//
// A size of 0 gives a block too, so that NULL means one thing only.

#include "base/brd_mem.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/brd_error.h"
#include "base/brd_fault.h"

static void *
s_checked (void *memory, size_t size)
{
    if (!memory)
        brd_error_set (ENOMEM, "out of memory (%zu bytes wanted)", size);
    return memory;
}

void *
brd_mem_alloc (size_t size)
{
    if (brd_fault_hit (BRD_FAULT_MEMORY))
        return s_checked (NULL, size);
    return s_checked (malloc (size > 0 ? size : 1), size);
}

void *
brd_mem_zalloc (size_t size)
{
    return brd_mem_array (1, size);
}

void *
brd_mem_array (size_t n, size_t size)
{
    if (size != 0 && n > SIZE_MAX / size)
        return s_checked (NULL, SIZE_MAX);
    if (brd_fault_hit (BRD_FAULT_MEMORY))
        return s_checked (NULL, n * size);
    return s_checked (calloc (1, n * size > 0 ? n * size : 1), n * size);
}

void *
brd_mem_resize (void *old, size_t size)
{
    if (brd_fault_hit (BRD_FAULT_MEMORY))
        return s_checked (NULL, size);
    return s_checked (realloc (old, size > 0 ? size : 1), size);
}

char *
brd_mem_strdup (const char *text)
{
    const size_t size = strlen (text) + 1;
    char *copy = brd_mem_alloc (size);
    if (copy)
        memcpy (copy, text, size);
    return copy;
}

void
brd_mem_free (void *memory)
{
    const int saved_errno = errno;
    free (memory);
    errno = saved_errno;
}
