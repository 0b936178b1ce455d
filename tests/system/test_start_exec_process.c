// test_start_exec_process.c - processes that are the program anew
//
// SPDX-License-Identifier: MPL-2.0

#include "t_exec.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

// As main finds it; owners change it.
static int s_number = 1;

static void
s_begin (void)
{
    T_MUST (brood_init (NULL, NULL) == 0);
    s_number = 5;
}

// --- What it is sent --------------------------------------------------------

typedef struct {
    int a;
    char text[20];
} s_pair_t;

static int
s_bytes (void *arg)
{
    const s_pair_t *pair = arg;
    printf ("%s %d\n", pair->text, s_number);
    return pair->a;
}

static int
s_nothing (void *arg)
{
    return arg == NULL && s_number == 1 ? 6 : 1;
}

// Kept, not kept, of another number than asked for: 1, 2, 4.
static int
s_descriptors (void *arg)
{
    int kept, closed, code = 0;
    char c;
    if (brood_msg_unpack (arg, "[%d, %d]", &kept, &closed) < 0)
        return 99;
    code += fcntl (kept, F_GETFD) == FD_CLOEXEC && read (kept, &c, 1) == 1
            && c == 'x';
    struct stat file, root;
    code += fstat (closed, &file) < 0
                    || (stat ("/", &root) == 0 && file.st_ino == root.st_ino)
                ? 2
                : 0;
    code += read (STDIN_FILENO, &c, 1) == 0 ? 4 : 0;
    return code;
}

static int
s_world (void *arg)
{
    char cwd[100];
    void *ref;
    struct rlimit core;
    if (brood_msg_unpack (arg, "{to: @%p}", &ref) < 0)
        return 1;
    BROOD_AUTO (queue) to = brood_queue_from (ref);
    getrlimit (RLIMIT_CORE, &core);
    const char *a = getenv ("A");
    return brood_queue_put (to,
                            0,
                            "[%s, %s, %s, %d, %d, %s, %s]",
                            getcwd (cwd, sizeof cwd),
                            a ? a : "",
                            getenv ("HOME") ? "home" : "",
                            (int) core.rlim_max,
                            brood_process_pid (brood_process_parent ()),
                            brood_process_name (brood_process_current ()),
                            brood_process_name (brood_process_parent ()))
           < 0;
}

static void
s_processes (void *arg)
{
    static const brood_process_options_t none;
    int fds[2];
    (void) arg;
    s_begin ();
    s_pair_t pair = { 3, "bytes" };
    brood_process_t *p = t_exec_start (s_bytes, &pair, sizeof pair, &none);
    pair.a = 4;
    t_exec_must_exit (p, 3);
    t_exec_must_exit (t_exec_start (s_nothing, NULL, 0, &none), 6);
    T_MUST (pipe (fds) == 0);  // Inherited by what is executed
    T_MUST (fcntl (fds[0], F_SETFD, FD_CLOEXEC) == 0);
    T_MUST (write (fds[1], "x", 1) == 1);
    BROOD_AUTO (msg) args = brood_msg_new ("[%d, %d]", fds[0], fds[1]);
    const brood_process_options_t keep = { .keep_fds = fds,
                                           .n_keep_fds = 1,
                                           .args = args };
    t_exec_must_exit (t_exec_start (s_descriptors, NULL, 0, &keep), 7);
    T_MUST (fcntl (fds[0], F_GETFD) == FD_CLOEXEC);
    T_MUST (fcntl (fds[1], F_GETFD) == 0);
}

static void
s_worlds (void *arg)
{
    char cwd[32], a[32], home[32], name[32], parent_name[32];
    int core, parent;
    (void) arg;
    s_begin ();
    BROOD_AUTO (queue) queue = brood_queue_new (0);
    BROOD_AUTO (msg) args = brood_msg_new ("{to: @%p}", brood_ref (queue));
    char *env[] = { (char[]){ "A=letter" }, (char[]){ "B=" }, NULL };
    const brood_rlimit_t limit = { RLIMIT_CORE, 0, 0 };
    setenv ("HOME", "/", 1);
    t_exec_must_exit (
        t_exec_start (s_world,
                      NULL,
                      0,
                      &(brood_process_options_t){ .name = "worldly",
                                                  .args = args,
                                                  .cwd = "/proc",
                                                  .env = env,
                                                  .rlimits = &limit,
                                                  .n_rlimits = 1 }),
        0);
    T_MUST (brood_queue_get (queue,
                             30000,
                             "[%31s, %31s, %31s, %d, %d, %31s, %31s]",
                             cwd,
                             a,
                             home,
                             &core,
                             &parent,
                             name,
                             parent_name)
            == 0);
    T_MUST (strcmp (cwd, "/proc") == 0 && strcmp (a, "letter") == 0);
    T_MUST (home[0] == '\0' && core == 0 && parent == getpid ());
    T_MUST (strcmp (name, "worldly") == 0);
    T_MUST (strcmp (parent_name, "MainProcess") == 0);
    const brood_process_options_t nowhere = { .start_exec = 1,
                                              .cwd = "/nowhere" };
    BROOD_AUTO (process) p = brood_process_new_with (s_nothing, NULL, &nowhere);
    T_MUST (brood_process_start (p) == -1 && errno == ENOENT);
    T_MUST (strstr (brood_error (), "/nowhere"));
}

// --- The family ------------------------------------------------------------

// The key of listeners and connections is the family's.
static int
s_connect (void *arg)
{
    char address[100];
    if (brood_msg_unpack (arg, "%99s", address) < 0)
        return 1;
    BROOD_AUTO (conn) conn = brood_conn_connect (address, 30000);
    return conn && brood_conn_send (conn, 30000, "%d", 5) == 0 ? 8 : 2;
}

static void
s_family (void *arg)
{
    int n = 0;
    (void) arg;
    s_begin ();
    BROOD_AUTO (listener) listener = brood_listener_new ("tcp://127.0.0.1:0");
    BROOD_AUTO (msg)
    args = brood_msg_new ("%s", brood_listener_address (listener));
    brood_process_t *p = t_exec_start (
        s_connect, NULL, 0, &(brood_process_options_t){ .args = args });
    BROOD_AUTO (conn) conn = brood_listener_accept (listener, 30000);
    T_MUST (conn && brood_conn_recv (conn, 30000, "%d", &n) == 0 && n == 5);
    t_exec_must_exit (p, 8);
}

static void
s_test_arguments (void **state)
{
    (void) state;
    char *said = t_process_program (s_processes, NULL);
    assert_string_equal (said, "bytes 1\n");
    free (said);
    assert_int_equal (t_marked_wait (0, 20), 0);
}

static void
s_test_world (void **state)
{
    (void) state;
    t_exec_program (s_worlds, NULL);
}

static void
s_test_family (void **state)
{
    (void) state;
    t_exec_program (s_family, NULL);
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_arguments),
        cmocka_unit_test (s_test_world),
        cmocka_unit_test (s_test_family),
    };
    t_exec_main (argc, argv, NULL);
    t_mark (argv);
    t_watchdog (110);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
