// t_vectors.h - the byte vectors of a document
//
// SPDX-License-Identifier: MPL-2.0
//
// Read out of the document itself (T_RFC), so it cannot say anything else than
// the code does.

#ifndef T_VECTORS_H
#define T_VECTORS_H

#include "t.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    unsigned char bytes[1024];
    size_t size;
} t_vector_t;

// The ```hex block of this name.
static inline void
t_vector_read (const char *name, t_vector_t *ret_vector)
{
    char line[256], head[96];
    FILE *file = fopen (T_RFC, "r");
    assert_non_null (file);
    snprintf (head, sizeof head, "```hex %s\n", name);
    int inside = 0;
    ret_vector->size = 0;
    while (fgets (line, sizeof line, file)) {
        if (!inside) {
            inside = strcmp (line, head) == 0;
            continue;
        }
        if (line[0] == '`')
            break;
        char *at = line, *end;
        for (;;) {
            const unsigned long byte = strtoul (at, &end, 16);
            if (end == at)
                break;
            assert_true (ret_vector->size < sizeof ret_vector->bytes);
            ret_vector->bytes[ret_vector->size++] = (unsigned char) byte;
            at = end;
        }
    }
    fclose (file);
    assert_true (inside && ret_vector->size > 0);
}

#endif  // T_VECTORS_H
