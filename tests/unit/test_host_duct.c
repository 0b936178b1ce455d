// test_host_duct.c - what is said through ducts, and by whom, byte by byte
//
// SPDX-License-Identifier: MPL-2.0
//
// The test speaks for hosts below and guests above, for a manager, which is a
// socket with the right name, and for a worker at the gateway.

#include "t_peer.h"

#include <stddef.h>
#include <sys/un.h>

#include "base/brd_sys.h"
#include "client/brd_gateway.h"
#include "client/brd_session.h"
#include "transport/brd_endpoint.h"

enum {
    WINDOW = BRD_WIRE_DUCT_WINDOW
};

// Its door is known by this number, to all on this host.
#define MANAGER ((uint64_t) getpid () << 32 | 7)

// --- Speaking of ducts -----------------------------------------------------

static void
s_say (brd_peer_t *peer, brd_op_t op, const brd_wire_duct_t *duct)
{
    brd_buf_t out;
    t_begin (&out, op);
    assert_int_equal (brd_frame_add_duct (&out, duct), 0);
    t_say (peer, &out, 1);
}

static void
s_say_open (brd_peer_t *peer, uint64_t number)
{
    s_say (peer,
           BRD_OP_DUCT_OPEN,
           &(brd_wire_duct_t){ .duct = number, .manager = MANAGER });
}

static void
s_say_bytes (brd_peer_t *peer, uint64_t number, const void *bytes, size_t size)
{
    s_say (peer,
           BRD_OP_DUCT_BYTES,
           &(brd_wire_duct_t){
               .duct = number, .size = (uint32_t) size, .body = bytes });
}

static void
s_say_credit (brd_peer_t *peer, uint64_t number, uint32_t count)
{
    s_say (peer,
           BRD_OP_DUCT_CREDIT,
           &(brd_wire_duct_t){ .duct = number, .count = count });
}

static void
s_say_end (brd_peer_t *peer, uint64_t number)
{
    s_say (peer, BRD_OP_DUCT_END, &(brd_wire_duct_t){ .duct = number });
}

// The body stays with the peer: the first bytes of it are copied into text.
static brd_wire_duct_t
s_hears (brd_peer_t *peer, brd_op_t op, char text[16])
{
    brd_frame_t frame;
    brd_wire_duct_t duct;
    assert_true (t_hear (peer, op, &frame));
    assert_int_equal (brd_frame_next_duct (&frame, &duct), 1);
    if (text)
        snprintf (text,
                  16,
                  "%.*s",
                  (int) (duct.size < 15 ? duct.size : 15),
                  (const char *) duct.body);
    peer->done (peer);
    return duct;
}

static void
s_hears_end (brd_peer_t *peer, uint64_t number, int error)
{
    const brd_wire_duct_t duct = s_hears (peer, BRD_OP_DUCT_END, NULL);
    assert_true (duct.duct == number && duct.count == (uint32_t) error);
}

// --- A manager -------------------------------------------------------------

static int
s_listen (void)
{
    char address[BRD_SESSION_ADDRESS_SIZE];
    brd_endpoint_t at;
    brd_session_address (MANAGER, address);
    assert_int_equal (brd_endpoint_parse (&at, address, 1), 0);
    const int fd = brd_endpoint_listen (&at);
    assert_true (fd >= 0);
    return fd;
}

// Whose last message may wait for its socket meanwhile, NULL.
static brd_peer_t *s_speaks;

static void
s_await (int fd)
{
    struct pollfd one = { .fd = fd, .events = POLLIN };
    const int64_t deadline = brd_clock_deadline (30000);
    while (poll (&one, 1, 10) == 0) {
        assert_true (brd_clock_now () < deadline);
        if (s_speaks)
            s_speaks->turn (s_speaks, 0);
    }
}

static int
s_accept (int door)
{
    s_await (door);
    const int fd = brd_sys_accept (door);
    assert_true (fd >= 0);
    return fd;
}

static void
s_reads (int fd, const char *text)
{
    char bytes[64];
    size_t size = 0;
    while (size < strlen (text)) {
        s_await (fd);
        const ssize_t n = read (fd, bytes + size, strlen (text) - size);
        assert_true (n > 0);
        size += (size_t) n;
    }
    assert_memory_equal (bytes, text, size);
}

static void
s_reads_end (int fd)
{
    char byte;
    s_await (fd);
    assert_int_equal (read (fd, &byte, 1), 0);
    close (fd);
}

static void
s_writes (int fd, const char *text)
{
    assert_int_equal (write (fd, text, strlen (text)), strlen (text));
}

// --- Pools -----------------------------------------------------------------

static brd_host_pool_t *
s_pool (int only, unsigned char family)
{
    brd_wire_open_t open = t_wanted;
    memset (open.family, family, sizeof open.family);
    const brd_host_hosts_options_t options = {
        .name = "above",
        .open = &open,
        .only = only,
        .remote = 1,
    };
    brd_host_pool_t *pool =
        brd_host_pool_open_hosts (brd_runtime_host (), &options);
    assert_non_null (pool);
    return pool;
}

static brd_peer_t *
s_host (brd_host_pool_t *pool)
{
    brd_peer_t *peers[2];
    brd_host_t *host = brd_runtime_host ();
    t_pair (peers);
    brd_host_lock (host);
    assert_int_equal (brd_host_pool_add_peer (pool, peers[0]), 0);
    brd_host_unlock (host);
    t_hears (peers[1], BRD_OP_OPEN);
    return peers[1];
}

static brd_peer_t *
s_guest (brd_host_pool_t *pool)
{
    brd_peer_t *peers[2];
    brd_host_t *host = brd_runtime_host ();
    t_pair (peers);
    brd_host_lock (host);
    assert_int_equal (brd_host_guest_add (host, pool, peers[0]), 0);
    brd_host_unlock (host);
    return peers[1];
}

static void
s_end (brd_host_pool_t *pool)
{
    brd_host_pool_end (pool);
    brd_host_pool_free (&pool);
}

// --- The program's end -----------------------------------------------------

static void
s_test_manager (void **state)
{
    char text[16];
    (void) state;
    brd_host_pool_t *pool = s_pool (1, 0);
    brd_peer_t *below = s_host (pool);
    // Nobody is there.
    s_say_open (below, 1);
    s_hears_end (below, 1, ECONNREFUSED);
    const int door = s_listen ();
    s_say_open (below, 2);
    s_say_open (below, 7);
    const int first = s_accept (door), second = s_accept (door);
    s_say_bytes (below, 7, "seven", 5);
    s_say_bytes (below, 2, "two", 3);
    s_say_bytes (below, 2, "three", 5);
    s_reads (first, "twothree");
    s_reads (second, "seven");
    s_writes (second, "eight");
    assert_true (s_hears (below, BRD_OP_DUCT_BYTES, text).duct == 7);
    assert_string_equal (text, "eight");
    // Each end is told; what was said before comes before.
    s_say_bytes (below, 7, "bye", 3);
    s_say_end (below, 7);
    s_reads (second, "bye");
    s_reads_end (second);
    s_writes (first, "last");
    close (first);
    assert_true (s_hears (below, BRD_OP_DUCT_BYTES, text).duct == 2);
    assert_string_equal (text, "last");
    s_hears_end (below, 2, 0);
    // Late, not wrong.
    s_say_bytes (below, 2, "late", 4);
    s_say_credit (below, 7, 4);
    s_say_end (below, 2);
    s_say_open (below, 8);
    const int third = s_accept (door);
    s_say_bytes (below, 8, "on its way", 10);
    below->destroy (below);
    s_reads (third, "on its way");
    s_reads_end (third);
    close (door);
    s_end (pool);
}

// What was said before an end comes before it, though it has to wait. bytes: a
// window of them.
static void
s_end_behind (brd_peer_t *below, int door, char *bytes)
{
    s_say_open (below, 3);
    const int last = s_accept (door);
    s_say_bytes (below, 3, bytes, WINDOW);
    s_say_end (below, 3);
    s_say_open (below, 4);
    close (s_accept (door));
    for (size_t all = 0; all < WINDOW;) {
        s_await (last);
        const ssize_t n = read (last, bytes, sizeof bytes);
        assert_true (n > 0);
        all += (size_t) n;
    }
    s_reads_end (last);
}

// Who does not read, above or below, holds up nobody but itself, and no more
// than a window of it is anywhere.
static void
s_test_slow (void **state)
{
    static char bytes[WINDOW];
    brd_frame_t frame;
    brd_wire_duct_t duct;
    size_t sent = WINDOW, came = 0, seen = 0;
    (void) state;
    memset (bytes, 'x', sizeof bytes);
    brd_host_pool_t *pool = s_pool (1, 0);
    brd_peer_t *below = s_host (pool);
    const int door = s_listen ();
    s_say_open (below, 1);
    const int slow = s_accept (door);
    s_say_open (below, 2);
    const int quick = s_accept (door);
    s_speaks = below;
    s_say_bytes (below, 1, bytes, WINDOW);
    s_say_bytes (below, 2, "a", 1);
    s_reads (quick, "a");
    while (seen < 3 * WINDOW) {
        while (came < sent) {
            s_await (slow);
            const ssize_t n = read (slow, bytes, sizeof bytes);
            assert_true (n > 0);
            came += (size_t) n;
        }
        duct = s_hears (below, BRD_OP_DUCT_CREDIT, NULL);
        assert_true (duct.duct == 1 && duct.count <= WINDOW);
        assert_true (duct.count >= WINDOW / 4);
        seen += duct.count;
        assert_true (seen <= came);
        s_say_bytes (below, 1, bytes, duct.count);
        sent += duct.count;
    }
    // The other way: exactly a window comes, and more when it may.
    size_t written = 0, heard = 0;
    while (written < 2 * WINDOW || heard < WINDOW) {
        const ssize_t n = write (quick, bytes, sizeof bytes);
        written += n > 0 ? (size_t) n : 0;
        if (heard == WINDOW)
            break;
        assert_true (t_hear (below, BRD_OP_DUCT_BYTES, &frame));
        assert_int_equal (brd_frame_next_duct (&frame, &duct), 1);
        assert_true (duct.duct == 2);
        heard += duct.size;
        below->done (below);
    }
    assert_int_equal (heard, WINDOW);
    s_end_behind (below, door, bytes);
    // It has hung up too, but what it said comes first.
    close (quick);
    s_say_credit (below, 2, 1000);
    duct = s_hears (below, BRD_OP_DUCT_BYTES, NULL);
    assert_true (duct.duct == 2 && duct.size == 1000);
    close (slow);
    s_hears_end (below, 1, 0);
    s_speaks = NULL;
    below->destroy (below);
    close (door);
    s_end (pool);
}

// What a host may not say of ducts is its end, and theirs.
static void
s_test_nonsense (void **state)
{
    static char bytes[WINDOW];
    (void) state;
    const int door = s_listen ();
    for (int i = 0; i < 5; i++) {
        brd_host_pool_t *pool = s_pool (0, 0);
        brd_peer_t *above = s_guest (pool);
        brd_peer_t *below = s_host (pool);
        s_say_open (below, 5);
        const uint64_t number = s_hears (above, BRD_OP_DUCT_OPEN, NULL).duct;
        s_say_bytes (below, 5, bytes, WINDOW);
        switch (i) {
        case 0:
            s_say_bytes (below, 5, bytes, 1);
            break;
        case 1:
            s_say_credit (below, 5, 1);
            break;
        case 2:
            s_say_open (below, 5);
            break;
        case 3:
            s_say_open (below, 4);
            break;
        default:
            t_say_bytes (below,
                         "BRD1\x12\0\0\0\2\0\0\0\0\0\0\0"
                         "\5\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0"
                         "x\0\0\0\0\0\0\0"
                         "\5\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0"
                         "x\0\0\0\0\0\0\0",
                         16 + 2 * 32);
        }
        t_hears_end (below);
        s_hears_end (above, number, ECONNRESET);
        below->destroy (below);
        above->destroy (above);
        s_end (pool);
    }
    close (door);
}

// --- A broker --------------------------------------------------------------

static void
s_test_broker (void **state)
{
    char text[16];
    (void) state;
    brd_host_pool_t *pool = s_pool (0, 0);
    brd_peer_t *one = s_host (pool), *two = s_host (pool);
    // Nobody is above.
    s_say_open (one, 1);
    s_hears_end (one, 1, ECONNRESET);
    brd_peer_t *above = s_guest (pool);
    s_say_open (one, 3);
    brd_wire_duct_t duct = s_hears (above, BRD_OP_DUCT_OPEN, NULL);
    const uint64_t first = duct.duct;
    assert_true (duct.manager == MANAGER);
    s_say_open (two, 3);
    const uint64_t second = s_hears (above, BRD_OP_DUCT_OPEN, NULL).duct;
    assert_true (first < second);
    s_say_bytes (two, 3, "from two", 8);
    assert_true (s_hears (above, BRD_OP_DUCT_BYTES, text).duct == second);
    assert_string_equal (text, "from two");
    s_say_credit (above, second, 8);
    assert_int_equal (s_hears (two, BRD_OP_DUCT_CREDIT, NULL).count, 8);
    s_say_bytes (above, first, "to one", 6);
    assert_true (s_hears (one, BRD_OP_DUCT_BYTES, text).duct == 3);
    assert_string_equal (text, "to one");
    // Ends, and losses, are told to the other side.
    s_say_end (above, second);
    s_hears_end (two, 3, 0);
    s_say_open (two, 4);
    const uint64_t third = s_hears (above, BRD_OP_DUCT_OPEN, NULL).duct;
    one->destroy (one);
    s_hears_end (above, first, ECONNRESET);
    s_say_end (two, 4);
    s_hears_end (above, third, 0);
    s_say_open (two, 5);
    (void) s_hears (above, BRD_OP_DUCT_OPEN, NULL);
    above->destroy (above);
    s_hears_end (two, 5, ECONNRESET);
    two->destroy (two);
    s_end (pool);
}

// One between a program and a broker that stands has one host, as a program
// has.
static void
s_test_between (void **state)
{
    (void) state;
    const int door = s_listen ();
    brd_host_pool_t *pool = s_pool (1, 0);
    brd_peer_t *above = s_guest (pool);
    brd_peer_t *below = s_host (pool);
    s_say_open (below, 1);
    assert_true (s_hears (above, BRD_OP_DUCT_OPEN, NULL).manager == MANAGER);
    below->destroy (below);
    above->destroy (above);
    close (door);
    s_end (pool);
}

// A guest gives no ducts; and those of another brood are not for it.
static void
s_test_guests (void **state)
{
    (void) state;
    brd_host_pool_t *pool = s_pool (0, 9);
    brd_peer_t *above = s_guest (pool);
    brd_peer_t *below = s_host (pool);
    s_say_open (below, 1);
    s_hears_end (below, 1, ECONNRESET);
    s_say_open (above, 1);
    t_hears (above, BRD_OP_RETIRE);
    above->destroy (above);
    below->destroy (below);
    s_end (pool);
}

// --- The gateway -----------------------------------------------------------

// The last test: from now on this process is on another host.
static void
s_test_gateway (void **state)
{
    static const unsigned char family[BRD_WIRE_FAMILY];
    char text[16];
    (void) state;
    brd_host_t *host = brd_runtime_host ();
    const int before = s_listen ();
    assert_int_equal (brd_host_gateway_open (host, family), 0);
    assert_int_equal (brd_host_gateway_open (host, family), 0);
    assert_memory_equal (brd_session_secret (), family, sizeof family);
    // Nobody is above, and what is beside it is not its own.
    s_reads_end (brd_gateway_connect (MANAGER));
    BROOD_AUTO (pool) pool = brood_pool_new ("1");
    assert_non_null (pool);
    brd_peer_t *above = s_guest (pool->pool);
    int worker = brd_gateway_connect (MANAGER);
    assert_true (worker >= 0);
    brd_wire_duct_t duct = s_hears (above, BRD_OP_DUCT_OPEN, NULL);
    assert_true (duct.manager == MANAGER);
    s_writes (worker, "ask");
    assert_true (s_hears (above, BRD_OP_DUCT_BYTES, text).duct == duct.duct);
    assert_string_equal (text, "ask");
    s_say_bytes (above, duct.duct, "answer", 6);
    s_reads (worker, "answer");
    close (worker);
    s_hears_end (above, duct.duct, 0);
    worker = brd_gateway_connect (MANAGER);
    duct = s_hears (above, BRD_OP_DUCT_OPEN, NULL);
    s_say_end (above, duct.duct);
    s_reads_end (worker);
    // One of its own host it finds there.
    const int beside = s_listen ();
    worker = brd_gateway_connect (MANAGER);
    const int found = s_accept (beside);
    s_writes (worker, "near");
    s_reads (found, "near");
    close (worker);
    close (found);
    close (beside);
    // Somebody who says something else, and somebody who says nothing more.
    char address[BRD_GATEWAY_ADDRESS_SIZE];
    brd_endpoint_t to;
    brd_gateway_address (brd_session_gateway (), address);
    assert_int_equal (brd_endpoint_parse (&to, address, 0), 0);
    worker = brd_endpoint_connect (&to, 0);
    s_writes (worker, "GET / HTTP/1.1\r\n");
    s_reads_end (worker);
    worker = brd_endpoint_connect (&to, 0);
    s_writes (worker, "BRDGATE");
    close (worker);
    // And one for whom there is nobody any more.
    worker = brd_gateway_connect (MANAGER);
    (void) s_hears (above, BRD_OP_DUCT_OPEN, NULL);
    above->destroy (above);
    s_reads_end (worker);
    close (before);
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_manager),  cmocka_unit_test (s_test_slow),
        cmocka_unit_test (s_test_nonsense), cmocka_unit_test (s_test_broker),
        cmocka_unit_test (s_test_between),  cmocka_unit_test (s_test_guests),
        cmocka_unit_test (s_test_gateway),
    };
    t_watchdog (240);
    brood_init (&argc, &argv);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
