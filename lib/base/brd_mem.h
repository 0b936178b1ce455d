// brd_mem.h - memory, in one place
//
// SPDX-License-Identifier: MPL-2.0
//
// All allocation of the library passes here, so that the torture test can fail
// each one. Failure is NULL with ENOMEM and the thread's error set.

#ifndef BRD_MEM_H
#define BRD_MEM_H

#include <stddef.h>

void *
brd_mem_alloc (size_t size);  // Not zeroed
void *
brd_mem_zalloc (size_t size);  // Zeroed
void *
brd_mem_array (size_t n, size_t size);  // Zeroed; ENOMEM on overflow
void *
brd_mem_resize (void *old, size_t size);  // On failure old is as it was
char *
brd_mem_strdup (const char *text);
void
brd_mem_free (void *memory);  // Takes NULL, keeps errno

#endif  // BRD_MEM_H
