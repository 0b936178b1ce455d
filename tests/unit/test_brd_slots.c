// test_brd_slots.c - a slot is old or new, whoever is killed when
//
// SPDX-License-Identifier: MPL-2.0
//
// A child writes while its parent lets it do instruction after instruction, and
// kills it at one of them. Each time the slot must be as before or as after,
// and can be written by others.

#include "t.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/brd_slots.h"

enum {
    SLOTS = 3,
    ROUNDS = 20000,
    STEPS_MAX = 100000,
    POINTS = 30,  // At which a write is killed
    BEFORE = 100,
    AFTER = 50
};

static const uint32_t s_rooms[SLOTS] = { 8, 100, 1000 };
static brd_slots_t s_slots;
static uint64_t s_bytes[125];

static int
s_setup (void **state)
{
    (void) state;
    const size_t size = brd_slots_size (s_rooms, SLOTS);
    void *memory = t_share (size);
    if (brd_slots_make (memory, size, s_rooms, SLOTS) < 0)
        return -1;
    return brd_slots_init (&s_slots, memory, size);
}

static int
s_teardown (void **state)
{
    (void) state;
    return munmap (s_slots.memory, s_slots.size);
}

static void
s_must_be (size_t i, const char *text)
{
    size_t size = 0;
    assert_int_equal (brd_slots_read (&s_slots, i, s_bytes, &size), 0);
    assert_int_equal (size, strlen (text));
    assert_memory_equal (s_bytes, text, size);
}

static void
s_test_values (void **state)
{
    (void) state;
    assert_int_equal (s_slots.n, SLOTS);
    for (size_t i = 0; i < SLOTS; i++) {
        assert_int_equal (brd_slots_room (&s_slots, i), s_rooms[i]);
        s_must_be (i, "");
    }
    assert_int_equal (brd_slots_write (&s_slots, 0, "12345678", 8), 0);
    assert_int_equal (brd_slots_write (&s_slots, 1, "second", 6), 0);
    assert_int_equal (brd_slots_write (&s_slots, 0, "123456789", 9), -1);
    assert_int_equal (errno, EMSGSIZE);
    s_must_be (0, "12345678");
    s_must_be (1, "second");
    assert_int_equal (brd_slots_write (&s_slots, 0, "x", 1), 0);
    s_must_be (0, "x");
    s_must_be (2, "");
}

static void
s_test_sizes (void **state)
{
    (void) state;
    const uint32_t largest[] = { UINT32_MAX, UINT32_MAX };
    assert_true (brd_slots_size (NULL, 0) > 0);
    assert_int_equal (brd_slots_size (NULL, 0) % 64, 0);
    assert_true (brd_slots_size (largest, 2) > (size_t) 4 * UINT32_MAX);
    assert_int_equal (brd_slots_size (s_rooms, SIZE_MAX / 8), 0);
}

// What another program may have left there.
static void
s_test_spoilt (void **state)
{
    _Alignas(64) uint64_t copy[1024];
    brd_slots_t slots = { .n = 5 };
    size_t size;
    (void) state;
    assert_true (s_slots.size < sizeof copy);
    for (size_t at = 0; at < s_slots.size / 8; at++) {
        static const uint64_t words[] = { 0, 1, 77, UINT64_MAX, 1ULL << 63 };
        for (size_t k = 0; k < sizeof words / sizeof words[0]; k++) {
            memset (copy, 0, sizeof copy);
            assert_int_equal (
                brd_slots_make (copy, s_slots.size, s_rooms, SLOTS), 0);
            copy[at] = words[k];
            if (brd_slots_init (&slots, copy, s_slots.size) < 0) {
                assert_int_equal (errno, EPROTO);
                continue;
            }
            for (size_t i = 0; i < slots.n; i++) {
                if (brd_slots_room (&slots, i) > sizeof s_bytes)
                    continue;
                if (brd_slots_read (&slots, i, s_bytes, &size) < 0)
                    assert_int_equal (errno, EPROTO);
                else
                    assert_true (size <= sizeof s_bytes);
            }
        }
    }
    assert_int_equal (brd_slots_init (&slots, copy, 16), -1);
    assert_int_equal (errno, EPROTO);
}

// A child that no test that fails leaves behind.
static pid_t
s_fork (void)
{
    const pid_t pid = fork ();
    if (pid == 0)
        (void) prctl (PR_SET_PDEATHSIG, SIGKILL);
    return pid;
}

// --- Killed ----------------------------------------------------------------

// How many instructions it took, at most steps.
static long
s_write_and_die (long steps)
{
    int status;
    const pid_t pid = s_fork ();
    if (pid == 0) {
        (void) ptrace (PTRACE_TRACEME, 0, NULL, NULL);
        (void) raise (SIGSTOP);
        _exit (brd_slots_write (&s_slots, 1, "a value that is new", 19));
    }
    assert_int_equal (waitpid (pid, &status, 0), pid);
    long done = 0;
    while (WIFSTOPPED (status) && done < steps) {
        assert_int_equal (ptrace (PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
        assert_int_equal (waitpid (pid, &status, 0), pid);
        done++;
    }
    if (WIFSTOPPED (status)) {
        assert_int_equal (kill (pid, SIGKILL), 0);
        assert_int_equal (waitpid (pid, &status, 0), pid);
    }
    else
        assert_int_equal (status, 0);
    return done;
}

// 1 if it is the new value that is left, 0 if the old one.
static int
s_left_by (long steps)
{
    size_t size;
    assert_int_equal (brd_slots_write (&s_slots, 1, "old", 3), 0);
    (void) s_write_and_die (steps);
    assert_int_equal (brd_slots_read (&s_slots, 1, s_bytes, &size), 0);
    s_must_be (1, size == 3 ? "old" : "a value that is new");
    return size != 3;
}

static void
s_test_killed (void **state)
{
    (void) state;
    const long all = s_write_and_die (STEPS_MAX);
    assert_true (all < STEPS_MAX);
    long old = 0, new = all;
    assert_int_equal (s_left_by (old), 0);
    assert_int_equal (s_left_by (new), 1);
    while (new - old > 1) {
        const long middle = (old + new) / 2;
        if (s_left_by (middle))
            new = middle;
        else
            old = middle;
    }
    // Everywhere a little, and closely around the one that counts.
    for (long i = 0; i < POINTS; i++)
        (void) s_left_by (i * all / POINTS);
    for (long steps = new - BEFORE; steps < new + AFTER; steps++)
        (void) s_left_by (steps > 0 ? steps : 0);
}

// Its mutex is nobody's for a moment, and then the next one's.
static void
s_test_holder_killed (void **state)
{
    int status;
    (void) state;
    const pid_t pid = s_fork ();
    if (pid == 0) {
        (void) !brd_slots_lock (&s_slots);
        (void) raise (SIGKILL);
    }
    assert_int_equal (waitpid (pid, &status, 0), pid);
    for (int i = 0; i < 3; i++)
        assert_int_equal (brd_slots_write (&s_slots, 1, "later", 5), 0);
    s_must_be (1, "later");
}

static void
s_test_holder_stopped (void **state)
{
    int status;
    (void) state;
    assert_int_equal (brd_slots_write (&s_slots, 1, "before", 6), 0);
    const pid_t pid = s_fork ();
    if (pid == 0) {
        (void) !brd_slots_lock (&s_slots);
        (void) raise (SIGSTOP);
        _exit (0);
    }
    assert_int_equal (waitpid (pid, &status, WUNTRACED), pid);
    // Readers do not mind.
    s_must_be (1, "before");
    assert_int_equal (brd_slots_write (&s_slots, 1, "after", 5), -1);
    assert_int_equal (errno, ETIMEDOUT);
    s_must_be (1, "before");
    assert_int_equal (kill (pid, SIGKILL), 0);
    assert_int_equal (waitpid (pid, &status, 0), pid);
    assert_int_equal (brd_slots_write (&s_slots, 1, "after", 5), 0);
}

// --- Together --------------------------------------------------------------

static _Atomic int s_stop;

// All bytes of a value are its size.
static void *
s_writer (void *arg)
{
    unsigned char bytes[100];
    const int odd = arg != NULL;
    for (int i = 0; i < ROUNDS; i++) {
        const int size = 1 + (2 * i + odd) % 100;
        memset (bytes, size, sizeof bytes);
        if (brd_slots_write (&s_slots, 1, bytes, (size_t) size) < 0)
            abort ();
    }
    return NULL;
}

static void
s_look (uint64_t *bytes)
{
    size_t size = 0;
    if (brd_slots_read (&s_slots, 1, bytes, &size) < 0)
        abort ();
    for (size_t i = 0; i < size; i++)
        if (((unsigned char *) bytes)[i] != size)
            abort ();
}

static void *
s_reader (void *arg)
{
    uint64_t bytes[13];
    (void) arg;
    while (!atomic_load (&s_stop))
        s_look (bytes);
    return NULL;
}

static void
s_test_together (void **state)
{
    pthread_t writers[2], reader;
    int status;
    (void) state;
    unsigned char one = 1;
    assert_int_equal (brd_slots_write (&s_slots, 1, &one, 1), 0);
    // A process besides, which also writes.
    const pid_t pid = s_fork ();
    if (pid == 0) {
        (void) s_writer (NULL);
        _exit (0);
    }
    pthread_create (&reader, NULL, s_reader, NULL);
    pthread_create (&writers[0], NULL, s_writer, NULL);
    pthread_create (&writers[1], NULL, s_writer, &s_stop);
    pthread_join (writers[0], NULL);
    pthread_join (writers[1], NULL);
    assert_int_equal (waitpid (pid, &status, 0), pid);
    assert_int_equal (status, 0);
    atomic_store (&s_stop, 1);
    pthread_join (reader, NULL);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_values),
        cmocka_unit_test (s_test_sizes),
        cmocka_unit_test (s_test_spoilt),
        cmocka_unit_test (s_test_killed),
        cmocka_unit_test (s_test_holder_killed),
        cmocka_unit_test (s_test_holder_stopped),
        cmocka_unit_test (s_test_together),
    };
    t_watchdog (110);
    return cmocka_run_group_tests (tests, s_setup, s_teardown);
}
