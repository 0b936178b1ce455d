// test_user_output.c - stdio, exit handlers and descriptors of the program
//
// SPDX-License-Identifier: MPL-2.0
//
// A worker is a copy of the program, and must not act as one: what the program
// had not written yet, what it wanted done at its end, and what it has open is
// the program's alone.

#include "t.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <brood.h>

enum {
    PENDING = 3000,  // Bytes the program has not written yet
    TASKS = 80,
    LINES = 50,  // Of each task
    WIDTH = 200
};

static void
s_must (int condition, const char *what)
{
    if (condition)
        return;
    dprintf (
        STDERR_FILENO, "%s: %s, %s\n", what, strerror (errno), brood_error ());
    _exit (1);
}

// In a child that has not used brood yet. What it wrote, or the test fails.
static char *
s_run (void (*fn) (void *arg), int wanted_status)
{
    int status;
    char *said = t_run_child (fn, NULL, 40, &status);
    if (status != wanted_status)
        fail_msg ("status %x: %.3000s", status, said);
    return said;
}

static int
s_nothing (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    (void) in;
    (void) out;
    return 0;
}
BROOD_TASK (s_nothing);

static void
s_use (const char *spec)
{
    BROOD_AUTO (pool) pool = brood_pool_new (spec);
    BROOD_AUTO (msg) all = brood_pool_broadcast (pool, s_nothing, "nil");
    s_must (all != NULL, "broadcast");
}

// --- Output ----------------------------------------------------------------

// "<task>.<line>" and filling, WIDTH characters with the newline.
static int
s_print (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    (void) out;
    if (brood_msg_unpack (in, "%d", &n) < 0)
        return brood_task_fail (task, "wanted a number");
    for (int i = 0; i < LINES; i++) {
        char line[WIDTH + 1];
        memset (line, 'a' + n % 26, sizeof line);
        const int size = snprintf (line, sizeof line, "%d.%d ", n, i);
        line[size] = ' ';
        line[WIDTH - 1] = '\0';
        puts (line);
    }
    return 0;
}
BROOD_TASK (s_print);

static char s_path[] = "/tmp/test_user_output.XXXXXX";

static void
s_print_much (void *arg)
{
    brood_future_t *futures[TASKS];
    (void) arg;
    FILE *file = fopen (s_path, "w");
    s_must (file != NULL, s_path);
    for (int i = 0; i < PENDING; i++) {
        putc ('x', file);
        putchar ('X');
    }
    BROOD_AUTO (pool) pool = brood_pool_new ("local:8");
    for (int i = 0; i < TASKS; i++)
        futures[i] = brood_pool_submit (pool, s_print, "%d", i);
    for (int i = 0; i < TASKS; i++) {
        s_must (brood_future_get (futures[i], 30000, "*") == 0, "print");
        brood_future_destroy (&futures[i]);
    }
    // Whatever a task has printed is out when its result is here: nothing may
    // depend on how the workers end.
    brood_pool_destroy (&pool);
    putchar ('\n');
    fclose (file);
}

static void
s_check_line (const char *line, int seen[TASKS][LINES])
{
    int task = -1, number = -1;
    if (strlen (line) != WIDTH - 1
        || sscanf (line, "%d.%d ", &task, &number) != 2 || task < 0
        || task >= TASKS || number < 0 || number >= LINES)
        fail_msg ("a torn line: %.250s", line);
    assert_int_equal (seen[task][number]++, 0);
    const char *filling = strrchr (line, ' ') + 1;
    assert_int_equal (strspn (filling, (char[]){ (char) ('a' + task % 26), 0 }),
                      strlen (filling));
}

static void
s_test_output (void **state)
{
    static int seen[TASKS][LINES];
    (void) state;
    const int fd = mkstemp (s_path);
    assert_true (fd >= 0);
    char *said = s_run (s_print_much, 0);
    struct stat stat;
    assert_int_equal (fstat (fd, &stat), 0);
    assert_int_equal (stat.st_size, PENDING);
    close (fd);
    unlink (s_path);

    int pending = 0, lines = 0;
    for (char *line = strtok (said, "\n"); line; line = strtok (NULL, "\n")) {
        if (strspn (line, "X") == PENDING && strlen (line) == PENDING)
            pending++;
        else {
            s_check_line (line, seen);
            lines++;
        }
    }
    assert_int_equal (pending, 1);
    assert_int_equal (lines, TASKS * LINES);
    free (said);
}

static int
s_crash (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    (void) in;
    (void) out;
    printf ("the last line\n");
    raise (SIGKILL);
    return 0;
}
BROOD_TASK (s_crash);

static void
s_print_and_crash (void *arg)
{
    (void) arg;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    BROOD_AUTO (future) f = brood_pool_submit (pool, s_crash, "nil");
    s_must (!brood_future_result (f, 20000) && errno == ECHILD, "crash");
}

static void
s_test_output_of_a_crash (void **state)
{
    (void) state;
    char *said = s_run (s_print_and_crash, 0);
    assert_string_equal (said, "the last line\n");
    free (said);
}

// --- Exit handlers ---------------------------------------------------------

static void
s_at_exit (void)
{
    dprintf (STDOUT_FILENO, "atexit\n");
}

static void
s_on_exit (int status, void *arg)
{
    (void) arg;
    dprintf (STDOUT_FILENO, "on_exit %d\n", status);
}

static int
s_leave (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    (void) in;
    (void) out;
    exit (3);
}
BROOD_TASK (s_leave);

static void
s_exit_handlers (void *arg)
{
    (void) arg;
    atexit (s_at_exit);
    on_exit (s_on_exit, NULL);
    s_use ("local:3");
    BROOD_AUTO (pool) pool = brood_pool_new ("local:3");
    BROOD_AUTO (future) f = brood_pool_submit (pool, s_leave, "nil");
    s_must (!brood_future_result (f, 20000) && errno == ECHILD, "leave");
    // One leaves by being stopped, and one by having worked enough.
    brood_pool_options_t options = { .spec = "local:2", .max_tasks = 1 };
    BROOD_AUTO (pool) retiring = brood_pool_new_with (&options);
    for (int i = 0; i < 6; i++) {
        BROOD_AUTO (msg) msg = brood_pool_apply (retiring, s_nothing, "nil");
        s_must (msg != NULL, "apply");
    }
    s_must (brood_pool_shutdown (retiring, 20000) == 0, "shutdown");
    exit (4);
}

static void
s_test_exit_handlers (void **state)
{
    (void) state;
    char *said = s_run (s_exit_handlers, 4 << 8);
    assert_string_equal (said, "on_exit 4\natexit\n");
    free (said);
}

// --- Descriptors -----------------------------------------------------------

// What a worker has open, as "number target" lines.
static int
s_list (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    char text[8192];
    size_t at = 0;
    (void) in;
    DIR *dir = opendir ("/proc/self/fd");
    struct dirent *one;
    if (!dir)
        return brood_task_fail (task, "/proc/self/fd");
    while ((one = readdir (dir))) {
        char path[300], target[200];
        snprintf (path, sizeof path, "/proc/self/fd/%s", one->d_name);
        const ssize_t size = readlink (path, target, sizeof target - 1);
        if (size < 0 || strtol (one->d_name, NULL, 10) == dirfd (dir))
            continue;
        target[size] = '\0';
        at += (size_t) snprintf (
            text + at, sizeof text - at, "%s %s\n", one->d_name, target);
    }
    closedir (dir);
    return brood_msg_pack (out, "%s", text);
}
BROOD_TASK (s_list);

// 0 to 2; a number of the owner's, which is kept taken but leads nowhere;
// brood's own: sockets, eventfds and epolls of the context, the life pipe, the
// pidfd of the parent, the arena.
static int
s_may_have (int number, const char *target)
{
    static const char *const own[] = { "/",
                                       "socket:",
                                       "pipe:",
                                       "anon_inode:[eventfd]",
                                       "anon_inode:[eventpoll]",
                                       "anon_inode:[pidfd]",
                                       "/memfd:brood" };
    if (number <= STDERR_FILENO)
        return 1;
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        if (i == 0 ? strcmp (target, own[i]) == 0
                   : strncmp (target, own[i], strlen (own[i])) == 0)
            return 1;
    }
    return 0;
}

static int
s_inode_of (int fd, char *text, size_t size)
{
    char path[64];
    snprintf (path, sizeof path, "/proc/self/fd/%d", fd);
    const ssize_t n = readlink (path, text, size - 1);
    text[n > 0 ? n : 0] = '\0';
    return n > 0;
}

static void
s_descriptors (void *arg)
{
    int ends[2], pair[2];
    char pipe_name[64], pair_name[64], file_name[64];
    (void) arg;
    // Without O_CLOEXEC, as careless programs do.
    s_must (pipe (ends) == 0, "pipe");
    s_must (socketpair (AF_UNIX, SOCK_STREAM, 0, pair) == 0, "pair");
    const int file = open ("/etc/passwd", O_RDONLY);
    s_must (s_inode_of (ends[1], pipe_name, sizeof pipe_name), "name");
    s_must (s_inode_of (pair[0], pair_name, sizeof pair_name), "name");
    s_must (s_inode_of (file, file_name, sizeof file_name), "name");
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    BROOD_AUTO (msg) lists = brood_pool_broadcast (pool, s_list, "nil");
    s_must (brood_msg_len (lists, "") == 2, "lists");
    for (int i = 0; i < 2; i++) {
        char path[16], text[8192];
        snprintf (path, sizeof path, "[%d]", i);
        s_must (brood_msg_get (lists, path, "%8191s", text) == 0, "list");
        s_must (!strstr (text, pipe_name), "a worker has the pipe");
        s_must (!strstr (text, pair_name), "a worker has the pair");
        s_must (!strstr (text, file_name), "a worker has the file");
        for (char *line = strtok (text, "\n"); line;
             line = strtok (NULL, "\n")) {
            char *target;
            const long number = strtol (line, &target, 10);
            s_must (s_may_have ((int) number, target + 1), line);
        }
    }
    // Nobody else has the write end: its close is the end of the file.
    char byte;
    struct pollfd end = { .fd = ends[0], .events = POLLIN };
    close (ends[1]);
    s_must (poll (&end, 1, 5000) == 1 && read (ends[0], &byte, 1) == 0, "EOF");
}

static void
s_test_descriptors (void **state)
{
    (void) state;
    free (s_run (s_descriptors, 0));
}

static void
s_own_descriptors (void *arg)
{
    (void) arg;
    const int first = t_open_fds ();
    s_use ("local:2");  // What brood keeps as long as it runs
    int before = t_open_fds (), last = first + 1;
    for (int i = 0; i < 3; i++) {
        s_use ("local:4");
        s_must (t_open_fds_fall_to (before), "descriptors are left");
    }
    brood_fini ();
    s_must (t_open_fds_fall_to (last), "brood_fini leaves descriptors");
}

static void
s_test_own_descriptors (void **state)
{
    (void) state;
    free (s_run (s_own_descriptors, 0));
}

static int
s_three_open (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) in;
    (void) out;
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl (fd, F_GETFD) < 0)
            return brood_task_fail (task, "%d is closed", fd);
        char target[64];
        if (!s_inode_of (fd, target, sizeof target)
            || strcmp (target, "/dev/null") != 0)
            return brood_task_fail (task, "%d is %s", fd, target);
    }
    printf ("into nothing\n");
    return 0;
}
BROOD_TASK (s_three_open);

// Then the next descriptors opened are these, and what is printed would go to
// whatever they are.
static void
s_closed_streams (void *arg)
{
    (void) arg;
    const int said = fcntl (STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
    for (int fd = 0; fd <= 2; fd++)
        close (fd);
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    BROOD_AUTO (msg) all = brood_pool_broadcast (pool, s_three_open, "nil");
    if (!all)
        dprintf (said, "%s\n", brood_error ());
    _exit (all ? 0 : 1);
}

static void
s_test_closed_streams (void **state)
{
    (void) state;
    free (s_run (s_closed_streams, 0));
}

// --- After the end ---------------------------------------------------------

static void
s_end_first (void *arg)
{
    (void) arg;
    s_must (brood_init (NULL, NULL) == 0, "init");
    brood_pool_t *pool = brood_pool_new ("local:2");
    brood_array_t *array = brood_array_new (BROOD_INT, 10);
    brood_msg_t *msg = brood_msg_new ("[%d]", 1);
    brood_future_t *f = brood_pool_submit (pool, s_nothing, "nil");
    brood_future_t *done = brood_pool_submit (pool, s_nothing, "nil");
    s_must (brood_future_wait (done, 20000) == 0, "wait");
    brood_stream_t *s = brood_pool_imap (pool, s_nothing, BROOD_ORDERED);
    s_must (brood_stream_feed (s, "nil") == 0, "feed");
    brood_fini ();
    brood_fini ();
    s_must (!brood_pool_submit (pool, s_nothing, "nil"), "submit");
    s_must (errno == EPIPE || errno == ENOTSUP, "errno of submit");
    s_must (!brood_pool_new ("local:2") && errno == ENOTSUP, "new");
    brood_stream_destroy (&s);
    brood_future_destroy (&f);
    brood_future_destroy (&done);
    brood_msg_destroy (&msg);
    brood_array_destroy (&array);
    brood_pool_destroy (&pool);
    exit (0);
}

static void
s_test_end_first (void **state)
{
    (void) state;
    free (s_run (s_end_first, 0));
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_output),
        cmocka_unit_test (s_test_output_of_a_crash),
        cmocka_unit_test (s_test_exit_handlers),
        cmocka_unit_test (s_test_descriptors),
        cmocka_unit_test (s_test_own_descriptors),
        cmocka_unit_test (s_test_closed_streams),
        cmocka_unit_test (s_test_end_first),
    };
    t_watchdog (110);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
