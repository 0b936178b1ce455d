// torture_maps.c - maps over arrays and messages
//
// SPDX-License-Identifier: MPL-2.0
//
// A map returns, whatever fails; ret_errors tells each item's fate, and what it
// calls well is right. Outputs of failed items are left alone.

#include "torture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
    S_ITEMS = 40
};

BROOD_MAPPER (s_square, int, x, long, y)
{
    *y = (long) *x * *x;
    return 0;
}

BROOD_EACH (s_look, int, x)
{
    return *x < 0;
}

static int
s_text (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    char text[100];
    if (brood_msg_unpack (in, "%d", &n) < 0)
        return brood_task_fail (task, "wanted a number");
    memset (text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    return brood_msg_pack (out, "[%d, %s]", n, text);
}
BROOD_TASK (s_text);

static int
s_count (const void *in, void *out, void *arg)
{
    (void) in;
    *(long *) out = *(const long *) arg;
    return 0;
}

static void
s_fill (int *in, long *out)
{
    for (int i = 0; i < S_ITEMS; i++) {
        in[i] = i;
        out[i] = -7;
    }
}

// After a map: rc, and perhaps each item's error.
static void
s_check (int rc, const int *errors, const long *out)
{
    int failed = 0;
    for (int i = 0; i < S_ITEMS; i++) {
        const int is = out[i] == (long) i * i;
        TORTURE_MUST (is || out[i] == -7);
        TORTURE_MUST (is || rc < 0);
        if (!errors)
            continue;
        failed += errors[i] != 0;
        TORTURE_MUST (errors[i] != 0 || is || rc < 0);
    }
    TORTURE_MUST (rc < 0 || failed == 0);
}

static void
s_plain (void)
{
    int in[S_ITEMS];
    long out[S_ITEMS];
    s_fill (in, out);
    const int rc = brood_pool_map (torture_pool (), s_square, in, out, S_ITEMS);
    (void) TORTURE_OK (rc == 0);
    s_check (rc, NULL, out);
    (void) TORTURE_OK (brood_pool_each (torture_pool (), s_look, in, S_ITEMS)
                       == 0);
}

static void
s_progress (long done, long total, void *arg)
{
    (void) arg;
    TORTURE_MUST (done >= 0 && done <= total);
}

// Refused before it began, a map has told of no item.
static void
s_errors (void)
{
    int in[S_ITEMS], errors[S_ITEMS];
    long out[S_ITEMS];
    const brood_map_options_t options = { .ret_errors = errors,
                                          .chunk = 3,
                                          .progress = s_progress,
                                          .stop_at_error = 1 };
    s_fill (in, out);
    memset (errors, 0, sizeof errors);
    const int rc = brood_pool_map_with (
        torture_pool (), s_square, in, out, S_ITEMS, &options);
    (void) TORTURE_OK (rc == 0);
    s_check (rc, errors, out);
}

// An item each, with what a task can have.
static void
s_single (void)
{
    int in[S_ITEMS], errors[S_ITEMS];
    long out[S_ITEMS];
    const brood_task_options_t task = { .retries = 1, .timeout_ms = 60000 };
    const brood_map_options_t options = { .ret_errors = errors, .task = &task };
    s_fill (in, out);
    memset (errors, 0, sizeof errors);
    const int rc = brood_pool_map_with (
        torture_pool (), s_square, in, out, S_ITEMS, &options);
    (void) TORTURE_OK (rc == 0);
    s_check (rc, errors, out);
}

static void
s_arg (void)
{
    int in[S_ITEMS];
    long out[S_ITEMS], arg = 11;
    const brood_map_options_t options = { .arg = &arg,
                                          .arg_size_bytes = sizeof arg };
    s_fill (in, out);
    const int rc = brood_pool_map_with (
        torture_pool (), s_count, in, out, S_ITEMS, &options);
    for (int i = 0; TORTURE_OK (rc == 0) && i < S_ITEMS; i++)
        TORTURE_MUST (out[i] == 11);
}

static void
s_arrays (void)
{
    BROOD_AUTO (array) a = brood_array_new (BROOD_INT, S_ITEMS);
    BROOD_AUTO (array) b = brood_array_new (BROOD_LONG, S_ITEMS);
    if (!TORTURE_OK (a) || !TORTURE_OK (b))
        return;
    BROOD_AUTO (array) again = brood_array_from (brood_ref (b));
    if (TORTURE_OK (again))
        TORTURE_MUST (brood_array_ptr (again) == brood_array_ptr (b));
    long *out = brood_array_ptr (b);
    s_fill (brood_array_ptr (a), out);
    const int rc = brood_pool_map (
        torture_pool (), s_square, (int *) brood_array_ptr (a), out, S_ITEMS);
    (void) TORTURE_OK (rc == 0);
    s_check (rc, NULL, out);
}

static void
s_async (void)
{
    // A map that is under way writes to them until it has ended.
    static int in[S_ITEMS];
    static long out[S_ITEMS];
    s_fill (in, out);
    BROOD_AUTO (future)
    f = brood_pool_map_async (torture_pool (), s_square, in, out, S_ITEMS);
    if (!TORTURE_OK (f))
        return;
    TORTURE_MUST (brood_future_wait (f, TORTURE_MS) == 0);
    const int rc = brood_future_get (f, 0, "nil");
    (void) TORTURE_OK (rc == 0);
    s_check (rc, NULL, out);
}

static brood_msg_t *
s_items (void)
{
    brood_msg_t *items = brood_msg_new ("[]");
    for (int i = 0; items && i < S_ITEMS; i++) {
        if (brood_msg_append (items, "%d", i) < 0)
            brood_msg_destroy (&items);
    }
    return items;
}

static void
s_check_items (const brood_msg_t *out, const int *errors)
{
    char text[128];
    for (int i = 0; i < S_ITEMS; i++) {
        int n = -1;
        char path[16];
        snprintf (path, sizeof path, "[%d]", i);
        if (errors && errors[i] != 0)
            TORTURE_MUST (brood_msg_type (out, path) == BROOD_NIL);
        else if (TORTURE_OK (brood_msg_get (out, path, "[%d, %127s]", &n, text)
                             == 0))
            TORTURE_MUST (n == i && strlen (text) == 99);
    }
}

static void
s_messages (void)
{
    int errors[S_ITEMS];
    BROOD_AUTO (msg) items = s_items ();
    if (!TORTURE_OK (items))
        return;
    BROOD_AUTO (msg)
    out = brood_pool_map_msg (torture_pool (), s_text, items, NULL);
    if (TORTURE_OK (out))
        s_check_items (out, NULL);
    BROOD_AUTO (msg)
    all = brood_pool_map_msg (
        torture_pool (),
        s_text,
        items,
        &(brood_map_options_t){ .ret_errors = errors, .chunk = 7 });
    if (TORTURE_OK (all))
        s_check_items (all, errors);
}

const torture_scenario_t torture_maps[] = {
    { "plain", s_plain },       { "errors", s_errors }, { "single", s_single },
    { "arg", s_arg },           { "arrays", s_arrays }, { "async", s_async },
    { "messages", s_messages }, { NULL, NULL },
};
