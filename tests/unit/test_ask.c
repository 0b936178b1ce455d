// test_ask.c - askers: what they are told, and what becomes of bad ones
//
// SPDX-License-Identifier: MPL-2.0
//
// The broker is this program: its keeper drives it while the test asks.

#include "t_peer.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/brd_secret.h"
#include "tools/ask.h"
#include "tools/ask_dial.h"
#include "tools/ask_door.h"
#include "transport/brd_wan.h"
#include "wire/brd_json.h"
#include "wire/brd_value.h"

enum {
    S_HOSTS = 60,
    S_NOBODY = 65534
};

static brd_ask_t *s_ask;
static brd_host_pool_t *s_pool;
static brd_peer_t *s_hosts[S_HOSTS];
static char s_me[32];

// Long names make long answers.
static void
s_add_host (int index, const char *name)
{
    brd_peer_t *peers[2];
    t_pair (peers);
    brd_host_lock (brd_runtime_host ());
    assert_int_equal (brd_host_pool_add_host (s_pool, peers[0], name, 7), 0);
    brd_host_unlock (brd_runtime_host ());
    t_say_slots (peers[1], 2, 0, "");
    s_hosts[index] = peers[1];
}

static int
s_open (void **state)
{
    char name[250];
    const brd_host_hosts_options_t options = { .name = "asked",
                                               .open = &t_wanted,
                                               .remote = 1 };
    (void) state;
    memset (name, 'n', sizeof name);
    name[sizeof name - 1] = '\0';
    s_pool = brd_host_pool_open_hosts (brd_runtime_host (), &options);
    s_ask = brd_ask_new (brd_runtime_host (), "the moon");
    assert_true (s_pool && s_ask);
    s_add_host (0, "node1");
    for (int i = 1; i < S_HOSTS; i++)
        s_add_host (i, name);
    assert_int_equal (brd_ask_open_door (s_ask), 0);
    assert_int_equal (brd_ask_open_door (s_ask), -1);
    snprintf (s_me, sizeof s_me, "%d", (int) getpid ());
    return 0;
}

static int
s_close (void **state)
{
    (void) state;
    brd_ask_destroy (&s_ask);
    brd_ask_destroy (&s_ask);
    brd_host_pool_end (s_pool);
    brd_host_pool_free (&s_pool);
    for (int i = 0; i < S_HOSTS; i++)
        s_hosts[i]->destroy (s_hosts[i]);
    return 0;
}

// The answer as JSON; NULL with errno.
static const char *
s_asked_ms (brd_ask_dial_t *dial, const char *question, int ms)
{
    static char text[65536];
    brd_buf_t answer, json;
    brd_buf_init (&answer, 1 << 21);
    brd_buf_init (&json, sizeof text - 1);
    const int rc =
        brd_ask_dial_ask (dial, question, brd_clock_deadline (ms), &answer);
    const int error = errno;
    if (rc == 0) {
        assert_int_equal (brd_json_write (&json, answer.bytes, answer.size), 0);
        snprintf (
            text, sizeof text, "%.*s", (int) json.size, (char *) json.bytes);
    }
    brd_buf_fini (&answer);
    brd_buf_fini (&json);
    errno = error;
    return rc == 0 ? text : NULL;
}

static const char *
s_asked (brd_ask_dial_t *dial, const char *question)
{
    return s_asked_ms (dial, question, 60000);
}

static void
s_is_refused (brd_ask_dial_t *dial, const char *question, int error)
{
    assert_null (s_asked (dial, question));
    if (errno != error)
        fail_msg ("%s: %d, %s", question, errno, brd_error_get ()->text);
}

static brd_ask_dial_t *
s_dial (void)
{
    brd_ask_dial_t *dial = brd_ask_dial_new (s_me);
    if (!dial)
        fail_msg ("%s", brd_error_get ()->text);
    return dial;
}

// It still answers others.
static void
s_is_well (void)
{
    brd_ask_dial_t *dial = s_dial ();
    assert_string_equal (s_asked (dial, "ping"), "null");
    brd_ask_dial_destroy (&dial);
}

static int
s_are_gone (void *arg)
{
    (void) arg;
    brd_host_lock (brd_runtime_host ());
    const size_t count = brd_ask_count (s_ask);
    brd_host_unlock (brd_runtime_host ());
    return count == 0;
}

// --- Questions -------------------------------------------------------------

static void
s_has (const char *text, const char *wanted)
{
    if (!text || !strstr (text, wanted))
        fail_msg ("nothing of %s in %s", wanted, text ? text : "nothing");
}

static void
s_test_questions (void **state)
{
    (void) state;
    brd_ask_dial_t *dial = s_dial ();
    assert_string_equal (s_asked (dial, "ping"), "null");
    const char *report = s_asked (dial, "report");
    s_has (report, "\"place\": \"the moon\"");
    s_has (report, "\"name\": \"asked\", \"kind\": \"hosts\"");
    s_has (report, "\"name\": \"node1\", \"pid\": 7, \"slots\": 2");
    assert_string_equal (s_asked (dial, "drain node1"), "null");
    s_has (s_asked (dial, "report"), "\"state\": \"draining\"");
    assert_string_equal (s_asked (dial, "undrain node1"), "null");
    assert_null (strstr (s_asked (dial, "report"), "draining"));
    s_is_refused (dial, "drain node2", ENOENT);
    assert_non_null (strstr (brd_error_get ()->text, "node2"));
    s_is_refused (dial, "drain", EINVAL);
    s_is_refused (dial, "drain ", EINVAL);
    s_is_refused (dial, "drainnode1", EINVAL);
    s_is_refused (dial, "reports", EINVAL);
    s_is_refused (dial, "", EINVAL);
    assert_string_equal (s_asked (dial, "ping"), "null");
    brd_ask_dial_destroy (&dial);
    assert_true (t_eventually (s_are_gone, NULL, 30));
}

static void
s_say_question (brd_peer_t *peer, const char *question)
{
    t_say_note (peer,
                BRD_OP_QUERY,
                &(brd_wire_note_t){ .seq = 9,
                                    .size = (uint32_t) strlen (question),
                                    .body = question });
}

static brd_peer_t *
s_add_peer (int may_change)
{
    brd_peer_t *peers[2];
    t_pair (peers);
    brd_host_lock (brd_runtime_host ());
    assert_int_equal (brd_ask_add (s_ask, peers[0], may_change), 0);
    brd_host_unlock (brd_runtime_host ());
    return peers[1];
}

// One that may look only.
static void
s_test_watch (void **state)
{
    (void) state;
    char text[256];
    brd_peer_t *peer = s_add_peer (0);
    s_say_question (peer, "drain node1");
    brd_wire_note_t note = t_hears_note (peer, BRD_OP_REPORT, text);
    assert_true (note.seq == 9 && note.count == EPERM);
    s_say_question (peer, "undrain node1");
    note = t_hears_note (peer, BRD_OP_REPORT, text);
    assert_int_equal (note.count, EPERM);
    s_say_question (peer, "report");
    note = t_hears_note (peer, BRD_OP_REPORT, text);
    assert_int_equal (note.count, 0);
    assert_null (strstr (text, "draining"));
    peer->destroy (peer);
    assert_true (t_eventually (s_are_gone, NULL, 30));
}

// --- Bad ones --------------------------------------------------------------

static void
s_test_garbage (void **state)
{
    (void) state;
    static const struct {
        const char *bytes;
        size_t size;
    } garbage[] = {
        { T_BYTES ("GET / HTTP/1.1\r\n\r\n") },
        { T_BYTES ("BRD1\x15\0\0\0\0\0\0\0\0\0\0\0") },
        { T_BYTES ("BRD1\x16\0\0\0\0\0\0\0\0\0\0\0") },
        { T_BYTES ("BRD1\x08\0\0\0\0\0\0\0\0\0\0\0") },
    };
    for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++) {
        brd_peer_t *peer = s_add_peer (1);
        t_say_bytes (peer, garbage[i].bytes, garbage[i].size);
        t_hears_end (peer);
        peer->destroy (peer);
    }
    // A question that cannot be read, and one that is too long.
    char question[BRD_ASK_QUESTION_MAX + 2];
    memset (question, 'q', sizeof question);
    question[sizeof question - 1] = '\0';
    brd_peer_t *peer = s_add_peer (1);
    s_say_question (peer, question);
    t_hears_end (peer);
    peer->destroy (peer);
    peer = s_add_peer (1);
    s_say_question (peer, "drain \x1b[2J");
    t_hears_end (peer);
    peer->destroy (peer);
    // Not even a message, at the door.
    const brd_ask_door_t door = { .user = geteuid (), .pid = getpid () };
    int fd = brd_ask_door_connect (&door);
    assert_true (fd >= 0);
    assert_int_equal (send (fd, "\xff\xff\xff\xff\xff\xff\xff\xff", 8, 0), 8);
    struct pollfd one = { .fd = fd, .events = POLLIN };
    char byte;
    assert_int_equal (poll (&one, 1, 30000), 1);
    assert_int_equal (recv (fd, &byte, 1, 0), 0);
    close (fd);
    s_is_well ();
    assert_true (t_eventually (s_are_gone, NULL, 30));
}

// -1: it was cut off meanwhile.
static int
s_ask_often (brd_peer_t *peer, const char *question, int count)
{
    brd_buf_t out;
    const brd_wire_note_t note = { .size = (uint32_t) strlen (question),
                                   .body = question };
    int rc = 0;
    brd_buf_init (&out, 4096);
    for (int i = 0; rc == 0 && i < count; i++) {
        assert_int_equal (brd_frame_begin (&out, BRD_OP_QUERY), 0);
        assert_int_equal (brd_frame_add_note (&out, &note), 0);
        brd_frame_close (&out, 1);
        rc = peer->send (peer, &out);
    }
    brd_buf_fini (&out);
    return rc;
}

// Asks without pause: it is cut off, and nobody else is.
static void
s_test_flood (void **state)
{
    (void) state;
    brd_ask_dial_t *other = s_dial ();
    brd_peer_t *peer = s_add_peer (1);
    // However slow this machine is, some second has too many of them.
    assert_int_equal (s_ask_often (peer, "ping", 1000000), -1);
    assert_int_equal (errno, EPIPE);
    assert_string_equal (s_asked (other, "ping"), "null");
    peer->destroy (peer);
    brd_ask_dial_destroy (&other);
    assert_true (t_eventually (s_are_gone, NULL, 30));
}

// Asks and does not read.
static void
s_test_slow (void **state)
{
    (void) state;
    const brd_ask_door_t door = { .user = geteuid (), .pid = getpid () };
    brd_peer_t *peer = brd_peer_fd_new (brd_ask_door_connect (&door), 1 << 21);
    assert_non_null (peer);
    (void) s_ask_often (peer, "report", BRD_ASK_QUESTIONS_MAX / 2);
    // All that was asked for is more than is kept.
    assert_true (t_eventually (s_are_gone, NULL, 60));
    peer->destroy (peer);
    s_is_well ();
}

// The one that is quiet for longest makes room.
static void
s_test_crowd (void **state)
{
    (void) state;
    brd_ask_dial_t *dials[2 * BRD_ASK_ASKERS_MAX];
    const int count = sizeof dials / sizeof *dials;
    for (int i = 0; i < count; i++) {
        dials[i] = s_dial ();
        assert_string_equal (s_asked (dials[i], "ping"), "null");
    }
    brd_host_lock (brd_runtime_host ());
    assert_in_range (brd_ask_count (s_ask), 1, BRD_ASK_ASKERS_MAX);
    brd_host_unlock (brd_runtime_host ());
    s_is_refused (dials[0], "ping", EHOSTUNREACH);
    assert_string_equal (s_asked (dials[count - 1], "ping"), "null");
    for (int i = 0; i < count; i++)
        brd_ask_dial_destroy (&dials[i]);
    assert_true (t_eventually (s_are_gone, NULL, 30));
}

// --- The door --------------------------------------------------------------

static void
s_be_nobody (void)
{
    if (geteuid () == 0 && (setgid (S_NOBODY) < 0 || setuid (S_NOBODY) < 0))
        _exit (2);
}

// Another user connects, and is sent away.
static void
s_as_other (void *arg)
{
    const brd_ask_door_t *door = arg;
    char byte;
    s_be_nobody ();
    const int fd = brd_ask_door_connect (door);
    struct pollfd one = { .fd = fd, .events = POLLIN };
    if (fd < 0 || poll (&one, 1, 30000) != 1 || recv (fd, &byte, 1, 0) != 0)
        _exit (1);
    brd_ask_door_t *doors = NULL;
    if (brd_ask_door_list (&doors) != 0)
        _exit (3);
}

// Where the tests do not run as root there is only one user to be.
static void
s_test_other_user (void **state)
{
    (void) state;
    int status;
    brd_ask_door_t door = { .user = geteuid (), .pid = getpid () };
    if (geteuid () == 0) {
        char *said = t_run_child (s_as_other, &door, 60, &status);
        if (status != 0)
            fail_msg ("%x: %s", status, said);
        free (said);
    }
    s_is_well ();
}

// Somebody has made a door in our name, with another number in it.
static void
s_test_false_door (void **state)
{
    (void) state;
    int fds[2];
    char byte, number[32];
    snprintf (number, sizeof number, "%ld", (long) getppid ());
    assert_int_equal (pipe2 (fds, O_CLOEXEC), 0);
    const pid_t pid = fork ();
    assert_true (pid >= 0);
    if (pid == 0) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        const int size = snprintf (address.sun_path + 1,
                                   sizeof address.sun_path - 1,
                                   "brood/ask/%u/%s",
                                   (unsigned) geteuid (),
                                   number);
        const int fd = socket (AF_UNIX, SOCK_STREAM, 0);
        if (bind (fd,
                  (struct sockaddr *) &address,
                  (socklen_t) (offsetof (struct sockaddr_un, sun_path) + 1
                               + (size_t) size))
                < 0
            || listen (fd, 8) < 0 || write (fds[1], "x", 1) != 1)
            _exit (1);
        (void) pause ();
        _exit (0);
    }
    assert_int_equal (read (fds[0], &byte, 1), 1);
    assert_null (brd_ask_dial_new (number));
    assert_int_equal (errno, EACCES);
    assert_int_equal (kill (pid, SIGKILL), 0);
    assert_int_equal (waitpid (pid, NULL, 0), pid);
    close (fds[0]);
    close (fds[1]);
    // And one that is not there any more.
    assert_null (brd_ask_dial_new ("1"));
    assert_int_equal (errno, EHOSTUNREACH);
}

static void
s_test_list (void **state)
{
    (void) state;
    brd_ask_door_t *doors = NULL;
    int found = 0;
    const long count = brd_ask_door_list (&doors);
    assert_true (count > 0);
    for (long i = 0; i < count; i++) {
        found += doors[i].pid == getpid () && doors[i].user == geteuid ();
        assert_true (i == 0 || doors[i - 1].pid <= doors[i].pid);
    }
    assert_int_equal (found, 1);
    brd_mem_free (doors);
}

// --- By tcp ----------------------------------------------------------------

typedef struct {
    brd_host_source_t source;  // First
    brd_ask_t *ask;
    brd_wan_listen_t *listen;
    brd_token_book_t *book;
    brd_curve_t pair;
    char dir[32];
} s_wan_t;

static void
s_wan_turn (brd_host_source_t *source, int64_t now)
{
    brd_wan_listen_turn (((s_wan_t *) (void *) source)->listen, now);
}

static int64_t
s_wan_due (brd_host_source_t *source, int64_t now)
{
    return brd_wan_listen_due (((s_wan_t *) (void *) source)->listen, now);
}

static const char *
s_wan_joined (void *arg, brd_peer_t *peer, const brd_hello_who_t *who)
{
    if (brd_ask_add (((s_wan_t *) arg)->ask, peer, who->role == BRD_JOIN_ADMIN)
        < 0)
        return "there is no room";
    return NULL;
}

static void
s_wan_open (s_wan_t *self)
{
    *self = (s_wan_t){ .dir = "/tmp/test_ask.XXXXXX" };
    assert_non_null (mkdtemp (self->dir));
    self->ask = brd_ask_new (brd_runtime_host (), "tcp");
    self->book = brd_token_new ();
    assert_true (self->ask && self->book);
    assert_int_equal (brd_curve_make (&self->pair), 0);
    self->listen = brd_wan_listen_new (
        &(brd_wan_listen_options_t){ .address = "tcp://127.0.0.1:0",
                                     .pair = self->pair,
                                     .book = self->book,
                                     .joined = s_wan_joined,
                                     .arg = self,
                                     .sessions_max = 8,
                                     .strangers_max = 8,
                                     .time_scale = 1.0 });
    if (!self->listen)
        fail_msg ("%s", brd_error_get ()->text);
    self->source = (brd_host_source_t){ .fd = brd_wan_listen_fd (self->listen),
                                        .turn = s_wan_turn,
                                        .due = s_wan_due };
    brd_host_lock (brd_runtime_host ());
    assert_int_equal (brd_host_source_add (brd_runtime_host (), &self->source),
                      0);
    brd_host_unlock (brd_runtime_host ());
}

static void
s_wan_close (s_wan_t *self)
{
    brd_ask_destroy (&self->ask);
    brd_host_lock (brd_runtime_host ());
    brd_host_source_remove (brd_runtime_host (), &self->source);
    brd_wan_listen_destroy (&self->listen);
    brd_host_unlock (brd_runtime_host ());
    brd_token_destroy (&self->book);
    assert_int_equal (rmdir (self->dir), 0);
}

// What to dial, with a file of a token of this role.
static void
s_wan_text (s_wan_t *self,
            brd_join_role_t role,
            int is_good,
            char ret_file[64],
            char ret_text[256])
{
    char text[BRD_JOIN_TEXT_MAX];
    brd_curve_t token;
    // Where it says the broker is does not matter.
    brd_join_t join = { .role = role,
                        .n_addresses = 1,
                        .addresses = { "tcp://192.0.2.1:1" } };
    assert_int_equal (brd_curve_make (&token), 0);
    memcpy (join.key, self->pair.public_key, BRD_JOIN_KEY);
    memcpy (join.token, token.secret_key, BRD_JOIN_TOKEN);
    brd_host_lock (brd_runtime_host ());
    if (is_good)
        assert_int_equal (
            brd_token_add (self->book, token.public_key, role, 1, 0), 0);
    brd_host_unlock (brd_runtime_host ());
    assert_int_equal (brd_join_print (&join, text), 0);
    snprintf (ret_file, 64, "%s/join", self->dir);
    assert_int_equal (brd_secret_write_file (ret_file, text), 0);
    snprintf (ret_text,
              256,
              "%s?join=%s",
              brd_wan_listen_address (self->listen),
              ret_file);
}

static void
s_test_tcp (void **state)
{
    (void) state;
    char file[64], text[256];
    s_wan_t wan;
    s_wan_open (&wan);
    s_wan_text (&wan, BRD_JOIN_WATCH, 1, file, text);
    brd_ask_dial_t *dial = brd_ask_dial_new (text);
    if (!dial)
        fail_msg ("%s", brd_error_get ()->text);
    assert_string_equal (s_asked (dial, "ping"), "null");
    s_has (s_asked (dial, "report"), "node1");
    s_is_refused (dial, "drain node1", EPERM);
    // Nobody comes in twice by it, nor without one.
    brd_ask_dial_t *again = brd_ask_dial_new (text);
    assert_non_null (again);
    s_is_refused (again, "ping", EACCES);
    brd_ask_dial_destroy (&again);
    brd_ask_dial_destroy (&dial);
    unlink (file);
    s_wan_text (&wan, BRD_JOIN_WATCH, 0, file, text);
    dial = brd_ask_dial_new (text);
    assert_non_null (dial);
    s_is_refused (dial, "ping", EACCES);
    brd_ask_dial_destroy (&dial);
    unlink (file);
    // One for giving work is none.
    s_wan_text (&wan, BRD_JOIN_ABOVE, 1, file, text);
    assert_null (brd_ask_dial_new (text));
    assert_int_equal (errno, EINVAL);
    unlink (file);
    // An admin may change something; the file by the environment.
    s_wan_text (&wan, BRD_JOIN_ADMIN, 1, file, text);
    *strchr (text, '?') = '\0';
    assert_int_equal (setenv ("BROOD_JOIN", file, 1), 0);
    dial = brd_ask_dial_new (text);
    assert_non_null (dial);
    assert_string_equal (s_asked (dial, "drain node1"), "null");
    assert_string_equal (s_asked (dial, "undrain node1"), "null");
    brd_ask_dial_destroy (&dial);
    // Nobody listens there.
    dial = brd_ask_dial_new ("tcp://127.0.0.1:1");
    assert_non_null (dial);
    assert_null (s_asked_ms (dial, "ping", 50));
    assert_int_equal (errno, ETIMEDOUT);
    brd_ask_dial_destroy (&dial);
    unlink (file);
    assert_null (brd_ask_dial_new ("tcp://127.0.0.1:1"));
    assert_int_equal (errno, ENOENT);
    assert_int_equal (unsetenv ("BROOD_JOIN"), 0);
    assert_null (brd_ask_dial_new ("tcp://127.0.0.1:1"));
    assert_int_equal (errno, EINVAL);
    s_wan_close (&wan);
}

static void
s_test_no_broker (void **state)
{
    (void) state;
    static const char *const none[] = { "",   "0",       "-1",
                                        "1x", "4711 ",   "99999999999999999999",
                                        "x",  "ipc://x", "tcp:/x" };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        assert_null (brd_ask_dial_new (none[i]));
        assert_int_equal (errno, EINVAL);
    }
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_questions),
        cmocka_unit_test (s_test_watch),
        cmocka_unit_test (s_test_garbage),
        cmocka_unit_test (s_test_flood),
        cmocka_unit_test (s_test_slow),
        cmocka_unit_test (s_test_crowd),
        cmocka_unit_test (s_test_other_user),
        cmocka_unit_test (s_test_false_door),
        cmocka_unit_test (s_test_list),
        cmocka_unit_test (s_test_no_broker),
        cmocka_unit_test (s_test_tcp),
    };
    t_watchdog (240);
    brood_init (&argc, &argv);
    return cmocka_run_group_tests (tests, s_open, s_close);
}
