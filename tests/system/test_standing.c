// test_standing.c - a broker that stands, and programs and agents that come
//
// SPDX-License-Identifier: MPL-2.0
//
// Real processes on loopback: `brood broker`, `brood agent`, and this program,
// which is the clients and, executed by `brood agent`, the agents. Only the
// broker's own words and its files say where it is.

#include "t_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/brd_secret.h"
#include "wire/brd_join.h"

enum {
    N = 500,
    S_SECONDS = 90  // For anything that must come
};

// --- What runs there -------------------------------------------------------

static int
s_twice (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    if (brood_msg_unpack (in, "%d", &n) < 0)
        return brood_task_fail (task, "wanted a number");
    return brood_msg_pack (out, "%d", 2 * n);
}
BROOD_TASK (s_twice);

// Who runs it: the agent.
static int
s_who (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    (void) in;
    return brood_msg_pack (
        out, "%d", brood_process_pid (brood_process_parent ()));
}

static int
s_stay (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) in;
    (void) out;
    while (!brood_task_cancelled (task))
        usleep (1000);
    return brood_task_fail (task, "was asked to");
}

static int
s_begin (brood_task_t *worker, const brood_msg_t *in, brood_msg_t *out)
{
    (void) worker;
    (void) in;
    (void) out;
    return 0;
}

BROOD_MAPPER (s_square, int, x, long, y)
{
    *y = (long) *x * *x;
    return 0;
}

// --- Processes -------------------------------------------------------------

typedef struct {
    char folder[64];  // Of this test
    char keys[80];
    char self[300];  // This program
    char address[64];
    pid_t broker;
    int broker_out;
    pid_t agent;  // brood agent
} s_world_t;

static const char *
s_brood (void)
{
    const char *path = getenv ("BROOD_BIN");
    T_MUST (path != NULL);
    return path;
}

// With its standard output at *ret_out, if that is wanted.
static pid_t
s_spawn (const char *const *argv, int *ret_out)
{
    int out[2];
    T_MUST (pipe2 (out, O_CLOEXEC) == 0);
    fflush (NULL);
    const pid_t pid = fork ();
    T_MUST (pid >= 0);
    if (pid == 0) {
        const int nothing = open ("/dev/null", O_RDONLY);
        (void) dup2 (nothing, 0);
        if (ret_out)
            (void) dup2 (out[1], 1);
        (void) execv (argv[0], (char *const *) (size_t) argv);
        _exit (127);
    }
    (void) close (out[1]);
    if (ret_out)
        *ret_out = out[0];
    else
        (void) close (out[0]);
    return pid;
}

// How it ended, as from waitpid (2).
static int
s_status_of (pid_t pid)
{
    int status;
    T_MUST (waitpid (pid, &status, 0) == pid);
    return status;
}

static void
s_read_line (int fd, char *text, size_t size)
{
    size_t n = 0;
    while (n + 1 < size && read (fd, text + n, 1) == 1 && text[n] != '\n')
        n++;
    text[n] = '\0';
}

// At the address it had before, if it had one.
static void
s_begin_broker (s_world_t *self)
{
    const char *const argv[] = {
        s_brood (), "broker",
        "--listen", self->address[0] ? self->address : "tcp://127.0.0.1:0",
        "--keys",   self->keys,
        NULL
    };
    self->broker = s_spawn (argv, &self->broker_out);
    s_read_line (self->broker_out, self->address, sizeof self->address);
    T_MUST (strncmp (self->address, "tcp://127.0.0.1:", 16) == 0);
}

static pid_t
s_begin_agent (const s_world_t *self, const char *program, const char *slots)
{
    char file[128];
    const char *const argv[] = { s_brood (), "agent", "--join", file, "--slots",
                                 slots,      "--",    program,  NULL };
    snprintf (file, sizeof file, "%s/work", self->keys);
    return s_spawn (argv, NULL);
}

// A folder and a broker; clients then need no more than its address.
static void
s_open_world (s_world_t *self)
{
    char file[128];
    *self = (s_world_t){ .folder = "/tmp/test_standing.XXXXXX" };
    T_MUST (mkdtemp (self->folder) != NULL);
    snprintf (self->keys, sizeof self->keys, "%s/keys", self->folder);
    const ssize_t size =
        readlink ("/proc/self/exe", self->self, sizeof self->self - 1);
    T_MUST (size > 0);
    self->self[size] = '\0';
    s_begin_broker (self);
    snprintf (file, sizeof file, "%s/give", self->keys);
    T_MUST (setenv ("BROOD_JOIN", file, 1) == 0);
    T_MUST (setenv ("BROOD_POOL", self->address, 1) == 0);
}

static void
s_end_broker (s_world_t *self)
{
    T_MUST (kill (self->broker, SIGTERM) == 0);
    T_MUST (s_status_of (self->broker) == 0);
    T_MUST (close (self->broker_out) == 0);
}

static void
s_end_agent (pid_t agent)
{
    T_MUST (kill (agent, SIGTERM) == 0);
    T_MUST (s_status_of (agent) == 0);
}

static void
s_close_world (s_world_t *self)
{
    static const char *const files[] = { "key",   "work",  "give",
                                         "watch", "admin", "forged" };
    char path[128];
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf (path, sizeof path, "%s/%s", self->keys, files[i]);
        (void) unlink (path);
    }
    T_MUST (rmdir (self->keys) == 0);
    T_MUST (rmdir (self->folder) == 0);
}

// --- Clients ---------------------------------------------------------------

static brood_pool_t *
s_pool (void)
{
    T_MUST (brood_init (NULL, NULL) == 0);
    brood_pool_t *pool = brood_pool_new (NULL);
    T_MUST (pool != NULL);
    return pool;
}

static pid_t
s_agent_of (brood_pool_t *pool)
{
    int n = -1;
    BROOD_AUTO (msg) out = brood_pool_apply (pool, s_who, "nil");
    T_MUST (out && brood_msg_unpack (out, "%d", &n) == 0);
    return n;
}

static void
s_map (brood_pool_t *pool)
{
    static int in[N];
    static long out[N];
    for (int i = 0; i < N; i++)
        in[i] = i + 100;
    T_MUST (brood_pool_map (pool, s_square, in, out, N) == 0);
    for (int i = 0; i < N; i++)
        T_MUST (out[i] == (long) in[i] * in[i]);
}

static void
s_expect (int error, const char *text)
{
    if (errno != error || !strstr (brood_error (), text))
        fprintf (stderr, "%d: %s\n", errno, brood_error ());
    T_MUST (errno == error && strstr (brood_error (), text));
}

static int
s_is_gone (void *arg)
{
    return kill (*(pid_t *) arg, 0) < 0;
}

// --- A program's own objects ------------------------------------------------

static int
s_add (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    void *ref;
    if (brood_msg_unpack (in, "@%p", &ref) < 0)
        return -1;
    BROOD_AUTO (dict) dict = brood_dict_from (ref);
    return brood_dict_add (dict, "n", 1, NULL) < 0
               ? brood_task_fail (task, "%s", brood_error ())
               : brood_msg_pack (out, "nil");
}

static void
s_use_objects (const char *name)
{
    int n = 0;
    T_MUST (brood_init (NULL, NULL) == 0);
    BROOD_AUTO (pool)
    pool = brood_pool_new_with (&(brood_pool_options_t){ .name = name });
    T_MUST (pool != NULL);
    BROOD_AUTO (manager) manager = brood_manager_new ();
    BROOD_AUTO (dict) dict = brood_dict_new (manager);
    for (int i = 0; i < N; i++) {
        BROOD_AUTO (msg)
        out = brood_pool_apply (pool, s_add, "@%p", brood_ref (dict));
        T_MUST (out != NULL);
    }
    T_MUST (brood_dict_get (dict, "n", "%d", &n) == 0 && n == N);
}

// Two programs through one broker, each with a pool of its own name, so that it
// is not shared, and a manager.
static void
s_objects (void *arg)
{
    s_world_t world;
    (void) arg;
    s_open_world (&world);
    const pid_t one = s_begin_agent (&world, world.self, "2");
    const pid_t two = s_begin_agent (&world, world.self, "2");
    fflush (NULL);
    const pid_t other = fork ();
    T_MUST (other >= 0);
    s_use_objects (other == 0 ? "one" : "two");
    if (other == 0) {
        brood_fini ();
        _exit (0);
    }
    T_MUST (s_status_of (other) == 0);
    s_end_agent (one);
    s_end_agent (two);
    s_end_broker (&world);
    s_close_world (&world);
}

// --- Giving work -----------------------------------------------------------

// Two clients of one program, and one agent: only who shares its pool has it at
// that time. Another wish (an initializer) is another pool, for which there is
// no host.
static void
s_shared (void *arg)
{
    s_world_t world;
    (void) arg;
    T_MUST (setenv ("BROOD_TIME_SCALE", "0.1", 1) == 0);
    s_open_world (&world);
    const pid_t agent = s_begin_agent (&world, world.self, "2");
    {
        BROOD_AUTO (pool) one = s_pool ();
        BROOD_AUTO (pool) two = s_pool ();
        const pid_t worker = s_agent_of (one);
        T_MUST (s_agent_of (two) == worker);
        BROOD_AUTO (future) stays = brood_pool_submit (one, s_stay, "nil");
        s_map (two);
        T_MUST (brood_future_done (stays) == 0);
        T_MUST (brood_pool_workers (two) == 2);
        T_MUST (brood_pool_new_with (
                    &(brood_pool_options_t){ .initializer = s_begin })
                == NULL);
        s_expect (EHOSTUNREACH, "work for others");
        T_MUST (brood_future_cancel (stays) >= 0);
        s_map (one);
    }
    // Both are gone: its agent has ended, and comes again for that wish.
    {
        BROOD_AUTO (pool)
        pool = brood_pool_new_with (
            &(brood_pool_options_t){ .initializer = s_begin });
        T_MUST (pool != NULL);
        s_map (pool);
    }
    s_end_agent (agent);
    s_end_broker (&world);
    s_close_world (&world);
}

// Who comes when all hosts are taken gets one of who has two. That finishes
// what it has: nothing of the first's is lost.
static void
s_spared (void *arg)
{
    s_world_t world;
    brood_future_t *stay[2];
    (void) arg;
    s_open_world (&world);
    const pid_t agents[] = { s_begin_agent (&world, world.self, "1"),
                             s_begin_agent (&world, world.self, "1") };
    BROOD_AUTO (pool) one = s_pool ();
    T_MUST ((stay[0] = brood_pool_submit (one, s_stay, "nil")) != NULL);
    while (brood_future_running (stay[0]) == 0)
        usleep (1000);
    // That one is busy. So the other is there, and is the one to leave.
    (void) s_agent_of (one);
    {
        BROOD_AUTO (pool)
        two = brood_pool_new_with (
            &(brood_pool_options_t){ .initializer = s_begin });
        T_MUST (two != NULL);
        s_map (two);
        T_MUST (brood_future_done (stay[0]) == 0);
        // What has no host now waits, and is not lost.
        T_MUST ((stay[1] = brood_pool_submit (one, s_twice, "%d", 21)) != NULL);
    }
    int n;
    T_MUST (brood_future_get (stay[1], S_SECONDS * 1000, "%d", &n) == 0);
    T_MUST (n == 42 && brood_future_done (stay[0]) == 0);
    T_MUST (brood_future_cancel (stay[0]) >= 0);
    s_map (one);
    for (int i = 0; i < 2; i++)
        brood_future_destroy (&stay[i]);
    brood_pool_destroy (&one);
    for (int i = 0; i < 2; i++)
        s_end_agent (agents[i]);
    s_end_broker (&world);
    s_close_world (&world);
}

// Another program, which says when its task runs.
static _Noreturn void
s_occupy (int out)
{
    brood_pool_t *pool = s_pool ();
    brood_future_t *stays = brood_pool_submit (pool, s_stay, "nil");
    T_MUST (stays != NULL);
    while (brood_future_running (stays) == 0)
        usleep (1000);
    T_MUST (write (out, "", 1) == 1);
    for (;;)
        pause ();
}

// A client that dies takes its tasks along, and leaves the others'; who worked
// for it works for them.
static void
s_client_dies (void *arg)
{
    s_world_t world;
    int said[2], status;
    char byte;
    (void) arg;
    s_open_world (&world);
    const pid_t one = s_begin_agent (&world, world.self, "1");
    T_MUST (pipe2 (said, O_CLOEXEC) == 0);
    fflush (NULL);
    // Before brood is begun here, so that it is another.
    const pid_t client = fork ();
    T_MUST (client >= 0);
    if (client == 0)
        s_occupy (said[1]);
    T_MUST (read (said[0], &byte, 1) == 1);
    const pid_t two = s_begin_agent (&world, world.self, "1");
    BROOD_AUTO (pool) pool = s_pool ();
    BROOD_AUTO (future) stays = brood_pool_submit (pool, s_stay, "nil");
    while (brood_future_running (stays) == 0)
        usleep (1000);
    T_MUST (kill (client, SIGKILL) == 0);
    T_MUST (waitpid (client, &status, 0) == client && WIFSIGNALED (status));
    // Ours has one slot, which is taken.
    (void) s_agent_of (pool);
    T_MUST (brood_future_done (stays) == 0);
    brood_pool_destroy (&pool);
    s_end_agent (one);
    s_end_agent (two);
    s_end_broker (&world);
    s_close_world (&world);
}

// --- Ends ------------------------------------------------------------------

static void
s_agent_dies (void *arg)
{
    s_world_t world;
    (void) arg;
    s_open_world (&world);
    const pid_t keeper = s_begin_agent (&world, world.self, "2");
    BROOD_AUTO (pool) pool = s_pool ();
    pid_t agent = s_agent_of (pool);
    BROOD_AUTO (future) stays = brood_pool_submit (pool, s_stay, "nil");
    while (brood_future_running (stays) == 0)
        usleep (1000);
    T_MUST (kill (agent, SIGKILL) == 0);
    T_MUST (brood_future_get (stays, S_SECONDS * 1000, "nil") < 0);
    s_expect (ECHILD, "may have run");
    const pid_t next = s_agent_of (pool);
    T_MUST (next != agent);
    s_map (pool);
    // Who keeps it takes it along.
    agent = next;
    T_MUST (kill (keeper, SIGKILL) == 0);
    (void) s_status_of (keeper);
    T_MUST (t_eventually (s_is_gone, &agent, S_SECONDS));
    brood_pool_destroy (&pool);
    s_end_broker (&world);
    s_close_world (&world);
}

// Who had work there is told; agents, and who comes later, notice nothing but
// that it took a moment.
static void
s_broker_dies (void *arg)
{
    s_world_t world;
    (void) arg;
    s_open_world (&world);
    const pid_t agent = s_begin_agent (&world, world.self, "2");
    BROOD_AUTO (pool) pool = s_pool ();
    BROOD_AUTO (future) stays = brood_pool_submit (pool, s_stay, "nil");
    while (brood_future_running (stays) == 0)
        usleep (1000);
    const pid_t before = s_agent_of (pool);
    T_MUST (kill (world.broker, SIGKILL) == 0);
    (void) s_status_of (world.broker);
    T_MUST (close (world.broker_out) == 0);
    s_begin_broker (&world);
    T_MUST (brood_future_get (stays, S_SECONDS * 1000, "nil") < 0);
    T_MUST (errno != ETIMEDOUT);
    BROOD_AUTO (msg) none = brood_pool_apply (pool, s_twice, "%d", 1);
    T_MUST (!none);
    s_expect (EPIPE, "the pool is broken");
    brood_pool_destroy (&pool);
    {
        BROOD_AUTO (pool) again = s_pool ();
        T_MUST (s_agent_of (again) != before);
        s_map (again);
    }
    // And once more, while its agent works for nobody.
    s_end_broker (&world);
    s_begin_broker (&world);
    {
        BROOD_AUTO (pool) again = s_pool ();
        s_map (again);
    }
    s_end_agent (agent);
    s_end_broker (&world);
    s_close_world (&world);
}

// It is told to end while work is there: it says so.
static void
s_broker_ends (void *arg)
{
    s_world_t world;
    (void) arg;
    s_open_world (&world);
    const pid_t agent = s_begin_agent (&world, world.self, "2");
    BROOD_AUTO (pool) pool = s_pool ();
    BROOD_AUTO (future) stays = brood_pool_submit (pool, s_stay, "nil");
    while (brood_future_running (stays) == 0)
        usleep (1000);
    s_end_broker (&world);
    T_MUST (brood_future_get (stays, S_SECONDS * 1000, "nil") < 0);
    T_MUST (errno != ETIMEDOUT);
    BROOD_AUTO (msg) none = brood_pool_apply (pool, s_twice, "%d", 1);
    T_MUST (!none);
    s_expect (EPIPE, "the broker has ended");
    brood_pool_destroy (&pool);
    s_end_agent (agent);
    s_close_world (&world);
}

// --- Who may not -----------------------------------------------------------

static void
s_refused_pool (const s_world_t *world,
                const char *file,
                int error,
                const char *text)
{
    char spec[256];
    snprintf (
        spec, sizeof spec, "%s?join=%s/%s", world->address, world->keys, file);
    T_MUST (brood_pool_new (spec) == NULL);
    s_expect (error, text);
}

// The token of a role, in a string that says another.
static void
s_forge (const s_world_t *world, const char *file, brd_join_role_t role)
{
    char path[128], text[BRD_JOIN_TEXT_MAX];
    brd_join_t join;
    snprintf (path, sizeof path, "%s/%s", world->keys, file);
    const int size = brd_secret_read_file (path, text, sizeof text);
    T_MUST (size > 0 && brd_join_parse (&join, text, (size_t) size) == 0);
    T_MUST (join.expires == 0 && join.n_addresses == 1);
    T_MUST (strcmp (join.addresses[0], world->address) == 0);
    join.role = role;
    T_MUST (brd_join_print (&join, text) == 0);
    snprintf (path, sizeof path, "%s/forged", world->keys);
    (void) unlink (path);
    T_MUST (brd_secret_write_file (path, text) == 0);
}

static void
s_wrong_role (void *arg)
{
    s_world_t world;
    char path[128];
    (void) arg;
    T_MUST (brood_init (NULL, NULL) == 0);
    s_open_world (&world);
    s_refused_pool (&world, "watch", EINVAL, "to look, and not to give work");
    s_refused_pool (&world, "key", EINVAL, "not a join string");
    s_refused_pool (&world, "none", ENOENT, "none");
    snprintf (path, sizeof path, "%s/give", world.keys);
    T_MUST (chmod (path, 0644) == 0);
    s_refused_pool (&world, "give", EACCES, "0644");
    T_MUST (unsetenv ("BROOD_JOIN") == 0);
    T_MUST (brood_pool_new (world.address) == NULL);
    s_expect (EINVAL, "?join=FILE or BROOD_JOIN=FILE");
    // The broker does not believe what the string says.
    s_forge (&world, "watch", BRD_JOIN_ABOVE);
    s_refused_pool (&world, "forged", EHOSTUNREACH, "not admitted");
    s_forge (&world, "watch", BRD_JOIN_BELOW);
    snprintf (path, sizeof path, "%s/forged", world.keys);
    const char *const argv[] = { s_brood (), "agent",    "--join", path,
                                 "--",       world.self, NULL };
    const int status = s_status_of (s_spawn (argv, NULL));
    T_MUST (WIFEXITED (status) && WEXITSTATUS (status) == 77);
    s_end_broker (&world);
    s_close_world (&world);
}

// Nobody waits for ever for hosts of his build.
static void
s_other_build (void *arg)
{
    s_world_t world;
    (void) arg;
    T_MUST (setenv ("BROOD_TIME_SCALE", "0.05", 1) == 0);
    T_MUST (brood_init (NULL, NULL) == 0);
    s_open_world (&world);
    T_MUST (brood_pool_new (NULL) == NULL);
    s_expect (EHOSTUNREACH, "no host has joined the broker yet");
    const pid_t agent = s_begin_agent (&world, getenv ("T_OTHER"), "2");
    // It may come while somebody waits.
    do
        T_MUST (brood_pool_new (NULL) == NULL);
    while (strstr (brood_error (), "yet"));
    s_expect (EHOSTUNREACH, "none of this program's build: theirs is ");
    s_end_agent (agent);
    s_end_broker (&world);
    s_close_world (&world);
}

// --- Its supervisor --------------------------------------------------------

static void
s_hear (int fd, const char *word)
{
    char text[512];
    struct pollfd one = { .fd = fd, .events = POLLIN };
    T_MUST (poll (&one, 1, S_SECONDS * 1000) == 1);
    const ssize_t size = recv (fd, text, sizeof text - 1, 0);
    T_MUST (size > 0);
    text[size] = '\0';
    if (!strstr (text, word))
        fprintf (stderr, "%s, not %s\n", text, word);
    T_MUST (strstr (text, word) != NULL);
}

static void
s_supervised (void *arg)
{
    s_world_t world;
    char where[64], listens[128];
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    const int is_abstract = *(const char *) arg == '@';
    const int fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    snprintf (where,
              sizeof where,
              "%stest_standing.%d",
              is_abstract ? "@" : "/tmp/",
              (int) getpid ());
    strcpy (at.sun_path, where);
    if (is_abstract)
        at.sun_path[0] = '\0';
    T_MUST (fd >= 0);
    T_MUST (bind (fd,
                  (const struct sockaddr *) &at,
                  (socklen_t) (offsetof (struct sockaddr_un, sun_path)
                               + strlen (where)))
            == 0);
    T_MUST (setenv ("NOTIFY_SOCKET", where, 1) == 0);
    T_MUST (setenv ("WATCHDOG_USEC", "50000", 1) == 0);
    s_open_world (&world);
    snprintf (listens,
              sizeof listens,
              "READY=1\nSTATUS=listening at %s\n",
              world.address);
    s_hear (fd, is_abstract ? "READY=1" : listens);
    s_hear (fd, "WATCHDOG=1");
    s_hear (fd, "WATCHDOG=1");
    T_MUST (kill (world.broker, SIGTERM) == 0);
    T_MUST (s_status_of (world.broker) == 0);
    char text[512];
    ssize_t size;
    do {
        size = recv (fd, text, sizeof text - 1, MSG_DONTWAIT);
        T_MUST (size > 0);
        text[size] = '\0';
    } while (strcmp (text, "WATCHDOG=1") == 0);
    T_MUST (strcmp (text, "STOPPING=1") == 0);
    if (!is_abstract)
        T_MUST (unlink (where) == 0);
    s_close_world (&world);
}

// --- Running them ----------------------------------------------------------

static void
s_run (void (*fn) (void *arg), void *arg)
{
    int status;
    char *output = t_run_child (fn, arg, 200, &status);
    if (status != 0)
        fail_msg ("%d: %s", status, output);
    free (output);
    assert_int_equal (t_marked_wait (0, 20), 0);
}

#define TEST(name, arg) \
    static void s_test_##name (void **state) \
    { \
        (void) state; \
        s_run (s_##name, arg); \
    }

TEST (shared, NULL)
TEST (spared, NULL)
TEST (objects, NULL)
TEST (client_dies, NULL)
TEST (agent_dies, NULL)
TEST (broker_dies, NULL)
TEST (broker_ends, NULL)
TEST (wrong_role, NULL)
TEST (other_build, NULL)

static void
s_test_supervised (void **state)
{
    char file[] = "/", name[] = "@";
    (void) state;
    s_run (s_supervised, file);
    s_run (s_supervised, name);
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_shared),
        cmocka_unit_test (s_test_spared),
        cmocka_unit_test (s_test_objects),
        cmocka_unit_test (s_test_client_dies),
        cmocka_unit_test (s_test_agent_dies),
        cmocka_unit_test (s_test_broker_dies),
        cmocka_unit_test (s_test_broker_ends),
        cmocka_unit_test (s_test_wrong_role),
        cmocka_unit_test (s_test_other_build),
        cmocka_unit_test (s_test_supervised),
    };
    if (getenv ("BROOD_AGENT")) {
        (void) brood_init (&argc, &argv);
        return 98;
    }
    t_mark (argv);
    // Waits are a third of what they are, and no shorter.
    (void) setenv ("BROOD_TIME_SCALE", "0.3", 1);
    (void) setenv ("BROOD_LOG", "error", 1);
    t_watchdog (280);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
