// t_vector.h - bytes that a document shows, for the codec's test
//
// SPDX-License-Identifier: MPL-2.0
//
// The vectors are read out of the document itself, so it cannot say anything
// else than the code does.

#ifndef T_VECTOR_H
#define T_VECTOR_H

#include "tests/t.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/brd_buf.h"

typedef struct {
    unsigned char bytes[1024];
    size_t size;
} t_vector_t;

// The ```hex block of this name in the document.
static inline void
t_vector_read (const char *rfc, const char *name, t_vector_t *ret_vector)
{
    char line[256];
    char head[64];
    FILE *file = fopen (rfc, "r");
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
        char *at = line;
        char *end;
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

static inline void
t_vector_same (const brd_buf_t *out, const t_vector_t *vector)
{
    assert_int_equal (out->size, vector->size);
    assert_memory_equal (out->bytes, vector->bytes, vector->size);
}

#endif  // T_VECTOR_H
