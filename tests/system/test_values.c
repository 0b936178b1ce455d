// test_values.c - values and arrays: memory, atomics, the lock of their own
//
// SPDX-License-Identifier: MPL-2.0

#include "t_sync.h"

enum {
    ROUNDS = 100000,
    TASKS = 4
};

static brood_value_t *s_counter;  // Made before the pool

// --- Memory ----------------------------------------------------------------

static void
s_test_types (void **state)
{
    (void) state;
    static const size_t sizes[] = {
        [BROOD_CHAR] = 1,   [BROOD_INT] = sizeof (int),
        [BROOD_UINT] = 4,   [BROOD_LONG] = sizeof (long),
        [BROOD_ULONG] = 8,  [BROOD_FLOAT32] = 4,
        [BROOD_DOUBLE] = 8, [BROOD_INT8] = 1,
        [BROOD_UINT8] = 1,  [BROOD_INT16] = 2,
        [BROOD_UINT16] = 2, [BROOD_INT32] = 4,
        [BROOD_UINT32] = 4, [BROOD_INT64] = 8,
        [BROOD_UINT64] = 8,
    };
    for (int type = BROOD_CHAR; type <= BROOD_UINT64; type++) {
        const size_t n = 2000;
        BROOD_AUTO (value) value = brood_value_new ((brood_ctype_t) type);
        BROOD_AUTO (array) array = brood_array_new ((brood_ctype_t) type, n);
        assert_non_null (value);
        assert_non_null (array);
        unsigned char *one = brood_value_ptr (value);
        unsigned char *many = brood_array_ptr (array);
        for (size_t i = 0; i < sizes[type]; i++)
            assert_int_equal (one[i], 0);
        for (size_t i = 0; i < n * sizes[type]; i++)
            assert_int_equal (many[i], 0);
        memset (one, 1, sizes[type]);
        memset (many, 1, n * sizes[type]);
        assert_int_equal ((uintptr_t) many % 64, 0);
        assert_int_equal (brood_array_len (array), n);
    }
    assert_null (brood_value_new ((brood_ctype_t) 0));
    assert_int_equal (errno, EINVAL);
    assert_null (brood_array_new ((brood_ctype_t) 16, 1));
    assert_int_equal (errno, EINVAL);
    assert_null (brood_array_new (BROOD_INT, 0));
    assert_int_equal (errno, EINVAL);
    assert_null (brood_value_new_sized (0));
    assert_int_equal (errno, EINVAL);
}

struct account {
    char owner[40];
    double balance;
    long double exact;
};

// [value or array of accounts, index]: pays 5 out of it.
static int
s_pay (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    void *value_ref, *array_ref;
    (void) task;
    if (brood_msg_unpack (in, "[@%p, @%p]", &value_ref, &array_ref) < 0)
        return -1;
    BROOD_AUTO (value) value = brood_value_from (value_ref);
    BROOD_AUTO (array) array = brood_array_from (array_ref);
    struct account *one = brood_value_ptr (value);
    struct account *many = brood_array_ptr (array);
    if (!one || !many)
        return -1;
    for (int i = 0; i < 100; i++) {
        BROOD_WITH (rlock, brood_value_lock (value))
        {
            one->balance -= 5;
        }
        BROOD_WITH (rlock, brood_array_lock (array))
        {
            many[2].balance += 5;
        }
    }
    return brood_msg_pack (
        out, "[%s, %zu]", one->owner, brood_array_len (array));
}

static void
s_test_structs (void **state)
{
    (void) state;
    BROOD_AUTO (value) value = brood_value_new_of (struct account);
    BROOD_AUTO (array) array = brood_array_new_of (struct account, 3);
    struct account *one = brood_value_ptr (value);
    struct account *many = brood_array_ptr (array);
    brood_future_t *futures[TASKS];
    assert_int_equal ((uintptr_t) one % _Alignof(struct account), 0);
    strcpy (one->owner, "somebody");
    one->balance = 10000;
    for (int i = 0; i < TASKS; i++)
        futures[i] = brood_pool_submit (
            t_pool, s_pay, "[@%p, @%p]", brood_ref (value), brood_ref (array));
    for (int i = 0; i < TASKS; i++) {
        char owner[40];
        size_t len;
        assert_int_equal (
            brood_future_get (futures[i], T_MS, "[%39s, %zu]", owner, &len), 0);
        assert_string_equal (owner, "somebody");
        assert_int_equal (len, 3);
        brood_future_destroy (&futures[i]);
    }
    assert_true (one->balance == 10000 - TASKS * 100 * 5.0);
    assert_true (many[2].balance == TASKS * 100 * 5.0);
}

// Few bytes lie in a slot, many in a block; the user sees no difference.
static void
s_test_sizes (void **state)
{
    (void) state;
    static const size_t sizes[] = { 1,    31,   32,   33,   3900,  3967,
                                    3968, 3969, 4000, 4096, 70000, 1000000 };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        BROOD_AUTO (value) value = brood_value_new_sized (sizes[i]);
        BROOD_AUTO (value) next = brood_value_new_sized (sizes[i]);
        unsigned char *bytes = brood_value_ptr (value);
        unsigned char *others = brood_value_ptr (next);
        memset (bytes, 0xff, sizes[i]);
        for (size_t j = 0; j < sizes[i]; j++)
            assert_int_equal (others[j], 0);
        assert_int_equal (brood_rlock_acquire (brood_value_lock (next), 0), 0);
        memset (others, 0xff, sizes[i]);
        assert_int_equal (brood_rlock_release (brood_value_lock (next)), 0);
    }
}

// ENOSPC, not SIGBUS, and everything goes on.
static void
s_test_no_room (void **state)
{
    (void) state;
    assert_null (brood_array_new (BROOD_DOUBLE, SIZE_MAX / 4));
    assert_int_equal (errno, ENOSPC);
    assert_null (brood_array_new (BROOD_CHAR, SIZE_MAX / 2));
    assert_int_equal (errno, ENOSPC);
    assert_null (brood_value_new_sized ((size_t) 1 << 50));
    assert_int_equal (errno, ENOSPC);
    assert_non_null (brood_error ());
    BROOD_AUTO (array) array = brood_array_new (BROOD_DOUBLE, 10);
    assert_non_null (array);
}

// --- Atomics ---------------------------------------------------------------

static void
s_test_atomics_of (brood_ctype_t type, int64_t least, int64_t most)
{
    BROOD_AUTO (value) value = brood_value_new (type);
    assert_int_equal (brood_value_get (value), 0);
    assert_int_equal (brood_value_set (value, 100), 0);
    assert_int_equal (brood_value_add (value, -58), 42);
    assert_int_equal (brood_value_max (value, 41), 42);
    assert_int_equal (brood_value_max (value, 43), 43);
    assert_int_equal (brood_value_exchange (value, 7), 43);
    assert_int_equal (brood_value_swap_if (value, 8, 9), 0);
    assert_int_equal (brood_value_get (value), 7);
    assert_int_equal (brood_value_swap_if (value, 7, 9), 1);
    assert_int_equal (brood_value_get (value), 9);
    assert_int_equal (brood_value_set (value, least), 0);
    assert_int_equal (brood_value_get (value), least);
    assert_int_equal (brood_value_max (value, most), most);
    assert_int_equal (brood_value_max (value, least), most);
    assert_int_equal (brood_value_swap_if (value, most, least), 1);
    assert_int_equal (brood_value_exchange (value, most), least);
    // As C wraps it around.
    assert_int_equal (brood_value_add (value, 1), least);
    assert_int_equal (brood_value_add (value, -1), most);
}

static void
s_test_atomics (void **state)
{
    (void) state;
    s_test_atomics_of (BROOD_INT8, INT8_MIN, INT8_MAX);
    s_test_atomics_of (BROOD_UINT8, 0, UINT8_MAX);
    s_test_atomics_of (BROOD_INT16, INT16_MIN, INT16_MAX);
    s_test_atomics_of (BROOD_UINT16, 0, UINT16_MAX);
    s_test_atomics_of (BROOD_INT32, INT32_MIN, INT32_MAX);
    s_test_atomics_of (BROOD_UINT32, 0, UINT32_MAX);
    s_test_atomics_of (BROOD_INT64, INT64_MIN, INT64_MAX);
    s_test_atomics_of (BROOD_UINT64, 0, -1);
    s_test_atomics_of (BROOD_INT, INT32_MIN, INT32_MAX);
    s_test_atomics_of (BROOD_UINT, 0, UINT32_MAX);
    s_test_atomics_of (BROOD_LONG, INT64_MIN, INT64_MAX);
    s_test_atomics_of (BROOD_ULONG, 0, -1);
    s_test_atomics_of (BROOD_CHAR,
                       (char) -1 < 0 ? INT8_MIN : 0,
                       (char) -1 < 0 ? INT8_MAX : UINT8_MAX);
    // Narrow ones leave their neighbours alone.
    BROOD_AUTO (value) value = brood_value_new (BROOD_INT8);
    (void) brood_value_add (value, -1);
    assert_int_equal (((signed char *) brood_value_ptr (value))[1], 0);
}

static void
s_test_no_atomics_of (brood_value_t *value)
{
    errno = 0;
    assert_int_equal (brood_value_get (value), 0);
    assert_int_equal (errno, EINVAL);
    errno = 0;
    assert_int_equal (brood_value_set (value, 1), -1);
    assert_int_equal (errno, EINVAL);
    errno = 0;
    assert_int_equal (brood_value_add (value, 1), 0);
    assert_int_equal (errno, EINVAL);
    errno = 0;
    assert_int_equal (brood_value_max (value, 1), 0);
    assert_int_equal (errno, EINVAL);
    errno = 0;
    assert_int_equal (brood_value_exchange (value, 1), 0);
    assert_int_equal (errno, EINVAL);
    errno = 0;
    assert_int_equal (brood_value_swap_if (value, 0, 1), -1);
    assert_int_equal (errno, EINVAL);
}

static void
s_test_no_atomics (void **state)
{
    (void) state;
    BROOD_AUTO (value) real = brood_value_new (BROOD_DOUBLE);
    BROOD_AUTO (value) single = brood_value_new (BROOD_FLOAT32);
    BROOD_AUTO (value) bytes = brood_value_new_sized (8);
    s_test_no_atomics_of (real);
    s_test_no_atomics_of (single);
    s_test_no_atomics_of (bytes);
    s_test_no_atomics_of (NULL);
}

// --- Together --------------------------------------------------------------

typedef enum {
    S_PLAIN,
    S_LOCKED,
    S_ATOMIC
} s_way_t;

BROOD_EACH (add_up, int, way)
{
    volatile int *counter = brood_value_ptr (s_counter);
    for (int i = 0; i < ROUNDS; i++) {
        if (*way == S_ATOMIC) {
            (void) brood_value_add (s_counter, 1);
            continue;
        }
        if (*way == S_LOCKED
            && brood_rlock_acquire (brood_value_lock (s_counter), T_MS) < 0)
            return -1;
        // Two processes between the look and the store: one is lost.
        *counter = *counter + 1;
        if (*way == S_LOCKED)
            (void) brood_rlock_release (brood_value_lock (s_counter));
    }
    return 0;
}

static int64_t
s_add_up (int way)
{
    int ways[TASKS];
    for (int i = 0; i < TASKS; i++)
        ways[i] = way;
    assert_int_equal (brood_value_set (s_counter, 0), 0);
    assert_int_equal (brood_pool_each (t_pool, add_up, ways, TASKS), 0);
    return brood_value_get (s_counter);
}

static int
s_some_are_lost (void *arg)
{
    (void) arg;
    return s_add_up (S_PLAIN) < TASKS * ROUNDS;
}

// `++*n` loses updates, the lock and the atomics do not.
static void
s_test_race (void **state)
{
    (void) state;
    assert_true (t_eventually (s_some_are_lost, NULL, 60));
    assert_int_equal (s_add_up (S_LOCKED), TASKS * ROUNDS);
    assert_int_equal (s_add_up (S_ATOMIC), TASKS * ROUNDS);
}

static void *
s_thread (void *arg)
{
    for (int i = 0; i < ROUNDS; i++)
        (void) brood_value_add (arg, 1);
    return NULL;
}

static void
s_test_threads (void **state)
{
    (void) state;
    pthread_t threads[TASKS];
    BROOD_AUTO (value) value = brood_value_new (BROOD_UINT16);
    for (int i = 0; i < TASKS; i++)
        assert_int_equal (pthread_create (&threads[i], NULL, s_thread, value),
                          0);
    for (int i = 0; i < TASKS; i++)
        assert_int_equal (pthread_join (threads[i], NULL), 0);
    assert_int_equal (brood_value_get (value), TASKS * ROUNDS % 65536);
}

// --- The lock on loan ------------------------------------------------------

static int
s_hold_lock (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    void *ref;
    (void) task;
    (void) out;
    if (brood_msg_unpack (in, "@%p", &ref) < 0)
        return -1;
    BROOD_AUTO (value) value = brood_value_from (ref);
    if (brood_rlock_acquire (brood_value_lock (value), T_MS) != 0)
        return -1;
    t_say_and_stop (value);
    return 0;
}

static void
s_test_lock_holder_dies (void **state)
{
    (void) state;
    brood_lock_stats_t stats;
    BROOD_AUTO (value) value = brood_value_new (BROOD_INT);
    brood_rlock_t *lock = brood_value_lock (value);
    brood_future_t *future =
        brood_pool_submit (t_pool, s_hold_lock, "@%p", brood_ref (value));
    t_wait_value (value, 1);
    assert_int_equal (brood_rlock_stats (lock, &stats), 0);
    assert_int_equal (kill ((pid_t) stats.holder, SIGKILL), 0);
    assert_int_equal (brood_rlock_acquire (lock, T_MS), 1);
    assert_int_equal (brood_rlock_release (lock), 0);
    t_must_be_killed (&future);
}

static void
s_test_loan (void **state)
{
    (void) state;
    BROOD_AUTO (value) value = brood_value_new (BROOD_INT);
    brood_rlock_t *lock = brood_value_lock (value);
    assert_ptr_equal (brood_value_lock (value), lock);
    brood_rlock_destroy (&lock);
    assert_null (lock);
    assert_int_equal (brood_rlock_acquire (brood_value_lock (value), 0), 0);
    assert_int_equal (brood_rlock_release (brood_value_lock (value)), 0);
    assert_null (brood_msg_new ("@%p", brood_ref (brood_value_lock (value))));
    assert_int_equal (errno, EINVAL);
    assert_null (brood_value_lock (NULL));
    assert_null (brood_array_lock (NULL));
    assert_int_equal (brood_array_len (NULL), 0);
    assert_null (brood_value_from (NULL));
    assert_int_equal (errno, EINVAL);
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_types),
        cmocka_unit_test (s_test_structs),
        cmocka_unit_test (s_test_sizes),
        cmocka_unit_test (s_test_no_room),
        cmocka_unit_test (s_test_atomics),
        cmocka_unit_test (s_test_no_atomics),
        cmocka_unit_test (s_test_race),
        cmocka_unit_test (s_test_threads),
        cmocka_unit_test (s_test_lock_holder_dies),
        cmocka_unit_test (s_test_loan),
    };
    t_watchdog (170);
    if (brood_init (&argc, &argv) < 0)
        return brood_perror (argv[0]);
    BROOD_AUTO (value) counter = brood_value_new (BROOD_INT);
    s_counter = counter;
    return cmocka_run_group_tests (tests, t_sync_setup, t_sync_teardown);
}
