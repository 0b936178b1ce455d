// test_start_exec_main.c - programs that cannot be started anew
//
// SPDX-License-Identifier: MPL-2.0
//
// brood_init () is to be the first line of main. Where something else comes
// first, or it does not come at all, or what it finds is not what it needs,
// the owner is told so in bounded time, and nothing is left running. And what
// is nobody's call is no call: an environment variable alone does nothing.

#include "t_exec.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/brd_runtime.h"
#include "base/brd_arena.h"
#include "base/brd_fault.h"
#include "client/brd_code.h"
#include "workers/nursery.h"

static int s_number = 1;

static int
s_tell (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    const char *call = getenv ("BROOD_EXEC");
    (void) task;
    (void) in;
    return brood_msg_pack (
        out, "{number: %d, call: %s}", s_number, call ? call : "none");
}

static int
s_seven (void *arg)
{
    (void) arg;
    return 7;
}

// A pool that works, with s_number and the variable as given.
static void
s_must_work (int wanted, const char *wanted_call)
{
    int number = 0;
    char call[64] = "";
    BROOD_AUTO (pool) pool = brood_pool_new_with (T_BY_EXEC (1, .nice = 0));
    BROOD_AUTO (msg) out = brood_pool_apply (pool, s_tell, "nil");
    T_MUST (out
            && brood_msg_unpack (out, "{number: %d, call: %63s}", &number, call)
                   == 0);
    T_MUST (number == wanted && strcmp (call, wanted_call) == 0);
}

// --- What main does first --------------------------------------------------

// Where the arena can be (base/brd_arena_place.c), all of it.
static void
s_take_addresses (void)
{
    static const unsigned long long ranges[][2] = {
#if !T_EXEC_TSAN
        { 0x300000000000, 0x510000000000 },
#endif
        { 0x001000000000, 0x007800000000 },
    };
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        (void) mmap ((void *) (uintptr_t) ranges[i][0],
                     ranges[i][1] - ranges[i][0],
                     PROT_NONE,
                     flags | MAP_FIXED_NOREPLACE,
                     -1,
                     0);
}

static void
s_stray (const char *way)
{
    if (strcmp (way, "exit") == 0)
        _exit (3);
    if (strcmp (way, "close") == 0) {
        for (int fd = 3; fd < 1000; fd++)
            close (fd);
    }
    if (strcmp (way, "close") == 0 || strcmp (way, "hang") == 0) {
        for (;;)
            pause ();
    }
    if (strcmp (way, "use") == 0)
        brood_queue_destroy (&(brood_queue_t *){ brood_queue_new (0) });
    if (strcmp (way, "fork") == 0 && fork () != 0) {
        wait (NULL);
        _exit (0);
    }
    if (strcmp (way, "clash") == 0)
        s_take_addresses ();
    if (strcmp (way, "number") == 0) {
        printf ("once ");
        s_number = 11;
    }
    int kind, n;
    if (sscanf (way, "fault %d %d", &kind, &n) == 2)
        brd_fault_arm ((brd_fault_t) kind, n, n % 2 ? ENOMEM : EMFILE);
}

typedef struct {
    const char *way;
    const char *text;
} s_way_t;

static void
s_goes_astray (void *arg)
{
    const s_way_t *way = arg;
    T_MUST (brood_init (NULL, NULL) == 0);
    BROOD_AUTO (pool) copies = brood_pool_new ("local:1");
    brood_pool_destroy (&copies);
    const int fds = t_open_fds ();  // With what pools make once
    const size_t used = brd_arena_used (brd_runtime_arena ());
    setenv (T_EXEC_WAY, way->way, 1);
    BROOD_AUTO (pool) pool = brood_pool_new_with (T_BY_EXEC (2, .nice = 0));
    T_MUST (!pool && errno == ENOEXEC);
    T_MUST (strstr (brood_error (), way->text));
    T_MUST (t_marked_wait (1, 20) == 0);  // The test
    BROOD_AUTO (process)
    p = brood_process_new_with (
        s_seven, NULL, &(brood_process_options_t){ .start_exec = 1 });
    // Once is enough of what takes ten seconds.
    if (strcmp (way->way, "hang") != 0) {
        T_MUST (brood_process_start (p) == -1 && errno == ENOEXEC);
        T_MUST (strstr (brood_error (), way->text));
        T_MUST (brood_process_is_alive (p) == 0);
    }
    T_MUST (t_marked_wait (1, 20) == 0);
    T_MUST (waitpid (-1, NULL, WNOHANG) == -1 && errno == ECHILD);
    T_MUST (brd_arena_used (brd_runtime_arena ()) == used);
    T_MUST (t_open_fds_fall_to (fds));
    // And it can be tried again.
    unsetenv (T_EXEC_WAY);
    T_MUST (brood_process_start (p) == 0);
    T_MUST (brood_process_join (p, 30000) == 0);
    T_MUST (brood_process_exitcode (p) == 7);
    brood_process_destroy (&p);
    s_must_work (1, "none");
}

static void
s_test_goes_astray (void **state)
{
    static s_way_t ways[] = {
        { "exit", "ended before brood_init ()" },
        { "close", "ended before brood_init ()" },
        { "use", "used brood before brood_init ()" },
        { "fork", "forked before brood_init ()" },
        { "clash", "where shared memory must be" },
        { "hang", "has not come to brood_init ()" },
    };
    (void) state;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        t_exec_program (s_goes_astray, &ways[i]);
}

// The n-th allocation, or system call, fails in the program anew.
static void
s_faults (void *arg)
{
    char way[32];
    const int kind = *(const int *) arg;
    int failed = 0, worked = 0;
    T_MUST (brood_init (NULL, NULL) == 0);
    for (int n = 1; n <= 40; n += T_EXEC_TSAN ? 7 : 1) {
        snprintf (way, sizeof way, "fault %d %d", kind, n);
        setenv (T_EXEC_WAY, way, 1);
        BROOD_AUTO (process)
        p = brood_process_new_with (
            s_seven, NULL, &(brood_process_options_t){ .start_exec = 1 });
        if (brood_process_start (p) == 0) {
            T_MUST (brood_process_join (p, 30000) == 0);
            T_MUST (brood_process_exitcode (p) == 7
                    || brood_process_exitcode (p) == -SIGKILL);
            worked++;
            continue;
        }
        failed++;
        T_MUST (errno == ENOMEM || errno == EMFILE || errno == EAGAIN
                || errno == ENOEXEC);
        T_MUST (brood_error ()[0] != '\0');
        T_MUST (t_marked_wait (1, 20) == 0);
    }
    T_MUST (failed > 0 && worked > 0);
}

static void
s_test_faults (void **state)
{
    int kinds[] = { BRD_FAULT_MEMORY, BRD_FAULT_SYSTEM };
    (void) state;
    for (int i = 0; i < 2; i++)
        t_exec_program (s_faults, &kinds[i]);
}

// What comes before brood_init () is done once more; that is all.
static void
s_something_first (void *arg)
{
    (void) arg;
    T_MUST (brood_init (NULL, NULL) == 0);
    setenv (T_EXEC_WAY, "number", 1);
    s_must_work (11, "none");
}

static void
s_test_something_first (void **state)
{
    (void) state;
    char *said = t_process_program (s_something_first, NULL);
    assert_string_equal (said, "once ");
    free (said);
}

// Not even the owner's death makes main go on.
static void
s_killed_meanwhile (void *arg)
{
    (void) arg;
    T_MUST (brood_init (NULL, NULL) == 0);
    setenv (T_EXEC_WAY, "hang", 1);
    if (fork () == 0) {
        while (t_marked (NULL, 0) < 3)  // The test, the owner, the new one
            usleep (1000);
        kill (getppid (), SIGKILL);
        _exit (0);
    }
    (void) !brood_pool_new_with (T_BY_EXEC (1, .nice = 0));
}

static void
s_test_killed_meanwhile (void **state)
{
    int status;
    (void) state;
    char *said = t_run_child (s_killed_meanwhile, NULL, 30, &status);
    assert_string_equal (said, "");
    assert_int_equal (status, SIGKILL);
    assert_int_equal (t_marked_wait (0, 30), 0);
    free (said);
}

// --- What is refused at once -----------------------------------------------

static void
s_refused (void *arg)
{
    int n = 0;
    (void) arg;
    // A program that never calls brood_init (), or later than something else.
    BROOD_AUTO (queue) queue = brood_queue_new (0);
    T_MUST (!brood_pool_new_with (T_BY_EXEC (1, .nice = 0)));
    T_MUST (errno == EINVAL && strstr (brood_error (), "brood_init ()"));
    T_MUST (brood_init (NULL, NULL) == 0);
    const brood_process_options_t by_exec = { .start_exec = 1 };
    T_MUST (!brood_process_new_with (s_seven, NULL, &by_exec));
    T_MUST (errno == EINVAL && strstr (brood_error (), "first line"));
    // Copies it may have.
    BROOD_AUTO (process) p = brood_process_new (s_seven, &n);
    T_MUST (brood_process_start (p) == 0);
}

static void
s_refused_arguments (void *arg)
{
    int n = 0;
    (void) arg;
    T_MUST (brood_init (NULL, NULL) == 0);
    BROOD_AUTO (msg) msg = brood_msg_new ("nil");
    T_MUST (!brood_process_new_with (
        s_seven, &n, &(brood_process_options_t){ .start_exec = 1 }));
    T_MUST (errno == EINVAL && strstr (brood_error (), "arg_size_bytes"));
    T_MUST (!brood_process_new_with (
        s_seven, &n, &(brood_process_options_t){ .args = msg }));
    T_MUST (errno == EINVAL);
    // Whatever has the number of the descriptor now.
    brd_arena_t *arena = brd_runtime_arena ();
    const int fd = brd_arena_fd (arena);
    T_MUST (dup2 (STDIN_FILENO, fd) == fd);
    T_MUST (!brood_pool_new_with (T_BY_EXEC (1, .nice = 0)));
    T_MUST (errno == EBADF && brood_error ()[0] != '\0');
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    T_MUST (pool);
}

static void
s_test_refused (void **state)
{
    (void) state;
    t_exec_program (s_refused, NULL);
    t_exec_program (s_refused_arguments, NULL);
}

// --- Functions it does not have --------------------------------------------

// One that was loaded after the start, in a library nobody links here.
static void *
s_load (void)
{
    static const char *const libraries[][2] = {
        { "libBrokenLocale.so.1", "__ctype_get_mb_cur_max" },
        { "libcrypt.so.1", "crypt" },
        { "liblzma.so.5", "lzma_version_number" },
        { "libbz2.so.1.0", "BZ2_bzlibVersion" },
    };
    for (size_t i = 0; i < 4; i++) {
        if (dlopen (libraries[i][0], RTLD_NOW | RTLD_NOLOAD))
            continue;
        void *library = dlopen (libraries[i][0], RTLD_NOW);
        void *symbol = library ? dlsym (library, libraries[i][1]) : NULL;
        if (symbol && brd_code_file ((uint64_t) (uintptr_t) symbol) != 0)
            return symbol;
    }
    t_must_failed ("a library to load", __LINE__);
    return NULL;
}

static void
s_loaded_later (void *arg)
{
    brood_task_fn *task;
    brood_process_fn *run;
    void *symbol = s_load ();
    (void) arg;
    memcpy (&task, &symbol, sizeof task);
    memcpy (&run, &symbol, sizeof run);
    T_MUST (brood_init (NULL, NULL) == 0);
    BROOD_AUTO (pool) pool = brood_pool_new_with (T_BY_EXEC (1, .nice = 0));
    T_MUST (!brood_pool_submit (pool, task, "nil") && errno == EINVAL);
    T_MUST (strstr (brood_error (), "loaded after the program had begun"));
    T_MUST (!brood_pool_new_with (T_BY_EXEC (1, .initializer = task)));
    T_MUST (errno == EINVAL && strstr (brood_error (), "loaded later"));
    BROOD_AUTO (process)
    p = brood_process_new_with (
        run, NULL, &(brood_process_options_t){ .start_exec = 1 });
    T_MUST (brood_process_start (p) == -1 && errno == EINVAL);
    T_MUST (strstr (brood_error (), "loaded later"));
    s_must_work (1, "none");
}

static void
s_test_loaded_later (void **state)
{
    (void) state;
    t_exec_program (s_loaded_later, NULL);
}

// --- Another program -------------------------------------------------------

// The library there is not the one here: it looks no further.
static void
s_replaced (void *arg)
{
    pid_t pid;
    int peek;
    (void) arg;
    T_MUST (brood_init (NULL, NULL) == 0);
    brd_arena_t *arena = brd_runtime_arena ();
    const brd_nursery_exec_t exec = { .arena = arena,
                                      .arena_span = brd_arena_span (arena),
                                      .arena_fd = brd_arena_fd (arena),
                                      .library = 1 };
    const brd_nursery_options_t options = { .worker_main = NULL,
                                            .serve = NULL,
                                            .arena_fd = exec.arena_fd,
                                            .exec = &exec };
    T_MUST (brd_nursery_start (&options, &pid, &peek) == -1);
    T_MUST (errno == ENOEXEC && strstr (brood_error (), "another libbrood"));
}

// The file is gone; what runs is started all the same.
static void
s_copy_program (const char *path)
{
    char bytes[65536];
    ssize_t n;
    const int from = open ("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    const int to = open (path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
    assert_true (from >= 0 && to >= 0);
    while ((n = read (from, bytes, sizeof bytes)) > 0)
        assert_int_equal (write (to, bytes, (size_t) n), n);
    close (from);
    close (to);
}

static void
s_run_copy (void *arg)
{
    execl (arg, arg, "deleted", NULL);
    _exit (1);
}

static int
s_deleted (const char *path)
{
    T_MUST (brood_init (NULL, NULL) == 0);
    T_MUST (unlink (path) == 0);
    s_must_work (1, "none");
    return 0;
}

static void
s_test_other_programs (void **state)
{
    char path[64];
    (void) state;
    t_exec_program (s_replaced, NULL);
    snprintf (path, sizeof path, "./start_exec.%d", (int) getpid ());
    s_copy_program (path);
    t_exec_program (s_run_copy, path);
}

// --- The variable ----------------------------------------------------------

static void
s_variables (void *arg)
{
    static const char *const values[] = {
        "",
        "yes",
        "-1.00",
        "7",
        "7.00112233445566778899aabbccddeeff",
        "99999999999999999999.00112233445566778899aabbccddeeff",
    };
    char text[64], got[8];
    int pair[2];
    (void) arg;
    // Of the right kind even, and with something in it that is not ours.
    T_MUST (socketpair (AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
    T_MUST (send (pair[0], "user's", 6, 0) == 6);
    snprintf (text, sizeof text, "%d.%032d", pair[1], 0);
    const char *value = arg ? values[*(const int *) arg] : text;
    setenv ("BROOD_EXEC", value, 1);
    T_MUST (brood_init (NULL, NULL) == 0);
    T_MUST (strcmp (getenv ("BROOD_EXEC"), value) == 0);
    T_MUST (recv (pair[1], got, sizeof got, MSG_DONTWAIT) == 6);
    // It goes on to the workers, behind brood's own, which does not.
    s_must_work (1, value[0] != '\0' ? value : "");
}

static void
s_test_variable (void **state)
{
    (void) state;
    for (int i = 0; i < 6; i++)
        t_exec_program (s_variables, &i);
    t_exec_program (s_variables, NULL);
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_goes_astray),
        cmocka_unit_test (s_test_faults),
        cmocka_unit_test (s_test_something_first),
        cmocka_unit_test (s_test_killed_meanwhile),
        cmocka_unit_test (s_test_refused),
        cmocka_unit_test (s_test_loaded_later),
        cmocka_unit_test (s_test_other_programs),
        cmocka_unit_test (s_test_variable),
    };
    t_exec_main (argc, argv, s_stray);
    if (argc > 1 && strcmp (argv[1], "deleted") == 0)
        return s_deleted (argv[0]);
    t_mark (argv);
    t_watchdog (110);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
