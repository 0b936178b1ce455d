// test_manager.c - managed objects from many processes and threads, and deaths
//
// SPDX-License-Identifier: MPL-2.0

#include "t_brood.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include <brood.h>

enum {
    S_PROCESSES = 8,
    S_ADDS = 10000,
    S_MANY = 100
};

static pid_t
s_manager_pid (void)
{
    return t_marked_named ("brood-manager/0");
}

// --- A class that waits ----------------------------------------------------

static void *
s_gate_new (const brood_msg_t *in)
{
    int fails;
    if (brood_msg_unpack (in, "%d", &fails) < 0)
        return NULL;
    errno = ENOSPC;
    return fails ? NULL : calloc (1, sizeof (int));
}

// Until there is a key "open" in the dict.
static int
s_gate_pass (void *object, const brood_msg_t *in, brood_msg_t *out)
{
    void *ref;
    int *passed = object;
    if (brood_msg_unpack (in, "@%p", &ref) < 0)
        return 1;
    BROOD_AUTO (dict) dict = brood_dict_from (ref);
    brood_dict_set (dict, "inside", "true");
    while (brood_dict_contains (dict, "open") == 0)
        usleep (1000);
    ++*passed;
    return brood_msg_pack (out, "%d", *passed);
}

static int
s_gate_keep (void *object, const brood_msg_t *in, brood_msg_t *out)
{
    (void) object;
    (void) in;
    (void) out;
    return 7;
}

static const brood_method_t s_gate_methods[] = { { "pass", s_gate_pass },
                                                 { "keep", s_gate_keep },
                                                 { NULL, NULL } };
static const brood_class_t s_gate = { .name = "Gate",
                                      .new_fn = s_gate_new,
                                      .destroy_fn = free,
                                      .methods = s_gate_methods };

typedef struct {
    brood_proxy_t *proxy;
    brood_dict_t *dict;
    int answer;
    int error;
} s_caller_t;

static void *
s_pass (void *arg)
{
    s_caller_t *self = arg;
    BROOD_AUTO (msg)
    answer =
        brood_proxy_call (self->proxy, "pass", "@%p", brood_ref (self->dict));
    self->error = answer ? 0 : errno;
    if (answer)
        brood_msg_unpack (answer, "%d", &self->answer);
    return NULL;
}

static int
s_is_inside (void *arg)
{
    return brood_dict_contains (arg, "inside") == 1;
}

// --- Tasks -----------------------------------------------------------------

static brood_dict_t *s_inherited;

static int
s_add_many (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    void *ref;
    (void) task;
    if (brood_msg_unpack (in, "@%p", &ref) < 0)
        return 1;
    BROOD_AUTO (dict) dict = brood_dict_from (ref);
    for (int i = 0; i < S_ADDS; i++) {
        if (brood_dict_add (dict, "n", 1, NULL) < 0)
            return 2;
    }
    return brood_msg_pack (out, "nil");
}
BROOD_TASK (s_add_many);

static int
s_add_by_name (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    void *ref;
    (void) task;
    if (brood_msg_unpack (in, "@%p", &ref) < 0)
        return 1;
    BROOD_AUTO (manager) manager = brood_manager_from (ref);
    BROOD_AUTO (dict) dict = brood_dict_open (manager, "by name");
    if (brood_dict_add (dict, "n", 1, NULL) < 0
        || brood_manager_address (manager)[0] != '\0')
        return 2;
    return brood_msg_pack (out, "nil");
}

// Has objects, and dies of it.
static int
s_hoard (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    void *ref;
    (void) task;
    (void) out;
    if (brood_msg_unpack (in, "@%p", &ref) < 0)
        return 1;
    brood_dict_t *index = brood_dict_from (ref);
    for (int i = 0; i < S_MANY; i++) {
        // As if it had as many by now.
        if (!brood_dict_from (ref))
            return 2;
    }
    brood_dict_set (index, "pid", "%d", (int) getpid ());
    raise (SIGKILL);
    return 0;
}
BROOD_TASK (s_hoard);

static int
s_use_inherited (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    (void) in;
    int64_t sum = 0;
    if (brood_dict_add (s_inherited, "n", 1, &sum) < 0)
        return 1;
    return brood_msg_pack (out, "%d", (int) sum);
}
BROOD_TASK (s_use_inherited);

static int
s_put_inner (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    void *ref;
    (void) task;
    if (brood_msg_unpack (in, "@%p", &ref) < 0)
        return 1;
    BROOD_AUTO (list) outer = brood_list_from (ref);
    if (brood_list_get (outer, 0, "{inner: @%p}", &ref) < 0)
        return 2;
    BROOD_AUTO (dict) inner = brood_dict_from (ref);
    if (brood_dict_set (inner, "from", "%s", "worker") < 0)
        return 3;
    return brood_msg_pack (out, "nil");
}
BROOD_TASK (s_put_inner);

// --- Many ------------------------------------------------------------------

static void
s_test_adds (void **state)
{
    (void) state;
    BROOD_AUTO (manager) manager = brood_manager_new ();
    BROOD_AUTO (dict) dict = brood_dict_new (manager);
    BROOD_AUTO (pool) pool = brood_pool_new ("8");
    assert_non_null (dict);
    assert_non_null (pool);
    brood_future_t *futures[S_PROCESSES];
    for (int i = 0; i < S_PROCESSES; i++)
        futures[i] =
            brood_pool_submit (pool, s_add_many, "@%p", brood_ref (dict));
    for (int i = 0; i < S_PROCESSES; i++) {
        assert_int_equal (brood_future_get (futures[i], -1, "*"), 0);
        brood_future_destroy (&futures[i]);
    }
    int sum = 0;
    assert_int_equal (brood_dict_get (dict, "n", "%d", &sum), 0);
    assert_int_equal (sum, S_PROCESSES * S_ADDS);
    assert_int_equal (brood_manager_number_of_objects (manager), 1);
}

static int
s_has_one (void *arg)
{
    return brood_manager_number_of_objects (arg) == 1;
}

static void
s_test_nested (void **state)
{
    (void) state;
    BROOD_AUTO (manager) manager = brood_manager_new ();
    BROOD_AUTO (list) outer = brood_list_new (manager);
    brood_dict_t *inner = brood_dict_new (manager);
    assert_int_equal (
        brood_list_append (outer, "{inner: @%p}", brood_ref (inner)), 0);
    brood_pool_t *pool = brood_pool_new ("1");
    brood_future_t *future =
        brood_pool_submit (pool, s_put_inner, "@%p", brood_ref (outer));
    assert_int_equal (brood_future_get (future, -1, "*"), 0);
    brood_future_destroy (&future);
    brood_pool_destroy (&pool);  // And with it what its thread was lent
    char from[16];
    assert_int_equal (brood_dict_get (inner, "from", "%15s", from), 0);
    assert_string_equal (from, "worker");
    // It lives in the list, and what a getter lends lives with the thread.
    brood_dict_destroy (&inner);
    assert_int_equal (brood_manager_number_of_objects (manager), 2);
    void *ref;
    assert_int_equal (brood_list_pop (outer, 0, "{inner: @%p}", &ref), 0);
    assert_int_equal (brood_manager_number_of_objects (manager), 2);
    inner = brood_dict_from (ref);
    assert_int_equal (brood_dict_len (inner), 1);
    BROOD_AUTO (msg) copy = brood_dict_copy (inner);
    assert_non_null (copy);
    brood_dict_destroy (&inner);
    // The next that lends lets go of the one before.
    assert_int_equal (brood_list_append (outer, "@%p", brood_ref (copy)), 0);
    void *bytes;
    size_t size;
    assert_int_equal (
        brood_list_get (outer, 0, "{from: <%zu %p>}", &size, &bytes), 0);
    assert_int_equal (size, 6);
    assert_memory_equal (bytes, "worker", 6);
    assert_true (t_eventually (s_has_one, manager, 20));
}

static void
s_test_inherited (void **state)
{
    (void) state;
    BROOD_AUTO (manager) manager = brood_manager_new ();
    s_inherited = brood_dict_new (manager);
    BROOD_AUTO (pool) pool = brood_pool_new ("1");
    for (int i = 1; i <= 3; i++) {
        int sum;
        BROOD_AUTO (future)
        future = brood_pool_submit (pool, s_use_inherited, "nil");
        assert_int_equal (brood_future_get (future, -1, "%d", &sum), 0);
        assert_int_equal (sum, i);
        // The worker holds it for itself.
        if (i == 1)
            brood_dict_destroy (&s_inherited);
        assert_int_equal (brood_manager_number_of_objects (manager), 1);
    }
}

// --- Deaths ----------------------------------------------------------------

static int
s_is_empty (void *arg)
{
    return brood_manager_number_of_objects (arg) == 0;
}

// What a client had goes with it.
static void
s_test_client_killed (void **state)
{
    (void) state;
    BROOD_AUTO (manager) manager = brood_manager_new ();
    brood_dict_t *dict = brood_dict_new (manager);
    BROOD_AUTO (pool) pool = brood_pool_new ("1");
    BROOD_AUTO (future)
    future = brood_pool_submit (pool, s_hoard, "@%p", brood_ref (dict));
    assert_int_equal (brood_future_get (future, -1, "*"), -1);
    assert_int_equal (errno, ECHILD);
    int pid;
    assert_int_equal (brood_dict_get (dict, "pid", "%d", &pid), 0);
    brood_dict_destroy (&dict);
    assert_true (t_eventually (s_is_empty, manager, 20));
}

static void
s_test_manager_killed (void **state)
{
    (void) state;
    BROOD_AUTO (manager) manager = brood_manager_new ();
    BROOD_AUTO (dict) dict = brood_dict_new (manager);
    assert_int_equal (brood_manager_register (manager, &s_gate), 0);
    BROOD_AUTO (proxy) proxy = brood_proxy_new (manager, "Gate", "0");
    assert_non_null (proxy);
    pthread_t thread;
    s_caller_t caller = { .proxy = proxy, .dict = dict };
    assert_int_equal (pthread_create (&thread, NULL, s_pass, &caller), 0);
    assert_true (t_eventually (s_is_inside, dict, 20));
    const pid_t pid = s_manager_pid ();
    assert_true (pid > 0);
    assert_int_equal (kill (pid, SIGKILL), 0);
    // Under way: not known. Later: nothing was done.
    pthread_join (thread, NULL);
    assert_int_equal (caller.error, ECONNRESET);
    assert_int_equal (brood_dict_len (dict), -1);
    assert_int_equal (errno, EHOSTDOWN);
    assert_null (brood_list_new (manager));
    assert_int_equal (errno, EHOSTDOWN);
    assert_int_equal (brood_manager_number_of_objects (manager), -1);
    assert_int_equal (errno, EHOSTDOWN);
    assert_int_equal (brood_manager_shutdown (manager), -1);
    BROOD_AUTO (manager) other = brood_manager_new ();
    BROOD_AUTO (list) list = brood_list_new (other);
    assert_int_equal (brood_list_append (list, "1"), 0);
}

static void
s_test_shutdown (void **state)
{
    (void) state;
    brood_manager_t *manager = brood_manager_new ();
    BROOD_AUTO (dict) dict = brood_dict_open (manager, "d");
    assert_int_equal (brood_manager_shutdown (manager), 0);
    assert_int_equal (brood_dict_len (dict), -1);
    assert_true (errno == EHOSTDOWN || errno == ECONNRESET);
    brood_manager_destroy (&manager);
    assert_int_equal (brood_dict_len (dict), -1);
    assert_int_equal (errno, EHOSTDOWN);
}

// In a process of its own, which is killed: nothing stays.
static void
s_own_manager (void *arg)
{
    (void) arg;
    brood_manager_t *manager = brood_manager_new ();
    brood_dict_t *dict = brood_dict_new (manager);
    if (brood_dict_set (dict, "a", "1") < 0)
        _exit (1);
    raise (SIGKILL);
}

static void
s_test_owner_killed (void **state)
{
    (void) state;
    int status;
    char *said = t_run_child (s_own_manager, NULL, 60, &status);
    assert_true (WIFSIGNALED (status) && WTERMSIG (status) == SIGKILL);
    free (said);
    assert_int_equal (t_marked_wait (0, 20), 0);
}

// --- Threads ---------------------------------------------------------------

// One waits in a call, which does not hold up the others.
static void
s_test_threads (void **state)
{
    (void) state;
    enum {
        CALLERS = 3
    };
    BROOD_AUTO (manager) manager = brood_manager_new ();
    BROOD_AUTO (dict) dict = brood_dict_new (manager);
    assert_int_equal (brood_manager_register (manager, &s_gate), 0);
    assert_int_equal (brood_manager_register (manager, &s_gate), -1);
    assert_int_equal (errno, EEXIST);
    BROOD_AUTO (proxy) proxy = brood_proxy_open (manager, "g", "Gate", "0");
    pthread_t threads[CALLERS];
    s_caller_t callers[CALLERS];
    for (int i = 0; i < CALLERS; i++) {
        callers[i] = (s_caller_t){ .proxy = proxy, .dict = dict };
        assert_int_equal (
            pthread_create (&threads[i], NULL, s_pass, &callers[i]), 0);
    }
    assert_true (t_eventually (s_is_inside, dict, 20));
    for (int i = 0; i < 200; i++)
        assert_int_equal (brood_dict_set (dict, "x", "%d", i), 0);
    assert_int_equal (brood_dict_set (dict, "open", "true"), 0);
    int sum = 0;
    for (int i = 0; i < CALLERS; i++) {
        pthread_join (threads[i], NULL);
        assert_int_equal (callers[i].error, 0);
        sum += callers[i].answer;
    }
    // One at a time.
    assert_int_equal (sum, 1 + 2 + 3);
}

static void *
s_count (void *arg)
{
    for (int i = 0; i < 500; i++) {
        if (brood_dict_add (arg, "n", 1, NULL) < 0)
            return arg;
    }
    return NULL;
}

static void
s_test_thread_adds (void **state)
{
    (void) state;
    BROOD_AUTO (manager) manager = brood_manager_new ();
    BROOD_AUTO (dict) dict = brood_dict_new (manager);
    pthread_t threads[8];
    for (int i = 0; i < 8; i++)
        assert_int_equal (pthread_create (&threads[i], NULL, s_count, dict), 0);
    for (int i = 0; i < 8; i++) {
        void *failed;
        pthread_join (threads[i], &failed);
        assert_null (failed);
    }
    int sum;
    assert_int_equal (brood_dict_get (dict, "n", "%d", &sum), 0);
    assert_int_equal (sum, 4000);
}

static int
s_interrupt_until (void *arg)
{
    const s_caller_t *caller = arg;
    brood_interrupt ();
    return __atomic_load_n (&caller->error, __ATOMIC_SEQ_CST) != -1;
}

static void *
s_pass_interrupted (void *arg)
{
    s_caller_t *self = arg;
    s_caller_t own = *self;
    (void) s_pass (&own);
    __atomic_store_n (&self->error, own.error, __ATOMIC_SEQ_CST);
    return NULL;
}

static void
s_test_interrupt (void **state)
{
    (void) state;
    BROOD_AUTO (manager) manager = brood_manager_new ();
    BROOD_AUTO (dict) dict = brood_dict_new (manager);
    assert_int_equal (brood_manager_register (manager, &s_gate), 0);
    BROOD_AUTO (proxy) proxy = brood_proxy_open (manager, "g", "Gate", "0");
    pthread_t thread;
    s_caller_t caller = { .proxy = proxy, .dict = dict, .error = -1 };
    pthread_create (&thread, NULL, s_pass_interrupted, &caller);
    assert_true (t_eventually (s_is_inside, dict, 20));
    assert_true (t_eventually (s_interrupt_until, &caller, 20));
    pthread_join (thread, NULL);
    assert_int_equal (caller.error, EINTR);
    assert_int_equal (brood_dict_set (dict, "open", "true"), 0);
    // One interrupt too many ends the next wait, and no other. A call whose
    // answer is there at once has not waited.
    int interrupted = 0;
    for (int i = 0; i < 20; i++) {
        assert_null (brood_proxy_call (proxy, "keep", "nil"));
        interrupted += errno == EINTR;
        assert_true (errno == EIO || (errno == EINTR && interrupted == 1));
    }
}

// --- Classes and mistakes --------------------------------------------------

static void
s_test_proxy_errors (void **state)
{
    (void) state;
    BROOD_AUTO (manager) manager = brood_manager_new ();
    assert_null (brood_proxy_new (manager, "Gate", "0"));
    assert_int_equal (errno, ESRCH);
    assert_int_equal (brood_manager_register (manager, &s_gate), 0);
    assert_null (brood_proxy_new (manager, "Gate", "1"));
    assert_int_equal (errno, EIO);
    assert_non_null (strstr (brood_error (), "No space left"));
    BROOD_AUTO (proxy) proxy = brood_proxy_new (manager, "Gate", "0");
    assert_non_null (proxy);
    assert_null (brood_proxy_call (proxy, "none", "nil"));
    assert_int_equal (errno, ESRCH);
    assert_null (brood_proxy_call (proxy, "keep", "nil"));
    assert_int_equal (errno, EIO);
    assert_string_equal (brood_error (), "Gate.keep returned 7");
    BROOD_AUTO (proxy) second = brood_proxy_from (brood_ref (proxy));
    assert_non_null (second);
    assert_int_equal (brood_manager_number_of_objects (manager), 1);
}

static void
s_test_mistakes (void **state)
{
    (void) state;
    BROOD_AUTO (manager) manager = brood_manager_new ();
    BROOD_AUTO (dict) dict = brood_dict_new (manager);
    BROOD_AUTO (list) list = brood_list_new (manager);
    assert_int_equal (brood_dict_set (NULL, "a", "1"), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (brood_dict_set (dict, NULL, "1"), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (brood_dict_len ((brood_dict_t *) (void *) list), -1);
    assert_int_equal (errno, EINVAL);
    assert_null (brood_dict_from (brood_ref (list)));
    assert_int_equal (errno, EINVAL);
    assert_null (brood_dict_open (manager, NULL));
    assert_null (brood_dict_open (manager, ""));
    assert_int_equal (errno, EINVAL);
    assert_null (brood_dict_new (NULL));
    assert_int_equal (errno, EINVAL);
    assert_int_equal (brood_list_index (list, "1"), -1);
    assert_int_equal (errno, ENOENT);
    assert_int_equal (brood_list_del (list, 0), -1);
    assert_int_equal (errno, ERANGE);
    // A value that does not look like that stays.
    int number;
    assert_int_equal (brood_dict_set (dict, "a", "%s", "word"), 0);
    assert_int_equal (brood_dict_pop (dict, "a", "%d", &number), -1);
    assert_int_equal (errno, EBADMSG);
    assert_int_equal (brood_dict_contains (dict, "a"), 1);
    const brood_class_t newer = { .name = "N",
                                  .new_fn = s_gate_new,
                                  .reserved_ = { 1 } };
    assert_int_equal (brood_manager_register (manager, &newer), -1);
    assert_int_equal (errno, EINVAL);
}

// A ref of a manager is for those who know its objects by name. It is one among
// values, also among its own.
static void
s_test_from (void **state)
{
    (void) state;
    long long n = 0;
    void *ref;
    BROOD_AUTO (pool) pool = brood_pool_new ("2");
    brood_manager_t *manager = brood_manager_new ();
    BROOD_AUTO (dict) dict = brood_dict_open (manager, "by name");
    for (int i = 0; i < 4; i++) {
        BROOD_AUTO (msg)
        out =
            brood_pool_apply (pool, s_add_by_name, "@%p", brood_ref (manager));
        assert_non_null (out);
    }
    assert_int_equal (brood_dict_get (dict, "n", "%lld", &n), 0);
    assert_int_equal (n, 4);
    assert_int_equal (brood_dict_set (dict, "home", "@%p", brood_ref (manager)),
                      0);
    assert_int_equal (brood_dict_get (dict, "home", "@%p", &ref), 0);
    BROOD_AUTO (manager) again = brood_manager_from (ref);
    assert_int_equal (brood_manager_number_of_objects (again), 1);
    assert_null (brood_dict_from (ref));
    assert_int_equal (errno, EINVAL);
    assert_null (brood_manager_from (brood_ref (dict)));
    assert_int_equal (errno, EINVAL);
    // Only its maker's handle ends it.
    brood_manager_destroy (&again);
    assert_int_equal (brood_manager_number_of_objects (manager), 1);
    BROOD_AUTO (msg) kept = brood_msg_new ("@%p", brood_ref (manager));
    brood_manager_destroy (&manager);
    assert_int_equal (brood_msg_unpack (kept, "@%p", &ref), 0);
    assert_null (brood_manager_from (ref));
    assert_int_equal (errno, EHOSTDOWN);
}

static void
s_test_large (void **state)
{
    (void) state;
    const size_t size = (size_t) 20 << 20;
    char *bytes = malloc (size);
    memset (bytes, 'x', size);
    BROOD_AUTO (manager) manager = brood_manager_new ();
    BROOD_AUTO (dict) dict = brood_dict_new (manager);
    assert_int_equal (
        brood_dict_set (dict, "a", "<%zu %p>", size, (void *) bytes), 0);
    void *found;
    size_t found_size;
    assert_int_equal (
        brood_dict_pop (dict, "a", "<%zu %p>", &found_size, &found), 0);
    assert_int_equal (found_size, size);
    assert_memory_equal (found, bytes, size);
    free (bytes);
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_owner_killed),
        cmocka_unit_test (s_test_adds),
        cmocka_unit_test (s_test_nested),
        cmocka_unit_test (s_test_inherited),
        cmocka_unit_test (s_test_client_killed),
        cmocka_unit_test (s_test_manager_killed),
        cmocka_unit_test (s_test_shutdown),
        cmocka_unit_test (s_test_threads),
        cmocka_unit_test (s_test_thread_adds),
        cmocka_unit_test (s_test_interrupt),
        cmocka_unit_test (s_test_proxy_errors),
        cmocka_unit_test (s_test_mistakes),
        cmocka_unit_test (s_test_from),
        cmocka_unit_test (s_test_large),
    };
    (void) argc;
    t_mark (argv);
    t_watchdog (240);
    const int failed = cmocka_run_group_tests (tests, NULL, NULL);
    return failed || t_marked_wait (0, 20) < 0;
}
