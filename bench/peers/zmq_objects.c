// zmq_objects.c - peer: what processes share, written on ZeroMQ by hand
//
// SPDX-License-Identifier: MPL-2.0
//
//     zmq_objects queue broker|direct PAIRS N     W4
//     zmq_objects pair                            W5
//     zmq_objects lock CONTENDERS N               W8
//     zmq_objects dict N                          W8
//
// A queue is a process with a PULL and a PUSH socket in zmq_proxy (), or, as
// the limit, no process at all: every producer is connected to every consumer.
// PUSH hands items out in turn, however busy who gets them is, and what it
// handed to a consumer that dies is lost; a queue that knows who asks has more
// to do.
//
//     producer PUSH -> PULL broker PUSH -> PULL consumer
//
// The lock and the dictionary live in a process behind a ROUTER, each client
// has a DEALER. Acquire, set and get wait for their answer; release has none.
//
//     client DEALER --[request]--> ROUTER server: a table, a lock, who waits

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <zmq.h>

#include "bench.h"
#include "bench_crowd.h"
#include "bench_link.h"
#include "by_hand.h"

enum {
    S_PAIRS_MAX = BENCH_CROWD_MAX / 2,
    S_KEYS = 1000,
    S_SLOTS = 4096,
    S_COUNT_MAX = 100000000
};

// Connecting goes on in the background, and an early sender gives all to who is
// there first. Nothing says that all are there: so wait, before the clock runs.
static void
s_settle (void)
{
    struct timespec nap = { 0, 100000000 };
    nanosleep (&nap, NULL);
}

static void
s_bind (void *socket, const char *address)
{
    bench_check (zmq_bind (socket, address) == 0, "zmq_bind");
}

static void
s_connect (void *socket, const char *address)
{
    bench_check (zmq_connect (socket, address) == 0, "zmq_connect");
}

// --- W4 --------------------------------------------------------------------

typedef struct {
    bench_crowd_t crowd;
    bool broker;
    int pairs;
    uint64_t n;
    char front[BY_HAND_ADDRESS];               // Of the broker
    char backs[S_PAIRS_MAX][BY_HAND_ADDRESS];  // Its other one, or consumers'
} queue_t;

static void
s_broker (const queue_t *queue)
{
    void *context = zmq_ctx_new ();
    void *pull = by_hand_socket (context, ZMQ_PULL);
    void *push = by_hand_socket (context, ZMQ_PUSH);
    s_bind (pull, queue->front);
    s_bind (push, queue->backs[0]);
    zmq_proxy (pull, push, NULL);
}

static void
s_produce (queue_t *queue, int self)
{
    uint64_t share = queue->n / (uint64_t) queue->pairs;
    void *push = by_hand_socket (zmq_ctx_new (), ZMQ_PUSH);
    if (queue->broker)
        s_connect (push, queue->front);
    for (int i = 0; !queue->broker && i < queue->pairs; i++)
        s_connect (push, queue->backs[i]);
    s_settle ();
    bench_crowd_ready (&queue->crowd);
    for (uint64_t i = 0; i < share; i++) {
        bench_item_t item = bench_queue_item (queue->pairs, self, i);
        bench_check (zmq_send (push, &item, sizeof item, 0) >= 0, "zmq_send");
    }
}

static void
s_consume (queue_t *queue, int self)
{
    void *pull = by_hand_socket (zmq_ctx_new (), ZMQ_PULL);
    if (queue->broker)
        s_connect (pull, queue->backs[0]);
    else
        s_bind (pull, queue->backs[self - queue->pairs]);
    s_settle ();
    bench_crowd_ready (&queue->crowd);
    for (;;) {
        bench_item_t item;
        bench_check (zmq_recv (pull, &item, sizeof item, 0) == sizeof item,
                     "zmq_recv");
        bench_crowd_count (&queue->crowd, self, item.id);
    }
}

static void
s_queue_member (void *arg, int self)
{
    queue_t *queue = arg;
    if (self < queue->pairs)
        s_produce (queue, self);
    else
        s_consume (queue, self);
}

static void
s_measure_queue (bool broker, int pairs, uint64_t n)
{
    pid_t pid = 0;
    queue_t *queue = bench_shared (sizeof *queue);
    queue->broker = broker;
    queue->pairs = pairs;
    queue->n = n;
    by_hand_address (queue->front);
    for (int i = 0; i < pairs; i++)
        by_hand_address (queue->backs[i]);
    if (broker && (pid = bench_fork ()) == 0) {
        s_broker (queue);
        _exit (1);
    }
    bench_crowd_init (&queue->crowd);
    bench_crowd_fork (&queue->crowd, 2 * pairs, s_queue_member, queue);
    bench_queue_run (&queue->crowd, pairs, n);
    bench_crowd_kill (&queue->crowd);
    if (broker)
        bench_kill (pid);
    bench_unshare (queue, sizeof *queue);
}

// --- W5 --------------------------------------------------------------------

typedef struct {
    void *socket;
    zmq_msg_t received;
} pair_t;

static void
s_send (void *self, const void *bytes, size_t size)
{
    pair_t *pair = self;
    bench_check (zmq_send (pair->socket, bytes, size, 0) >= 0, "zmq_send");
}

static const void *
s_receive (void *self, size_t size)
{
    pair_t *pair = self;
    bench_check (zmq_msg_recv (&pair->received, pair->socket, 0) >= 0,
                 "zmq_msg_recv");
    bench_expect (zmq_msg_size (&pair->received) == size, "wrong size");
    return zmq_msg_data (&pair->received);
}

static void
s_measure_pair (const bench_link_plan_t *plan)
{
    char address[BY_HAND_ADDRESS];
    pair_t pair;
    bench_link_t link = { &pair, s_send, s_receive };
    by_hand_address (address);
    zmq_msg_init (&pair.received);
    pid_t pid = bench_fork ();
    void *context = zmq_ctx_new ();
    pair.socket = by_hand_socket (context, ZMQ_PAIR);
    if (pid == 0) {
        s_connect (pair.socket, address);
        bench_link_far (&link, plan);
        // Its last answer may still be in the socket.
        for (;;)
            pause ();
    }
    s_bind (pair.socket, address);
    bench_link_near (&link, plan);
    bench_kill (pid);
    zmq_msg_close (&pair.received);
    zmq_close (pair.socket);
    zmq_ctx_term (context);
}

// --- W8, the server --------------------------------------------------------

typedef enum {
    S_SET,
    S_GET,
    S_ACQUIRE,
    S_RELEASE
} verb_t;

typedef struct {
    char verb;
    char key[15];  // "" in the table: free
    int64_t value;
} request_t;

typedef struct {
    request_t table[S_SLOTS];
    bool held;
    char waiting[BENCH_CROWD_MAX];  // Clients, the first one next
    int waiting_count;
} server_t;

static request_t *
s_find (server_t *server, const char *key)
{
    uint32_t hash = 2166136261;
    for (const char *at = key; *at; at++)
        hash = (hash ^ (unsigned char) *at) * 16777619;
    request_t *slot = &server->table[hash % S_SLOTS];
    while (slot->key[0] != '\0' && strcmp (slot->key, key) != 0)
        slot = &server->table[++hash % S_SLOTS];
    return slot;
}

// Does what client asks for; returns whom to answer with request->value, or 0.
static char
s_serve (server_t *server, char client, request_t *request)
{
    switch ((verb_t) request->verb) {
    case S_SET:
        *s_find (server, request->key) = *request;
        return client;
    case S_GET:
        request->value = s_find (server, request->key)->value;
        return client;
    case S_ACQUIRE:
        if (server->held) {
            server->waiting[server->waiting_count++] = client;
            return 0;
        }
        server->held = true;
        return client;
    case S_RELEASE:
        if (server->waiting_count == 0) {
            server->held = false;
            return 0;
        }
        client = server->waiting[0];
        server->waiting_count--;
        memmove (server->waiting,
                 server->waiting + 1,
                 (size_t) server->waiting_count);
        return client;
    }
    return 0;
}

static void
s_server (const char *address)
{
    static server_t server;
    void *router = by_hand_socket (zmq_ctx_new (), ZMQ_ROUTER);
    s_bind (router, address);
    for (;;) {
        char client;
        request_t request;
        bench_check (zmq_recv (router, &client, 1, 0) == 1, "zmq_recv");
        bench_check (zmq_recv (router, &request, sizeof request, 0)
                         == sizeof request,
                     "zmq_recv");
        client = s_serve (&server, client, &request);
        if (client == 0)
            continue;
        zmq_send (router, &client, 1, ZMQ_SNDMORE);
        zmq_send (router, &request.value, sizeof request.value, 0);
    }
}

static pid_t
s_start_server (char *ret_address)
{
    by_hand_address (ret_address);
    pid_t pid = bench_fork ();
    if (pid == 0)
        s_server (ret_address);
    return pid;
}

// --- W8, clients -----------------------------------------------------------

static void *
s_client (void *context, const char *address, int self)
{
    char id = (char) (self + 1);
    void *dealer = by_hand_socket (context, ZMQ_DEALER);
    zmq_setsockopt (dealer, ZMQ_ROUTING_ID, &id, 1);
    s_connect (dealer, address);
    return dealer;
}

static int64_t
s_call (void *dealer, const request_t *request)
{
    int64_t value = 0;
    bench_check (zmq_send (dealer, request, sizeof *request, 0) >= 0,
                 "zmq_send");
    bench_check (zmq_recv (dealer, &value, sizeof value, 0) == sizeof value,
                 "zmq_recv");
    return value;
}

typedef struct {
    bench_crowd_t crowd;
    char address[BY_HAND_ADDRESS];
    uint64_t each;
    uint64_t value;  // What the lock guards
} lock_t;

static void
s_pairs (void *dealer, uint64_t count, uint64_t *value)
{
    request_t acquire = { .verb = S_ACQUIRE };
    request_t release = { .verb = S_RELEASE };
    for (uint64_t i = 0; i < count; i++) {
        s_call (dealer, &acquire);
        ++*value;
        bench_check (zmq_send (dealer, &release, sizeof release, 0) >= 0,
                     "zmq_send");
    }
}

static void
s_contend (void *arg, int self)
{
    lock_t *lock = arg;
    void *dealer = s_client (zmq_ctx_new (), lock->address, self);
    s_pairs (dealer, lock->each / 10, &lock->value);
    bench_crowd_ready (&lock->crowd);
    s_pairs (dealer, lock->each, &lock->value);
    bench_crowd_count (&lock->crowd, self, 0);
}

static void
s_measure_lock (int contenders, uint64_t n)
{
    lock_t *lock = bench_shared (sizeof *lock);
    lock->each = n / (uint64_t) contenders;
    pid_t pid = s_start_server (lock->address);
    bench_crowd_init (&lock->crowd);
    bench_crowd_fork (&lock->crowd, contenders, s_contend, lock);
    bench_lock_run (&lock->crowd, contenders, n);
    bench_expect (lock->value
                      == (lock->each + lock->each / 10) * (uint64_t) contenders,
                  "the lock does not exclude");
    bench_crowd_kill (&lock->crowd);
    bench_kill (pid);
    bench_unshare (lock, sizeof *lock);
}

static void
s_fill_request (request_t *request, verb_t verb, size_t i)
{
    request->verb = (char) verb;
    request->value = (int64_t) i;
    snprintf (request->key, sizeof request->key, "key%zu", i % S_KEYS);
}

// A key's value is always a number that the key was made from.
static void
s_measure_dict (size_t n)
{
    char address[BY_HAND_ADDRESS];
    request_t request = { 0 };
    pid_t pid = s_start_server (address);
    void *context = zmq_ctx_new ();
    void *dealer = s_client (context, address, 0);
    for (size_t i = 0; i < S_KEYS; i++) {
        s_fill_request (&request, S_SET, i);
        s_call (dealer, &request);
    }
    int64_t start = bench_now_ns ();
    for (size_t i = 0; i < n; i++) {
        s_fill_request (&request, S_SET, i);
        s_call (dealer, &request);
    }
    bench_rate ("W8 dict set", n, bench_now_ns () - start, "ops/s");
    start = bench_now_ns ();
    for (size_t i = 0; i < n; i++) {
        s_fill_request (&request, S_GET, i);
        int64_t value = s_call (dealer, &request);
        bench_expect (value % S_KEYS == (int64_t) (i % S_KEYS), "wrong value");
    }
    bench_rate ("W8 dict get", n, bench_now_ns () - start, "ops/s");
    zmq_close (dealer);
    zmq_ctx_term (context);
    bench_kill (pid);
}

// --- Calling ---------------------------------------------------------------

static void
s_smoke (void)
{
    s_measure_queue (true, 1, 20000);
    s_measure_queue (true, 4, 20000);
    s_measure_queue (false, 4, 20000);
    s_measure_pair (&bench_link_smoke);
    s_measure_lock (1, 200);
    s_measure_lock (4, 200);
    s_measure_dict (200);
}

int
main (int argc, char **argv)
{
    bool smoke = bench_smoke (&argc, argv);
    const char *what = argc > 1 ? argv[1] : "";
    if (smoke)
        s_smoke ();
    else if (argc == 5 && strcmp (what, "queue") == 0)
        s_measure_queue (strcmp (argv[2], "broker") == 0,
                         (int) bench_count (argv[3], S_PAIRS_MAX),
                         bench_count (argv[4], S_COUNT_MAX));
    else if (argc == 2 && strcmp (what, "pair") == 0)
        s_measure_pair (&bench_link_whole);
    else if (argc == 4 && strcmp (what, "lock") == 0)
        s_measure_lock ((int) bench_count (argv[2], BENCH_CROWD_MAX),
                        bench_count (argv[3], S_COUNT_MAX));
    else if (argc == 3 && strcmp (what, "dict") == 0)
        s_measure_dict (bench_count (argv[2], S_COUNT_MAX));
    else
        bench_usage ("zmq_objects queue broker|direct PAIRS N | pair"
                     " | lock CONTENDERS N | dict N");
    return 0;
}
