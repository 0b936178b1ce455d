// test_shm_life.c - how long names live, and whose they are
//
// SPDX-License-Identifier: MPL-2.0
//
// Each story is a program of its own (t_process_program), so this one uses no
// brood, and sees from outside what is left.

#include "t_process.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

enum {
    MS = 20000,
    THREADS = 8,
    NOBODY = 65534
};

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

// --- What is there ---------------------------------------------------------

static int
s_is_gone (void *arg)
{
    BROOD_AUTO (shm) self = brood_shm_open (arg);
    return !self && errno == ENOENT;
}

// Asked by a program of its own.
static void
s_go (void *arg)
{
    T_MUST (t_eventually (s_is_gone, arg, 20));
}

static void
s_must_go (const char *name)
{
    free (t_process_program (s_go, (void *) name));
}

// How many processes of this test have that kind of memory mapped or open.
static int
s_holders (void *arg)
{
    pid_t pids[T_NAMES];
    char path[300], line[4096];
    int holders = 0;
    (void) arg;
    int n = t_marked (pids, T_NAMES - 1);
    pids[n++] = getpid ();
    for (int i = 0; i < n; i++) {
        int found = 0;
        snprintf (path, sizeof path, "/proc/%d/maps", (int) pids[i]);
        FILE *file = fopen (path, "re");
        while (file && fgets (line, sizeof line, file))
            found |= strstr (line, "/memfd:brood-shm ") != NULL;
        if (file)
            fclose (file);
        snprintf (path, sizeof path, "/proc/%d/fd", (int) pids[i]);
        DIR *dir = opendir (path);
        struct dirent *one;
        while (dir && (one = readdir (dir))) {
            char fd[600];
            snprintf (fd, sizeof fd, "%s/%s", path, one->d_name);
            const ssize_t size = readlink (fd, line, sizeof line - 1);
            line[size > 0 ? size : 0] = '\0';
            found |= strstr (line, "memfd:brood-shm") != NULL;
        }
        if (dir)
            closedir (dir);
        holders += found;
    }
    return holders;
}

static int
s_nobody_holds (void *arg)
{
    return s_holders (arg) == 0;
}

// --- Whoever made it ---------------------------------------------------------

static int
s_make (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    char name[BROOD_NAME_SIZE];
    (void) out;
    if (brood_msg_unpack (in, "%63s", name) < 0)
        return -1;
    brood_shm_t *self = brood_shm_new (name, 100);
    if (!self)
        return brood_task_fail (task, "%s", brood_error ());
    strcpy (brood_shm_ptr (self), "from a worker");
    return 0;
}
BROOD_TASK (s_make);

// The first name of a brood, made in a worker, whose pool is then ended.
static void
s_made_in_worker (void *arg)
{
    BROOD_AUTO (pool) pool = brood_pool_new ("1");
    BROOD_AUTO (msg)
    out = brood_pool_apply (pool, s_make, "%s", (const char *) arg);
    T_MUST (out);
    brood_pool_destroy (&pool);
    BROOD_AUTO (shm) self = brood_shm_open (arg);
    T_MUST (self);
    T_MUST (strcmp (brood_shm_ptr (self), "from a worker") == 0);
    // And another, by the same keeper.
    BROOD_AUTO (shm) second = brood_shm_new (NULL, 10);
    T_MUST (second);
}

static void
s_test_worker_made_it (void **state)
{
    (void) state;
    free (t_process_program (s_made_in_worker, (void *) s_name ("worker")));
    s_must_go (s_name ("worker"));
}

static int
s_make_and_die (void *arg)
{
    brood_shm_t *self = brood_shm_new (arg, 100);
    T_MUST (self);
    strcpy (brood_shm_ptr (self), "from the dead");
    (void) raise (SIGKILL);
    return 0;
}

// The same in a process, which is killed; and the owner is killed then.
static void
s_made_in_process (void *arg)
{
    BROOD_AUTO (process) process = brood_process_new (s_make_and_die, arg);
    T_MUST (brood_process_start (process) == 0);
    T_MUST (brood_process_join (process, MS) == 0);
    BROOD_AUTO (shm) self = brood_shm_open (arg);
    T_MUST (self);
    T_MUST (strcmp (brood_shm_ptr (self), "from the dead") == 0);
    (void) raise (SIGKILL);
}

static void
s_test_process_made_it (void **state)
{
    int status;
    const char *name = s_name ("process");
    (void) state;
    char *said = t_run_child (s_made_in_process, (void *) name, 60, &status);
    if (status != SIGKILL)
        fail_msg ("%s", said);
    free (said);
    s_must_go (name);
}

// --- The keeper ------------------------------------------------------------

static _Atomic int s_won;

static void *
s_race (void *arg)
{
    BROOD_AUTO (shm) own = brood_shm_new (NULL, 10);
    T_MUST (own);
    BROOD_AUTO (shm) same = brood_shm_new (arg, 10);
    if (same)
        atomic_fetch_add (&s_won, 1);
    else
        T_MUST (errno == EEXIST);
    T_MUST (brood_shm_unlink (own) == 0);
    return NULL;
}

static int
s_keepers (void)
{
    pid_t pids[T_NAMES];
    char comm[32];
    int count = 0;
    const int n = t_marked (pids, T_NAMES);
    for (int i = 0; i < n; i++) {
        t_proc_line (pids[i], "comm", comm, sizeof comm);
        count += strcmp (comm, "brood-names") == 0;
    }
    return count;
}

// All at once are the first: one keeper, and one who has the name.
static void
s_all_at_once (void *arg)
{
    pthread_t threads[THREADS];
    // The program that runs the tests has a keeper of its own.
    const int before = s_keepers ();
    for (int i = 0; i < THREADS; i++)
        T_MUST (pthread_create (&threads[i], NULL, s_race, arg) == 0);
    for (int i = 0; i < THREADS; i++)
        T_MUST (pthread_join (threads[i], NULL) == 0);
    T_MUST (atomic_load (&s_won) == 1);
    T_MUST (s_keepers () == before + 1);
    brood_fini ();
    T_MUST (s_keepers () == before);
}

static void
s_test_at_once (void **state)
{
    (void) state;
    free (t_process_program (s_all_at_once, (void *) s_name ("once")));
}

// Of this test's programs.
static void
s_signal_keepers (int signal_no)
{
    pid_t pids[T_NAMES];
    char comm[32];
    const int n = t_marked (pids, T_NAMES);
    for (int i = 0; i < n; i++) {
        t_proc_line (pids[i], "comm", comm, sizeof comm);
        if (strcmp (comm, "brood-names") == 0)
            T_MUST (kill (pids[i], signal_no) == 0);
    }
}

// Its names are gone, what is open is open, and the next name has a new one.
static void
s_keeper_dies (void *arg)
{
    BROOD_AUTO (shm) self = brood_shm_new (arg, 100);
    T_MUST (self);
    strcpy (brood_shm_ptr (self), "kept");
    s_signal_keepers (SIGKILL);
    T_MUST (t_eventually (s_is_gone, arg, 20));
    T_MUST (brood_shm_unlink (self) == 0);
    T_MUST (strcmp (brood_shm_ptr (self), "kept") == 0);
    BROOD_AUTO (shm) again = brood_shm_new (arg, 200);
    T_MUST (again);
    BROOD_AUTO (shm) opened = brood_shm_open (arg);
    T_MUST (brood_shm_size (opened) == 200);
}

static void
s_test_keeper_dies (void **state)
{
    (void) state;
    free (t_process_program (s_keeper_dies, (void *) s_name ("keeper")));
}

// Who asks one that was stopped is told so, and the program's end is its end.
static void
s_keeper_stops (void *arg)
{
    BROOD_AUTO (shm) self = brood_shm_new (arg, 100);
    T_MUST (self);
    s_signal_keepers (SIGSTOP);
    T_MUST (!brood_shm_open (arg) && errno == ETIMEDOUT);
    strcpy (brood_shm_ptr (self), "not its affair");
    brood_fini ();
}

static int
s_no_keepers (void *arg)
{
    (void) arg;
    return s_keepers () == 0;
}

static void
s_test_keeper_stops (void **state)
{
    (void) state;
    free (t_process_program (s_keeper_stops, (void *) s_name ("stops")));
    assert_true (t_eventually (s_no_keepers, NULL, 20));
}

// Memory goes with its last holder: the keeper is none when it was dropped, nor
// is one that was started while something was open.
static void
s_freed (void *arg)
{
    const int before = s_holders (NULL);
    brood_shm_t *self = brood_shm_new (arg, 100);
    T_MUST (s_holders (NULL) == before + 2);
    s_keeper_dies ((void *) s_name ("freed"));
    T_MUST (brood_shm_unlink (self) == 0);
    brood_shm_destroy (&self);
    BROOD_AUTO (shm) named = brood_shm_open (s_name ("freed"));
    T_MUST (brood_shm_unlink (named) == 0);
    brood_shm_destroy (&named);
    T_MUST (s_holders (NULL) == 0);
}

static void
s_test_freed (void **state)
{
    (void) state;
    free (t_process_program (s_freed, (void *) s_name ("freed-first")));
    assert_true (t_eventually (s_nobody_holds, NULL, 20));
}

static void
s_stray (void *arg)
{
    BROOD_AUTO (shm) self = brood_shm_new (arg, 100);
    T_MUST (self);
    const pid_t pid = fork ();
    if (pid == 0) {
        T_MUST (!brood_shm_open (arg) && errno == ENOTSUP);
        T_MUST (!brood_shm_new (NULL, 1) && errno == ENOTSUP);
        T_MUST (!brood_shm_ptr (self) && errno == ENOTSUP);
        T_MUST (brood_shm_unlink (self) < 0 && errno == ENOTSUP);
        _exit (0);
    }
    int status;
    T_MUST (waitpid (pid, &status, 0) == pid && status == 0);
    BROOD_AUTO (shm) again = brood_shm_open (arg);
    T_MUST (again);
}

static void
s_test_stray (void **state)
{
    (void) state;
    free (t_process_program (s_stray, (void *) s_name ("stray")));
}

// --- Users -----------------------------------------------------------------

static struct sockaddr_un
s_address (uid_t user, const char *name, socklen_t *ret_size)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    const int size = snprintf (address.sun_path + 1,
                               sizeof address.sun_path - 1,
                               "brood/shm-%lu-%s",
                               (unsigned long) user,
                               name);
    *ret_size = (socklen_t) (offsetof (struct sockaddr_un, sun_path) + 1
                             + (size_t) size);
    return address;
}

// Of another user: there is nothing of that name, and who knocks at the other's
// door gets nothing.
static void
s_intrude (void *arg)
{
    socklen_t size;
    char byte;
    const uid_t owner = geteuid ();
    T_MUST (setresuid (NOBODY, NOBODY, NOBODY) == 0);
    T_MUST (!brood_shm_open (arg) && errno == ENOENT);
    const struct sockaddr_un address = s_address (owner, arg, &size);
    const int fd = socket (AF_UNIX, SOCK_STREAM, 0);
    T_MUST (connect (fd, (const struct sockaddr *) &address, size) == 0);
    T_MUST (read (fd, &byte, 1) == 0);
    // The same name, and another thing.
    BROOD_AUTO (shm) own = brood_shm_new (arg, 33);
    T_MUST (own);
    BROOD_AUTO (shm) again = brood_shm_open (arg);
    T_MUST (brood_shm_size (again) == 33);
}

// A name of this user's, and somebody else who wants it.
static void
s_own (void *arg)
{
    BROOD_AUTO (shm) self = brood_shm_new (arg, 10);
    T_MUST (self);
    const pid_t pid = fork ();
    if (pid == 0) {
        // Not brood's: the program again, so that it may use brood.
        execl ("/proc/self/exe", "t", "intrude", arg, NULL);
        _exit (99);
    }
    int status;
    T_MUST (waitpid (pid, &status, 0) == pid && status == 0);
    BROOD_AUTO (shm) again = brood_shm_open (arg);
    T_MUST (again && brood_shm_size (again) == 10);
}

// Sits on a name of another user's.
static pid_t
s_squat (const char *name, uid_t user)
{
    int fds[2];
    char byte;
    assert_int_equal (pipe (fds), 0);
    const pid_t pid = fork ();
    if (pid == 0) {
        socklen_t size;
        const struct sockaddr_un address = s_address (user, name, &size);
        if (setresuid (NOBODY, NOBODY, NOBODY) < 0)
            _exit (1);
        const int fd = socket (AF_UNIX, SOCK_STREAM, 0);
        if (bind (fd, (const struct sockaddr *) &address, size) < 0
            || listen (fd, 5) < 0 || write (fds[1], ".", 1) != 1)
            _exit (2);
        // Not to be left behind by a test that fails.
        (void) prctl (PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause ();
    }
    close (fds[1]);
    assert_int_equal (read (fds[0], &byte, 1), 1);
    close (fds[0]);
    return pid;
}

static void
s_meet_squatter (void *arg)
{
    T_MUST (!brood_shm_open (arg) && errno == EACCES);
    T_MUST (!brood_shm_new (arg, 10) && errno == EACCES);
}

static void
s_test_users (void **state)
{
    (void) state;
    // Who is not root cannot be another user.
    if (geteuid () != 0)
        return;
    free (t_process_program (s_own, (void *) s_name ("users")));
    const pid_t pid = s_squat (s_name ("squat"), geteuid ());
    free (t_process_program (s_meet_squatter, (void *) s_name ("squat")));
    kill (pid, SIGKILL);
    assert_int_equal (waitpid (pid, NULL, 0), pid);
}

// A program that gives up its rights has names of both users, till it ends.
static void
s_two_users (void *arg)
{
    BROOD_AUTO (shm) first = brood_shm_new (arg, 10);
    T_MUST (first);
    T_MUST (setresuid (NOBODY, NOBODY, 0) == 0);
    BROOD_AUTO (shm) second = brood_shm_new (arg, 20);
    T_MUST (second);
    T_MUST (setresuid (0, 0, 0) == 0);
    BROOD_AUTO (shm) again = brood_shm_open (arg);
    T_MUST (brood_shm_size (again) == 10);
}

static void
s_test_two_users (void **state)
{
    (void) state;
    if (geteuid () == 0)
        free (t_process_program (s_two_users, (void *) s_name ("two")));
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_worker_made_it),
        cmocka_unit_test (s_test_process_made_it),
        cmocka_unit_test (s_test_at_once),
        cmocka_unit_test (s_test_keeper_dies),
        cmocka_unit_test (s_test_keeper_stops),
        cmocka_unit_test (s_test_freed),
        cmocka_unit_test (s_test_stray),
        cmocka_unit_test (s_test_users),
        cmocka_unit_test (s_test_two_users),
    };
    if (argc > 2 && strcmp (argv[1], "intrude") == 0) {
        s_intrude (argv[2]);
        return 0;
    }
    t_mark (argv);
    t_watchdog (110);
    snprintf (s_unique, sizeof s_unique, "%ld", (long) getpid ());
    return cmocka_run_group_tests (tests, NULL, NULL);
}
