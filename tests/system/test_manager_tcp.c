// test_manager_tcp.c - a manager that other programs use, over a bad network
//
// SPDX-License-Identifier: MPL-2.0
//
//     program that serves  <--tcp-- relay, cuts the line --tcp-- client
//
// The client is a program of its own: a child made before brood was started.

#include "t_brood.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <brood.h>

enum {
    S_ADDS = 3000,
    S_CUT_EVERY = 40000  // Bytes in both directions
};

static const char s_key[] = "a key that both of them have read somewhere";

// --- A program that serves -------------------------------------------------

static int s_say[2];   // The server's address, to the client
static int s_hear[2];  // Closed when the client is done

// In a process of its own: serves until the client is done.
static void
s_serve (int *ret_status)
{
    char nothing;
    brood_set_authkey (s_key, sizeof s_key);
    BROOD_AUTO (manager) manager = brood_manager_serve ("tcp://127.0.0.1:0");
    const char *address = brood_manager_address (manager);
    assert_non_null (manager);
    assert_non_null (strstr (address, "tcp://127.0.0.1:"));
    assert_null (strstr (address, ":0"));
    BROOD_AUTO (dict) dict = brood_dict_open (manager, "sums");
    assert_int_equal (brood_dict_set (dict, "n", "%d", 0), 0);
    assert_true (write (s_say[1], address, strlen (address) + 1) > 0);
    close (s_hear[1]);
    assert_int_equal (read (s_hear[0], &nothing, 1), 0);
    assert_int_equal (brood_dict_get (dict, "n", "%d", ret_status), 0);
}

// --- A network that breaks -------------------------------------------------

typedef struct {
    int listen;
    int port;  // Of the server
    _Atomic int cuts;
    _Atomic int frozen;  // 1: cuts what there is, and passes nothing
} s_relay_t;

static int
s_dial (int port)
{
    const int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons ((uint16_t) port),
                              .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
    if (connect (fd, (struct sockaddr *) &to, sizeof to) < 0) {
        close (fd);
        return -1;
    }
    return fd;
}

// Until one side ends, it is to freeze, or so many bytes have passed.
static int
s_pass (const s_relay_t *self, int left, int right, int bytes)
{
    char block[700];
    struct pollfd fds[2] = { { .fd = left, .events = POLLIN },
                             { .fd = right, .events = POLLIN } };
    while (bytes > 0 && !self->frozen) {
        if (poll (fds, 2, 10) <= 0)
            continue;
        for (int i = 0; i < 2; i++) {
            if (!fds[i].revents)
                continue;
            const ssize_t n = read (fds[i].fd, block, sizeof block);
            if (n <= 0)
                return 0;
            // Cut in the middle of what was read.
            const ssize_t part = n < bytes ? n : bytes;
            if (write (fds[1 - i].fd, block, (size_t) part) != part)
                return 0;
            bytes -= (int) n;
        }
    }
    return 1;
}

static void *
s_relay (void *arg)
{
    s_relay_t *self = arg;
    for (;;) {
        const int left = accept (self->listen, NULL, NULL);
        if (left < 0)
            return NULL;
        const int right = s_dial (self->port);
        if (right >= 0) {
            while (self->frozen)
                (void) poll (NULL, 0, 10);
            const int cut =
                s_pass (self, left, right, S_CUT_EVERY + self->cuts * 777);
            self->cuts += cut;
            close (right);
        }
        close (left);
    }
}

static int
s_relay_start (s_relay_t *self, int port)
{
    pthread_t thread;
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
    socklen_t size = sizeof at;
    *self = (s_relay_t){ .port = port };
    self->listen = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind (self->listen, (struct sockaddr *) &at, sizeof at) < 0
        || listen (self->listen, 8) < 0
        || getsockname (self->listen, (struct sockaddr *) &at, &size) < 0
        || pthread_create (&thread, NULL, s_relay, self) != 0)
        return -1;
    pthread_detach (thread);
    return ntohs (at.sin_port);
}

// --- Clients ---------------------------------------------------------------

// Exit codes say where it went wrong.
static int
s_add (const char *address)
{
    brood_set_authkey (s_key, sizeof s_key);
    BROOD_AUTO (manager) manager = brood_manager_connect (address, 20000);
    if (!manager)
        return 10;
    BROOD_AUTO (dict) dict = brood_dict_open (manager, "sums");
    if (!dict)
        return 11;
    for (int i = 1; i <= S_ADDS; i++) {
        int64_t sum = 0;
        if (brood_dict_add (dict, "n", 1, &sum) < 0) {
            brood_perror ("add");
            return 12;
        }
        if (sum != i)
            return 13;
    }
    return 0;
}

static int
s_client_direct (const char *address)
{
    return s_add (address);
}

static int
s_client_cut (const char *address)
{
    static s_relay_t relay;  // Its thread outlives this call
    char through[64];
    const int port = s_relay_start (&relay, atoi (strrchr (address, ':') + 1));
    if (port < 0)
        return 1;
    snprintf (through, sizeof through, "tcp://127.0.0.1:%d", port);
    const int rc = s_add (through);
    if (rc != 0)
        return rc;
    return relay.cuts >= 5 ? 0 : 20;
}

static void *
s_wait_event (void *arg)
{
    brood_event_t *event = arg;
    return brood_event_wait (event, 60000) == 0 ? arg : NULL;
}

static int
s_waits (void *arg)
{
    return *(_Atomic int *) arg > 0;
}

// While one thread makes the line again, another's time goes on: it is told
// before that is given up, and when the network is back, all goes on.
static int
s_client_frozen (const char *address)
{
    static s_relay_t relay;  // Its thread outlives this call
    char through[64];
    const int port = s_relay_start (&relay, atoi (strrchr (address, ':') + 1));
    snprintf (through, sizeof through, "tcp://127.0.0.1:%d", port);
    brood_set_authkey (s_key, sizeof s_key);
    BROOD_AUTO (manager) manager = brood_manager_connect (through, 20000);
    if (port < 0 || !manager)
        return 1;
    BROOD_AUTO (event) event = brood_event_open (manager, "go");
    BROOD_AUTO (lock) lock = brood_lock_open (manager, "mine");
    if (!event || !lock)
        return 2;
    pthread_t thread;
    if (pthread_create (&thread, NULL, s_wait_event, event) != 0)
        return 3;
    relay.frozen = 1;
    if (!t_eventually (s_waits, &relay.cuts, 20))
        return 4;
    // The first may be sent into the line that is gone, and not be known.
    int rc = brood_lock_acquire (lock, 20);
    if (rc == 0 || (errno != ETIMEDOUT && errno != ECONNRESET))
        return 5;
    relay.frozen = 0;
    rc = brood_event_set (event);
    if (rc < 0) {
        brood_perror ("set");
        return 6;
    }
    void *result;
    if (pthread_join (thread, &result) != 0 || !result)
        return 7;
    // What was given up is not done behind the caller's back.
    rc = brood_lock_acquire (lock, 20000);
    return rc == 0 && brood_lock_release (lock) == 0 ? 0 : 8;
}

static void *
s_evil_new (const brood_msg_t *in)
{
    (void) in;
    return NULL;
}

static int
s_client_stranger (const char *address)
{
    brood_set_authkey ("another key", 11);
    BROOD_AUTO (manager) none = brood_manager_connect (address, 20000);
    if (none || errno != EACCES)
        return 1;
    brood_set_authkey (s_key, sizeof s_key);
    BROOD_AUTO (manager) manager = brood_manager_connect (address, 20000);
    if (!manager)
        return 2;
    // Data, but no code.
    const brood_class_t type = { .name = "Evil", .new_fn = s_evil_new };
    if (brood_manager_register (manager, &type) == 0 || errno != EACCES)
        return 3;
    return 0;
}

// --- Both ------------------------------------------------------------------

typedef struct {
    int (*client) (const char *address);
    int sum;
} s_case_t;

static void
s_client_child (const s_case_t *self)
{
    char address[1200] = "";
    close (s_say[1]);
    if (read (s_say[0], address, sizeof address - 1) <= 0)
        _exit (100);
    _exit (self->client (address));
}

// The whole story, in a child, so that brood begins in each of the two.
static void
s_both (void *arg)
{
    const s_case_t *self = arg;
    int status = -1;
    int sum = -1;
    if (pipe (s_say) < 0 || pipe (s_hear) < 0)
        _exit (101);
    const pid_t pid = fork ();
    if (pid == 0)
        s_client_child (self);
    s_serve (&sum);
    if (waitpid (pid, &status, 0) != pid || status != 0) {
        printf ("the client: %d, signal %d\n",
                WEXITSTATUS (status),
                WTERMSIG (status));
        _exit (102);
    }
    if (sum != self->sum) {
        printf ("the sum: %d\n", sum);
        _exit (103);
    }
}

static void
s_run (const s_case_t *what)
{
    int status;
    char *said = t_run_child (s_both, (void *) what, 100, &status);
    if (status != 0)
        fail_msg ("%d: %s", WEXITSTATUS (status), said);
    free (said);
    assert_int_equal (t_marked_wait (0, 20), 0);
}

static void
s_test_direct (void **state)
{
    (void) state;
    static const s_case_t what = { s_client_direct, S_ADDS };
    s_run (&what);
}

// Each add is done once, however often the line is cut.
static void
s_test_cut (void **state)
{
    (void) state;
    static const s_case_t what = { s_client_cut, S_ADDS };
    s_run (&what);
}

static void
s_test_frozen (void **state)
{
    (void) state;
    static const s_case_t what = { s_client_frozen, 0 };
    s_run (&what);
}

static void
s_test_stranger (void **state)
{
    (void) state;
    static const s_case_t what = { s_client_stranger, 0 };
    s_run (&what);
}

static void
s_bad_addresses (void *arg)
{
    (void) arg;
    if (brood_manager_connect ("tcp://127.0.0.1:1", 5000)
        || errno != ECONNREFUSED)
        _exit (1);
    if (brood_manager_connect ("nowhere", 5000) || errno != EINVAL)
        _exit (2);
    if (brood_manager_connect (NULL, 5000) || errno != EINVAL)
        _exit (3);
    BROOD_AUTO (manager) manager = brood_manager_serve ("ipc://@t-manager-1");
    if (!manager || brood_manager_serve ("ipc://@t-manager-1")
        || errno != EADDRINUSE)
        _exit (4);
    if (brood_manager_serve ("nowhere") || errno != EINVAL)
        _exit (5);
}

static void
s_test_bad_addresses (void **state)
{
    (void) state;
    int status;
    char *said = t_run_child (s_bad_addresses, NULL, 60, &status);
    if (status != 0)
        fail_msg ("%d: %s", WEXITSTATUS (status), said);
    free (said);
    assert_int_equal (t_marked_wait (0, 20), 0);
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_direct),
        cmocka_unit_test (s_test_cut),
        cmocka_unit_test (s_test_frozen),
        cmocka_unit_test (s_test_stranger),
        cmocka_unit_test (s_test_bad_addresses),
    };
    (void) argc;
    t_mark (argv);
    t_watchdog (240);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
