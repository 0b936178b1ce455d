// test_brd_object.c - objects live as long as somebody may use them
//
// SPDX-License-Identifier: MPL-2.0

#include "t_shared.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "shared/brd_object.h"
#include "shared/brd_root.h"

enum {
    BROOD = 77,
    BLOCK = 300000,
    THREADS = 4,
    ROUNDS = 3000
};

typedef struct {
    brd_object_t object;
    uint64_t number;
} s_thing_t;

static s_thing_t *
s_thing (const brd_hold_t *hold)
{
    return (s_thing_t *) (void *) hold->object;
}

static void
s_new (brd_hold_t *ret_hold, size_t block_size)
{
    assert_int_equal (
        brd_object_new (
            t_shared, BRD_KIND_EVENT, sizeof (s_thing_t), block_size, ret_hold),
        0);
    brd_object_publish (ret_hold);
}

static void
s_test_life (void **state)
{
    (void) state;
    brd_hold_t hold, second;
    brd_ref_t ref;
    const size_t used = brd_arena_used (t_arena);
    s_new (&hold, BLOCK);
    s_thing (&hold)->number = 5;
    memset (brd_object_block (hold.object), 1, BLOCK);
    brd_object_ref (hold.object, BROOD, &ref);
    assert_int_equal (brd_hold_from (t_shared, BROOD, &ref, &second), 0);
    assert_ptr_equal (hold.object, second.object);
    brd_hold_drop (&hold);
    assert_int_equal (s_thing (&second)->number, 5);
    brd_hold_drop (&second);
    assert_int_equal (brd_hold_from (t_shared, BROOD, &ref, &second), -1);
    assert_int_equal (errno, ENOENT);
    // Slabs stay, blocks go.
    assert_true (brd_arena_used (t_arena) <= used + 2 * BRD_ARENA_RUN);
}

// A number of another brood, another object's, of another class, of no object.
static void
s_test_bad_refs (void **state)
{
    (void) state;
    brd_hold_t hold, other;
    brd_ref_t ref;
    s_new (&hold, 0);
    brd_object_ref (hold.object, BROOD, &ref);
    brd_ref_t bad[] = { ref, ref, ref, ref, ref };
    bad[0].brood++;
    bad[1].object++;
    bad[2].kind = BRD_KIND_ARRAY;
    bad[3].offset += 8;
    bad[4].offset = UINT64_MAX;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        errno = 0;
        assert_int_equal (brd_hold_from (t_shared, BROOD, &bad[i], &other), -1);
        assert_int_equal (errno, ENOENT);
    }
    brd_hold_drop (&hold);
}

static brd_ref_t s_ref;

static int
s_hold_and_wait (void *arg)
{
    brd_hold_t hold;
    if (brd_hold_from (t_shared, BROOD, &s_ref, &hold) < 0)
        return 1;
    atomic_store ((_Atomic int *) arg, 1);
    for (;;)
        pause ();
}

static int
s_is_set (void *arg)
{
    return atomic_load ((_Atomic int *) arg);
}

// Held by a process alone, and then that is killed.
static void
s_test_death_of_holder (void **state)
{
    (void) state;
    brd_hold_t hold, other, flag_hold;
    s_new (&flag_hold, 0);
    s_new (&hold, BLOCK);
    brd_object_ref (hold.object, BROOD, &s_ref);
    _Atomic int *flag = (_Atomic int *) (void *) &s_thing (&flag_hold)->number;
    const pid_t pid = t_shared_fork (s_hold_and_wait, (void *) flag);
    assert_true (t_eventually (s_is_set, (void *) flag, 20));
    brd_hold_drop (&hold);
    assert_int_equal (brd_hold_from (t_shared, BROOD, &s_ref, &other), 0);
    brd_hold_drop (&other);
    assert_int_equal (t_shared_kill (pid), -SIGKILL);
    assert_int_equal (brd_hold_from (t_shared, BROOD, &s_ref, &other), -1);
    brd_hold_drop (&flag_hold);
}

static brd_hold_t s_inherited;

static int
s_use_inherited (void *arg)
{
    (void) arg;
    if (!brd_hold_share (&s_inherited) || s_thing (&s_inherited)->number != 9)
        return 1;
    brd_hold_drop (&s_inherited);
    return 0;
}

static int
s_drop_unused (void *arg)
{
    (void) arg;
    brd_hold_drop (&s_inherited);
    return 0;
}

// Given up by the parent, but a child of an older moment may still use it.
static void
s_test_snapshot (void **state)
{
    (void) state;
    brd_hold_t other;
    for (int i = 0; i < 2; i++) {
        s_new (&s_inherited, 0);
        s_thing (&s_inherited)->number = 9;
        brd_object_ref (s_inherited.object, BROOD, &s_ref);
        const int snapshot = brd_shared_snapshot_begin (t_shared);
        assert_true (snapshot >= 0);
        const brd_hold_t copy = s_inherited;
        brd_hold_drop (&s_inherited);
        s_inherited = copy;  // As the child's memory has it
        const pid_t pid =
            t_shared_fork (i == 0 ? s_use_inherited : s_drop_unused, NULL);
        assert_int_equal (t_shared_reap (pid), 0);
        assert_int_equal (brd_hold_from (t_shared, BROOD, &s_ref, &other), 0);
        brd_hold_drop (&other);
        brd_shared_snapshot_end (t_shared, snapshot);
        assert_int_equal (brd_hold_from (t_shared, BROOD, &s_ref, &other), -1);
    }
    // Younger than the snapshot: none of its business.
    const int snapshot = brd_shared_snapshot_begin (t_shared);
    s_new (&s_inherited, 0);
    brd_object_ref (s_inherited.object, BROOD, &s_ref);
    brd_hold_drop (&s_inherited);
    assert_int_equal (brd_hold_from (t_shared, BROOD, &s_ref, &other), -1);
    brd_shared_snapshot_end (t_shared, snapshot);
}

// Makes, holds, drops, for ever; killed at any moment.
static int
s_churn (void *arg)
{
    (void) arg;
    for (;;) {
        brd_hold_t hold, second;
        brd_ref_t ref;
        if (brd_object_new (
                t_shared, BRD_KIND_EVENT, sizeof (s_thing_t), BLOCK, &hold)
            < 0)
            return 1;
        brd_object_publish (&hold);
        brd_object_ref (hold.object, BROOD, &ref);
        if (brd_hold_from (t_shared, BROOD, &ref, &second) < 0)
            return 2;
        brd_hold_drop (&hold);
        brd_hold_drop (&second);
    }
}

// Kept by another object, it needs no holder.
static void
s_test_keep (void **state)
{
    (void) state;
    brd_hold_t hold, other;
    brd_ref_t ref;
    s_new (&hold, 0);
    brd_object_ref (hold.object, BROOD, &ref);
    brd_object_t *object = hold.object;
    brd_share_t *kept = brd_share_keep (object);
    assert_non_null (kept);
    brd_hold_drop (&hold);
    assert_int_equal (brd_hold_from (t_shared, BROOD, &ref, &other), 0);
    brd_hold_drop (&other);
    assert_int_equal (brd_share_end (kept, atomic_load (&kept->slot.word)), 1);
    assert_int_equal (brd_hold_from (t_shared, BROOD, &ref, &other), -1);
    assert_null (brd_share_keep (object));
    assert_int_equal (errno, ENOENT);
}

static void
s_count_slot (void *arg, brd_slot_t *slot)
{
    (void) slot;
    ++*(size_t *) arg;
}

static int
s_any_activity (void *arg)
{
    brd_hold_t probe;
    s_new (&probe, 0);
    const uint64_t id = probe.object->id;
    brd_hold_drop (&probe);
    return id > *(uint64_t *) arg;
}

// A death loses an object at most, and never frees what is another's.
static void
s_test_killed_at_random (void **state)
{
    (void) state;
    brd_hold_t kept;
    s_new (&kept, BLOCK);
    memset (brd_object_block (kept.object), 7, BLOCK);
    const size_t used = brd_arena_used (t_arena);
    for (int i = 0; i < 60; i++) {
        uint64_t from = kept.object->id + 20 + (uint64_t) i * 7;
        const pid_t pid = t_shared_fork (s_churn, NULL);
        (void) t_eventually (s_any_activity, &from, 5);
        assert_int_equal (t_shared_kill (pid), -SIGKILL);
        (void) brd_arena_sweep (t_arena, (uint32_t) pid);
    }
    const char *bytes = brd_object_block (kept.object);
    for (size_t i = 0; i < BLOCK; i++)
        assert_int_equal (bytes[i], 7);
    brd_hold_drop (&kept);
    // At most a block and a few slots each.
    assert_true (brd_arena_used (t_arena)
                 <= used + 60 * (size_t) (BLOCK + 2 * BRD_ARENA_RUN));
}

static void *
s_thread (void *arg)
{
    for (int i = 0; i < ROUNDS; i++) {
        brd_hold_t hold;
        if (brd_hold_from (t_shared, BROOD, arg, &hold) == 0)
            brd_hold_drop (&hold);
    }
    return NULL;
}

// Holds come and go in several threads, and the count is right in the end.
static void
s_test_threads (void **state)
{
    (void) state;
    pthread_t threads[THREADS];
    brd_hold_t hold, other;
    brd_ref_t ref;
    size_t before = 0, after = 0;
    s_new (&hold, 0);
    brd_object_ref (hold.object, BROOD, &ref);
    brd_slab_each (&t_shared->slabs, t_arena, s_count_slot, &before);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal (pthread_create (&threads[i], NULL, s_thread, &ref),
                          0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal (pthread_join (threads[i], NULL), 0);
    brd_slab_each (&t_shared->slabs, t_arena, s_count_slot, &after);
    assert_int_equal (before, after);
    brd_hold_drop (&hold);
    assert_int_equal (brd_hold_from (t_shared, BROOD, &ref, &other), -1);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_life),
        cmocka_unit_test (s_test_bad_refs),
        cmocka_unit_test (s_test_death_of_holder),
        cmocka_unit_test (s_test_snapshot),
        cmocka_unit_test (s_test_keep),
        cmocka_unit_test (s_test_killed_at_random),
        cmocka_unit_test (s_test_threads),
    };
    t_watchdog (100);
    return cmocka_run_group_tests (tests, t_shared_setup, t_shared_teardown);
}
