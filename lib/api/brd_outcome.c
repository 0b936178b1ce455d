// brd_outcome.c - what a call came to, kept for whoever asks later
//
// SPDX-License-Identifier: MPL-2.0
//
// The same for futures and for the items of streams. Read brd_story.c next, for
// what is said of failures.

#include "api/brd_outcome.h"

#include <errno.h>
#include <string.h>

#include "api/brd_large.h"
#include "api/brd_story.h"
#include "base/brd_error.h"
#include "base/brd_mem.h"

static int
s_keep_result (brd_outcome_t *self, const brd_call_end_t *end)
{
    self->size = end->size;
    if (end->block) {
        self->result = *end->block;
        *end->block = NULL;
        return 0;
    }
    self->result = self->small;
    if (end->size > sizeof self->small)
        self->result = brd_mem_alloc (end->size);
    if (!self->result)
        return -1;
    if (end->size > 0)
        memcpy (self->result, end->bytes, end->size);
    return 0;
}

void
brd_outcome_keep (brd_outcome_t *self,
                  const brd_call_end_t *end,
                  const char *name,
                  long item,
                  int wanted)
{
    if (end->error == 0 && (!wanted || s_keep_result (self, end) == 0))
        return;
    brd_call_end_t told = *end;
    if (told.error == 0) {
        told.error = ENOMEM;
        told.bytes = NULL;
    }
    brood_error_info_t info;
    brd_story (&info, name, item, &told);
    brd_outcome_keep_info (self, &info);
}

void
brd_outcome_keep_info (brd_outcome_t *self, const brood_error_info_t *info)
{
    // Without memory for the story the errno alone must do.
    self->error = info->error;
    self->info = brd_mem_alloc (sizeof *self->info);
    if (self->info)
        *self->info = *info;
}

int
brd_outcome_check (const brd_outcome_t *self, const char *name)
{
    if (self->error == 0)
        return 0;
    return self->info ? brd_error_take (self->info)
                      : brd_error_set (self->error, "%s failed", name);
}

void
brd_outcome_fini (brd_outcome_t *self)
{
    if (self->result != self->small)
        brd_large_free (self->result);
    brd_mem_free (self->info);
}
