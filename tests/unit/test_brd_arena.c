// test_brd_arena.c - blocks: whose they are, what is in them, what is left
//
// SPDX-License-Identifier: MPL-2.0

#include "tests/t.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/brd_arena.h"
#include "base/brd_check.h"
#include "base/brd_error.h"
#include "base/brd_fault.h"
#include "base/brd_sys.h"

enum {
    RUN = BRD_ARENA_RUN,
    MIB = 1 << 20
};

static void
s_test_blocks (void **state)
{
    (void) state;
    const int fds = t_open_fds ();
    brd_arena_t *arena = brd_arena_new (64 * RUN);
    assert_non_null (arena);
    assert_int_equal (t_open_fds (), fds + 1);
    assert_int_equal (brd_arena_size (arena), 64 * RUN);
    assert_int_equal (brd_arena_used (arena), 0);
    char *a = brd_arena_alloc (arena, 100, 1, 0);
    char *b = brd_arena_alloc (arena, RUN + 1, 1, 0);
    char *c = brd_arena_alloc (arena, 0, 2, 0);
    assert_int_equal ((uintptr_t) a % 4096, 0);
    memset (a, 1, 100);
    memset (b, 2, RUN + 1);
    assert_int_equal (a[99], 1);
    assert_true (c != a && c != b);
    assert_int_equal (brd_arena_used (arena), 4 * RUN);
    brd_arena_free (arena, b);
    assert_int_equal (brd_arena_used (arena), 2 * RUN);
    brd_arena_free (arena, NULL);
    brd_arena_free (arena, a);
    brd_arena_free (arena, c);
    assert_int_equal (brd_arena_used (arena), 0);
    brd_arena_destroy (&arena);
    assert_null (arena);
    assert_int_equal (t_open_fds (), fds);
    brd_arena_destroy (&arena);
}

// --- Its descriptor, its address -------------------------------------------

static void
s_test_descriptor (void **state)
{
    (void) state;
    brd_arena_t *arena = brd_arena_new (64 * RUN);
    const int fd = brd_arena_fd (arena);
    assert_true (fd > STDERR_FILENO);
    assert_int_equal (fcntl (fd, F_GETFD), FD_CLOEXEC);
    // A program that closes all it does not know, and opens something.
    close (fd);
    assert_int_equal (brd_arena_fd (arena), -1);
    assert_int_equal (dup2 (STDOUT_FILENO, fd), fd);
    assert_int_equal (brd_arena_fd (arena), -1);
    brd_arena_destroy (&arena);
    assert_true (fcntl (fd, F_GETFD) >= 0);
    close (fd);
    // Closed while the memory stays, and by nobody twice.
    arena = brd_arena_new (64 * RUN);
    const int again = brd_arena_fd (arena);
    brd_arena_close_fd (arena);
    assert_int_equal (fcntl (again, F_GETFD), -1);
    brd_arena_close_fd (arena);
    assert_non_null (brd_arena_alloc (arena, 1, 1, 0));
    brd_arena_destroy (&arena);
}

// Another process that has it at the same address, by the descriptor alone.
static void
s_join (void *arg)
{
    brd_arena_t *arena = arg;
    const int fd = brd_arena_fd (arena);
    const size_t span = brd_arena_span (arena);
    brd_assert (!brd_arena_join (fd, arena, span) && errno == EEXIST);
    brd_sys_unmap (arena, span);
    brd_assert (brd_arena_join (fd, arena, span) == arena);
    brd_assert (brd_arena_used (arena) == RUN);
    memcpy (brd_arena_at (arena, brd_arena_span (arena) - RUN), "joined", 7);
}

static void
s_test_join (void **state)
{
    (void) state;
    int status;
    brd_arena_t *arena = brd_arena_new (RUN);
    char *block = brd_arena_alloc (arena, RUN, 1, 1);
    assert_non_null (block);
    char *said = t_run_child (s_join, arena, 10, &status);
    assert_string_equal (said, "");
    assert_int_equal (status, 0);
    assert_string_equal (block, "joined");
    free (said);
    brd_arena_destroy (&arena);
}

// Where nothing of the system's or the program's can be; each at another place.
static void
s_test_addresses (void **state)
{
    (void) state;
    brd_arena_t *arenas[4];
    const uintptr_t code = (uintptr_t) s_test_addresses;
    const uintptr_t stack = (uintptr_t) &arenas;
    void *heap = malloc (1 << 20);  // lint: where the system maps
    for (size_t i = 0; i < 4; i++) {
        arenas[i] = brd_arena_new (64 * RUN);
        assert_non_null (arenas[i]);
        const uintptr_t at = (uintptr_t) arenas[i];
        assert_true (at % (1 << 30) == 0 && at < stack);
        assert_true (at < code || at > code + (UINT64_C (1) << 36));
        assert_true (at + (UINT64_C (1) << 36) < (uintptr_t) heap);
        for (size_t j = 0; j < i; j++)
            assert_ptr_not_equal (arenas[i], arenas[j]);
    }
    free (heap);  // lint: as above
    for (size_t i = 0; i < 4; i++)
        brd_arena_destroy (&arenas[i]);
}

static void
s_test_full (void **state)
{
    (void) state;
    brd_arena_t *arena = brd_arena_new (8 * RUN);
    char *blocks[8];
    for (int i = 0; i < 8; i++)
        assert_non_null (blocks[i] = brd_arena_alloc (arena, RUN, 1, 0));
    errno = 0;
    assert_null (brd_arena_alloc (arena, 1, 1, 0));
    assert_int_equal (errno, ENOSPC);
    assert_int_equal (brd_error_get ()->kind, BROOD_LIMIT);
    // Three free, but not in a row.
    brd_arena_free (arena, blocks[1]);
    brd_arena_free (arena, blocks[4]);
    brd_arena_free (arena, blocks[6]);
    assert_null (brd_arena_alloc (arena, 2 * RUN, 1, 0));
    assert_string_equal (
        brd_error_get ()->text,
        "no shared memory for 131072 bytes: 196608 of 524288 are free, in "
        "pieces perhaps; set BROOD_ARENA to more");
    assert_null (brd_arena_alloc (arena, SIZE_MAX, 1, 0));
    assert_int_equal (errno, ENOSPC);
    assert_int_equal (brd_arena_used (arena), 5 * RUN);
    // A gap that grows is found, wherever it is.
    brd_arena_free (arena, blocks[5]);
    assert_ptr_equal (brd_arena_alloc (arena, 3 * RUN, 1, 0), blocks[4]);
    assert_ptr_equal (brd_arena_alloc (arena, 1, 1, 0), blocks[1]);
    brd_arena_destroy (&arena);
}

static void
s_test_warm_first (void **state)
{
    (void) state;
    brd_arena_t *arena = brd_arena_new (1024 * RUN);
    // What was used last is used again, not what is fresh.
    char *before = brd_arena_alloc (arena, 3 * RUN, 1, 0);
    for (int i = 0; i < 100; i++) {
        char *block = brd_arena_alloc (arena, 3 * RUN, 1, 0);
        brd_arena_free (arena, before);
        char *again = brd_arena_alloc (arena, 3 * RUN, 1, 0);
        assert_ptr_equal (again, before);
        brd_arena_free (arena, again);
        before = block;
    }
    brd_arena_destroy (&arena);
}

static int
s_is_zero (const char *bytes, size_t size)
{
    return bytes[0] == 0 && memcmp (bytes, bytes + 1, size - 1) == 0;
}

static void
s_test_zero (void **state)
{
    (void) state;
    brd_arena_t *arena = brd_arena_new (2048 * (size_t) RUN);
    // Fresh, kept, kept in part, and given back to the system.
    const size_t sizes[] = { 1, RUN, 3 * RUN + 5, 80 * (size_t) MIB };
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            char *block = brd_arena_alloc (arena, sizes[i], 1, 1);
            assert_non_null (block);
            assert_true (s_is_zero (block, sizes[i]));
            memset (block, 0xff, sizes[i]);
            brd_arena_free (arena, block);
        }
    }
    brd_arena_destroy (&arena);
}

// Pages of the block's memory that exist.
static size_t
s_resident (char *block, size_t size)
{
    const size_t page = (size_t) sysconf (_SC_PAGESIZE);
    const size_t pages = size / page;
    unsigned char *there = calloc (1, pages);
    assert_non_null (there);
    assert_int_equal (mincore (block, size, there), 0);
    size_t n = 0;
    for (size_t i = 0; i < pages; i++)
        n += there[i] & 1;
    free (there);
    return n * page;
}

static void
s_test_mark (void **state)
{
    (void) state;
    const size_t size = 100 * (size_t) MIB;
    brd_arena_t *arena = brd_arena_new (size);
    char *block = brd_arena_alloc (arena, size, 1, 0);
    memset (block, 1, size);
    assert_int_equal (s_resident (block, size), size);
    errno = EBUSY;
    brd_arena_free (arena, block);
    assert_int_equal (errno, EBUSY);
    // As much stays as the mark says, no matter how it was freed.
    assert_int_equal (s_resident (block, size), 64 * MIB);
    assert_ptr_equal (brd_arena_alloc (arena, size, 1, 0), block);
    memset (block, 1, size);
    brd_arena_free (arena, block);
    assert_int_equal (s_resident (block, size), 64 * MIB);
    char *blocks[50];
    for (int i = 0; i < 50; i++) {
        blocks[i] = brd_arena_alloc (arena, 2 * MIB, 1, 0);
        memset (blocks[i], 1, 2 * MIB);
    }
    for (int i = 0; i < 50; i++)
        brd_arena_free (arena, blocks[i]);
    assert_int_equal (s_resident (block, size), 64 * MIB);
    brd_arena_destroy (&arena);
}

static void
s_test_owners (void **state)
{
    (void) state;
    brd_arena_t *arena = brd_arena_new (64 * RUN);
    char *a = brd_arena_alloc (arena, RUN, 1, 0);
    char *b = brd_arena_alloc (arena, 5 * RUN, 1, 0);
    char *c = brd_arena_alloc (arena, RUN, 2, 0);
    assert_int_equal (brd_arena_sweep (arena, 3), 0);
    assert_int_equal (brd_arena_give (arena, b, 3), 0);
    assert_int_equal (brd_arena_sweep (arena, 1), 1);
    assert_false (brd_arena_holds (arena, a, 1));
    assert_true (brd_arena_holds (arena, b, 5 * RUN));
    assert_true (brd_arena_holds (arena, c, RUN));
    assert_int_equal (brd_arena_sweep (arena, 3), 1);
    assert_int_equal (brd_arena_used (arena), RUN);
    // Late ones meet nothing.
    errno = 0;
    assert_int_equal (brd_arena_give (arena, b, 2), -1);
    assert_int_equal (errno, ENOENT);
    brd_arena_free (arena, b);
    assert_int_equal (brd_arena_sweep (arena, 2), 1);
    assert_int_equal (brd_arena_used (arena), 0);
    const uint32_t highest = (1 << 24) - 1;
    assert_non_null (brd_arena_alloc (arena, RUN, highest, 0));
    assert_int_equal (brd_arena_sweep (arena, highest), 1);
    brd_arena_destroy (&arena);
}

// By its mark a block is freed once, whoever else freed it, and what came to
// its place is left alone.
static void
s_test_marked (void **state)
{
    (void) state;
    brd_arena_t *arena = brd_arena_new (8 * RUN);
    char *block = brd_arena_alloc (arena, 2 * RUN, 1, 0);
    const uint64_t mark = brd_arena_mark (arena, block);
    assert_int_equal (brd_arena_give (arena, block, 2), 0);
    assert_int_equal (brd_arena_mark (arena, block), mark);
    assert_int_equal (brd_arena_free_marked (arena, block, mark + 1), 0);
    assert_int_equal (brd_arena_free_marked (arena, block, mark), 1);
    assert_int_equal (brd_arena_free_marked (arena, block, mark), 0);
    assert_ptr_equal (brd_arena_alloc (arena, RUN, 3, 0), block);
    assert_int_equal (brd_arena_free_marked (arena, block, mark), 0);
    assert_int_equal (brd_arena_used (arena), RUN);
    brd_arena_destroy (&arena);
}

static void
s_test_places (void **state)
{
    (void) state;
    brd_arena_t *arena = brd_arena_new (64 * RUN);
    char *a = brd_arena_alloc (arena, 3 * RUN, 1, 0);
    char *b = brd_arena_alloc (arena, RUN, 1, 0);
    assert_ptr_equal (a + 3 * RUN, b);
    assert_true (brd_arena_holds (arena, a, 0));
    assert_true (brd_arena_holds (arena, a + RUN + 7, 2 * RUN - 7));
    assert_false (brd_arena_holds (arena, a + RUN + 7, 2 * RUN - 6));
    assert_false (brd_arena_holds (arena, a, 4 * RUN));
    assert_false (brd_arena_holds (arena, b + RUN, 1));
    assert_false (brd_arena_holds (arena, a - 1, 1));
    assert_false (brd_arena_holds (arena, arena, 1));
    assert_false (brd_arena_holds (arena, NULL, 1));
    assert_false (brd_arena_holds (arena, a, SIZE_MAX));
    char *end = a + brd_arena_size (arena);
    assert_false (brd_arena_holds (arena, end - 1, 1));
    assert_false (brd_arena_holds (arena, end, 0));

    const uint64_t offset = brd_arena_offset (arena, a + 5);
    assert_true (offset > 0);
    assert_ptr_equal (brd_arena_at (arena, offset), a + 5);
    assert_true (brd_arena_offset (arena, NULL) == 0);
    assert_true (brd_arena_offset (arena, &offset) == 0);
    assert_true (brd_arena_offset (arena, end) == 0);
    assert_null (brd_arena_at (arena, 0));
    assert_null (brd_arena_at (arena, offset - 6));
    assert_null (brd_arena_at (arena, UINT64_MAX));
    assert_ptr_equal (
        brd_arena_at (arena, offset - 5 + brd_arena_size (arena) - 1), end - 1);
    assert_null (brd_arena_at (arena, offset - 5 + brd_arena_size (arena)));
    brd_arena_destroy (&arena);
}

static void
s_child (void *arg)
{
    // The same address in the child, and the child's blocks in the parent.
    void **shared = arg;
    brd_arena_t *arena = shared[0];
    char *block = shared[1];
    brd_assert (strcmp (block, "parent's") == 0);
    char *mine = brd_arena_alloc (arena, 10, 2, 1);
    strncpy (mine, "child's", 10);
    const uint64_t offset = brd_arena_offset (arena, mine);
    memcpy (block, &offset, sizeof offset);
}

static void
s_test_fork (void **state)
{
    (void) state;
    brd_arena_t *arena = brd_arena_new (64 * RUN);
    char *block = brd_arena_alloc (arena, 10, 1, 1);
    strncpy (block, "parent's", 10);
    void *shared[] = { arena, block };
    int status;
    char *output = t_run_child (s_child, shared, 20, &status);
    assert_string_equal (output, "");
    free (output);
    assert_int_equal (status, 0);
    uint64_t offset;
    memcpy (&offset, block, sizeof offset);
    assert_string_equal ((char *) brd_arena_at (arena, offset), "child's");
    assert_int_equal (brd_arena_used (arena), 2 * RUN);
    assert_int_equal (brd_arena_sweep (arena, 2), 1);
    brd_arena_destroy (&arena);
}

static void
s_test_each_call_can_fail (void **state)
{
    (void) state;
    const int fds = t_open_fds ();
    // The memory and its size must be had; a place for it is then found.
    for (long n = 1; n <= 5; n++) {
        brd_fault_arm (BRD_FAULT_SYSTEM, n, ENFILE);
        brd_arena_t *arena = brd_arena_new (64 * RUN);
        brd_fault_arm (BRD_FAULT_SYSTEM, 0, 0);
        assert_int_equal (arena != NULL, n > 2);
        if (!arena) {
            assert_int_equal (errno, ENFILE);
            assert_int_equal (brd_error_get ()->error, ENFILE);
        }
        brd_arena_destroy (&arena);
        assert_int_equal (t_open_fds (), fds);
    }
}

// --- Threads ---------------------------------------------------------------

typedef struct {
    brd_arena_t *arena;
    pthread_barrier_t barrier;
    void *block;
    _Atomic size_t swept;
} s_race_t;

enum {
    RACES = 3000
};

// The sweep of a dead owner while this frees its block.
static void *
s_sweeper (void *arg)
{
    s_race_t *race = arg;
    for (int i = 0; i < RACES; i++) {
        pthread_barrier_wait (&race->barrier);
        race->swept += brd_arena_sweep (race->arena, 7);
        pthread_barrier_wait (&race->barrier);
    }
    return NULL;
}

static void
s_test_free_against_sweep (void **state)
{
    (void) state;
    s_race_t race = { .arena = brd_arena_new (2000 * (size_t) RUN) };
    pthread_barrier_init (&race.barrier, NULL, 2);
    // As much is kept as may be, but never three in a row: blocks of three are
    // fresh, and their pages are given back.
    char *runs[1536];
    for (size_t i = 0; i < 1536; i++)
        runs[i] = brd_arena_alloc (race.arena, RUN, 1, 0);
    for (size_t i = 0; i < 1536; i++) {
        if (i % 3 != 0)
            brd_arena_free (race.arena, runs[i]);
    }
    const size_t used = brd_arena_used (race.arena);
    pthread_t thread;
    assert_int_equal (brd_sys_thread (&thread, s_sweeper, &race), 0);
    for (size_t i = 0; i < RACES; i++) {
        void *block = brd_arena_alloc (race.arena, 3 * RUN, 7, 0);
        pthread_barrier_wait (&race.barrier);
        // About as long as the sweep takes to get there.
        for (size_t n = 0; n < i % 3; n++)
            (void) brd_arena_used (race.arena);
        brd_arena_free (race.arena, block);
        // Now it may be another's, and the sweep must not take it for the old,
        // nor its pages away.
        char *other = brd_arena_alloc (race.arena, 3 * RUN, 8, 0);
        other[0] = other[3 * RUN - 1] = 'o';
        pthread_barrier_wait (&race.barrier);
        assert_true (brd_arena_holds (race.arena, other, 3 * RUN));
        assert_true (other[0] == 'o' && other[3 * RUN - 1] == 'o');
        assert_int_equal (brd_arena_used (race.arena), used + 3 * RUN);
        brd_arena_free (race.arena, other);
    }
    pthread_join (thread, NULL);
    pthread_barrier_destroy (&race.barrier);
    assert_int_equal (brd_arena_used (race.arena), used);
    brd_arena_destroy (&race.arena);
}

typedef struct {
    brd_arena_t *arena;
    uint32_t slot;
    int damaged;
} s_user_t;

// Takes and frees blocks in a full arena; each block says whose it is.
static void *
s_user (void *arg)
{
    s_user_t *user = arg;
    unsigned char *blocks[6] = { NULL };
    size_t sizes[6] = { 0 };
    uint32_t seed = user->slot;
    for (int i = 0; i < 6000; i++) {
        seed = seed * 1664525 + 1013904223;
        const size_t n = (seed >> 8) % 6;
        unsigned char *block = blocks[n];
        if (block) {
            for (size_t at = 0; at < sizes[n]; at += RUN / 4)
                user->damaged += block[at] != (unsigned char) user->slot;
            brd_arena_free (user->arena, block);
        }
        sizes[n] = ((seed >> 16) % 5 + 1) * RUN;
        const int zero = (seed >> 24) % 2;
        blocks[n] = block =
            brd_arena_alloc (user->arena, sizes[n], user->slot, zero);
        for (size_t at = 0; block && at < sizes[n]; at += RUN / 4) {
            user->damaged += zero && block[at] != 0;
            block[at] = (unsigned char) user->slot;
        }
    }
    return NULL;
}

static void
s_test_threads (void **state)
{
    (void) state;
    enum {
        USERS = 4
    };
    brd_arena_t *arena = brd_arena_new (48 * RUN);
    s_user_t users[USERS];
    pthread_t threads[USERS];
    for (uint32_t i = 0; i < USERS; i++) {
        users[i] = (s_user_t){ .arena = arena, .slot = i + 1 };
        assert_int_equal (brd_sys_thread (&threads[i], s_user, &users[i]), 0);
    }
    for (uint32_t i = 0; i < USERS; i++) {
        pthread_join (threads[i], NULL);
        assert_int_equal (users[i].damaged, 0);
    }
    for (uint32_t i = 0; i < USERS; i++)
        (void) brd_arena_sweep (arena, i + 1);
    assert_int_equal (brd_arena_used (arena), 0);
    // Nothing was lost on the way.
    assert_non_null (brd_arena_alloc (arena, 48 * RUN, 1, 0));
    brd_arena_destroy (&arena);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_blocks),
        cmocka_unit_test (s_test_descriptor),
        cmocka_unit_test (s_test_join),
        cmocka_unit_test (s_test_addresses),
        cmocka_unit_test (s_test_full),
        cmocka_unit_test (s_test_warm_first),
        cmocka_unit_test (s_test_zero),
        cmocka_unit_test (s_test_mark),
        cmocka_unit_test (s_test_owners),
        cmocka_unit_test (s_test_marked),
        cmocka_unit_test (s_test_places),
        cmocka_unit_test (s_test_fork),
        cmocka_unit_test (s_test_each_call_can_fail),
        cmocka_unit_test (s_test_free_against_sweep),
        cmocka_unit_test (s_test_threads),
    };
    t_watchdog (120);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
