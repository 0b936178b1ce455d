// test_tcp_strangers.c - what strangers can do to a listener: little
//
// SPDX-License-Identifier: MPL-2.0

#include "t_tcp.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <zmq.h>

#include "base/brd_fault.h"
#include "transport/brd_tcp_private.h"

enum {
    FLOOD = 1000,
    GREETING = 64,
    ROUNDS = 200,
    GROWTH_KB = 64 * 1024
};

static brd_tcp_stats_t
s_stats (const t_tcp_t *tcp)
{
    brd_tcp_stats_t stats;
    brd_tcp_listen_stats (tcp->listen, &stats);
    return stats;
}

static int
s_has_strangers (t_tcp_t *tcp, int n)
{
    return s_stats (tcp).strangers == n;
}

static int
s_is_over (t_tcp_t *tcp, int fd)
{
    (void) tcp;
    return t_tcp_is_over (fd);
}

static void
s_open (t_tcp_t *tcp, int peers_max, int strangers_max, brd_curve_t *ret_pair)
{
    assert_int_equal (brd_curve_make (ret_pair), 0);
    t_tcp_open (tcp, t_tcp_anybody, NULL, peers_max, strangers_max);
    t_tcp_round_trip (tcp, t_tcp_dial (tcp, ret_pair));
}

// One whose times do not end within a test.
static void
s_open_patient (t_tcp_t *tcp, brd_curve_t *ret_pair)
{
    assert_int_equal (brd_curve_make (ret_pair), 0);
    t_tcp_open_scaled (tcp, t_tcp_anybody, NULL, 32, 16, 100);
    t_tcp_round_trip (tcp, t_tcp_dial (tcp, ret_pair));
}

// --- Time ------------------------------------------------------------------

// Who says nothing, and who says it very slowly, is hung up on.
static void
s_test_half_open (void **state)
{
    (void) state;
    t_tcp_t tcp;
    brd_curve_t pair;
    int fds[4];
    s_open (&tcp, 32, 16, &pair);
    for (int i = 0; i < 4; i++)
        fds[i] = t_tcp_raw (&tcp);
    assert_true (t_tcp_until (&tcp, s_has_strangers, 4));
    const int64_t deadline = brd_clock_deadline (T_TCP_SECONDS * 1000);
    int over = 0;
    while (over < 4 && brd_clock_now () < deadline) {
        over = 0;
        for (int i = 0; i < 4; i++) {
            if (i < 2)
                (void) send (fds[i], "\xff", 1, MSG_NOSIGNAL);
            over += t_tcp_is_over (fds[i]);
        }
        t_tcp_turn (&tcp);
    }
    assert_int_equal (over, 4);
    assert_true (t_tcp_until (&tcp, s_has_strangers, 0));
    for (int i = 0; i < 4; i++)
        close (fds[i]);
    t_tcp_round_trip (&tcp, 0);
    t_tcp_close (&tcp);
}

static int
s_has_sent_away (t_tcp_t *tcp, int n)
{
    return s_stats (tcp).sent_away >= (uint64_t) n;
}

// Who is let in and says nothing, or is not admitted for it.
static void
s_test_never_admitted (void **state)
{
    (void) state;
    t_tcp_t tcp;
    brd_curve_t pair;
    s_open (&tcp, 32, 16, &pair);
    tcp.admits = 0;
    const int silent = t_tcp_dial (&tcp, &pair);
    const int talks = t_tcp_dial (&tcp, &pair);
    assert_true (t_tcp_until (&tcp, t_tcp_is_up, silent));
    t_tcp_round_trip (&tcp, talks);
    assert_true (t_tcp_until (&tcp, s_has_sent_away, 2));
    t_tcp_round_trip (&tcp, 0);
    assert_int_equal (brd_tcp_dial_count (tcp.dials[0]), 1);
    t_tcp_close (&tcp);
}

// --- Room ------------------------------------------------------------------

static void
s_test_stranger_says_too_much (void **state)
{
    (void) state;
    t_tcp_t tcp;
    brd_curve_t pair;
    static char bytes[BRD_TCP_STRANGER_SIZE + 1];
    s_open_patient (&tcp, &pair);
    tcp.admits = 0;
    const int large = t_tcp_dial (&tcp, &pair);
    assert_true (t_tcp_until (&tcp, t_tcp_is_up, large));
    tcp.n_got = 0;
    assert_int_equal (t_tcp_send (&tcp, large, bytes, BRD_TCP_STRANGER_SIZE),
                      0);
    assert_true (t_tcp_until (&tcp, t_tcp_has_got, 1));
    assert_int_equal (t_tcp_send (&tcp, large, bytes, sizeof bytes), 0);
    assert_true (t_tcp_until (&tcp, s_has_sent_away, 1));
    assert_int_equal (tcp.n_got, 1);
    const int many = t_tcp_dial (&tcp, &pair);
    assert_true (t_tcp_until (&tcp, t_tcp_is_up, many));
    for (int i = 0; i <= BRD_TCP_STRANGER_PACKETS; i++)
        assert_int_equal (t_tcp_send (&tcp, many, "x", 1), 0);
    assert_true (t_tcp_until (&tcp, s_has_sent_away, 2));
    assert_int_equal (tcp.n_got, 1 + BRD_TCP_STRANGER_PACKETS);
    t_tcp_close (&tcp);
}

// A CURVE client of any type, named as it likes; yours to close.
static void *
s_client (t_tcp_t *tcp, int type, const void *id, size_t id_size)
{
    brd_curve_t pair;
    void *client = brd_zmq_socket_new (type);
    assert_non_null (client);
    assert_int_equal (brd_curve_make (&pair), 0);
    assert_int_equal (
        brd_tcp_common_secure (client, &pair, tcp->listener.public_key, 1), 0);
    if (id_size > 0)
        assert_int_equal (zmq_setsockopt (client, ZMQ_ROUTING_ID, id, id_size),
                          0);
    assert_int_equal (
        zmq_connect (client, brd_tcp_listen_address (tcp->listen)), 0);
    return client;
}

// No name, a short one, two frames, an empty one, a frame before it: nobody of
// ours does that.
static void
s_test_forms (void **state)
{
    (void) state;
    t_tcp_t tcp;
    brd_curve_t pair;
    void *clients[5];
    static const char name[BRD_TCP_ID + 1] = "sixteen letters!";
    s_open_patient (&tcp, &pair);
    tcp.n_got = 0;
    clients[0] = s_client (&tcp, ZMQ_DEALER, NULL, 0);
    clients[1] = s_client (&tcp, ZMQ_DEALER, name, 15);
    clients[2] = s_client (&tcp, ZMQ_DEALER, "a234567890123456", 16);
    clients[3] = s_client (&tcp, ZMQ_DEALER, "b234567890123456", 16);
    clients[4] = s_client (&tcp, ZMQ_REQ, "c234567890123456", 16);
    for (int i = 0; i < 5; i++) {
        if (i == 2)
            assert_int_equal (zmq_send (clients[i], "x", 1, ZMQ_SNDMORE), 1);
        assert_int_equal (zmq_send (clients[i], "x", i != 3, 0), i != 3);
    }
    assert_true (t_tcp_until (&tcp, s_has_sent_away, 5));
    assert_int_equal (tcp.n_got, 0);
    for (int i = 0; i < 5; i++)
        brd_zmq_socket_close (clients[i]);
    t_tcp_round_trip (&tcp, 0);
    t_tcp_close (&tcp);
}

static int
s_ends (t_tcp_t *tcp, int n)
{
    (void) n;
    return s_stats (tcp).peers == 1;
}

// Larger than a packet, from one who was admitted: libzmq hangs up itself.
static void
s_test_too_large (void **state)
{
    (void) state;
    t_tcp_t tcp;
    brd_curve_t pair;
    static char bytes[BRD_TCP_SIZE_MAX + 1];
    s_open_patient (&tcp, &pair);
    tcp.n_got = tcp.echoes = 0;
    void *client = s_client (&tcp, ZMQ_DEALER, "a234567890123456", 16);
    assert_int_equal (zmq_send (client, bytes, sizeof bytes - 1, 0),
                      sizeof bytes - 1);
    // Before it was admitted.
    assert_true (t_tcp_until (&tcp, s_has_sent_away, 1));
    brd_zmq_socket_close (client);
    client = s_client (&tcp, ZMQ_DEALER, "b234567890123456", 16);
    assert_int_equal (zmq_send (client, "x", 1, 0), 1);
    assert_true (t_tcp_until (&tcp, t_tcp_has_got, 1));
    assert_int_equal (zmq_send (client, bytes, sizeof bytes - 1, 0),
                      sizeof bytes - 1);
    assert_true (t_tcp_until (&tcp, t_tcp_has_got, 2));
    assert_int_equal (zmq_send (client, bytes, sizeof bytes, 0), sizeof bytes);
    assert_true (t_tcp_until (&tcp, s_ends, 0));
    assert_int_equal (tcp.n_got, 2);
    brd_zmq_socket_close (client);
    tcp.echoes = 1;
    t_tcp_round_trip (&tcp, 0);
    t_tcp_close (&tcp);
}

// Who takes the name of another is not heard, and the other is.
static void
s_test_name_of_another (void **state)
{
    (void) state;
    t_tcp_t tcp;
    brd_curve_t pair;
    s_open (&tcp, 32, 16, &pair);
    unsigned char first[BRD_TCP_ID];
    memcpy (first, tcp.peer, BRD_TCP_ID);
    tcp.n_got = 0;
    void *client = s_client (&tcp, ZMQ_DEALER, first, BRD_TCP_ID);
    assert_int_equal (zmq_send (client, "x", 1, 0), 1);
    assert_true (t_tcp_until (&tcp, s_has_sent_away, 1));
    assert_int_equal (tcp.n_got, 0);
    memcpy (tcp.peer, first, BRD_TCP_ID);
    assert_int_equal (t_tcp_answer (&tcp, "you", 3), 0);
    assert_int_equal (t_tcp_until (&tcp, t_tcp_has_echo, 0), 3);
    brd_zmq_socket_close (client);
    t_tcp_close (&tcp);
}

// --- Numbers ---------------------------------------------------------------

// A thousand who connect and say nothing, all at once or with turns between.
static void
s_flood (int is_deaf)
{
    t_tcp_t tcp;
    brd_curve_t pair;
    static int fds[FLOOD];
    int most = 0, was_closed = 0;
    s_open (&tcp, 64, 32, &pair);
    tcp.sleep_ms = 0;
    tcp.is_deaf = is_deaf;
    for (int i = 0; i < FLOOD; i++) {
        fds[i] = t_tcp_raw (&tcp);
        if (i % 8 == 0)
            t_tcp_turn (&tcp);
        const brd_tcp_stats_t stats = s_stats (&tcp);
        most = stats.strangers > most ? stats.strangers : most;
        was_closed |= stats.closed;
    }
    tcp.is_deaf = 0;
    tcp.sleep_ms = 10;
    // Who is in notices nothing.
    for (int i = 0; i < 20; i++)
        t_tcp_round_trip (&tcp, 0);
    assert_int_equal (brd_tcp_dial_count (tcp.dials[0]), 1);
    assert_true (is_deaf || was_closed);
    // Those who were accepted between two looks, and a backlog of as many.
    assert_true (is_deaf || most <= 3 * 32);
    assert_true (s_stats (&tcp).accepted < FLOOD);
    // They are sent away as their time ends, and as they go others come in.
    for (int i = 0; i < FLOOD; i++)
        close (fds[i]);
    t_tcp_round_trip (&tcp, t_tcp_dial (&tcp, &pair));
    assert_true (t_tcp_until (&tcp, s_has_strangers, 0));
    assert_int_equal (s_stats (&tcp).closed, 0);
    assert_int_equal (s_stats (&tcp).peers, 2);
    t_tcp_close (&tcp);
}

static void
s_test_flood (void **state)
{
    (void) state;
    s_flood (0);
}

static void
s_test_flood_between_turns (void **state)
{
    (void) state;
    s_flood (1);
}

// Opens files until there are no numbers left; how many.
static int
s_use_up (int *files, int max)
{
    int n = 0;
    while (n < max
           && (files[n] = open ("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        n++;
    assert_true (n < max);
    assert_int_equal (errno, EMFILE);
    return n;
}

// No descriptors: who comes is hung up on, who is in stays, and one who is to
// be dropped is. Afterwards all is as before. With a fault, the descriptor that
// is kept for this cannot be had again at once.
static void
s_no_descriptors (long fault)
{
    t_tcp_t tcp;
    brd_curve_t pair;
    struct rlimit limit, low;
    static int files[512];
    int fds[8];
    unsigned char second[BRD_TCP_ID];
    s_open (&tcp, 32, 16, &pair);
    t_tcp_round_trip (&tcp, t_tcp_dial (&tcp, &pair));
    memcpy (second, tcp.peer, BRD_TCP_ID);
    assert_int_equal (getrlimit (RLIMIT_NOFILE, &limit), 0);
    low = (struct rlimit){ .rlim_cur = 256, .rlim_max = limit.rlim_max };
    assert_int_equal (setrlimit (RLIMIT_NOFILE, &low), 0);
    for (int i = 0; i < 8; i++)
        fds[i] = t_tcp_socket ();
    const int n = s_use_up (files, 512);
    brd_fault_arm (BRD_FAULT_SYSTEM, fault, EMFILE);
    for (int i = 0; i < 8; i++) {
        t_tcp_connect (&tcp, fds[i]);
        assert_true (t_tcp_until (&tcp, s_is_over, fds[i]));
    }
    brd_fault_arm (BRD_FAULT_SYSTEM, 0, 0);
    t_tcp_round_trip (&tcp, 0);
    brd_tcp_listen_drop (tcp.listen, second);
    assert_true (t_tcp_until (&tcp, s_ends, 0));
    for (int i = 0; i < n; i++)
        close (files[i]);
    for (int i = 0; i < 8; i++)
        close (fds[i]);
    assert_int_equal (setrlimit (RLIMIT_NOFILE, &limit), 0);
    t_tcp_round_trip (&tcp, 1);
    assert_int_equal (brd_tcp_dial_count (tcp.dials[0]), 1);
    assert_int_equal (brd_tcp_dial_count (tcp.dials[1]), 2);
    t_tcp_close (&tcp);
}

static void
s_test_no_descriptors (void **state)
{
    (void) state;
    s_no_descriptors (0);
    // The third call: one is accepted, no other waits, and a new spare one.
    s_no_descriptors (3);
}

// --- Numbers of descriptors that change hands ------------------------------

// The descriptor of a connection with the listener: the listener's end, or the
// other; -1 if there is none.
static int
s_end (const t_tcp_t *tcp, int is_listeners)
{
    for (int fd = 0; fd < 1024; fd++) {
        struct sockaddr_in here = { .sin_family = AF_UNSPEC }, there = here;
        socklen_t size = sizeof here, there_size = sizeof there;
        if (getsockname (fd, (struct sockaddr *) &here, &size) == 0
            && getpeername (fd, (struct sockaddr *) &there, &there_size) == 0
            && (is_listeners ? here : there).sin_port == t_tcp_port (tcp))
            return fd;
    }
    return -1;
}

static int
s_has_end (t_tcp_t *tcp, int is_there)
{
    return (s_end (tcp, 1) >= 0) == is_there;
}

static int
s_has_no_ends (t_tcp_t *tcp, int n)
{
    (void) n;
    return s_end (tcp, 1) < 0 && s_end (tcp, 0) < 0;
}

static int
s_bell (t_tcp_t *tcp, int n)
{
    (void) n;
    struct pollfd one = { .fd = brd_tcp_listen_fd (tcp->listen),
                          .events = POLLIN };
    return poll (&one, 1, 0);
}

// Cuts the one connection while neither end makes turns. The number that the
// listener knows it by is free afterwards, and no lower one; files holds those.
static int
s_cut (t_tcp_t *tcp, int *files, int max, int *ret_n)
{
    const int number = s_end (tcp, 1);
    int n = 0;
    tcp->is_deaf = 1;
    tcp->n_dials = 0;
    assert_int_equal (shutdown (s_end (tcp, 0), SHUT_RDWR), 0);
    assert_true (t_tcp_until (tcp, s_has_no_ends, 0));
    for (;;) {
        int fd = open ("/dev/null", O_RDONLY | O_CLOEXEC);
        assert_true (fd >= 0 && fd <= number && n < max);
        if (fd == number) {
            close (fd);
            *ret_n = n;
            return number;
        }
        files[n++] = fd;
    }
}

static void
s_mend (t_tcp_t *tcp, const int *files, int n)
{
    for (int i = 0; i < n; i++)
        close (files[i]);
    tcp->is_deaf = 0;
    tcp->n_dials = 1;
}

// A packet of one who is gone is not taken for that of the next, who has its
// number: the next would be admitted for it.
static void
s_test_packet_of_a_number_before (void **state)
{
    (void) state;
    t_tcp_t tcp;
    brd_curve_t pair;
    int files[64], n;
    assert_int_equal (brd_curve_make (&pair), 0);
    t_tcp_open (&tcp, t_tcp_anybody, NULL, 32, 16);
    assert_true (t_tcp_until (&tcp, t_tcp_is_up, t_tcp_dial (&tcp, &pair)));
    const int next = t_tcp_socket ();
    tcp.is_deaf = 1;
    assert_int_equal (t_tcp_send (&tcp, 0, "old", 3), 0);
    assert_true (t_tcp_until (&tcp, s_bell, 0));
    const int number = s_cut (&tcp, files, 64, &n);
    t_tcp_connect (&tcp, next);
    assert_true (t_tcp_until (&tcp, s_has_end, 1));
    assert_int_equal (s_end (&tcp, 1), number);
    s_mend (&tcp, files, n);
    tcp.n_dials = 0;
    // Nothing was heard, and the next is a stranger until its time is over.
    assert_true (t_tcp_until (&tcp, s_has_strangers, 1));
    assert_true (t_tcp_until (&tcp, s_is_over, next));
    assert_int_equal (tcp.n_got, 0);
    close (next);
    tcp.n_dials = 1;
    t_tcp_round_trip (&tcp, 0);
    t_tcp_close (&tcp);
}

// Nor is whoever has the number of one that is dropped hung up on: the next
// guest, or a connection of the program's own.
static void
s_drop_a_number (int is_guest)
{
    t_tcp_t tcp;
    brd_curve_t pair;
    int files[64], n, pipes[2];
    s_open (&tcp, 32, 16, &pair);
    const int next = t_tcp_socket ();
    const int number = s_cut (&tcp, files, 64, &n);
    assert_int_equal (socketpair (AF_UNIX, SOCK_STREAM, 0, pipes), 0);
    if (is_guest) {
        close (pipes[0]);
        t_tcp_connect (&tcp, next);
        assert_true (t_tcp_until (&tcp, s_has_end, 1));
        assert_int_equal (s_end (&tcp, 1), number);
    }
    else
        assert_int_equal (pipes[0], number);
    brd_tcp_listen_drop (tcp.listen, tcp.peer);
    if (is_guest)
        assert_false (t_tcp_is_over (next));
    else {
        assert_int_equal (send (pipes[0], "x", 1, MSG_NOSIGNAL), 1);
        close (pipes[0]);
    }
    close (pipes[1]);
    close (next);
    s_mend (&tcp, files, n);
    t_tcp_round_trip (&tcp, 0);
    t_tcp_close (&tcp);
}

static void
s_test_drop_a_number (void **state)
{
    (void) state;
    s_drop_a_number (1);
    s_drop_a_number (0);
}

// --- Bytes -----------------------------------------------------------------

static long
s_memory_kb (void)
{
    long size = 0, resident = 0;
    FILE *file = fopen ("/proc/self/statm", "r");
    assert_non_null (file);
    assert_int_equal (fscanf (file, "%ld %ld", &size, &resident), 2);
    fclose (file);
    return resident * sysconf (_SC_PAGESIZE) / 1024;
}

static size_t
s_greeting (unsigned char *to, int version, const char *mechanism)
{
    memset (to, 0, GREETING);
    to[0] = 0xff;
    to[8] = 1;
    to[9] = 0x7f;
    to[10] = (unsigned char) version;
    memcpy (to + 12, mechanism, strlen (mechanism));
    return GREETING;
}

static int
s_has_unheard (t_tcp_t *tcp, int n)
{
    return s_stats (tcp).unheard == (uint64_t) n;
}

// What is said is answered by hanging up.
static void
s_say (t_tcp_t *tcp, const unsigned char *bytes, size_t size)
{
    const int unheard = (int) s_stats (tcp).unheard;
    const int fd = t_tcp_raw (tcp);
    struct pollfd one = { .fd = fd, .events = POLLOUT };
    assert_int_equal (poll (&one, 1, 10000), 1);
    (void) send (fd, bytes, size, MSG_NOSIGNAL);
    assert_true (t_tcp_until (tcp, s_is_over, fd));
    close (fd);
    assert_true (t_tcp_until (tcp, s_has_unheard, unheard + 1));
}

static void
s_test_hostile_greetings (void **state)
{
    (void) state;
    t_tcp_t tcp;
    brd_curve_t pair;
    unsigned char bytes[4096];
    s_open_patient (&tcp, &pair);
    static const char request[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    s_say (&tcp, (const unsigned char *) request, sizeof request - 1);
    // ZMTP 1.0, which has no security at all; and 2.0.
    s_say (&tcp, (const unsigned char *) "\x01\x00\x06\x00hello", 9);
    s_say (&tcp, (const unsigned char *) "\xff\0\0\0\0\0\0\0\1\x7f\1\5", 12);
    static const char *const mechanisms[] = { "NULL", "PLAIN", "GSSAPI",
                                              "",     "curve", "CURVEx" };
    for (size_t i = 0; i < sizeof mechanisms / sizeof mechanisms[0]; i++)
        s_say (&tcp, bytes, s_greeting (bytes, 3, mechanisms[i]));
    assert_int_equal (tcp.n_got, 1);
    t_tcp_round_trip (&tcp, 0);
    t_tcp_close (&tcp);
}

// A greeting as it should be, and then a command or frame that is not.
static void
s_test_hostile_frames (void **state)
{
    (void) state;
    t_tcp_t tcp;
    brd_curve_t pair;
    static unsigned char bytes[4096];
    // Flags and size, as they come.
    static const unsigned char heads[][9] = {
        { 6, 0x3f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },  // 2^62 bytes
        { 6, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
        { 2, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff },  // No command: 2 GB
        { 4, 200, 5, 'H', 'E', 'L', 'L', 'O', 1 },  // A HELLO of random bytes
        { 4, 6, 5, 'H', 'E', 'L', 'L', 'O', 0 },    // A short one
        { 4, 0, 0, 0, 0, 0, 0, 0, 0 },              // Empty
        { 0, 5, 'h', 'e', 'l', 'l', 'o', 0, 0 },    // A message already
        { 4, 200, 8, 'I', 'N', 'I', 'T', 'I', 'A' },
    };
    s_open_patient (&tcp, &pair);
    const long before = s_memory_kb ();
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        memset (bytes, 0x5a, sizeof bytes);
        const size_t size = s_greeting (bytes, 3, "CURVE");
        memcpy (bytes + size, heads[i], sizeof heads[i]);
        s_say (&tcp, bytes, sizeof bytes);
    }
    assert_true (s_memory_kb () - before < GROWTH_KB);
    assert_int_equal (tcp.n_got, 1);
    t_tcp_round_trip (&tcp, 0);
    t_tcp_close (&tcp);
}

// Part of what is right, and then anything: the same numbers on every run.
static void
s_test_hostile_bytes (void **state)
{
    (void) state;
    t_tcp_t tcp;
    brd_curve_t pair;
    static unsigned char bytes[1024];
    uint64_t dice = 1;
    s_open (&tcp, 32, 16, &pair);
    for (int i = 0; i < ROUNDS; i++) {
        for (size_t at = 0; at < sizeof bytes; at++) {
            dice = dice * 6364136223846793005U + 1442695040888963407U;
            bytes[at] = (unsigned char) (dice >> 56);
        }
        unsigned char greeting[GREETING];
        s_greeting (greeting, 3, "CURVE");
        memcpy (bytes, greeting, (size_t) i % (GREETING + 1));
        const int fd = t_tcp_raw (&tcp);
        struct pollfd one = { .fd = fd, .events = POLLOUT };
        assert_int_equal (poll (&one, 1, 10000), 1);
        (void) send (fd, bytes, sizeof bytes, MSG_NOSIGNAL);
        t_tcp_turn (&tcp);
        close (fd);
    }
    assert_true (t_tcp_until (&tcp, s_has_strangers, 0));
    assert_int_equal (tcp.n_got, 1);
    t_tcp_round_trip (&tcp, 0);
    t_tcp_round_trip (&tcp, t_tcp_dial (&tcp, &pair));
    t_tcp_close (&tcp);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_half_open),
        cmocka_unit_test (s_test_never_admitted),
        cmocka_unit_test (s_test_stranger_says_too_much),
        cmocka_unit_test (s_test_forms),
        cmocka_unit_test (s_test_too_large),
        cmocka_unit_test (s_test_name_of_another),
        cmocka_unit_test (s_test_flood),
        cmocka_unit_test (s_test_flood_between_turns),
        cmocka_unit_test (s_test_no_descriptors),
        cmocka_unit_test (s_test_packet_of_a_number_before),
        cmocka_unit_test (s_test_drop_a_number),
        cmocka_unit_test (s_test_hostile_greetings),
        cmocka_unit_test (s_test_hostile_frames),
        cmocka_unit_test (s_test_hostile_bytes),
    };
    t_watchdog (110);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
