// test_launch_words.c - words arrive as they were, whatever shell reads them
//
// SPDX-License-Identifier: MPL-2.0

#include "tests/t.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/launch_words.h"

// All that any shell might see something in.
static const char *const s_awkward[] = {
    "plain", "",        " ",        "two words", "it's",  "\"q\"",    "\\",
    "\\n",   "a\nb",    "\ttab",    "$HOME",     "`id`",  "$(id)",    "*",
    "?",     "[a-z]",   "~",        "~root",     "!!",    "#no",      "a;b",
    "a|b",   "a&b",     "<>",       "{a,b}",     "-n",    "--",       "A=b",
    "(x)",   "%1",      "^a^b",     "\xc3\xa4",  "'\\''", "back\\\\", "=ls",
    "@",     "a,b:c+d", "\x02\x7f", "$$",        "end ",
};

enum {
    S_WORDS = sizeof s_awkward / sizeof *s_awkward
};

static void
s_test_split (void **state)
{
    (void) state;
    brd_launch_words_t words = { 0 };
    brd_launch_words_split (&words, " -N2\t -n  64 'a b'\n");
    char *const *got = brd_launch_words_get (&words);
    static const char *const wanted[] = { "-N2", "-n", "64", "'a", "b'" };
    assert_int_equal (words.count, 5);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal (got[i], wanted[i]);
    assert_null (got[5]);
    brd_launch_words_fini (&words);
    brd_launch_words_fini (&words);
}

static void
s_test_many (void **state)
{
    (void) state;
    brd_launch_words_t words = { 0 };
    for (int i = 0; i < 1000; i++)
        brd_launch_words_add (&words, "word");
    assert_int_equal (words.count, 1000);
    assert_null (brd_launch_words_get (&words)[1000]);
    brd_launch_words_fini (&words);
}

static void
s_test_too_long (void **state)
{
    (void) state;
    static char word[256 * 1024];
    memset (word, 'x', sizeof word - 1);
    const char *argv[] = { word, NULL };
    brd_launch_words_t words = { 0 };
    brd_launch_words_remote (&words, NULL, argv);
    assert_null (brd_launch_words_get (&words));
    brd_launch_words_add (&words, "later");
    assert_null (brd_launch_words_get (&words));
    brd_launch_words_fini (&words);
}

// --- Real shells -----------------------------------------------------------

typedef struct {
    const char *shell;
    const char *command;
} s_case_t;

static void
s_run_shell (void *arg)
{
    const s_case_t *one = arg;
    execlp (one->shell, one->shell, "-c", one->command, (char *) NULL);
    _exit (99);
}

// A word with its variables, as the program that is started prints them.
static void
s_check (const char *shell, int takes_newlines)
{
    static const char *const env[] = { "T_X=it's $HOME \\ \"x\"", NULL };
    static const char printer[] = "printf '%s\\001' \"$T_X\" \"$@\"";
    const char *argv[S_WORDS + 5] = { "/bin/sh", "-c", printer, "name" };
    for (int i = 0; i < S_WORDS; i++)
        argv[i + 4] = takes_newlines || !strchr (s_awkward[i], '\n')
                          ? s_awkward[i]
                          : "no newline";
    brd_launch_words_t words = { 0 };
    brd_launch_words_remote (&words, env, argv);
    char *const *got = brd_launch_words_get (&words);
    assert_non_null (got);
    assert_int_equal (words.count, 1);
    s_case_t one = { shell, got[0] };
    int status;
    char *said = t_run_child (s_run_shell, &one, 30, &status);
    const char *at = said;
    const size_t size = strlen (env[0] + 4);
    if (status != 0 || strncmp (at, env[0] + 4, size) != 0)
        fail_msg ("%s: %s", shell, said);
    at += size + 1;
    for (int i = 0; i < S_WORDS; i++) {
        const char *wanted = argv[i + 4];
        const size_t length = strlen (wanted);
        if (strncmp (at, wanted, length) != 0 || at[length] != '\1')
            fail_msg ("%s: \"%s\" is \"%s\"", shell, wanted, at);
        at += length + 1;
    }
    assert_int_equal (*at, '\0');
    free (said);
    brd_launch_words_fini (&words);
}

static int
s_there_is (const char *program)
{
    char path[256];
    snprintf (path, sizeof path, "/usr/bin/%s", program);
    return access (path, X_OK) == 0;
}

// sh is always there.
static void
s_test_shells (void **state)
{
    static const struct {
        const char *name;
        int takes_newlines;
    } shells[] = {
        { "sh", 1 },   { "bash", 1 }, { "dash", 1 }, { "zsh", 1 },
        { "fish", 1 }, { "csh", 0 },  { "tcsh", 0 },
    };
    (void) state;
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++)
        if (i == 0 || s_there_is (shells[i].name))
            s_check (shells[i].name, shells[i].takes_newlines);
}

// env would take its path for a variable.
static void
s_test_odd_program (void **state)
{
    (void) state;
    const char *argv[] = { "/tmp/a=b 'c'/no", "x", NULL };
    brd_launch_words_t words = { 0 };
    brd_launch_words_remote (&words, NULL, argv);
    s_case_t one = { "sh", brd_launch_words_get (&words)[0] };
    int status;
    char *said = t_run_child (s_run_shell, &one, 30, &status);
    assert_int_equal (WEXITSTATUS (status), 127);
    assert_non_null (strstr (said, argv[0]));
    free (said);
    brd_launch_words_fini (&words);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_split),       cmocka_unit_test (s_test_many),
        cmocka_unit_test (s_test_too_long),    cmocka_unit_test (s_test_shells),
        cmocka_unit_test (s_test_odd_program),
    };
    t_watchdog (60);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
