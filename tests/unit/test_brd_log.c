// test_brd_log.c - silent until asked, then one line at a time
//
// SPDX-License-Identifier: MPL-2.0

#include "tests/t.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/brd_log.h"
#include "base/brd_sys.h"

typedef struct {
    _Atomic int lines;
    brood_log_level_t level;
    int pid;
    int64_t time_ns;
    char process[64];
    char host[64];
    char text[2048];
} s_heard_t;

static void
s_hear (const brood_log_line_t *line, void *arg)
{
    s_heard_t *heard = arg;
    heard->lines++;
    heard->level = line->level;
    heard->pid = line->pid;
    heard->time_ns = line->time_ns;
    (void) snprintf (
        heard->process, sizeof heard->process, "%s", line->process);
    (void) snprintf (heard->host, sizeof heard->host, "%s", line->host);
    (void) snprintf (heard->text, sizeof heard->text, "%s", line->text);
}

static int
s_count (int *n)
{
    return ++*n;
}

static void
s_test_levels (void **state)
{
    (void) state;
    s_heard_t heard = { .lines = 0 };
    int evaluated = 0;
    brd_log (BROOD_LOG_ERROR, "%d", s_count (&evaluated));
    assert_int_equal (evaluated, 0);
    brd_log_set_sink (BROOD_LOG_INFO, s_hear, &heard);
    brd_log (BROOD_LOG_DEBUG, "%d", s_count (&evaluated));
    assert_int_equal (evaluated, 0);
    assert_int_equal (heard.lines, 0);
    brd_log (BROOD_LOG_INFO, "%d", s_count (&evaluated));
    assert_int_equal (heard.lines, 1);
    assert_string_equal (heard.text, "1");
    brd_log (BROOD_LOG_ERROR, "two");
    assert_int_equal (heard.level, BROOD_LOG_ERROR);
    brd_log_set_sink (0, NULL, NULL);
    brd_log (BROOD_LOG_ERROR, "three");
    assert_int_equal (heard.lines, 2);
}

static void
s_test_line (void **state)
{
    (void) state;
    s_heard_t heard = { .lines = 0 };
    brd_log_set_sink (BROOD_LOG_DEBUG, s_hear, &heard);
    brd_log_set_process ("worker 3");
    errno = EBUSY;
    brd_log (BROOD_LOG_WARNING, "a %s\nb\n", "x");
    assert_int_equal (errno, EBUSY);
    assert_int_equal (heard.level, BROOD_LOG_WARNING);
    assert_int_equal (heard.pid, getpid ());
    // After 2020: since the epoch, not since the boot.
    assert_true (heard.time_ns > INT64_C (1577836800000000000));
    assert_string_equal (heard.process, "worker 3");
    assert_true (strlen (heard.host) > 0);
    assert_string_equal (heard.text, "a x b ");
    char text[3000];
    memset (text, 'n', sizeof text);
    text[sizeof text - 1] = '\0';
    brd_log_set_process (text);
    brd_log (BROOD_LOG_DEBUG, "%s", text);
    assert_int_equal (strlen (heard.process), 63);
    assert_int_equal (strlen (heard.text), 1023);
    brd_log_set_sink (0, NULL, NULL);
}

// Says a line of each level as $BROOD_LOG = arg.
static void
s_speak (void *arg)
{
    if (arg)
        setenv ("BROOD_LOG", arg, 1);
    else
        unsetenv ("BROOD_LOG");
    brd_log_set_process ("w");
    brd_log_init_from_env ();
    brd_log (BROOD_LOG_ERROR, "e");
    brd_log (BROOD_LOG_WARNING, "w");
    brd_log (BROOD_LOG_INFO, "i");
    brd_log (BROOD_LOG_DEBUG, "d");
}

static void
s_test_environment (void **state)
{
    (void) state;
    static const struct {
        char word[8];
        int lines;
    } cases[] = { { "", 0 },     { "error", 1 }, { "warning", 2 },
                  { "info", 3 }, { "debug", 4 }, { "trace", 3 } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char word[8];
        memcpy (word, cases[i].word, sizeof word);
        char *output = t_run_child (s_speak, word, 10, &(int){ 0 });
        int lines = 0;
        for (const char *at = output; *at != '\0'; at++)
            lines += *at == '\n';
        assert_int_equal (lines, cases[i].lines);
        if (strcmp (word, "trace") == 0)
            assert_non_null (strstr (output, "BROOD_LOG=trace"));
        free (output);
    }
    char *output = t_run_child (s_speak, NULL, 10, &(int){ 0 });
    assert_string_equal (output, "");
    free (output);
}

static void
s_speak_long (void *arg)
{
    (void) arg;
    brd_log_set_sink (BROOD_LOG_ERROR, NULL, NULL);
    char text[3000];
    memset (text, 'n', sizeof text);
    text[sizeof text - 1] = '\0';
    brd_log (BROOD_LOG_ERROR, "%s", text);
}

static void
s_test_stderr (void **state)
{
    (void) state;
    char *output = t_run_child (s_speak, (char[]){ "error" }, 10, &(int){ 0 });
    assert_memory_equal (output, "brood: error: w[", 16);
    assert_string_equal (strchr (output, ']'), "]: e\n");
    free (output);
    output = t_run_child (s_speak_long, NULL, 10, &(int){ 0 });
    assert_true (strlen (output) > 1000);
    assert_int_equal (output[strlen (output) - 1], '\n');
    free (output);
}

// Two sinks whose fn and arg must never be seen mixed.
static _Atomic int s_mixed;

static void
s_sink_a (const brood_log_line_t *line, void *arg)
{
    (void) line;
    atomic_fetch_add (&s_mixed, *(const char *) arg != 'a');
}

static void
s_sink_b (const brood_log_line_t *line, void *arg)
{
    (void) line;
    atomic_fetch_add (&s_mixed, *(const char *) arg != 'b');
}

static void *
s_change (void *arg)
{
    static char a = 'a';
    static char b = 'b';
    _Atomic int *stop = arg;
    do {
        brd_log_set_sink (BROOD_LOG_ERROR, s_sink_a, &a);
        brd_log_set_sink (BROOD_LOG_ERROR, s_sink_b, &b);
    } while (!atomic_load (stop));
    return NULL;
}

static void
s_test_change (void **state)
{
    (void) state;
    _Atomic int stop = 1;
    s_change (&stop);
    stop = 0;
    pthread_t thread;
    assert_int_equal (brd_sys_thread (&thread, s_change, &stop), 0);
    for (int i = 0; i < 50000; i++)
        brd_log (BROOD_LOG_ERROR, "x");
    atomic_store (&stop, 1);
    pthread_join (thread, NULL);
    assert_int_equal (s_mixed, 0);
    brd_log_set_sink (0, NULL, NULL);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_levels),      cmocka_unit_test (s_test_line),
        cmocka_unit_test (s_test_environment), cmocka_unit_test (s_test_stderr),
        cmocka_unit_test (s_test_change),
    };
    t_watchdog (60);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
