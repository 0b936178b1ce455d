// brd_code.c - which functions another process has, and where
//
// SPDX-License-Identifier: MPL-2.0
//
// The dynamic linker has the list of what is loaded (dl_iterate_phdr). Segments
// of one file keep their order and their sizes, wherever it is loaded. A
// function that is known by its name is a file of one segment, one byte long.

#include "client/brd_code.h"

#include <link.h>
#include <string.h>

#include "base/brd_hash.h"
#include "base/brd_mem.h"
#include "client/brd_tasks.h"

// --- What is here ----------------------------------------------------------

// Its own name, its layout, and the notes, one of which is the build-id.
static uint64_t
s_file (const struct dl_phdr_info *info)
{
    uint64_t hash = BRD_HASH_EMPTY;
    const char *name = info->dlpi_name ? info->dlpi_name : "";
    const char *base = strrchr (name, '/');
    base = base ? base + 1 : name;
    hash = brd_hash_add (hash, base, strlen (base));
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW (Phdr) *header = &info->dlpi_phdr[i];
        hash = brd_hash_add (hash, header, sizeof *header);
        if (header->p_type == PT_NOTE)
            hash = brd_hash_add (
                hash,
                (const void *) (uintptr_t) (info->dlpi_addr + header->p_vaddr),
                header->p_filesz);
    }
    return hash != 0 ? hash : 1;
}

static int
s_add (struct dl_phdr_info *info, size_t size, void *arg)
{
    brd_code_t *self = arg;
    (void) size;
    const uint64_t file = s_file (info);
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW (Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type != PT_LOAD || !(header->p_flags & PF_X)
            || self->count == BRD_CODE_SEGMENTS_MAX)
            continue;
        const uint64_t start = info->dlpi_addr + header->p_vaddr;
        self->segments[self->count].start = start;
        self->segments[self->count].end = start + header->p_memsz;
        self->segments[self->count].file = file;
        self->segments[self->count].there = start;
        self->count++;
    }
    return 0;
}

void
brd_code_look (brd_code_t *ret_code)
{
    ret_code->count = 0;
    ret_code->moved = ret_code->named = 0;
    atomic_init (&ret_code->last, 0);
    dl_iterate_phdr (s_add, ret_code);
}

static uint64_t
s_name (const brd_tasks_entry_t *entry)
{
    static const char kind[] = "a name";
    uint64_t hash = brd_hash_add (BRD_HASH_EMPTY, kind, sizeof kind);
    hash = brd_hash_add (hash, entry->name, strlen (entry->name) + 1);
    hash = brd_hash_add (hash, &entry->in_size, sizeof entry->in_size);
    hash = brd_hash_add (hash, &entry->out_size, sizeof entry->out_size);
    hash = brd_hash_add (hash, &entry->mapper, sizeof entry->mapper);
    return hash != 0 ? hash : 1;
}

void
brd_code_add_names (brd_code_t *self)
{
    const brd_tasks_entry_t *entry;
    self->named = 1;
    for (size_t i = 0; self->count < BRD_CODE_SEGMENTS_MAX
                       && (entry = brd_tasks_at (i)) != NULL;
         i++) {
        self->segments[self->count].start = entry->fn;
        self->segments[self->count].end = entry->fn + 1;
        self->segments[self->count].file = s_name (entry);
        self->segments[self->count].there = entry->fn;
        self->count++;
    }
}

// --- What is there ---------------------------------------------------------

static uint64_t
s_length (const brd_code_t *self, size_t i)
{
    return self->segments[i].end - self->segments[i].start;
}

// How many segments of the same file come before it.
static size_t
s_rank (const brd_code_t *self, size_t i)
{
    size_t rank = 0;
    for (size_t j = 0; j < i; j++)
        rank += self->segments[j].file == self->segments[i].file;
    return rank;
}

static uint64_t
s_counterpart (const brd_code_t *here, const brd_code_t *self, size_t i)
{
    for (size_t j = 0; j < here->count; j++) {
        if (here->segments[j].file == self->segments[i].file
            && s_length (here, j) == s_length (self, i)
            && s_rank (here, j) == s_rank (self, i))
            return here->segments[j].start;
    }
    return 0;
}

int
brd_code_match (brd_code_t *self)
{
    brd_code_t *here = brd_mem_alloc (sizeof *here);
    if (!here)
        return -1;
    brd_code_look (here);
    brd_code_add_names (here);
    for (size_t i = 0; i < self->count; i++)
        self->segments[i].there = s_counterpart (here, self, i);
    self->moved = 1;
    brd_mem_free (here);
    return 0;
}

void
brd_code_answer (const brd_code_t *self,
                 uint64_t ret_there[BRD_CODE_SEGMENTS_MAX])
{
    memset (ret_there, 0, BRD_CODE_SEGMENTS_MAX * sizeof *ret_there);
    for (size_t i = 0; i < self->count; i++)
        ret_there[i] = self->segments[i].there;
}

void
brd_code_take (brd_code_t *self, const uint64_t there[BRD_CODE_SEGMENTS_MAX])
{
    for (size_t i = 0; i < self->count; i++)
        self->segments[i].there = there[i];
    self->moved = 1;
}

// The segment a function is in that is there too, count if there is none.
static size_t
s_find (brd_code_t *self, uint64_t fn)
{
    const size_t last =
        atomic_load_explicit (&self->last, memory_order_relaxed);
    for (size_t n = 0; n <= self->count; n++) {
        const size_t i = n == 0 ? last : n - 1;
        if (i >= self->count || fn < self->segments[i].start
            || fn >= self->segments[i].end || self->segments[i].there == 0)
            continue;
        if (i != last)
            atomic_store_explicit (
                &self->last, (uint32_t) i, memory_order_relaxed);
        return i;
    }
    return self->count;
}

uint64_t
brd_code_there (brd_code_t *self, uint64_t fn)
{
    const size_t i = s_find (self, fn);
    if (i < self->count)
        return fn - self->segments[i].start + self->segments[i].there;
    // Generated code lies in no object; more objects than we have room for are
    // not ours to refuse, where nothing has moved.
    return self->count == BRD_CODE_SEGMENTS_MAX && !self->moved ? fn : 0;
}

// --- Whose it is -----------------------------------------------------------

typedef struct {
    uint64_t fn;
    uint64_t file;
    uint64_t base;
} s_owner_t;

static int
s_look_for (struct dl_phdr_info *info, size_t size, void *arg)
{
    s_owner_t *owner = arg;
    (void) size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW (Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type != PT_LOAD
            || owner->fn - info->dlpi_addr - header->p_vaddr >= header->p_memsz)
            continue;
        owner->file = s_file (info);
        owner->base = info->dlpi_addr;
        return 1;
    }
    return 0;
}

uint64_t
brd_code_file (uint64_t fn)
{
    s_owner_t owner = { .fn = fn };
    dl_iterate_phdr (s_look_for, &owner);
    return owner.file;
}

uint64_t
brd_code_mark (uint64_t fn)
{
    s_owner_t owner = { .fn = fn };
    dl_iterate_phdr (s_look_for, &owner);
    return owner.file == 0
               ? 0
               : brd_hash_add (owner.file, &owner.base, sizeof owner.base);
}
