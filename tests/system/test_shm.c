// test_shm.c - shared memory by name, between programs that are strangers
//
// SPDX-License-Identifier: MPL-2.0
//
// The strangers are this program again, started with nothing in its
// environment, which is told by its arguments what to do. Names have the number
// of the process in them, since other tests may run beside this one.
//
// Read next: test_shm_life.c.

#include "t_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

static char s_unique[32];

// "frame" as this run's own; one of several buffers.
static const char *
s_name (const char *what)
{
    static char names[8][BROOD_NAME_SIZE];
    static int next;
    char *name = names[next++ % 8];
    snprintf (name, BROOD_NAME_SIZE, "%s-%s", what, s_unique);
    return name;
}

// --- Strangers -------------------------------------------------------------

typedef struct {
    pid_t pid;
    int to, from;
} s_stranger_t;

// Reads a byte: go on. Its end: the test has failed.
static void
s_turn_over (void)
{
    char byte = '.';
    T_MUST (write (STDOUT_FILENO, &byte, 1) == 1);
    T_MUST (read (STDIN_FILENO, &byte, 1) == 1);
}

// What a stranger does: argv[2] says what, argv[3] with which name.
static int
s_be_stranger (char **argv)
{
    const char *what = argv[2], *name = argv[3];
    BROOD_AUTO (shm) self = NULL;
    if (strcmp (what, "open") == 0) {
        self = brood_shm_open (name);
        T_MUST (self);
        char *text = brood_shm_ptr (self);
        T_MUST (strcmp (text, "from the maker") == 0);
        strcpy (text, "from a stranger");
    }
    else {
        self = brood_shm_new (name, 100);
        T_MUST (self);
        strcpy (brood_shm_ptr (self), "from a maker");
    }
    s_turn_over ();
    if (strcmp (what, "open") == 0)
        strcpy (brood_shm_ptr (self), "still there");
    else if (strcmp (what, "exit") == 0)
        exit (3);
    else if (strcmp (what, "_exit") == 0)
        _exit (3);
    else if (strcmp (what, "kill") == 0)
        (void) raise (SIGKILL);
    else if (strcmp (what, "abort") == 0) {
        t_default_signals ();
        abort ();
    }
    else if (strcmp (what, "exec") == 0)
        execl ("/proc/self/exe", argv[0], "stranger", "wait", "", NULL);
    else if (strcmp (what, "fini") == 0)
        brood_fini ();
    s_turn_over ();
    return 0;
}

// Only says that it is there.
static int
s_be_waiting (void)
{
    s_turn_over ();
    return 0;
}

static void
s_await (const s_stranger_t *self)
{
    char byte;
    if (read (self->from, &byte, 1) != 1)
        fail_msg ("the stranger has failed");
}

static void
s_go_on (const s_stranger_t *self)
{
    assert_int_equal (write (self->to, ".", 1), 1);
}

static void
s_start (s_stranger_t *self, const char *what, const char *name)
{
    int to[2], from[2];
    char *none[] = { NULL };
    assert_int_equal (pipe2 (to, O_CLOEXEC), 0);
    assert_int_equal (pipe2 (from, O_CLOEXEC), 0);
    self->pid = fork ();
    if (self->pid == 0) {
        dup2 (to[0], STDIN_FILENO);
        dup2 (from[1], STDOUT_FILENO);
        execle ("/proc/self/exe", "t", "stranger", what, name, NULL, none);
        _exit (99);
    }
    close (to[0]);
    close (from[1]);
    self->to = to[1];
    self->from = from[0];
    s_await (self);
}

static int
s_end (s_stranger_t *self)
{
    int status;
    close (self->to);
    close (self->from);
    assert_int_equal (waitpid (self->pid, &status, 0), self->pid);
    return status;
}

// --- What is there ---------------------------------------------------------

static int
s_is_gone (void *arg)
{
    BROOD_AUTO (shm) self = brood_shm_open (arg);
    return !self && errno == ENOENT;
}

static void
s_must_go (const char *name)
{
    assert_true (t_eventually (s_is_gone, (void *) name, 20));
}

static void
s_must_be (const char *name, const char *text)
{
    BROOD_AUTO (shm) self = brood_shm_open (name);
    if (!self)
        fail_msg ("%s", brood_error ());
    assert_string_equal (brood_shm_ptr (self), text);
}

// --- Alone -----------------------------------------------------------------

static void
s_test_new (void **state)
{
    static const size_t sizes[] = { 1, 4095, 4097, 1000003 };
    (void) state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        BROOD_AUTO (shm) self = brood_shm_new (s_name ("new"), sizes[i]);
        assert_non_null (self);
        assert_int_equal (brood_shm_size (self), sizes[i]);
        assert_string_equal (brood_shm_name (self), s_name ("new"));
        unsigned char *bytes = brood_shm_ptr (self);
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal (bytes[k], 0);
        memset (bytes, 7, sizes[i]);
        BROOD_AUTO (shm) again = brood_shm_open (s_name ("new"));
        assert_non_null (again);
        assert_int_equal (brood_shm_size (again), sizes[i]);
        assert_memory_equal (brood_shm_ptr (again), bytes, sizes[i]);
        assert_int_equal (brood_shm_unlink (self), 0);
        assert_int_equal (brood_shm_unlink (self), 0);
        assert_int_equal (brood_shm_unlink (again), 0);
    }
}

static void
s_test_errors (void **state)
{
    static const char *const bad[] = {
        "",
        "a/b",
        "/a",
        "a\nb",
        "0123456789012345678901234567890123456789012345678901234567890123"
    };
    (void) state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_null (brood_shm_new (bad[i], 10));
        assert_int_equal (errno, EINVAL);
        assert_null (brood_shm_open (bad[i]));
        assert_int_equal (errno, EINVAL);
    }
    assert_null (brood_shm_new (s_name ("bad"), 0));
    assert_int_equal (errno, EINVAL);
    assert_null (brood_shm_open (NULL));
    assert_int_equal (errno, EINVAL);
    assert_null (brood_shm_from (NULL));
    assert_int_equal (errno, EINVAL);
    assert_null (brood_shm_new (s_name ("bad"), (size_t) 1 << 50));
    assert_int_equal (errno, ENOSPC);
    assert_null (brood_shm_open (s_name ("bad")));
    assert_int_equal (errno, ENOENT);
    assert_int_equal (brood_shm_unlink (NULL), -1);
    assert_int_equal (errno, EINVAL);
    assert_null (brood_shm_ptr (NULL));
    assert_null (brood_shm_name (NULL));
    assert_int_equal (brood_shm_size (NULL), 0);
    brood_shm_destroy (NULL);
    BROOD_AUTO (shm) self = brood_shm_new (s_name ("one"), 10);
    assert_null (brood_shm_new (s_name ("one"), 10));
    assert_int_equal (errno, EEXIST);
    BROOD_AUTO (value) value = brood_value_new (BROOD_INT);
    assert_null (brood_shm_from (brood_ref (value)));
    assert_int_equal (errno, EINVAL);
    assert_null (brood_shmlist_open (s_name ("one")));
    assert_int_equal (errno, EINVAL);
    assert_null (brood_shmlist_from (brood_ref (self)));
    assert_int_equal (errno, EINVAL);
    assert_int_equal (brood_shm_unlink (self), 0);
}

static void
s_test_made_up (void **state)
{
    (void) state;
    BROOD_AUTO (shm) one = brood_shm_new (NULL, 5);
    BROOD_AUTO (shm) two = brood_shm_new (NULL, 5);
    assert_non_null (one);
    assert_non_null (two);
    assert_string_not_equal (brood_shm_name (one), brood_shm_name (two));
    BROOD_AUTO (shm) again = brood_shm_open (brood_shm_name (one));
    strcpy (brood_shm_ptr (one), "abc");
    assert_string_equal (brood_shm_ptr (again), "abc");
    assert_int_equal (brood_shm_unlink (one), 0);
    assert_int_equal (brood_shm_unlink (two), 0);
}

static void
s_test_no_descriptors (void **state)
{
    enum {
        MANY = 100
    };
    brood_shm_t *many[MANY];
    (void) state;
    BROOD_AUTO (shm) first = brood_shm_new (s_name ("fds"), 1);
    const int fds = t_open_fds ();
    for (int i = 0; i < MANY; i++) {
        many[i] = i % 2 ? brood_shm_open (s_name ("fds"))
                        : brood_shm_from (brood_ref (first));
        assert_non_null (many[i]);
    }
    assert_int_equal (t_open_fds (), fds);
    for (int i = 0; i < MANY; i++)
        brood_shm_destroy (&many[i]);
    assert_int_equal (brood_shm_unlink (first), 0);
}

// --- Two programs ----------------------------------------------------------

static void
s_test_stranger (void **state)
{
    s_stranger_t stranger;
    (void) state;
    BROOD_AUTO (shm) self = brood_shm_new (s_name ("frame"), 1000);
    strcpy (brood_shm_ptr (self), "from the maker");
    s_start (&stranger, "open", s_name ("frame"));
    assert_string_equal (brood_shm_ptr (self), "from a stranger");
    assert_int_equal (brood_shm_unlink (self), 0);
    s_must_go (s_name ("frame"));
    // Its name is free, and theirs is theirs.
    BROOD_AUTO (shm) other = brood_shm_new (s_name ("frame"), 1000);
    assert_non_null (other);
    s_go_on (&stranger);
    s_await (&stranger);
    assert_string_equal (brood_shm_ptr (self), "still there");
    assert_string_equal (brood_shm_ptr (other), "");
    s_go_on (&stranger);
    assert_int_equal (s_end (&stranger), 0);
    assert_int_equal (brood_shm_unlink (other), 0);
}

// The death of one that has it open is nothing to the others.
static void
s_test_opener_dies (void **state)
{
    s_stranger_t stranger;
    (void) state;
    BROOD_AUTO (shm) self = brood_shm_new (s_name ("frame"), 1000);
    strcpy (brood_shm_ptr (self), "from the maker");
    s_start (&stranger, "open", s_name ("frame"));
    kill (stranger.pid, SIGKILL);
    assert_int_equal (s_end (&stranger), SIGKILL);
    s_must_be (s_name ("frame"), "from a stranger");
    assert_int_equal (brood_shm_unlink (self), 0);
}

// However a brood ends, its names go, and who has them open keeps the memory.
static void
s_test_brood_ends (void **state)
{
    static const char *const ways[] = { "return", "exit", "_exit", "kill",
                                        "abort",  "exec", "fini" };
    (void) state;
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        s_stranger_t maker;
        s_start (&maker, ways[i], s_name ("ends"));
        BROOD_AUTO (shm) self = brood_shm_open (s_name ("ends"));
        assert_non_null (self);
        s_must_be (s_name ("ends"), "from a maker");
        s_go_on (&maker);
        if (strcmp (ways[i], "return") == 0) {
            s_await (&maker);
            s_go_on (&maker);
        }
        s_must_go (s_name ("ends"));
        assert_string_equal (brood_shm_ptr (self), "from a maker");
        assert_int_equal (brood_shm_unlink (self), 0);
        assert_null (brood_shm_from (brood_ref (self)));
        assert_int_equal (errno, ENOENT);
        (void) s_end (&maker);
    }
}

// --- In a brood ------------------------------------------------------------

static brood_shm_t *s_inherited;

// [name, ref]: writes into all three, makes one of its own and dies of it.
static int
s_use (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    char name[BROOD_NAME_SIZE];
    void *ref;
    if (brood_msg_unpack (in, "[%63s, @%p]", name, &ref) < 0)
        return -1;
    BROOD_AUTO (shm) by_ref = brood_shm_from (ref);
    BROOD_AUTO (shm) by_name = brood_shm_open (name);
    char *texts[] = { brood_shm_ptr (by_ref),
                      brood_shm_ptr (by_name),
                      brood_shm_ptr (s_inherited) };
    for (int i = 0; i < 3; i++) {
        if (!texts[i])
            return brood_task_fail (task, "%s", brood_error ());
        texts[i][i] = (char) ('a' + i);
    }
    return brood_msg_pack (
        out, "[%s, %zu]", brood_shm_name (by_ref), brood_shm_size (by_ref));
}
BROOD_TASK (s_use);

static int
s_unlink (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    (void) in;
    (void) out;
    return brood_shm_unlink (s_inherited);
}
BROOD_TASK (s_unlink);

static void
s_test_workers (void **state)
{
    char name[BROOD_NAME_SIZE];
    size_t size;
    (void) state;
    s_inherited = brood_shm_new (s_name ("workers"), 77);
    BROOD_AUTO (pool) pool = brood_pool_new ("2");
    BROOD_AUTO (msg)
    out = brood_pool_apply (
        pool, s_use, "[%s, @%p]", s_name ("workers"), brood_ref (s_inherited));
    if (!out)
        fail_msg ("%s", brood_error ());
    assert_int_equal (brood_msg_unpack (out, "[%63s, %zu]", name, &size), 0);
    assert_string_equal (name, s_name ("workers"));
    assert_int_equal (size, 77);
    assert_string_equal (brood_shm_ptr (s_inherited), "abc");
    BROOD_AUTO (msg) unlinked = brood_pool_apply (pool, s_unlink, "nil");
    assert_non_null (unlinked);
    assert_null (brood_shm_open (s_name ("workers")));
    assert_null (brood_shm_from (brood_ref (s_inherited)));
    assert_int_equal (errno, ENOENT);
    // The worker's handle is its own.
    brood_shm_destroy (&s_inherited);
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_new),
        cmocka_unit_test (s_test_errors),
        cmocka_unit_test (s_test_made_up),
        cmocka_unit_test (s_test_no_descriptors),
        cmocka_unit_test (s_test_stranger),
        cmocka_unit_test (s_test_opener_dies),
        cmocka_unit_test (s_test_brood_ends),
        cmocka_unit_test (s_test_workers),
    };
    if (argc > 3 && strcmp (argv[1], "stranger") == 0)
        return strcmp (argv[2], "wait") == 0 ? s_be_waiting ()
                                             : s_be_stranger (argv);
    t_mark (argv);
    t_watchdog (110);
    snprintf (s_unique, sizeof s_unique, "%ld", (long) getpid ());
    return cmocka_run_group_tests (tests, NULL, NULL);
}
