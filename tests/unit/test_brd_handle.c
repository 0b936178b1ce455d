// test_brd_handle.c - NULL, another class, after destroy, in a stray child
//
// SPDX-License-Identifier: MPL-2.0

#include "tests/t.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/brd_check.h"
#include "base/brd_handle.h"
#include "base/brd_process.h"

typedef struct {
    brd_handle_t handle;
} s_pool_t;

static int
s_pool_join (s_pool_t *self)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_POOL, -1);
    return 0;
}

static void
s_assert_refused (s_pool_t *pool, const char *text)
{
    errno = 0;
    assert_int_equal (s_pool_join (pool), -1);
    assert_int_equal (errno, EINVAL);
    assert_string_equal (brd_error_get ()->text, text);
}

static void
s_test_life (void **state)
{
    (void) state;
    s_pool_t pool;
    brd_handle_init (&pool.handle, BRD_KIND_POOL);
    assert_int_equal (pool.handle.birth, brd_process_birth ());
    assert_int_equal (pool.handle.ref.kind, BRD_KIND_POOL);
    assert_int_equal (s_pool_join (&pool), 0);
    brd_handle_fini (&pool.handle);
    s_assert_refused (&pool, "s_pool_join: the pool was destroyed");
}

static void
s_test_wrong (void **state)
{
    (void) state;
    s_pool_t pool;
    brd_handle_init (&pool.handle, BRD_KIND_FUTURE);
    s_assert_refused (&pool, "s_pool_join: this is a future, not a pool");
    memset (&pool, 0, sizeof pool);
    s_assert_refused (&pool, "s_pool_join: this is not a pool");
}

static void
s_test_null (void **state)
{
    (void) state;
    brd_error_set (ENOMEM, "brood_pool_new: out of memory");
    const char *text =
        "s_pool_join: the pool is NULL: brood_pool_new: out of memory";
    s_assert_refused (NULL, text);
    // The second call does not repeat the first one's words.
    s_assert_refused (NULL, text);
    brd_error_take (&(brood_error_info_t){ .error = EIO });
    s_assert_refused (NULL, "s_pool_join: the pool is NULL");
}

static void
s_stray (void *arg)
{
    brd_assert (s_pool_join (arg) == -1);
    brd_assert (errno == ENOTSUP);
    brd_assert (brd_process_become (BRD_ROLE_WORKER) == 0);
    // What is not a stray may use what its parent made.
    brd_assert (s_pool_join (arg) == 0);
}

static void
s_owner (void *arg)
{
    (void) arg;
    brd_assert (brd_process_become (BRD_ROLE_OWNER) == 0);
    s_pool_t pool;
    brd_handle_init (&pool.handle, BRD_KIND_POOL);
    brd_assert (s_pool_join (&pool) == 0);
    int status;
    free (t_run_child (s_stray, &pool, 20, &status));
    brd_assert (status == 0);
    brd_assert (s_pool_join (&pool) == 0);
}

static void
s_test_stray (void **state)
{
    (void) state;
    int status;
    char *output = t_run_child (s_owner, NULL, 20, &status);
    assert_string_equal (output, "");
    free (output);
    assert_int_equal (status, 0);
}

static void
s_test_texts (void **state)
{
    (void) state;
    for (int kind = 0; kind < BRD_KIND_COUNT; kind++)
        assert_true (strlen (brd_kind_text ((brd_kind_t) kind)) > 0);
    assert_string_equal (brd_kind_text (BRD_KIND_POOL), "pool");
    assert_string_equal (brd_kind_text ((brd_kind_t) 99), "unknown thing");
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_life),  cmocka_unit_test (s_test_wrong),
        cmocka_unit_test (s_test_null),  cmocka_unit_test (s_test_stray),
        cmocka_unit_test (s_test_texts),
    };
    t_watchdog (60);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
