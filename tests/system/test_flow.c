// test_flow.c - producers and consumers in one call, and the deaths of these
//
// SPDX-License-Identifier: MPL-2.0

#include "t_brood.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include <brood.h>

enum {
    PRODUCERS = 3,
    CONSUMERS = 4,
    EACH = 1000,
    ALL = PRODUCERS * EACH,
    SPECIAL = 1234  // The item something happens at
};

// What the processes share.
typedef struct {
    _Atomic long sum;
    _Atomic long ends[ALL];
    _Atomic int tries;
    _Atomic int running;
    _Atomic int survivor;  // Somebody ignored SIGTERM
} s_shared_t;

static s_shared_t *s_shared;
static brood_flow_result_t s_result;

static const brood_flow_options_t s_options = { .producers = PRODUCERS,
                                                .consumers = CONSUMERS,
                                                .capacity = 16 };

static int
s_setup (void **state)
{
    brood_value_t *value = brood_value_new_of (s_shared_t);
    *state = value;
    s_shared = value ? brood_value_ptr (value) : NULL;
    return value ? 0 : -1;
}

// Nothing is left behind by any of the tests.
static int
s_teardown (void **state)
{
    brood_value_t *value = *state;
    brood_value_destroy (&value);
    return brood_process_children (NULL, 0) == 0 ? t_marked_wait (0, 20) : -1;
}

static int
s_put_range (brood_queue_t *queue, int index, void *arg)
{
    (void) arg;
    for (int i = 0; i < EACH; i++) {
        if (brood_queue_put (queue, -1, "%d", index * EACH + i) < 0)
            return 1;
    }
    return 0;
}

static int
s_add (const brood_msg_t *item)
{
    int number;
    if (brood_msg_unpack (item, "%d", &number) < 0)
        return -1;
    atomic_fetch_add (&s_shared->sum, number);
    atomic_fetch_add (&s_shared->ends[number], 1);
    return number;
}

static int
s_consume (const brood_msg_t *item, int index, void *arg)
{
    (void) arg;
    return index < 0 || index >= CONSUMERS || s_add (item) < 0;
}

static void
s_assert_all_ended_once (void)
{
    for (int i = 0; i < ALL; i++)
        assert_int_equal (atomic_load (&s_shared->ends[i]), 1);
    assert_int_equal (atomic_load (&s_shared->sum), (long) ALL * (ALL - 1) / 2);
}

static void
s_assert_result (long items, long failed, int producers, int consumers)
{
    assert_int_equal (s_result.items, items);
    assert_int_equal (s_result.failed, failed);
    assert_int_equal (s_result.producers_failed, producers);
    assert_int_equal (s_result.consumers_died, consumers);
}

// --- It works --------------------------------------------------------------

static void
s_test_counts (void **state)
{
    (void) state;
    assert_int_equal (
        brood_flow (s_put_range, s_consume, NULL, &s_options, &s_result), 0);
    s_assert_result (ALL, 0, 0, 0);
    s_assert_all_ended_once ();
}

static int
s_put_none (brood_queue_t *queue, int index, void *arg)
{
    (void) queue;
    return index != 0 || arg != (void *) s_shared;
}

static void
s_test_defaults_and_nothing (void **state)
{
    (void) state;
    assert_int_equal (brood_flow (s_put_none, s_consume, s_shared, NULL, NULL),
                      0);
}

// --- Failures --------------------------------------------------------------

static int
s_fail_special (const brood_msg_t *item, int index, void *arg)
{
    (void) index;
    (void) arg;
    return s_add (item) == SPECIAL ? 256 : 0;
}

static void
s_test_failed_item (void **state)
{
    (void) state;
    assert_int_equal (
        brood_flow (s_put_range, s_fail_special, NULL, &s_options, &s_result),
        -1);
    assert_int_equal (errno, EIO);
    assert_non_null (strstr (brood_error (), "1 of 3000 items failed"));
    assert_non_null (strstr (brood_error (), "256"));
    s_assert_result (ALL, 1, 0, 0);
    s_assert_all_ended_once ();
}

static int
s_produce_and_fail (brood_queue_t *queue, int index, void *arg)
{
    return s_put_range (queue, index, arg) != 0 ? 1 : index == 1 ? 256 : 0;
}

static void
s_test_failed_producer (void **state)
{
    (void) state;
    assert_int_equal (
        brood_flow (s_produce_and_fail, s_consume, NULL, &s_options, &s_result),
        -1);
    assert_int_equal (errno, EIO);
    assert_non_null (strstr (brood_error (), "producer-2 ended with 255"));
    s_assert_result (ALL, 0, 1, 0);
    s_assert_all_ended_once ();
}

// --- Deaths ----------------------------------------------------------------

// The first one dies, and how: a signal, or an exit with 0.
static int
s_die_once (const brood_msg_t *item, int index, void *arg)
{
    int number;
    (void) index;
    if (brood_msg_unpack (item, "%d", &number) < 0)
        return 1;
    if (number == SPECIAL && atomic_fetch_add (&s_shared->tries, 1) == 0) {
        if (arg)
            _exit (0);
        kill (getpid (), SIGKILL);
    }
    return s_add (item) < 0;
}

static void
s_test_consumer_killed (void **state)
{
    (void) state;
    assert_int_equal (
        brood_flow (s_put_range, s_die_once, NULL, &s_options, &s_result), 0);
    s_assert_result (ALL, 0, 0, 1);
    assert_int_equal (atomic_load (&s_shared->tries), 2);
    s_assert_all_ended_once ();
}

// There is no other who could take over what it had.
static void
s_test_only_consumer_exits (void **state)
{
    (void) state;
    brood_flow_options_t options = s_options;
    options.consumers = 1;
    assert_int_equal (
        brood_flow (s_put_range, s_die_once, s_shared, &options, &s_result), 0);
    s_assert_result (ALL, 0, 0, 1);
    s_assert_all_ended_once ();
}

static int
s_die_of_special (const brood_msg_t *item, int index, void *arg)
{
    int number;
    (void) index;
    (void) arg;
    if (brood_msg_unpack (item, "%d", &number) < 0)
        return 1;
    if (number == SPECIAL)
        kill (getpid (), SIGKILL);
    return s_add (item) < 0;
}

static void
s_test_item_kills (void **state)
{
    (void) state;
    brood_flow_options_t options = s_options;
    options.deliveries_max = 2;
    assert_int_equal (
        brood_flow (s_put_range, s_die_of_special, NULL, &options, &s_result),
        -1);
    assert_int_equal (errno, EIO);
    assert_non_null (strstr (brood_error (), "killed 2 consumers"));
    s_assert_result (ALL, 1, 0, 2);
    assert_int_equal (atomic_load (&s_shared->ends[SPECIAL]), 0);
}

static int
s_always_die (const brood_msg_t *item, int index, void *arg)
{
    (void) item;
    (void) index;
    (void) arg;
    return kill (getpid (), SIGKILL);
}

static void
s_test_consumers_only_die (void **state)
{
    (void) state;
    brood_flow_options_t options = s_options;
    options.consumers = 1;
    options.name = "doomed";
    assert_int_equal (
        brood_flow (s_put_range, s_always_die, NULL, &options, &s_result), -1);
    assert_int_equal (errno, ECHILD);
    assert_non_null (
        strstr (brood_error (), "doomed-consumer-1 was killed by SIGKILL"));
    assert_int_equal (s_result.consumers_died, 6);
    assert_int_equal (s_result.items, s_result.failed);
}

static int
s_put_and_die (brood_queue_t *queue, int index, void *arg)
{
    const int rc = s_put_range (queue, index, arg);
    return index == 2 ? kill (getpid (), SIGKILL) : rc;
}

static void
s_test_producer_killed (void **state)
{
    (void) state;
    brood_error_info_t info;
    assert_int_equal (
        brood_flow (s_put_and_die, s_consume, NULL, &s_options, &s_result), -1);
    assert_int_equal (errno, ECHILD);
    assert_non_null (strstr (brood_error (), "producer-3 was killed"));
    brood_error_info (&info);
    assert_int_equal (info.signal, SIGKILL);
    s_assert_result (ALL, 0, 1, 0);
    s_assert_all_ended_once ();
}

// --- The end by others -----------------------------------------------------

static int
s_stuck (const brood_msg_t *item, int index, void *arg)
{
    (void) item;
    (void) arg;
    if (index == 0) {
        signal (SIGTERM, SIG_IGN);
        atomic_store (&s_shared->survivor, 1);
    }
    atomic_fetch_add (&s_shared->running, 1);
    for (;;)
        pause ();
    return 0;
}

static int
s_all_stuck (void *arg)
{
    (void) arg;
    return atomic_load (&s_shared->running) == CONSUMERS;
}

static void *
s_interrupt (void *arg)
{
    if (!t_eventually (s_all_stuck, NULL, 20))
        return NULL;
    brood_interrupt ();
    return arg;
}

static void
s_test_interrupt (void **state)
{
    pthread_t thread;
    void *done;
    assert_int_equal (pthread_create (&thread, NULL, s_interrupt, state), 0);
    assert_int_equal (
        brood_flow (s_put_range, s_stuck, NULL, &s_options, &s_result), -1);
    assert_int_equal (errno, EINTR);
    assert_int_equal (pthread_join (thread, &done), 0);
    assert_ptr_equal (done, state);
    assert_int_equal (atomic_load (&s_shared->survivor), 1);
    s_assert_result (0, 0, 0, 0);
}

static void
s_refuse (const brood_flow_options_t *options)
{
    s_result.items = 7;
    errno = 0;
    assert_int_equal (
        brood_flow (s_put_range, s_consume, NULL, options, &s_result), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (s_result.items, 0);
}

static void
s_test_bad_calls (void **state)
{
    (void) state;
    assert_int_equal (brood_flow (NULL, s_consume, NULL, NULL, NULL), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (brood_flow (s_put_range, NULL, NULL, NULL, NULL), -1);
    assert_int_equal (errno, EINVAL);
    s_refuse (&(brood_flow_options_t){ .producers = -1 });
    s_refuse (&(brood_flow_options_t){ .consumers = -1 });
    s_refuse (
        &(brood_flow_options_t){ .producers = BROOD_FLOW_PROCESSES_MAX + 1 });
    s_refuse (&(brood_flow_options_t){ .deliveries_max = -1 });
    s_refuse (
        &(brood_flow_options_t){ .capacity = BROOD_QUEUE_CAPACITY_MAX + 1 });
    s_refuse (&(brood_flow_options_t){
        .name = "a name of forty characters is too long.." });
    s_refuse (&(brood_flow_options_t){ .reserved_ = { 1 } });
}

#define S_TEST(test) cmocka_unit_test_setup_teardown (test, s_setup, s_teardown)

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        S_TEST (s_test_counts),          S_TEST (s_test_defaults_and_nothing),
        S_TEST (s_test_failed_item),     S_TEST (s_test_failed_producer),
        S_TEST (s_test_consumer_killed), S_TEST (s_test_only_consumer_exits),
        S_TEST (s_test_item_kills),      S_TEST (s_test_consumers_only_die),
        S_TEST (s_test_producer_killed), S_TEST (s_test_interrupt),
        S_TEST (s_test_bad_calls),
    };
    (void) argc;
    t_mark (argv);
    t_watchdog (120);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
