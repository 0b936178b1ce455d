// test_result_beside_burial.c - a result that comes while a worker is buried
//
// SPDX-License-Identifier: MPL-2.0
//
// Ending a dead worker's connection may use up the socket's signal for a
// message of another worker, whose caller then slept for ever. So each task
// here is a worker's last: its successor's result comes while it is buried.

#include "t_brood.h"

#include <brood.h>

enum {
    TASKS = T_SANITIZED ? 60 : 500
};

static int
s_twice (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    (void) task;
    if (brood_msg_unpack (in, "%d", &n) < 0)
        return -1;
    return brood_msg_pack (out, "%d", 2 * n);
}
BROOD_TASK (s_twice);

static void
s_test (void **state)
{
    (void) state;
    BROOD_AUTO (pool)
    pool = brood_pool_new_with (
        &(brood_pool_options_t){ .spec = "local:1", .max_tasks = 1 });
    assert_non_null (pool);
    for (int i = 0; i < TASKS; i++) {
        int n = 0;
        BROOD_AUTO (future) f = brood_pool_submit (pool, s_twice, "%d", i);
        assert_int_equal (brood_future_get (f, -1, "%d", &n), 0);
        assert_int_equal (n, 2 * i);
    }
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test (s_test) };
    t_watchdog (110);
    if (brood_init (&argc, &argv) < 0)
        return 1;
    return cmocka_run_group_tests (tests, NULL, NULL);
}
