// brd_code.c - which functions another process has, and where
//
// SPDX-License-Identifier: MPL-2.0
//
// The dynamic linker has the list of what is loaded (dl_iterate_phdr). Segments
// of one file keep their order and their sizes, wherever it is loaded. A
// function that is known by its name is a file of one segment, one byte long.

#include "client/brd_code.h"

#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <string.h>

#include "base/brd_error.h"
#include "base/brd_hash.h"
#include "base/brd_mem.h"
#include "client/brd_tasks.h"

// The dynamic linker does not look after its own lock at a fork (glibc 2.36): a
// child that is made while another thread goes through the list could never do
// that itself, nor load a library. So none is made while one of ours does.
static pthread_mutex_t s_lock = PTHREAD_MUTEX_INITIALIZER;

void
brd_code_fork_begins (void)
{
    pthread_mutex_lock (&s_lock);
}

void
brd_code_forked (void)
{
    pthread_mutex_unlock (&s_lock);
}

static void
s_each (int (*look) (struct dl_phdr_info *info, size_t size, void *arg),
        void *arg)
{
    pthread_mutex_lock (&s_lock);
    (void) dl_iterate_phdr (look, arg);
    pthread_mutex_unlock (&s_lock);
}

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
    s_each (s_add, ret_code);
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
    s_each (s_look_for, &owner);
    return owner.file;
}

uint64_t
brd_code_mark (uint64_t fn)
{
    s_owner_t owner = { .fn = fn };
    s_each (s_look_for, &owner);
    return owner.file == 0
               ? 0
               : brd_hash_add (owner.file, &owner.base, sizeof owner.base);
}

// --- Numbers ---------------------------------------------------------------

enum {
    S_OFFSET_BITS = 40
};

#define S_OFFSET_MASK ((UINT64_C (1) << S_OFFSET_BITS) - 1)

static const void *
s_at (const struct dl_phdr_info *info, const ElfW (Phdr) * header)
{
    return (const void *) (uintptr_t) (info->dlpi_addr + header->p_vaddr);
}

static size_t
s_padded (size_t size, size_t align)
{
    return (size + align - 1) / align * align;
}

// The hash of the build-id among these notes; 0 if none of them is it.
static uint64_t
s_build_id_in (const unsigned char *at, size_t size, size_t align)
{
    ElfW (Nhdr) note;
    while (size >= sizeof note) {
        memcpy (&note, at, sizeof note);
        if (note.n_namesz > size || note.n_descsz > size)
            return 0;
        const size_t text = s_padded (sizeof note + note.n_namesz, align);
        const size_t whole = s_padded (text + note.n_descsz, align);
        if (text + note.n_descsz > size)
            return 0;
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4
            && memcmp (at + sizeof note, "GNU", 4) == 0)
            return brd_hash_add (BRD_HASH_EMPTY, at + text, note.n_descsz);
        if (whole >= size)
            return 0;
        at += whole;
        size -= whole;
    }
    return 0;
}

static uint64_t
s_build_id (const struct dl_phdr_info *info)
{
    uint64_t id = 0;
    for (int i = 0; i < info->dlpi_phnum && id == 0; i++) {
        const ElfW (Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type == PT_NOTE)
            id = s_build_id_in (s_at (info, header),
                                header->p_memsz,
                                header->p_align == 8 ? 8 : 4);
    }
    return id;
}

static uint64_t
s_file_bits (const struct dl_phdr_info *info)
{
    uint64_t id = s_build_id (info);
    if (id == 0)
        id = s_file (info);
    id = (id ^ id >> 24 ^ id >> 48) & 0xffffff;
    return id != 0 ? id : 1;
}

// The file's own addresses begin where its first segment does.
static uint64_t
s_image (const struct dl_phdr_info *info)
{
    uint64_t first = UINT64_MAX;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW (Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type == PT_LOAD && header->p_vaddr < first)
            first = header->p_vaddr;
    }
    return info->dlpi_addr + first;
}

// 1 if there is code of the file at the address.
static int
s_is_code (const struct dl_phdr_info *info, uint64_t address)
{
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW (Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type == PT_LOAD && (header->p_flags & PF_X)
            && address - info->dlpi_addr - header->p_vaddr < header->p_memsz)
            return 1;
    }
    return 0;
}

// Who looks for what in the files that are loaded.
typedef struct {
    uint64_t fn;     // The address, once it is known
    uint64_t bits;   // The file's, once they are known
    uint64_t image;  // Where that file is
    uint64_t offset;
    int files;  // That have these bits
} s_search_t;

static int
s_search_code (struct dl_phdr_info *info, size_t size, void *arg)
{
    s_search_t *search = arg;
    (void) size;
    if (!s_is_code (info, search->fn))
        return 0;
    search->bits = s_file_bits (info);
    search->image = s_image (info);
    return 1;
}

static int
s_search_file (struct dl_phdr_info *info, size_t size, void *arg)
{
    s_search_t *search = arg;
    (void) size;
    if (s_file_bits (info) != search->bits)
        return 0;
    search->files++;
    const uint64_t fn = s_image (info) + search->offset;
    search->fn = s_is_code (info, fn) ? fn : 0;
    return 0;
}

static uint64_t
s_refuse (const char *why)
{
    brd_error_set (EINVAL, "%s", why);
    return 0;
}

static uint64_t
s_number (uint64_t fn)
{
    s_search_t search = { .fn = fn };
    s_each (s_search_code, &search);
    search.offset = fn - search.image;
    if (search.bits == 0 || search.offset > S_OFFSET_MASK)
        return s_refuse ("the function is in no file that other processes "
                         "could have");
    s_each (s_search_file, &search);
    if (search.files > 1)
        return s_refuse ("the function's file is loaded twice, or looks like "
                         "another one: which of them is meant could not be "
                         "told elsewhere");
    return search.bits << S_OFFSET_BITS | search.offset;
}

static uint64_t
s_find_number (uint64_t number)
{
    s_search_t search = {
        .bits = number >> S_OFFSET_BITS,
        .offset = number & S_OFFSET_MASK,
    };
    s_each (s_search_file, &search);
    if (search.files > 1)
        return s_refuse ("the function could be of either of two files here");
    if (search.files == 0)
        return s_refuse ("the function is of a file that is not loaded here, "
                         "or was built anew");
    return search.fn != 0 ? search.fn
                          : s_refuse ("there is no code where the function "
                                      "should be");
}

// Grows when a file is loaded or unloaded.
static int
s_read_changes (struct dl_phdr_info *info, size_t size, void *arg)
{
    uint64_t *changes = arg;
    if (size >= sizeof *info)
        *changes = info->dlpi_adds + info->dlpi_subs + 1;
    return 1;
}

// The answer given last, by this thread, while the same files are loaded.
typedef struct {
    uint64_t question;
    uint64_t answer;
    uint64_t changes;
} s_answer_t;

static uint64_t
s_ask (s_answer_t *last, uint64_t question, uint64_t (*ask) (uint64_t question))
{
    uint64_t changes = 0;
    s_each (s_read_changes, &changes);
    if (changes != 0 && changes == last->changes && question == last->question)
        return last->answer;
    const uint64_t answer = ask (question);
    *last = (s_answer_t){ question, answer, answer != 0 ? changes : 0 };
    return answer;
}

uint64_t
brd_code_number (uint64_t fn)
{
    static _Thread_local s_answer_t last;
    return s_ask (&last, fn, s_number);
}

uint64_t
brd_code_find (uint64_t number)
{
    static _Thread_local s_answer_t last;
    return s_ask (&last, number, s_find_number);
}

// --- Builds ----------------------------------------------------------------

// By what it does, if it does not say: a program that was built anew may have
// the same layout.
static uint64_t
s_contents (const struct dl_phdr_info *info)
{
    uint64_t hash = s_file (info);
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW (Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type == PT_LOAD
            && (header->p_flags & (PF_R | PF_W | PF_X)) == (PF_R | PF_X))
            hash = brd_hash_add (hash, s_at (info, header), header->p_filesz);
    }
    return hash;
}

typedef struct {
    uint64_t fn;
    uint64_t program;  // 0: not seen yet
    uint64_t library;
} s_build_t;

// The program itself comes first.
static int
s_look_at_build (struct dl_phdr_info *info, size_t size, void *arg)
{
    s_build_t *build = arg;
    const int ours = s_is_code (info, build->fn);
    (void) size;
    if (build->program != 0 && !ours)
        return 0;
    uint64_t id = s_build_id (info);
    if (id == 0)
        id = s_contents (info);
    if (build->program == 0)
        build->program = id;
    if (ours)
        build->library = id;
    return ours;
}

void
brd_code_build (unsigned char ret_build[BRD_CODE_BUILD])
{
    s_build_t build = { .fn = (uint64_t) (uintptr_t) brd_code_build };
    s_each (s_look_at_build, &build);
    for (int i = 0; i < 8; i++) {
        ret_build[i] = (unsigned char) (build.program >> 8 * i);
        ret_build[8 + i] = (unsigned char) (build.library >> 8 * i);
    }
}
