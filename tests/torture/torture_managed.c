// torture_managed.c - managed objects, while calls on either side fail
//
// SPDX-License-Identifier: MPL-2.0
//
// A call that failed has changed nothing, unless the line to the manager broke:
// then it is not known, and all later ones fail at once. Faults come once, so
// what follows a failure must work.
//
// Read torture_managers.c next, how managers begin and end.

#include "torture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
    S_TEXT = 299,
    S_LARGE = 40000,
    S_ITEMS = 8
};

// --- The line --------------------------------------------------------------

static int s_lost;

static int
s_noted (int good)
{
    if (!good && (errno == ECONNRESET || errno == EHOSTDOWN))
        s_lost = 1;
    return good;
}

#define S_OK(good) s_noted (TORTURE_OK (good))
#define S_MUST(good) TORTURE_MUST (s_noted (good) || s_lost)

// A name nobody has used: objects with names stay.
static const char *
s_name (const char *class)
{
    static char name[64];
    static int last;
    snprintf (name, sizeof name, "%s %d", class, ++last);
    s_lost = 0;
    return name;
}

static const char *
s_text (char letter)
{
    static char text[S_TEXT + 1];
    memset (text, letter, S_TEXT);
    return text;
}

// --- Containers ------------------------------------------------------------

static void
s_add (brood_dict_t *dict)
{
    int64_t sum = 0, got;
    for (int i = 0; i < 3 && !s_lost; i++) {
        if (!S_OK (brood_dict_add (dict, "sum", 5, &got) == 0))
            continue;
        sum += 5;
        TORTURE_MUST (got == sum);
    }
    if (S_OK (sum == 0 || brood_dict_add (dict, "sum", 0, &got) == 0))
        TORTURE_MUST (sum == 0 || got == sum);
}

static void
s_pop (brood_dict_t *dict)
{
    char text[S_TEXT + 1] = "";
    if (!S_OK (brood_dict_set (dict, "text", "{x: %s}", s_text ('x')) == 0))
        return;
    if (S_OK (brood_dict_get (dict, "text", "{x: %299s}", text) == 0))
        TORTURE_MUST (strcmp (text, s_text ('x')) == 0);
    const int popped =
        S_OK (brood_dict_pop (dict, "text", "{x: %299s}", text) == 0);
    if (popped)
        TORTURE_MUST (strcmp (text, s_text ('x')) == 0);
    const int there = brood_dict_contains (dict, "text");
    if (S_OK (there >= 0))
        TORTURE_MUST (there == !popped);
}

// Bytes on loan need memory here: the value must not be gone without it.
static void
s_pop_bytes (brood_dict_t *dict)
{
    void *bytes;
    size_t size;
    const char *text = s_text ('y');
    if (!S_OK (brood_dict_set (
                   dict, "b", "<%zu %p>", (size_t) S_TEXT, (void *) text)
               == 0))
        return;
    const int popped =
        S_OK (brood_dict_pop (dict, "b", "<%zu %p>", &size, &bytes) == 0);
    if (popped)
        TORTURE_MUST (size == S_TEXT && memcmp (bytes, text, size) == 0);
    const int there = brood_dict_contains (dict, "b");
    if (S_OK (there >= 0))
        TORTURE_MUST (there == !popped);
}

static void
s_dict (void)
{
    (void) s_name ("");
    BROOD_AUTO (dict) dict = brood_dict_new (torture_manager ());
    if (!S_OK (dict))
        return;
    s_add (dict);
    s_pop (dict);
    s_pop_bytes (dict);
    if (s_lost || !S_OK (brood_dict_clear (dict) == 0)
        || !S_OK (brood_dict_update (dict, "{a: 1, b: [2, 3]}") == 0))
        return;
    BROOD_AUTO (msg) one = brood_msg_new ("1");
    if (S_OK (one) && S_OK (brood_dict_swap_if (dict, "a", one, "%d", 4) >= 0))
        (void) S_OK (brood_dict_swap_if (dict, "a", one, "%d", 5) == 0);
    const int set = brood_dict_setdefault (dict, "c", "%d", 6);
    if (S_OK (set >= 0))
        TORTURE_MUST (set == 1);
    BROOD_AUTO (msg) copy = brood_dict_copy (dict);
    if (S_OK (copy))
        TORTURE_MUST (brood_msg_len (copy, "") == 2 + (set == 1));
    BROOD_AUTO (msg) keys = brood_dict_keys (dict);
    if (S_OK (keys))
        TORTURE_MUST (brood_msg_len (keys, "") == 2 + (set == 1));
}

static void
s_list (void)
{
    (void) s_name ("");
    BROOD_AUTO (list) list = brood_list_new (torture_manager ());
    if (!S_OK (list))
        return;
    long len = 0;
    int n;
    for (int i = 0; i < S_ITEMS && !s_lost; i++)
        len += S_OK (brood_list_insert (list, 0, "[%d, %s]", i, s_text ('l'))
                     == 0);
    if (s_lost || !S_OK (brood_list_len (list) == len)
        || !S_OK (brood_list_reverse (list) == 0)
        || !S_OK (brood_list_sort (list) == 0))
        return;
    BROOD_AUTO (msg) copy = brood_list_copy (list);
    if (S_OK (copy))
        TORTURE_MUST (brood_msg_len (copy, "") == len);
    for (int last = S_ITEMS; len > 0 && !s_lost; last = n) {
        if (!S_OK (brood_list_pop (list, -1, "[%d, *]", &n) == 0)) {
            S_MUST (brood_list_len (list) == len);
            n = last;
            continue;
        }
        TORTURE_MUST (n < last);
        len--;
    }
}

// A dict in a namespace: it lives while it is there, or somebody has it.
static void
s_nested (void)
{
    const long before = brood_manager_number_of_objects (torture_manager ());
    (void) s_name ("");
    void *ref;
    int n;
    BROOD_AUTO (namespace) outer = brood_namespace_new (torture_manager ());
    BROOD_AUTO (dict) inner = brood_dict_new (torture_manager ());
    if (!S_OK (outer) || !S_OK (inner)
        || !S_OK (brood_namespace_set (outer, "in", "@%p", brood_ref (inner))
                  == 0))
        return;
    brood_dict_destroy (&inner);
    if (!S_OK (brood_namespace_get (outer, "in", "@%p", &ref) == 0))
        return;
    BROOD_AUTO (dict) again = brood_dict_from (ref);
    if (!S_OK (again) || !S_OK (brood_dict_set (again, "n", "%d", 3) == 0)
        || !S_OK (brood_namespace_del (outer, "in") == 0))
        return;
    if (S_OK (brood_dict_get (again, "n", "%d", &n) == 0))
        TORTURE_MUST (n == 3);
    brood_dict_destroy (&again);
    brood_namespace_destroy (&outer);
    // What unpacking lent is the thread's until the next time.
    const long after = brood_manager_number_of_objects (torture_manager ());
    if (torture_strict ())
        TORTURE_MUST (after <= before + 1);
}

// --- Queues ----------------------------------------------------------------

static int
s_put (brood_queue_t *queue, int i)
{
    static char bytes[S_LARGE];
    const size_t size = i % 3 == 1 ? S_LARGE : 5;
    return S_OK (
        brood_queue_put (
            queue, TORTURE_MS, "[%d, <%zu %p>]", i, size, (void *) bytes)
        == 0);
}

// In one of three ways; if that fails it is still the first.
static int
s_get (brood_queue_t *queue, int i)
{
    int n = -1;
    size_t size;
    void *bytes;
    if (i % 3 == 0)
        return S_OK (brood_queue_get (queue, TORTURE_MS, "[%d, *]", &n) == 0)
                   ? n
                   : -1;
    if (i % 3 == 1)
        return S_OK (brood_queue_get (
                         queue, TORTURE_MS, "[%d, <%zu %p>]", &n, &size, &bytes)
                     == 0)
                   ? n
                   : -1;
    BROOD_AUTO (msg) msg = brood_queue_get_msg (queue, TORTURE_MS);
    if (!S_OK (msg))
        return -1;
    TORTURE_MUST (brood_msg_unpack (msg, "[%d, *]", &n) == 0);
    return n;
}

static void
s_queue (void)
{
    BROOD_AUTO (queue)
    queue = brood_queue_open (torture_manager (), s_name ("queue"), NULL);
    int put[S_ITEMS];
    long size = 0;
    if (!S_OK (queue))
        return;
    for (int i = 0; i < S_ITEMS && !s_lost; i++)
        size += put[i] = s_put (queue, i);
    const long there = s_lost ? size : brood_queue_qsize (queue);
    if (S_OK (there >= 0))
        TORTURE_MUST (there == size);
    for (int i = 0; i < S_ITEMS && !s_lost; i++) {
        if (!put[i])
            continue;
        int n = s_get (queue, i);
        if (n < 0 && !s_lost)
            n = s_get (queue, i);
        TORTURE_MUST (n == i || s_lost);
    }
    (void) S_OK (s_lost || brood_queue_empty (queue) == 1);
}

static void
s_jobs (void)
{
    const brood_queue_options_t options = { .joinable = 1 };
    BROOD_AUTO (queue)
    queue = brood_queue_open (torture_manager (), s_name ("jobs"), &options);
    if (!S_OK (queue) || !s_put (queue, 1))
        return;
    int n = s_get (queue, 1);
    if (n < 0 && !s_lost)
        n = s_get (queue, 2);
    if (s_lost)
        return;
    TORTURE_MUST (n == 1);
    if (!S_OK (brood_queue_task_failed (queue) == 0))
        S_MUST (brood_queue_task_failed (queue) == 0);
    n = s_lost ? 0 : s_get (queue, 0);
    if (n < 0 && !s_lost)
        n = s_get (queue, 0);
    TORTURE_MUST (n == 1 || s_lost);
    if (!s_lost && !S_OK (brood_queue_task_done (queue) == 0))
        S_MUST (brood_queue_task_done (queue) == 0);
    if (!s_lost && !S_OK (brood_queue_join (queue, TORTURE_MS) == 0))
        S_MUST (brood_queue_join (queue, TORTURE_MS) == 0);
}

// --- Locks and the like ----------------------------------------------------

// What could not be acquired is not held.
static void
s_lock (void)
{
    BROOD_AUTO (lock)
    lock = brood_lock_open (torture_manager (), s_name ("lock"));
    if (!S_OK (lock))
        return;
    if (!S_OK (brood_lock_acquire (lock, TORTURE_MS) == 0)) {
        S_MUST (brood_lock_release (lock) == -1);
        TORTURE_MUST (errno == EPERM || s_lost);
        S_MUST (brood_lock_acquire (lock, 0) == 0);
    }
    if (!s_lost && !S_OK (brood_lock_release (lock) == 0))
        S_MUST (brood_lock_release (lock) == 0);
    BROOD_AUTO (rlock)
    rlock = brood_rlock_open (torture_manager (), s_name ("rlock"));
    int depth = 0;
    if (!S_OK (rlock))
        return;
    for (int i = 0; i < 3 && !s_lost; i++)
        depth += S_OK (brood_rlock_acquire (rlock, TORTURE_MS) == 0);
    for (; depth > 0 && !s_lost; depth--) {
        if (!S_OK (brood_rlock_release (rlock) == 0))
            S_MUST (brood_rlock_release (rlock) == 0);
    }
    S_MUST (brood_rlock_release (rlock) == -1);
    (void) S_OK (s_lost || errno == EPERM);
}

static void
s_semaphore (void)
{
    BROOD_AUTO (semaphore)
    semaphore = brood_semaphore_open_bounded (
        torture_manager (), s_name ("semaphore"), 2);
    long held = 0;
    if (!S_OK (semaphore))
        return;
    for (int i = 0; i < 2 && !s_lost; i++)
        held += S_OK (brood_semaphore_acquire (semaphore, TORTURE_MS) == 0);
    const long left = s_lost ? 2 - held : brood_semaphore_value (semaphore);
    if (S_OK (left >= 0))
        TORTURE_MUST (left == 2 - held);
    for (; held > 0 && !s_lost; held--) {
        if (!S_OK (brood_semaphore_release (semaphore) == 0))
            S_MUST (brood_semaphore_release (semaphore) == 0);
    }
    (void) S_OK (s_lost || brood_semaphore_value (semaphore) == 2);
}

static void
s_event (void)
{
    BROOD_AUTO (event)
    event = brood_event_open (torture_manager (), s_name ("event"));
    if (!S_OK (event) || !S_OK (brood_event_set (event) == 0)
        || !S_OK (brood_event_wait (event, TORTURE_MS) == 0)
        || !S_OK (brood_event_clear (event) == 0))
        return;
    const int set = brood_event_is_set (event);
    if (S_OK (set >= 0))
        TORTURE_MUST (set == 0);
}

static void
s_condition (void)
{
    BROOD_AUTO (condition)
    condition = brood_condition_open (torture_manager (), s_name ("condition"));
    if (!S_OK (condition)
        || !S_OK (brood_condition_acquire (condition, TORTURE_MS) == 0))
        return;
    const int rc = brood_condition_wait (condition, 1);
    TORTURE_MUST (rc == -1);
    if (errno != ETIMEDOUT)
        (void) S_OK (rc == 0);
    // Held again, whatever came of the wait.
    if (!s_lost && !S_OK (brood_condition_notify_all (condition) == 0))
        S_MUST (brood_condition_notify_all (condition) == 0);
    if (!s_lost && !S_OK (brood_condition_release (condition) == 0))
        S_MUST (brood_condition_release (condition) == 0);
}

static void
s_barrier (void)
{
    BROOD_AUTO (barrier)
    barrier = brood_barrier_open (torture_manager (), s_name ("barrier"), 1);
    if (!S_OK (barrier))
        return;
    for (int i = 0; i < 2 && !s_lost; i++)
        (void) S_OK (brood_barrier_wait (barrier, TORTURE_MS) == 0);
    if (s_lost || !S_OK (brood_barrier_abort (barrier) == 0))
        return;
    if (S_OK (brood_barrier_broken (barrier) == 1))
        S_MUST (brood_barrier_wait (barrier, TORTURE_MS) == -1);
    if (S_OK (brood_barrier_reset (barrier) == 0))
        (void) S_OK (brood_barrier_wait (barrier, TORTURE_MS) == 0);
}

// --- Classes of one's own --------------------------------------------------

// A method that has run may have an answer that nobody could send, so it was
// done once or, after an error, once or never.
static void
s_proxy (void)
{
    s_lost = 0;
    int first = -1, n, good = 0, bad = 0;
    BROOD_AUTO (proxy)
    proxy = brood_proxy_new (torture_manager (), "Fault", "[%d]", 1);
    if (!S_OK (proxy))
        return;
    for (int i = 0; i < 4 && !s_lost; i++) {
        BROOD_AUTO (msg) msg = brood_proxy_call (proxy, "count", "%d", i);
        if (!S_OK (msg)) {
            bad += first >= 0;
            continue;
        }
        TORTURE_MUST (brood_msg_unpack (msg, "%d", &n) == 0);
        first = first < 0 ? n : first;
        TORTURE_MUST (n >= first + good && n <= first + good + bad);
        good++;
    }
}

const torture_scenario_t torture_managed[] = {
    { "dict", s_dict },           { "list", s_list },
    { "nested", s_nested },       { "queue", s_queue },
    { "jobs", s_jobs },           { "lock", s_lock },
    { "semaphore", s_semaphore }, { "event", s_event },
    { "condition", s_condition }, { "barrier", s_barrier },
    { "proxy", s_proxy },         { NULL, NULL },
};
