// brd_arena.c - shared memory at one address in every process of the brood
//
// SPDX-License-Identifier: MPL-2.0
//
//     | brd_arena_t | words | stamps | run 0 | run 1 | run 2 | ...
//
// There is one word per run, and it is the truth:
//
//      63          40 39                3  2   1   0
//     | who          | generation       | old | state |
//
//     FREE     old: its bytes are not known to be zeros
//     HEAD     first run of a block; who: the slot that owns it
//     PART     a further run of it; who: the number of the head's run
//     LEAVING  a head whose pages are being given back; who: the pid doing it
//
// A PART lives only as long as the head it names carries its generation; after
// that it is free, whatever it says. So a block is made by the CAS that writes
// its head, given over by one CAS on the head, and freed by one CAS on the
// head, however long it is, and a process may be killed between any two
// instructions:
//
//     claiming   head, part, part   +   what there is belongs to the slot, and
//                                       the sweep of the slot frees it
//     freeing    head; then the parts are tidied up: not needed, but then
//                                       nobody must look up the head they name
//     leaving    a sweep finds the pid gone and ends it
//
// A generation is never used twice for one head (37 bits, drawn from the run's
// stamp before the head is claimed), so a late CAS of somebody who slept since
// the block was another's finds a different word and changes nothing.
//
// Where to look first: hints[n] says that no n free runs in a row begin below.
// It is only a hint, but when all frees are lowering it and all searches for n
// raising it, it is mostly right, the lowest free runs are used first, and
// those are the ones whose pages are there already.

#include "base/brd_arena.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/brd_arena_limit.h"
#include "base/brd_arena_place.h"
#include "base/brd_check.h"
#include "base/brd_sys.h"

enum {
    STATE_FREE,
    STATE_HEAD,
    STATE_PART,
    STATE_LEAVING,
    STATE_MASK = 3,
    OLD = 4,
    GENERATION_SHIFT = 3,
    WHO_SHIFT = 40,
    HINTS = 32,
    PASSES = 64,
    KEPT_MAX = (64 << 20) / BRD_ARENA_RUN,  // Free runs that keep their pages
};

static const uint64_t s_generation_mask = (UINT64_C (1) << 37) - 1;
static const uint64_t s_who_max = (UINT64_C (1) << 24) - 1;
static const size_t s_none = SIZE_MAX;

struct brd_arena {
    size_t size;  // Of the mapping
    size_t runs;
    int fd;  // The same number wherever it is inherited
    dev_t device;
    ino_t inode;
    unsigned char *data;
    _Atomic uint64_t *words;
    _Atomic uint64_t *stamps;  // The last generation drawn for each run
    // The rest is written all the time, the above never.
    _Alignas(64) _Atomic size_t top;  // No run from here on was ever claimed
    _Atomic long kept;                // Free runs that are old
    _Alignas(64) _Atomic size_t hints[HINTS + 1];
};

// --- Words -----------------------------------------------------------------

static uint64_t
s_word (unsigned state, uint64_t who, uint64_t generation)
{
    return state | who << WHO_SHIFT | generation << GENERATION_SHIFT;
}

static unsigned
s_state (uint64_t word)
{
    return (unsigned) (word & STATE_MASK);
}

static uint64_t
s_who (uint64_t word)
{
    return word >> WHO_SHIFT;
}

static uint64_t
s_generation (uint64_t word)
{
    return word >> GENERATION_SHIFT & s_generation_mask;
}

static uint64_t
s_load (const brd_arena_t *self, size_t run)
{
    return atomic_load_explicit (&self->words[run], memory_order_acquire);
}

// All changes of words pass here.
static int
s_swap (brd_arena_t *self, size_t run, uint64_t from, uint64_t to)
{
    return atomic_compare_exchange_strong (&self->words[run], &from, to);
}

// A head with this generation is there.
static int
s_lives (const brd_arena_t *self, size_t head, uint64_t generation)
{
    if (head >= self->runs)
        return 0;
    const uint64_t word = s_load (self, head);
    const unsigned state = s_state (word);
    return (state == STATE_HEAD || state == STATE_LEAVING)
           && s_generation (word) == generation;
}

static int
s_is_free (const brd_arena_t *self, uint64_t word)
{
    switch (s_state (word)) {
    case STATE_FREE:
        return 1;
    case STATE_PART:
        return !s_lives (self, s_who (word), s_generation (word));
    default:
        return 0;
    }
}

// A part without its head has been used by somebody.
static int
s_is_old (uint64_t word)
{
    return s_state (word) == STATE_PART || (word & OLD) != 0;
}

static int
s_is_part_of (uint64_t word, size_t head, uint64_t generation)
{
    return (word & ~(uint64_t) OLD) == s_word (STATE_PART, head, generation);
}

// Runs of the block that begins at head: as many as were claimed in a row.
static size_t
s_length (const brd_arena_t *self, size_t head, uint64_t generation)
{
    size_t n = 1;
    while (head + n < self->runs
           && s_is_part_of (s_load (self, head + n), head, generation))
        n++;
    return n;
}

// --- Hints -----------------------------------------------------------------

static size_t
s_hint (const brd_arena_t *self, size_t runs)
{
    const size_t n = runs < HINTS ? runs : HINTS;
    return atomic_load_explicit (&self->hints[n], memory_order_relaxed);
}

// A search for runs that began at from has found them just below end. If a free
// has lowered the hint meanwhile, it knows better.
static void
s_raise_hint (brd_arena_t *self, size_t runs, size_t from, size_t end)
{
    if (runs <= HINTS)
        (void) atomic_compare_exchange_strong_explicit (&self->hints[runs],
                                                        &from,
                                                        end,
                                                        memory_order_relaxed,
                                                        memory_order_relaxed);
}

// Some runs from first on have become free: together with their neighbours they
// may be the first place for blocks of several sizes.
static void
s_lower_hints (brd_arena_t *self, size_t first, size_t runs)
{
    size_t end = first + runs;
    const size_t low = first > HINTS ? first - HINTS : 0;
    while (first > low && s_is_free (self, s_load (self, first - 1)))
        first--;
    while (end < self->runs && end - first < HINTS
           && s_is_free (self, s_load (self, end)))
        end++;
    const size_t n = end - first < HINTS ? end - first : HINTS;
    for (size_t i = 1; i <= n; i++) {
        size_t hint =
            atomic_load_explicit (&self->hints[i], memory_order_relaxed);
        while (first < hint
               && !atomic_compare_exchange_weak_explicit (&self->hints[i],
                                                          &hint,
                                                          first,
                                                          memory_order_relaxed,
                                                          memory_order_relaxed))
            ;
    }
}

// --- Claiming --------------------------------------------------------------

// Before anything is claimed there, or a sweep would not look far enough.
static void
s_raise_top (brd_arena_t *self, size_t end)
{
    size_t top = atomic_load (&self->top);
    while (top < end && !atomic_compare_exchange_weak (&self->top, &top, end))
        ;
}

// Parts [from, to) of a head that is gone become free by their own word too.
// The last `clean` of them are known to hold zeros.
static void
s_tidy (brd_arena_t *self,
        size_t head,
        uint64_t generation,
        size_t runs,
        size_t clean)
{
    for (size_t i = runs - 1; i > 0; i--) {
        const uint64_t word = s_load (self, head + i);
        if (s_is_part_of (word, head, generation))
            (void) s_swap (self, head + i, word, i < runs - clean ? OLD : 0);
    }
}

// 0, or -1 when somebody else was faster with one of them. Then nothing is
// claimed, and what was zeros may count as old: dear, but never wrong.
static int
s_claim (brd_arena_t *self, size_t first, size_t runs, uint32_t slot)
{
    s_raise_top (self, first + runs);
    const uint64_t generation =
        (atomic_fetch_add (&self->stamps[first], 1) + 1) & s_generation_mask;
    const uint64_t head = s_word (STATE_HEAD, slot, generation);
    const uint64_t part = s_word (STATE_PART, first, generation);
    long old_runs = 0;
    for (size_t i = 0; i < runs; i++) {
        const uint64_t word = s_load (self, first + i);
        const uint64_t old = s_is_old (word) ? OLD : 0;
        if (!s_is_free (self, word)
            || !s_swap (self, first + i, word, (i == 0 ? head : part) | old)) {
            if (i > 0) {
                (void) s_swap (self, first, s_load (self, first), OLD);
                s_tidy (self, first, generation, i, 0);
            }
            return -1;
        }
        old_runs += old != 0;
    }
    if (old_runs > 0)
        atomic_fetch_sub (&self->kept, old_runs);
    return 0;
}

// The last run of [first, first + runs) that is taken, s_none if none is. From
// the end, so that a long search steps over what is taken in long steps.
static size_t
s_last_taken (const brd_arena_t *self, size_t first, size_t runs)
{
    for (size_t i = runs; i > 0; i--) {
        if (!s_is_free (self, s_load (self, first + i - 1)))
            return first + i - 1;
    }
    return s_none;
}

typedef struct {
    size_t runs;
    uint32_t slot;
    int raced;  // Somebody was faster: looking again may help
} s_want_t;

// Claims the first place that begins in [from, end), or s_none.
static size_t
s_search (brd_arena_t *self, s_want_t *want, size_t from, size_t end)
{
    size_t first = from;
    while (first < end && want->runs <= self->runs - first) {
        const size_t taken = s_last_taken (self, first, want->runs);
        if (taken != s_none) {
            first = taken + 1;
            continue;
        }
        if (s_claim (self, first, want->runs, want->slot) == 0)
            return first;
        want->raced = 1;
        first++;
    }
    return s_none;
}

static size_t
s_take (brd_arena_t *self, size_t runs, uint32_t slot)
{
    // Two that are in each other's way let go and look again; one of them, the
    // one further up, has gone on. The bound is for what cannot happen.
    for (int pass = 0; pass < PASSES; pass++) {
        s_want_t want = { .runs = runs, .slot = slot };
        const size_t from = s_hint (self, runs);
        size_t first = s_search (self, &want, from, self->runs);
        if (first != s_none) {
            s_raise_hint (self, runs, from, first + runs);
            return first;
        }
        first = s_search (self, &want, 0, from);
        if (first != s_none || !want.raced)
            return first;
    }
    return s_none;
}

static void
s_zero (brd_arena_t *self, size_t first, size_t size)
{
    for (size_t done = 0; done < size; done += BRD_ARENA_RUN) {
        const size_t left = size - done;
        const uint64_t word = s_load (self, first + done / BRD_ARENA_RUN);
        if ((word & OLD) != 0)
            memset (self->data + first * BRD_ARENA_RUN + done,
                    0,
                    left < BRD_ARENA_RUN ? left : BRD_ARENA_RUN);
    }
}

static size_t
s_runs_for (size_t size)
{
    return size / BRD_ARENA_RUN + (size % BRD_ARENA_RUN != 0 || size == 0);
}

void *
brd_arena_alloc (brd_arena_t *self, size_t size, uint32_t slot, int zero)
{
    brd_assert (slot > 0 && slot <= s_who_max);
    const size_t runs = s_runs_for (size);
    const size_t first = s_take (self, runs, slot);
    if (first == s_none) {
        const size_t all = brd_arena_size (self);
        brd_error_set (ENOSPC,
                       "no shared memory for %zu bytes: %zu of %zu "
                       "are free, in pieces perhaps; set BROOD_ARENA to more",
                       size,
                       all - brd_arena_used (self),
                       all);
        return NULL;
    }
    if (zero)
        s_zero (self, first, size);
    return self->data + first * BRD_ARENA_RUN;
}

// --- Freeing ---------------------------------------------------------------

// How many of so many runs may keep their pages; they are counted as kept.
// Before they are freed: who dies in between has counted too many, which makes
// brood give pages back too early, until the next sweep counts again.
static size_t
s_keep (brd_arena_t *self, size_t runs)
{
    const long room = KEPT_MAX - atomic_load (&self->kept);
    size_t keep = 0;
    if (room > 0)
        keep = (size_t) room < runs ? (size_t) room : runs;
    if (keep > 0)
        atomic_fetch_add (&self->kept, (long) keep);
    return keep;
}

// All pages stay: one CAS and it is done. 0, or -1 if it was not that head.
static int
s_let_go (brd_arena_t *self, size_t first, uint64_t head, size_t runs)
{
    if (!s_swap (self, first, head, OLD))
        return -1;
    s_tidy (self, first, s_generation (head), runs, 0);
    return 0;
}

// The pages behind the first `keep` runs go back to the system. Nobody must get
// the runs before that is done, or his bytes would go too; nor may two do it,
// of whom one is late: so the head first becomes ours, and says whose.
static int
s_give_back (
    brd_arena_t *self, size_t first, uint64_t head, size_t runs, size_t keep)
{
    const uint64_t generation = s_generation (head);
    const uint64_t ours =
        s_word (STATE_LEAVING, (uint64_t) getpid (), generation);
    if (!s_swap (self, first, head, ours))
        return -1;
    const int saved_errno = errno;
    // Refused in memory that is locked: then they stay.
    const int rc = madvise (self->data + (first + keep) * BRD_ARENA_RUN,
                            (runs - keep) * BRD_ARENA_RUN,
                            MADV_REMOVE);
    errno = saved_errno;
    if (rc < 0) {
        atomic_fetch_add (&self->kept, (long) (runs - keep));
        return s_let_go (self, first, ours, runs);
    }
    s_tidy (self, first, generation, runs, runs - keep);
    (void) s_swap (self, first, ours, keep > 0 ? OLD : 0);
    return 0;
}

// 1, or 0 if the head has changed: somebody else frees it, or it was given away
// in this instant.
static int
s_release (brd_arena_t *self, size_t first, uint64_t head)
{
    const size_t runs = s_length (self, first, s_generation (head));
    const size_t keep = s_keep (self, runs);
    const int rc = keep == runs ? s_let_go (self, first, head, runs)
                                : s_give_back (self, first, head, runs, keep);
    if (rc < 0) {
        atomic_fetch_sub (&self->kept, (long) keep);
        return 0;
    }
    s_lower_hints (self, first, runs);
    return 1;
}

static size_t
s_run_of (const brd_arena_t *self, const void *memory)
{
    const uintptr_t at = (uintptr_t) memory;
    const uintptr_t data = (uintptr_t) self->data;
    if (at < data || at - data >= self->runs * BRD_ARENA_RUN)
        return s_none;
    return (at - data) / BRD_ARENA_RUN;
}

static size_t
s_run_of_block (const brd_arena_t *self, const void *block)
{
    const size_t run = s_run_of (self, block);
    brd_assert (run != s_none);
    brd_assert (block == self->data + run * BRD_ARENA_RUN);
    return run;
}

// Whether a word that has changed is still the head of the same block, given
// away; else it has been freed, and the place may be the next one's already.
static int
s_is_same (uint64_t word, uint64_t head)
{
    return s_state (word) == STATE_HEAD
           && s_generation (word) == s_generation (head);
}

// 1, or 0: if it is no head, its owner has died and is being swept just now.
static int
s_free (brd_arena_t *self, size_t first, uint64_t head)
{
    uint64_t word = head;
    while (s_is_same (word, head)) {
        if (s_release (self, first, word))
            return 1;
        word = s_load (self, first);
    }
    return 0;
}

void
brd_arena_free (brd_arena_t *self, void *block)
{
    if (!block)
        return;
    const size_t first = s_run_of_block (self, block);
    (void) s_free (self, first, s_load (self, first));
}

uint64_t
brd_arena_mark (const brd_arena_t *self, const void *block)
{
    return s_generation (s_load (self, s_run_of_block (self, block)));
}

int
brd_arena_free_marked (brd_arena_t *self, void *block, uint64_t mark)
{
    const size_t first = s_run_of_block (self, block);
    const uint64_t head = s_load (self, first);
    return s_generation (head) == mark && s_free (self, first, head);
}

int
brd_arena_give (brd_arena_t *self, void *block, uint32_t slot)
{
    brd_assert (slot > 0 && slot <= s_who_max);
    const size_t first = s_run_of_block (self, block);
    const uint64_t head = s_load (self, first);
    uint64_t word = head;
    while (s_is_same (word, head)) {
        const uint64_t given =
            s_word (STATE_HEAD, slot, s_generation (head)) | (head & OLD);
        if (s_swap (self, first, word, given))
            return 0;
        word = s_load (self, first);
    }
    return brd_error_set (ENOENT, "the block is gone with its owner");
}

// --- The dead --------------------------------------------------------------

static int
s_is_dead (uint64_t pid)
{
    const int saved_errno = errno;
    const int dead = kill ((pid_t) pid, 0) < 0 && errno == ESRCH;
    errno = saved_errno;
    return dead;
}

// Frees what the run's word says is left behind; how many blocks of slot.
static size_t
s_sweep_run (brd_arena_t *self, size_t run, uint32_t slot)
{
    const uint64_t word = s_load (self, run);
    switch (s_state (word)) {
    case STATE_HEAD:
        return s_who (word) == slot && s_release (self, run, word);
    case STATE_LEAVING:
        if (s_is_dead (s_who (word))) {
            const size_t runs = s_length (self, run, s_generation (word));
            if (s_let_go (self, run, word, runs) == 0)
                s_lower_hints (self, run, runs);
        }
        return 0;
    case STATE_PART:
        if (s_is_free (self, word))
            (void) s_swap (self, run, word, OLD);
        return 0;
    default:
        return 0;
    }
}

size_t
brd_arena_sweep (brd_arena_t *self, uint32_t slot)
{
    const size_t top = atomic_load (&self->top);
    size_t blocks = 0;
    for (size_t i = 0; i < top; i++)
        blocks += s_sweep_run (self, i, slot);
    long kept = 0;
    for (size_t i = 0; i < top; i++) {
        const uint64_t word = s_load (self, i);
        kept += s_is_free (self, word) && s_is_old (word);
    }
    atomic_store (&self->kept, kept);
    return blocks;
}

// --- Questions -------------------------------------------------------------

// The head of the block that run is in, s_none if it is in none.
static size_t
s_head_of (const brd_arena_t *self, size_t run)
{
    const uint64_t word = s_load (self, run);
    if (s_state (word) == STATE_HEAD)
        return run;
    if (s_state (word) == STATE_PART && !s_is_free (self, word))
        return s_who (word);
    return s_none;
}

int
brd_arena_holds (const brd_arena_t *self, const void *memory, size_t size)
{
    const size_t first = s_run_of (self, memory);
    if (first == s_none)
        return 0;
    const unsigned char *at = memory;
    const unsigned char *end = self->data + self->runs * BRD_ARENA_RUN;
    if (size > (size_t) (end - at))
        return 0;
    const size_t last = size > 0 ? s_run_of (self, at + size - 1) : first;
    const size_t head = s_head_of (self, first);
    return head != s_none && s_head_of (self, last) == head;
}

uint64_t
brd_arena_offset (const brd_arena_t *self, const void *memory)
{
    if (s_run_of (self, memory) == s_none)
        return 0;
    return (uint64_t) ((const unsigned char *) memory
                       - (const unsigned char *) self);
}

void *
brd_arena_at (const brd_arena_t *self, uint64_t offset)
{
    const uint64_t begin =
        (uint64_t) (self->data - (const unsigned char *) self);
    if (offset < begin || offset - begin >= self->runs * BRD_ARENA_RUN)
        return NULL;
    return self->data + (offset - begin);
}

size_t
brd_arena_size (const brd_arena_t *self)
{
    return self->runs * BRD_ARENA_RUN;
}

size_t
brd_arena_used (const brd_arena_t *self)
{
    const size_t top = atomic_load (&self->top);
    size_t runs = 0;
    for (size_t i = 0; i < top; i++)
        runs += !s_is_free (self, s_load (self, i));
    return runs * BRD_ARENA_RUN;
}

// --- Birth and end ---------------------------------------------------------

// Bytes in front of the runs.
static size_t
s_front (size_t runs)
{
    const size_t size = sizeof (brd_arena_t) + 2 * runs * sizeof (uint64_t);
    return (size + BRD_ARENA_RUN - 1) / BRD_ARENA_RUN * BRD_ARENA_RUN;
}

// How many runs, from what is asked for or what the system allows. 0 with the
// error set.
static size_t
s_runs (size_t size)
{
    uint64_t runs = s_runs_for (size);
    if (size == 0) {
        uint64_t bytes;
        if (brd_arena_limit (&bytes) < 0)
            return 0;
        runs = bytes / (BRD_ARENA_RUN + 2 * sizeof (uint64_t));
        // What rounding and the struct itself take.
        runs = runs > 2 ? runs - 2 : 0;
        if (runs == 0)
            brd_error_set (ENOMEM,
                           "only %llu bytes of shared memory allowed: "
                           "see BROOD_ARENA, RLIMIT_FSIZE (ulimit -f) and "
                           "RLIMIT_AS (ulimit -v)",
                           (unsigned long long) bytes);
    }
    return (size_t) (runs < s_who_max ? runs : s_who_max);
}

brd_arena_t *
brd_arena_new (size_t size)
{
    int fd;
    struct stat file = { 0 };
    const size_t runs = s_runs (size);
    if (runs == 0)
        return NULL;
    const size_t front = s_front (runs);
    unsigned char *memory = brd_arena_place (front + runs * BRD_ARENA_RUN, &fd);
    if (!memory)
        return NULL;
    (void) fstat (fd, &file);
    // A fresh mapping is zeros: all runs are free and clean, all hints 0.
    brd_arena_t *self = (brd_arena_t *) (void *) memory;
    self->size = front + runs * BRD_ARENA_RUN;
    self->runs = runs;
    self->fd = fd;
    self->device = file.st_dev;
    self->inode = file.st_ino;
    self->data = memory + front;
    self->words = (_Atomic uint64_t *) (void *) (memory + sizeof *self);
    self->stamps = self->words + runs;
    return self;
}

brd_arena_t *
brd_arena_join (int fd, void *at, size_t size)
{
    brd_arena_t *self = brd_sys_map_shared_at (fd, at, size);
    if (!self)
        brd_error_system ("shared memory cannot be mapped where it must be");
    return self;
}

size_t
brd_arena_span (const brd_arena_t *self)
{
    return self->size;
}

// Not another file that has the number since the program has closed ours.
static int
s_has_fd (const brd_arena_t *self)
{
    struct stat file;
    return fstat (self->fd, &file) == 0 && file.st_dev == self->device
           && file.st_ino == self->inode;
}

int
brd_arena_fd (const brd_arena_t *self)
{
    const int saved_errno = errno;
    const int fd = s_has_fd (self) ? self->fd : -1;
    errno = saved_errno;
    return fd;
}

// The number stays there for others, whose descriptor it is too.
void
brd_arena_close_fd (brd_arena_t *self)
{
    int fd = brd_arena_fd (self);
    brd_sys_close (&fd);
}

void
brd_arena_destroy (brd_arena_t **self_p)
{
    if (!self_p || !*self_p)
        return;
    brd_arena_t *self = *self_p;
    *self_p = NULL;
    brd_arena_close_fd (self);
    brd_sys_unmap (self, self->size);
}
