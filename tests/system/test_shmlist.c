// test_shmlist.c - lists of fixed slots, between strangers and in a brood
//
// SPDX-License-Identifier: MPL-2.0

#include "t_process.h"

#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/wait.h>

enum {
    ROUNDS = 3000,
    ITEMS = 500,
    KILLS = 60
};

static char s_name[BROOD_NAME_SIZE];

static void
s_must_print (brood_shmlist_t *self, const char *json)
{
    BROOD_AUTO (msg) all = brood_shmlist_copy (self);
    char *text = brood_msg_json (all);
    assert_string_equal (text, json);
    free (text);
}

static brood_shmlist_t *
s_new (void)
{
    brood_shmlist_t *self =
        brood_shmlist_new (s_name, "[%d, %s, %f, true, nil]", 7, "a text", 2.5);
    if (!self)
        fail_msg ("%s", brood_error ());
    return self;
}

// --- Values ----------------------------------------------------------------

static void
s_test_items (void **state)
{
    int i, is_true;
    double f;
    char text[40];
    (void) state;
    BROOD_AUTO (shmlist) self = s_new ();
    assert_int_equal (brood_shmlist_len (self), 5);
    assert_string_equal (brood_shmlist_name (self), s_name);
    assert_int_equal (brood_shmlist_get (self, 0, "%d", &i), 0);
    assert_int_equal (i, 7);
    assert_int_equal (brood_shmlist_get (self, 1, "%39s", text), 0);
    assert_string_equal (text, "a text");
    assert_int_equal (brood_shmlist_get (self, -3, "%lf", &f), 0);
    assert_true (f == 2.5);
    assert_int_equal (brood_shmlist_get (self, 3, "%d", &is_true), 0);
    assert_int_equal (is_true, 1);
    assert_int_equal (brood_shmlist_get (self, 4, "nil"), 0);
    s_must_print (self, "[7, \"a text\", 2.5, true, null]");
    // Each of any other type.
    assert_int_equal (brood_shmlist_set (self, 0, "%s", "number"), 0);
    assert_int_equal (brood_shmlist_set (self, 1, "%f", 0.5), 0);
    assert_int_equal (brood_shmlist_set (self, 2, "nil"), 0);
    assert_int_equal (brood_shmlist_set (self, 3, "[%d, %d]", 1, 2), 0);
    assert_int_equal (brood_shmlist_set (self, -1, "%lld", LLONG_MIN), 0);
    s_must_print (self,
                  "[\"number\", 0.5, null, [1, 2], -9223372036854775808]");
    assert_int_equal (brood_shmlist_unlink (self), 0);
    assert_int_equal (brood_shmlist_unlink (self), 0);
}

static void
s_test_errors (void **state)
{
    int i = 55;
    (void) state;
    BROOD_AUTO (shmlist) self = s_new ();
    static const long bad[] = { 5, -6, LONG_MAX, LONG_MIN };
    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
        assert_int_equal (brood_shmlist_get (self, bad[k], "%d", &i), -1);
        assert_int_equal (errno, ERANGE);
        assert_int_equal (brood_shmlist_set (self, bad[k], "%d", i), -1);
        assert_int_equal (errno, ERANGE);
        assert_null (brood_shmlist_get_msg (self, bad[k]));
        assert_int_equal (errno, ERANGE);
        assert_int_equal (brood_shmlist_room (self, bad[k]), -1);
        assert_int_equal (errno, ERANGE);
    }
    assert_int_equal (brood_shmlist_get (self, 1, "%d", &i), -1);
    assert_int_equal (errno, EBADMSG);
    assert_int_equal (i, 55);
    assert_int_equal (brood_shmlist_set (self, 1, "[1"), -1);
    assert_int_equal (errno, EINVAL);
    assert_null (brood_shmlist_new (NULL, "%d", 1));
    assert_int_equal (errno, EINVAL);
    assert_null (brood_shmlist_new (NULL, "{a: 1}"));
    assert_int_equal (errno, EINVAL);
    assert_null (brood_shmlist_new ("a/b", "[]"));
    assert_int_equal (errno, EINVAL);
    assert_null (brood_shmlist_new (s_name, "[1]"));
    assert_int_equal (errno, EEXIST);
    assert_null (brood_shm_open (s_name));
    assert_int_equal (errno, EINVAL);
    assert_null (brood_shmlist_open (NULL));
    assert_int_equal (errno, EINVAL);
    assert_int_equal (brood_shmlist_len (NULL), -1);
    assert_int_equal (errno, EINVAL);
    assert_null (brood_shmlist_copy (NULL));
    assert_int_equal (brood_shmlist_unlink (self), 0);
    assert_null (brood_shmlist_open (s_name));
    assert_int_equal (errno, ENOENT);
    s_must_print (self, "[7, \"a text\", 2.5, true, null]");
}

// What fits is what the header says: any number, and text up to the room.
static void
s_test_rooms (void **state)
{
    static char text[70000], got[70000];
    (void) state;
    memset (text, 'x', sizeof text - 1);
    for (int length = 0; length < 66000; length += 1 + length / 9) {
        BROOD_AUTO (shmlist)
        self = brood_shmlist_new (NULL, "[%.*s, %d]", length, text, 1);
        const long room = brood_shmlist_room (self, 0);
        assert_true (room >= length && room <= length + 16);
        assert_int_equal (brood_shmlist_set (self, 0, "%.*s", (int) room, text),
                          0);
        assert_int_equal (brood_shmlist_get (self, 0, "%69999s", got), 0);
        assert_int_equal (strlen (got), room);
        assert_int_equal (
            brood_shmlist_set (self, 0, "%.*s", (int) room + 1, text), -1);
        assert_int_equal (errno, EMSGSIZE);
        assert_int_equal (brood_shmlist_get (self, 0, "%69999s", got), 0);
        assert_int_equal (strlen (got), room);
        assert_int_equal (brood_shmlist_set (self, 0, "%f", 1e300), 0);
        assert_int_equal (brood_shmlist_set (self, 0, "%lld", LLONG_MIN), 0);
        assert_int_equal (brood_shmlist_set (self, 0, "nil"), 0);
        // Nothing of that was the neighbour's.
        int one = 0;
        assert_int_equal (brood_shmlist_get (self, 1, "%d", &one), 0);
        assert_int_equal (one, 1);
        assert_int_equal (brood_shmlist_unlink (self), 0);
    }
}

static void
s_test_search (void **state)
{
    (void) state;
    BROOD_AUTO (shmlist)
    self =
        brood_shmlist_new (NULL, "[1, \"a\", 2.0, 1, nil, \"a\", [1, 2], 1]");
    assert_int_equal (brood_shmlist_index (self, "%d", 1), 0);
    assert_int_equal (brood_shmlist_count (self, "%d", 1), 3);
    assert_int_equal (brood_shmlist_index (self, "%s", "a"), 1);
    assert_int_equal (brood_shmlist_count (self, "%s", "a"), 2);
    assert_int_equal (brood_shmlist_index (self, "nil"), 4);
    assert_int_equal (brood_shmlist_index (self, "[%d, %d]", 1, 2), 6);
    assert_int_equal (brood_shmlist_index (self, "%s", "b"), -1);
    assert_int_equal (errno, ENOENT);
    assert_int_equal (brood_shmlist_count (self, "%s", "b"), 0);
    assert_int_equal (brood_shmlist_index (self, "[1"), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (brood_shmlist_unlink (self), 0);
}

static void
s_test_messages (void **state)
{
    size_t size = 0;
    void *bytes = NULL, *ref = NULL;
    (void) state;
    BROOD_AUTO (msg) items = brood_msg_new ("[]");
    for (int i = 0; i < 1000; i++)
        assert_int_equal (brood_msg_append (items, "%d", i), 0);
    BROOD_AUTO (shmlist)
    self = brood_shmlist_new (NULL, "@%p", brood_ref (items));
    assert_int_equal (brood_shmlist_len (self), 1000);
    BROOD_AUTO (msg) all = brood_shmlist_copy (self);
    assert_int_equal (brood_msg_equal (all, items), 1);
    BROOD_AUTO (msg) one = brood_shmlist_get_msg (self, 999);
    BROOD_AUTO (msg) same = brood_msg_new ("%d", 999);
    assert_int_equal (brood_msg_equal (one, same), 1);
    // On loan, with the thread.
    assert_int_equal (
        brood_shmlist_set (self, 1, "<%zu %p>", (size_t) 3, (void *) "abc"), 0);
    assert_int_equal (brood_shmlist_get (self, 1, "<%zu %p>", &size, &bytes),
                      0);
    assert_int_equal (size, 3);
    assert_memory_equal (bytes, "abc", 3);
    assert_int_equal (brood_shmlist_get (self, 1, "@%p", &ref), 0);
    BROOD_AUTO (msg) part = brood_msg_from (ref);
    assert_int_equal (brood_msg_type (part, ""), BROOD_BYTES);
    BROOD_AUTO (shmlist) empty = brood_shmlist_new (NULL, "[]");
    assert_int_equal (brood_shmlist_len (empty), 0);
    s_must_print (empty, "[]");
    assert_int_equal (brood_shmlist_unlink (self), 0);
    assert_int_equal (brood_shmlist_unlink (empty), 0);
}

// --- In a brood ------------------------------------------------------------

static brood_shmlist_t *s_inherited;

static int
s_use (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    void *ref;
    if (brood_msg_unpack (in, "@%p", &ref) < 0)
        return -1;
    BROOD_AUTO (shmlist) self = brood_shmlist_from (ref);
    if (brood_shmlist_set (self, 0, "%s", "by ref") < 0
        || brood_shmlist_set (s_inherited, 1, "%d", 99) < 0)
        return brood_task_fail (task, "%s", brood_error ());
    return brood_msg_pack (out, "%ld", brood_shmlist_len (self));
}
BROOD_TASK (s_use);

static void
s_test_workers (void **state)
{
    long len = 0;
    (void) state;
    s_inherited = s_new ();
    BROOD_AUTO (pool) pool = brood_pool_new ("1");
    BROOD_AUTO (msg)
    out = brood_pool_apply (pool, s_use, "@%p", brood_ref (s_inherited));
    assert_int_equal (brood_msg_unpack (out, "%ld", &len), 0);
    assert_int_equal (len, 5);
    s_must_print (s_inherited, "[\"by ref\", 99, 2.5, true, null]");
    assert_int_equal (brood_shmlist_unlink (s_inherited), 0);
    brood_shmlist_destroy (&s_inherited);
}

// --- Strangers -------------------------------------------------------------

// 'a' ... 'a', or 'b' ... 'b', for ever.
static _Noreturn void
s_be_writer (const char *name)
{
    char text[200];
    BROOD_AUTO (shmlist) self = brood_shmlist_open (name);
    T_MUST (self);
    for (unsigned i = 0;; i++) {
        memset (text, 'a' + (int) (i % 2), sizeof text - 1);
        text[sizeof text - 1] = '\0';
        T_MUST (brood_shmlist_set (self, 0, "%s", text) == 0);
        T_MUST (brood_shmlist_set (self, 1, "%u", i + 1) == 0);
    }
}

static pid_t
s_start_writer (void)
{
    char *none[] = { NULL };
    const pid_t pid = fork ();
    if (pid == 0) {
        // Which an exec does not change: no test that fails leaves it behind.
        (void) prctl (PR_SET_PDEATHSIG, SIGKILL);
        execle ("/proc/self/exe", "t", "writer", s_name, NULL, none);
        _exit (99);
    }
    return pid;
}

static void
s_must_be_whole (brood_shmlist_t *self)
{
    char text[200];
    assert_int_equal (brood_shmlist_get (self, 0, "%199s", text), 0);
    assert_int_equal (strlen (text), 199);
    for (int i = 1; i < 199; i++)
        assert_int_equal (text[i], text[0]);
}

static int
s_has_begun (void *arg)
{
    unsigned n = 0;
    assert_int_equal (brood_shmlist_get (arg, 1, "%u", &n), 0);
    return n > 50;
}

// Killed anywhere, again and again: nothing is torn, and nobody stuck.
static void
s_test_killed_writers (void **state)
{
    char text[200];
    int status;
    (void) state;
    memset (text, 'c', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    BROOD_AUTO (shmlist)
    self = brood_shmlist_new (s_name, "[%s, %u]", text, 0u);
    for (int i = 0; i < KILLS; i++) {
        assert_int_equal (brood_shmlist_set (self, 1, "%u", 0u), 0);
        const pid_t first = s_start_writer ();
        const pid_t second = i % 2 ? s_start_writer () : -1;
        assert_true (t_eventually (s_has_begun, self, 20));
        for (int k = 0; k < ROUNDS / KILLS; k++)
            s_must_be_whole (self);
        kill (first, SIGKILL);
        assert_int_equal (waitpid (first, &status, 0), first);
        assert_int_equal (status, SIGKILL);
        s_must_be_whole (self);
        assert_int_equal (brood_shmlist_set (self, 0, "%s", text), 0);
        if (second > 0) {
            kill (second, SIGKILL);
            assert_int_equal (waitpid (second, &status, 0), second);
            assert_int_equal (status, SIGKILL);
        }
    }
    assert_int_equal (brood_shmlist_unlink (self), 0);
}

// --- At one moment ---------------------------------------------------------

static _Atomic int s_stop;

// Sets the first one, then the last: never is the last ahead.
static void *
s_count (void *arg)
{
    for (int i = 1; !atomic_load (&s_stop); i++) {
        if (brood_shmlist_set (arg, 0, "%d", i) < 0
            || brood_shmlist_set (arg, -1, "%d", i) < 0)
            abort ();
    }
    return NULL;
}

static void
s_test_copy (void **state)
{
    pthread_t thread;
    (void) state;
    // Some between them, so that a copy takes its time.
    BROOD_AUTO (msg) items = brood_msg_new ("[]");
    for (int i = 0; i < ITEMS; i++)
        assert_int_equal (brood_msg_append (items, "%d", 0), 0);
    BROOD_AUTO (shmlist)
    self = brood_shmlist_new (NULL, "@%p", brood_ref (items));
    assert_int_equal (pthread_create (&thread, NULL, s_count, self), 0);
    for (int i = 0; i < ROUNDS; i++) {
        int first, last;
        BROOD_AUTO (msg) all = brood_shmlist_copy (self);
        assert_int_equal (brood_msg_get (all, "[0]", "%d", &first), 0);
        assert_int_equal (brood_msg_get (all, "[499]", "%d", &last), 0);
        assert_true (first == last || first == last + 1);
    }
    atomic_store (&s_stop, 1);
    pthread_join (thread, NULL);
    assert_int_equal (brood_shmlist_unlink (self), 0);
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_items),
        cmocka_unit_test (s_test_errors),
        cmocka_unit_test (s_test_rooms),
        cmocka_unit_test (s_test_search),
        cmocka_unit_test (s_test_messages),
        cmocka_unit_test (s_test_workers),
        cmocka_unit_test (s_test_killed_writers),
        cmocka_unit_test (s_test_copy),
    };
    if (argc > 2 && strcmp (argv[1], "writer") == 0)
        s_be_writer (argv[2]);
    t_watchdog (110);
    snprintf (s_name, sizeof s_name, "list-%ld", (long) getpid ());
    return cmocka_run_group_tests (tests, NULL, NULL);
}
