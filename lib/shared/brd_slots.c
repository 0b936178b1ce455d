// brd_slots.c - fixed slots of bytes in memory that strangers share
//
// SPDX-License-Identifier: MPL-2.0
//
//     | head, lock | slot 0, slot 1, ... | copies of slot 0 | of slot 1 | ...
//
//     write   lock -> the copy that does not count -> version + 1 -> unlock
//     read    version -> the copy that counts -> the same version? else again
//
// What a reader copies may be changing under its hands, so all words are
// atomic; relaxed ones cost nothing. The two fences make it certain that who
// sees a word of a later write also sees that the version has moved on.
//
// Places and sizes are in the shared memory too, and any process can have
// spoilt them: they are looked at whenever they are used.

#include "shared/brd_slots.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "base/brd_pause.h"

enum {
    S_MAGIC = 0x62727331,  // "brs1"
    S_WRITER_MS = 10000,   // For the others to write what they write
    S_PAUSES = 200,        // Looks at a lock that is held for a moment
    S_YIELDS = 50,
    S_NAP_NS = 100000,
    S_LOOKS = 1000  // At a slot that is written all the time
};

typedef struct {
    _Atomic uint64_t version;
    uint64_t place;  // Of the first copy, in words from the head
    uint64_t room;
} s_slot_t;

struct brd_slots_memory {
    uint32_t magic;
    uint32_t lock_size;  // Programs of 32 and 64 bits do not understand another
    uint64_t n;
    pthread_mutex_t lock;
    _Alignas(64) s_slot_t slots[];
};

static size_t
s_words (size_t bytes)
{
    return (bytes + 7) / 8;
}

// --- Birth -----------------------------------------------------------------

size_t
brd_slots_size (const uint32_t *rooms, size_t n)
{
    size_t size;
    if (__builtin_mul_overflow (n, sizeof (s_slot_t), &size)
        || __builtin_add_overflow (size, sizeof (brd_slots_memory_t), &size))
        return 0;
    for (size_t i = 0; i < n; i++) {
        if (__builtin_add_overflow (
                size, 2 * 8 * (1 + s_words (rooms[i])), &size))
            return 0;
    }
    return size;
}

static int
s_init_lock (pthread_mutex_t *lock)
{
    pthread_mutexattr_t attributes;
    int error = pthread_mutexattr_init (&attributes);
    if (error == 0)
        error =
            pthread_mutexattr_setpshared (&attributes, PTHREAD_PROCESS_SHARED);
    if (error == 0)
        error = pthread_mutexattr_setrobust (&attributes, PTHREAD_MUTEX_ROBUST);
    if (error == 0)
        error = pthread_mutex_init (lock, &attributes);
    (void) pthread_mutexattr_destroy (&attributes);
    return error == 0 ? 0 : brd_error_set (error, "a lock between processes");
}

int
brd_slots_make (void *memory, size_t size, const uint32_t *rooms, size_t n)
{
    brd_slots_memory_t *self = memory;
    brd_assert (size >= brd_slots_size (rooms, n));
    self->magic = S_MAGIC;
    self->lock_size = sizeof self->lock;
    self->n = n;
    uint64_t place = (sizeof *self + n * sizeof (s_slot_t)) / 8;
    for (size_t i = 0; i < n; i++) {
        self->slots[i].place = place;
        self->slots[i].room = rooms[i];
        place += 2 * (1 + s_words (rooms[i]));
    }
    return s_init_lock (&self->lock);
}

static int
s_spoilt (void)
{
    return brd_error_set (
        EPROTO,
        "the shared memory is no list of slots, or of another "
        "version of brood");
}

int
brd_slots_init (brd_slots_t *self, void *memory, size_t size)
{
    brd_slots_memory_t *head = memory;
    if (size < sizeof *head || head->magic != S_MAGIC
        || head->lock_size != sizeof head->lock)
        return s_spoilt ();
    const uint64_t n = head->n;
    if (n > (size - sizeof *head) / sizeof (s_slot_t))
        return s_spoilt ();
    *self = (brd_slots_t){ head, size, (size_t) n };
    return 0;
}

// --- Copies ----------------------------------------------------------------

// A copy's first word, its size; NULL when it would lie outside.
static _Atomic uint64_t *
s_copy (const brd_slots_t *self, size_t i, uint64_t version)
{
    const uint64_t place = self->memory->slots[i].place;
    const uint64_t room = self->memory->slots[i].room;
    const uint64_t words = self->size / 8;
    if (room > UINT32_MAX || place > words
        || 2 * (1 + s_words (room)) > words - place)
        return NULL;
    return (_Atomic uint64_t *) (uintptr_t) self->memory + place
           + (version & 1) * (1 + s_words (room));
}

size_t
brd_slots_room (const brd_slots_t *self, size_t i)
{
    return s_copy (self, i, 0) ? (size_t) self->memory->slots[i].room : 0;
}

// 1 if it was whole, 0 if it changed meanwhile, -1 with EPROTO.
static int
s_try (const brd_slots_t *self, size_t i, uint64_t *bytes, size_t *ret_size)
{
    _Atomic uint64_t *seen = &self->memory->slots[i].version;
    const uint64_t version = atomic_load_explicit (seen, memory_order_acquire);
    _Atomic uint64_t *copy = s_copy (self, i, version);
    if (!copy)
        return s_spoilt ();
    const uint64_t size = atomic_load_explicit (copy, memory_order_relaxed);
    const int fits = size <= self->memory->slots[i].room;
    for (size_t k = 0; fits && k < s_words (size); k++)
        bytes[k] = atomic_load_explicit (copy + 1 + k, memory_order_relaxed);
    atomic_thread_fence (memory_order_acquire);
    if (atomic_load_explicit (seen, memory_order_relaxed) != version)
        return 0;
    if (!fits)
        return s_spoilt ();
    *ret_size = (size_t) size;
    return 1;
}

int
brd_slots_read (const brd_slots_t *self,
                size_t i,
                uint64_t *bytes,
                size_t *ret_size)
{
    for (int look = 0; look < S_LOOKS; look++) {
        const int rc = s_try (self, i, bytes, ret_size);
        if (rc != 0)
            return rc < 0 ? -1 : 0;
        brd_pause ();
    }
    // Writers that do nothing else are asked to wait for once.
    if (brd_slots_lock (self) < 0)
        return -1;
    const int rc = s_try (self, i, bytes, ret_size);
    brd_slots_unlock (self);
    return rc == 1 ? 0 : s_spoilt ();
}

static void
s_store (_Atomic uint64_t *copy, const void *bytes, size_t size)
{
    const unsigned char *from = bytes;
    atomic_store_explicit (copy, size, memory_order_relaxed);
    for (size_t k = 0; k < s_words (size); k++) {
        uint64_t word = 0;
        memcpy (&word, from + 8 * k, size - 8 * k < 8 ? size - 8 * k : 8);
        atomic_store_explicit (copy + 1 + k, word, memory_order_relaxed);
    }
}

int
brd_slots_write (const brd_slots_t *self,
                 size_t i,
                 const void *bytes,
                 size_t size)
{
    _Atomic uint64_t *counts = &self->memory->slots[i].version;
    const size_t room = brd_slots_room (self, i);
    if (room == 0)
        return s_spoilt ();
    if (size > room)
        return brd_error_set (EMSGSIZE,
                              "the slot has room for %zu bytes, and this would "
                              "take %zu",
                              room,
                              size);
    if (brd_slots_lock (self) < 0)
        return -1;
    const uint64_t version =
        atomic_load_explicit (counts, memory_order_relaxed);
    _Atomic uint64_t *copy = s_copy (self, i, version + 1);
    if (copy) {
        atomic_thread_fence (memory_order_release);
        s_store (copy, bytes, size);
        atomic_store_explicit (counts, version + 1, memory_order_release);
    }
    brd_slots_unlock (self);
    return copy ? 0 : s_spoilt ();
}

// --- Writers ---------------------------------------------------------------

// Not pthread_mutex_lock (): it would wait for ever for one who was stopped.
static int
s_wait (const brd_slots_t *self)
{
    const int64_t deadline = brd_clock_deadline (S_WRITER_MS);
    int error = EBUSY;
    for (int look = 0; error == EBUSY; look++) {
        if (look < S_PAUSES)
            brd_pause ();
        else if (look < S_PAUSES + S_YIELDS)
            (void) sched_yield ();
        else if (brd_clock_now () < deadline)
            (void) nanosleep (&(struct timespec){ .tv_nsec = S_NAP_NS }, NULL);
        else
            return EBUSY;
        error = pthread_mutex_trylock (&self->memory->lock);
    }
    return error;
}

int
brd_slots_lock (const brd_slots_t *self)
{
    int error = pthread_mutex_trylock (&self->memory->lock);
    if (error == EBUSY)
        error = s_wait (self);
    if (error == EBUSY)
        return brd_error_set (ETIMEDOUT,
                              "a process that writes there has been stopped");
    // What the dead one had begun does not count, so all is well.
    if (error == EOWNERDEAD)
        error = pthread_mutex_consistent (&self->memory->lock);
    return error == 0 ? 0 : s_spoilt ();
}

void
brd_slots_unlock (const brd_slots_t *self)
{
    (void) pthread_mutex_unlock (&self->memory->lock);
}
