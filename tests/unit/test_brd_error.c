// test_brd_error.c - errno and the story are set together and kept per thread
//
// SPDX-License-Identifier: MPL-2.0

#include "tests/t.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/brd_error.h"

static void
s_test_set (void **state)
{
    (void) state;
    brood_error_info_t story = {
        .kind = BROOD_WORKER_DIED, .error = ECHILD, .pid = 7, .signal = 11
    };
    brd_error_take (&story);
    errno = 0;
    assert_int_equal (brd_error_set (ENOSPC, "%d of %d", 3, 2), -1);
    assert_int_equal (errno, ENOSPC);
    const brood_error_info_t *info = brd_error_get ();
    assert_string_equal (info->text, "3 of 2");
    assert_int_equal (info->error, ENOSPC);
    assert_int_equal (info->kind, BROOD_LIMIT);
    // Nothing is left of the story before.
    assert_int_equal (info->pid, 0);
    assert_int_equal (info->signal, 0);
    assert_int_equal (info->item, -1);
}

static void
s_test_text_of_itself (void **state)
{
    (void) state;
    brd_error_set (EINVAL, "inner");
    brd_error_set (ENOENT, "outer (%s)", brd_error_get ()->text);
    assert_string_equal (brd_error_get ()->text, "outer (inner)");
    brd_error_prefix ("again, %s", brd_error_get ()->text);
    assert_string_equal (brd_error_get ()->text,
                         "again, outer (inner): outer (inner)");
}

static void
s_test_system (void **state)
{
    (void) state;
    errno = EMFILE;
    assert_int_equal (brd_error_system ("opening %s", "x"), -1);
    assert_int_equal (errno, EMFILE);
    assert_string_equal (brd_error_get ()->text,
                         "opening x: Too many open files");
    assert_int_equal (brd_error_get ()->kind, BROOD_SYSTEM);
    errno = 0;
    brd_error_system ("silent");
    assert_int_equal (errno, EIO);
    errno = 9999;
    brd_error_system ("odd");
    assert_int_equal (errno, 9999);
    assert_string_equal (brd_error_get ()->text,
                         "odd: an error without a name");
}

static void
s_test_prefix (void **state)
{
    (void) state;
    brood_error_info_t story = { .kind = BROOD_TASK_FAILED,
                                 .error = EIO,
                                 .item = 5,
                                 .status = 2,
                                 .text = "returned 2" };
    brd_error_take (&story);
    errno = EBUSY;
    assert_int_equal (brd_error_prefix ("task %s", "f"), -1);
    assert_int_equal (errno, EBUSY);
    assert_string_equal (brd_error_get ()->text, "task f: returned 2");
    assert_int_equal (brd_error_get ()->item, 5);
    assert_int_equal (brd_error_get ()->error, EIO);
}

static void
s_test_long (void **state)
{
    (void) state;
    char text[2000];
    memset (text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    brd_error_set (EINVAL, "%s", text);
    assert_int_equal (strlen (brd_error_get ()->text), 511);
    brd_error_prefix ("where");
    assert_int_equal (strlen (brd_error_get ()->text), 511);
    assert_memory_equal (brd_error_get ()->text, "where: xx", 9);
    brd_error_prefix ("%s", text);
    assert_int_equal (strlen (brd_error_get ()->text), 511);
    errno = ENOMEM;
    brd_error_system ("%s", text);
    assert_non_null (strstr (brd_error_get ()->text, "Cannot allocate"));
}

static void
s_test_take (void **state)
{
    (void) state;
    brood_error_info_t story = { .kind = BROOD_WORKER_DIED,
                                 .error = ECHILD,
                                 .signal = 11,
                                 .pid = 42,
                                 .host = "n1",
                                 .text = "killed" };
    memset (story.output, 'o', sizeof story.output);
    assert_int_equal (brd_error_take (&story), -1);
    assert_int_equal (errno, ECHILD);
    assert_int_equal (brd_error_get ()->signal, 11);
    assert_string_equal (brd_error_get ()->host, "n1");
    // Texts end, whoever made them.
    assert_int_equal (strlen (brd_error_get ()->output), 1023);
    // An error that is none does not become a success.
    story.error = 0;
    brd_error_take (&story);
    assert_int_equal (errno, EIO);
    assert_int_equal (brd_error_get ()->error, EIO);
    // Its own story may be taken.
    brd_error_take (brd_error_get ());
    assert_int_equal (errno, EIO);
    assert_string_equal (brd_error_get ()->text, "killed");
}

static void
s_test_kinds (void **state)
{
    (void) state;
    const int errors[] = { 0,          EINVAL,  ENOMEM,       ENOSPC,
                           ETIMEDOUT,  EINTR,   ECANCELED,    EPIPE,
                           EBADMSG,    EIO,     ECHILD,       ENOEXEC,
                           ESRCH,      ELOOP,   EHOSTUNREACH, EBUSY,
                           EPERM,      EDEADLK, EACCES,       EHOSTDOWN,
                           ECONNRESET, ENOENT,  EEXIST,       EMSGSIZE,
                           ENOTSUP };
    // The enum's order is the header's table.
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
        assert_int_equal (brd_error_kind (errors[i]), (int) i);
    assert_int_equal (BROOD_SYSTEM, sizeof errors / sizeof errors[0]);
    assert_int_equal (brd_error_kind (EMFILE), BROOD_SYSTEM);
    assert_int_equal (brd_error_kind (-1), BROOD_SYSTEM);
}

static void
s_test_signals (void **state)
{
    (void) state;
    char buf[32];
    assert_string_equal (brd_error_signal_name (11, buf, sizeof buf),
                         "SIGSEGV");
    assert_string_equal (brd_error_signal_name (9, buf, sizeof buf), "SIGKILL");
    assert_string_equal (brd_error_signal_name (63, buf, sizeof buf),
                         "signal 63");
    assert_string_equal (brd_error_signal_name (-4, buf, sizeof buf),
                         "signal -4");
    char tiny[4];
    assert_string_equal (brd_error_signal_name (11, tiny, sizeof tiny), "SIG");
}

static void *
s_other_thread (void *arg)
{
    // A new thread has no story, and what it tells is its own.
    *(int *) arg = brd_error_get ()->text[0] == '\0';
    brd_error_set (EBUSY, "the other's");
    return NULL;
}

static void
s_test_threads (void **state)
{
    (void) state;
    brd_error_set (ENOENT, "mine");
    int fresh = 0;
    pthread_t thread;
    assert_int_equal (pthread_create (&thread, NULL, s_other_thread, &fresh),
                      0);
    assert_int_equal (pthread_join (thread, NULL), 0);
    assert_int_equal (fresh, 1);
    assert_string_equal (brd_error_get ()->text, "mine");
    assert_int_equal (brd_error_get ()->error, ENOENT);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_set),
        cmocka_unit_test (s_test_system),
        cmocka_unit_test (s_test_text_of_itself),
        cmocka_unit_test (s_test_prefix),
        cmocka_unit_test (s_test_long),
        cmocka_unit_test (s_test_take),
        cmocka_unit_test (s_test_kinds),
        cmocka_unit_test (s_test_signals),
        cmocka_unit_test (s_test_threads),
    };
    t_watchdog (30);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
