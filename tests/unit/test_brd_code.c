// test_brd_code.c - functions by their file and their place in it
//
// SPDX-License-Identifier: MPL-2.0

#include "tests/t.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <gnu/libc-version.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <brood.h>

#include "base/brd_error.h"
#include "client/brd_code.h"
#include "client/brd_tasks.h"

static uint64_t
s_here (void (*fn) (void **state))
{
    return (uint64_t) (uintptr_t) fn;
}

static void
s_test_look (void **state)
{
    static brd_code_t code;
    const uint64_t fn = s_here (s_test_look);
    const uint64_t libc = (uint64_t) (uintptr_t) gnu_get_libc_version;
    (void) state;
    brd_code_look (&code);
    assert_true (code.count >= 3 && !code.moved);
    for (int i = 0; i < 3; i++) {
        assert_int_equal (brd_code_there (&code, fn), fn);
        assert_int_equal (brd_code_there (&code, libc), libc);
    }
    assert_int_equal (brd_code_there (&code, 0), 0);
    assert_int_equal (brd_code_there (&code, 1), 0);
    assert_int_equal (brd_code_there (&code, (uint64_t) (uintptr_t) &code), 0);
}

// As if another program had written it, in which everything lies elsewhere.
static void
s_move (brd_code_t *code, uint64_t by)
{
    for (size_t i = 0; i < code->count; i++) {
        code->segments[i].start += by;
        code->segments[i].end += by;
        code->segments[i].there = 0;
    }
}

static void
s_test_match (void **state)
{
    static brd_code_t code;
    const uint64_t by = UINT64_C (0x123456000);
    const uint64_t fn = s_here (s_test_match);
    (void) state;
    brd_code_look (&code);
    s_move (&code, by);
    uint64_t there[BRD_CODE_SEGMENTS_MAX];
    brd_code_t *asked = malloc (sizeof *asked);  // lint: a test
    assert_non_null (asked);
    *asked = code;
    assert_int_equal (brd_code_match (&code), 0);
    brd_code_answer (&code, there);
    brd_code_take (asked, there);
    code = *asked;
    free (asked);  // lint: a test
    assert_true (code.moved);
    assert_int_equal (brd_code_there (&code, fn + by), fn);
    assert_int_equal (
        brd_code_there (&code,
                        (uint64_t) (uintptr_t) gnu_get_libc_version + by),
        (uint64_t) (uintptr_t) gnu_get_libc_version);
    assert_int_equal (brd_code_there (&code, 7), 0);
}

// A library that was replaced: another file, or one of another length.
static void
s_test_replaced (void **state)
{
    static brd_code_t code;
    const uint64_t fn = s_here (s_test_replaced);
    (void) state;
    for (int i = 0; i < 2; i++) {
        brd_code_look (&code);
        for (size_t j = 0; j < code.count; j++) {
            if (fn < code.segments[j].start || fn >= code.segments[j].end)
                continue;
            if (i == 0)
                code.segments[j].file++;
            else
                code.segments[j].end += 4096;
        }
        assert_int_equal (brd_code_match (&code), 0);
        assert_int_equal (brd_code_there (&code, fn), 0);
        assert_int_not_equal (
            brd_code_there (&code, (uint64_t) (uintptr_t) gnu_get_libc_version),
            0);
    }
}

// Another program: nothing of its own is here, but what has the same name.
static void
s_test_names (void **state)
{
    static brd_code_t code;
    const brd_tasks_entry_t entries[] = {
        { .name = "a", .fn = s_here (s_test_match) },
        { .name = "b", .fn = s_here (s_test_replaced), .mapper = 1 },
    };
    (void) state;
    for (size_t i = 0; i < 2; i++)
        assert_int_equal (brd_tasks_add (&entries[i]), 0);
    brd_code_look (&code);
    const size_t files = code.count;
    brd_code_add_names (&code);
    assert_true (code.named);
    assert_int_equal (code.count, files + 2);
    for (size_t i = 0; i < files; i++)
        code.segments[i].file++;
    // What the other has under these names.
    code.segments[files].start = 4096;
    code.segments[files].end = 4097;
    code.segments[files + 1].file++;
    assert_int_equal (brd_code_match (&code), 0);
    assert_int_equal (brd_code_there (&code, 4096), s_here (s_test_match));
    assert_int_equal (brd_code_there (&code, 4097), 0);
    assert_int_equal (brd_code_there (&code, s_here (s_test_match)), 0);
    assert_int_equal (brd_code_there (&code, s_here (s_test_replaced)), 0);
}

static void
s_test_file (void **state)
{
    const uint64_t fn = s_here (s_test_file);
    const uint64_t other = s_here (s_test_match);
    const uint64_t libc = (uint64_t) (uintptr_t) gnu_get_libc_version;
    int here;
    (void) state;
    assert_int_not_equal (brd_code_file (fn), 0);
    assert_int_equal (brd_code_file (fn), brd_code_file (other));
    assert_int_not_equal (brd_code_file (fn), brd_code_file (libc));
    assert_int_equal (brd_code_file ((uint64_t) (uintptr_t) &here), 0);
    assert_int_equal (brd_code_mark (fn), brd_code_mark (other));
    assert_int_not_equal (brd_code_mark (fn), brd_code_file (fn));
    assert_int_equal (brd_code_mark (0), 0);
}

// --- Numbers ---------------------------------------------------------------

static char *s_program;

static uint64_t
s_libc (void)
{
    return (uint64_t) (uintptr_t) gnu_get_libc_version;
}

// What another execution of this program prints: its numbers of two functions,
// what it was built from, and where it has the number it was given.
static int
s_print (const char *number)
{
    unsigned char build[BRD_CODE_BUILD];
    const uint64_t fn = s_here (s_test_file);
    const uint64_t found = brd_code_find (strtoull (number, NULL, 16));
    brd_code_build (build);
    printf ("%" PRIx64 " %" PRIx64 " %" PRIx64 " ",
            fn,
            brd_code_number (fn),
            brd_code_number (s_libc ()));
    for (int i = 0; i < BRD_CODE_BUILD; i++)
        printf ("%02x", build[i]);
    printf (" %s\n", found == fn ? "found" : brd_error_get ()->text);
    return 0;
}

static void
s_execute (void *arg)
{
    char *const argv[] = { s_program, arg, NULL };
    execv ("/proc/self/exe", argv);
}

// The line another execution prints.
static void
s_ask (uint64_t number, char *line, size_t size)
{
    char text[32];
    int status;
    snprintf (text, sizeof text, "%" PRIx64, number);
    char *output = t_run_child (s_execute, text, 30, &status);
    assert_int_equal (status, 0);
    snprintf (line, size, "%s", output);
    free (output);  // lint: a test
}

static void
s_test_numbers (void **state)
{
    const uint64_t fn = s_here (s_test_file);
    const uint64_t number = brd_code_number (fn);
    int here;
    (void) state;
    assert_int_not_equal (number, 0);
    assert_int_not_equal (number, fn);
    assert_int_equal (brd_code_find (number), fn);
    for (int i = 0; i < 3; i++) {  // In turn, and the same again
        assert_int_equal (brd_code_find (brd_code_number (s_libc ())),
                          s_libc ());
        assert_int_equal (brd_code_number (fn), number);
        assert_int_equal (brd_code_number (fn), number);
        assert_int_equal (brd_code_find (number), fn);
    }
    assert_int_equal (number >> 40,
                      brd_code_number (s_here (s_test_match)) >> 40);
    assert_int_not_equal (number >> 40, brd_code_number (s_libc ()) >> 40);
    const uint64_t data = (uint64_t) (uintptr_t) &here;
    const uint64_t none[] = { 0, 1, data, (uint64_t) (uintptr_t) &s_program };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        assert_int_equal (brd_code_number (none[i]), 0);
        assert_int_equal (errno, EINVAL);
    }
    // A file that is not here; and no code there.
    const uint64_t wrong[] = { 0,
                               number ^ UINT64_C (1) << 40,
                               number | ((UINT64_C (1) << 40) - 1),
                               number >> 40 << 40 };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal (brd_code_find (wrong[i]), 0);
        assert_int_equal (errno, EINVAL);
    }
}

static void
s_test_elsewhere (void **state)
{
    char line[300], expected[300];
    unsigned char build[BRD_CODE_BUILD];
    const uint64_t number = brd_code_number (s_here (s_test_file));
    int moved = 0;
    (void) state;
    brd_code_build (build);
    int used = snprintf (expected,
                         sizeof expected,
                         "%" PRIx64 " %" PRIx64 " ",
                         number,
                         brd_code_number (s_libc ()));
    for (int i = 0; i < BRD_CODE_BUILD; i++)
        used += snprintf (
            expected + used, sizeof expected - (size_t) used, "%02x", build[i]);
    snprintf (expected + used, sizeof expected - (size_t) used, " found\n");
    for (int i = 0; i < 3; i++) {
        s_ask (number, line, sizeof line);
        const char *rest = strchr (line, ' ');
        assert_non_null (rest);
        moved += strtoull (line, NULL, 16) != s_here (s_test_file);
        assert_string_equal (rest + 1, expected);
    }
    // Unless somebody has turned that off, the kernel has put it elsewhere.
    FILE *random = fopen ("/proc/self/personality", "re");
    unsigned persona = 0;
    assert_non_null (random);
    assert_int_equal (fscanf (random, "%x", &persona), 1);
    fclose (random);
    assert_true (moved > 0 || (persona & 0x0040000));
}

// --- Libraries -------------------------------------------------------------

typedef int
s_seven_fn (void);

static void *
s_open (const char *path, uint64_t *ret_fn)
{
    void *library = dlopen (path, RTLD_NOW);
    assert_non_null (library);
    void *symbol = dlsym (library, "code_library_seven");
    assert_non_null (symbol);
    *ret_fn = (uint64_t) (uintptr_t) symbol;
    return library;
}

static void
s_check_library (const char *path)
{
    uint64_t fn, again;
    s_seven_fn *seven;
    void *library = s_open (path, &fn);
    const uint64_t number = brd_code_number (fn);
    assert_int_not_equal (number, 0);
    assert_int_equal (brd_code_find (number), fn);
    assert_int_equal (dlclose (library), 0);
    assert_int_equal (brd_code_number (fn), 0);
    assert_int_equal (brd_code_find (number), 0);
    assert_non_null (strstr (brd_error_get ()->text, "not loaded"));
    // Its place is taken, so it comes to lie in another.
    void *there = (void *) (uintptr_t) (fn & ~UINT64_C (4095));
    void *taken = mmap (there,
                        4096,
                        PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
                        -1,
                        0);
    library = s_open (path, &again);
    if (taken == there)
        assert_int_not_equal (again, fn);
    assert_int_equal (brd_code_number (again), number);
    assert_int_equal (brd_code_find (number), again);
    uint64_t address = brd_code_find (number);
    memcpy (&seven, &address, sizeof seven);
    assert_int_equal (seven (), 7);
    if (taken != MAP_FAILED)
        munmap (taken, 4096);
    dlclose (library);
}

static void
s_test_library (void **state)
{
    (void) state;
    s_check_library (T_LIBRARY_sha1);
    s_check_library (T_LIBRARY_none);
}

static void
s_copy (const char *from, char *path)
{
    struct stat stat;
    int in = open (from, O_RDONLY | O_CLOEXEC);
    int out = mkstemp (path);
    assert_true (in >= 0 && out >= 0);
    assert_int_equal (fstat (in, &stat), 0);
    assert_int_equal (sendfile (out, in, NULL, (size_t) stat.st_size),
                      stat.st_size);
    close (in);
    close (out);
}

// The same file under two names: its number says not which.
static void
s_test_twice (void **state)
{
    char path[] = "/tmp/test_brd_code-XXXXXX";
    uint64_t fn, twin;
    (void) state;
    void *library = s_open (T_LIBRARY_sha1, &fn);
    const uint64_t number = brd_code_number (fn);
    assert_int_equal (brd_code_find (number), fn);
    s_copy (T_LIBRARY_sha1, path);
    void *other = s_open (path, &twin);
    unlink (path);
    assert_int_not_equal (twin, fn);
    assert_int_equal (brd_code_number (fn), 0);
    assert_non_null (strstr (brd_error_get ()->text, "twice"));
    assert_int_equal (brd_code_number (twin), 0);
    assert_int_equal (brd_code_find (number), 0);
    assert_non_null (strstr (brd_error_get ()->text, "either of two"));
    dlclose (other);
    assert_int_equal (brd_code_number (fn), number);
    assert_int_equal (brd_code_find (number), fn);
    dlclose (library);
}

// --- Forks -----------------------------------------------------------------

static _Atomic int s_enough;

static void *
s_look_all_the_time (void *arg)
{
    const uint64_t fns[] = { s_here (s_test_file), s_libc () };
    (void) arg;
    for (int i = 0; !atomic_load (&s_enough); i++)
        (void) brd_code_number (fns[i % 2]);
    return NULL;
}

// A child may be made at any moment and must be able to look, too. It is killed
// by its alarm if it waits for a thread that it does not have.
static void
s_test_forks (void **state)
{
    pthread_t thread;
    (void) state;
    assert_int_equal (brood_init (NULL, NULL), 0);
    assert_int_equal (pthread_create (&thread, NULL, s_look_all_the_time, NULL),
                      0);
    for (int i = 0; i < 100; i++) {
        int status = -1;
        const pid_t pid = fork ();
        if (pid == 0) {
            signal (SIGALRM, SIG_DFL);
            alarm (20);
            _exit (brd_code_number (s_libc ()) != 0 ? 0 : 1);
        }
        assert_true (pid > 0);
        assert_int_equal (waitpid (pid, &status, 0), pid);
        assert_int_equal (status, 0);
    }
    atomic_store (&s_enough, 1);
    pthread_join (thread, NULL);
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_look),      cmocka_unit_test (s_test_match),
        cmocka_unit_test (s_test_replaced),  cmocka_unit_test (s_test_names),
        cmocka_unit_test (s_test_file),      cmocka_unit_test (s_test_numbers),
        cmocka_unit_test (s_test_elsewhere), cmocka_unit_test (s_test_library),
        cmocka_unit_test (s_test_twice),     cmocka_unit_test (s_test_forks),
    };
    if (argc > 1)
        return s_print (argv[1]);
    s_program = argv[0];
    t_watchdog (90);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
