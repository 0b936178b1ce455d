// zmq_by_hand.c - peer: what one writes on ZeroMQ without brood
//
// SPDX-License-Identifier: MPL-2.0
//
//     zmq_by_hand map raw|msgpack N CHUNK   W1: squares of N numbers
//     zmq_by_hand tasks N                   W2: one message per task
//     zmq_by_hand sync N                    W3: one after the other
//     zmq_by_hand start N                   W6: start and stop of N workers
//     zmq_by_hand rows DEPTH                W7: Mandelbrot, DEPTH in flight
//
// The best shape known: the caller's own thread drives a ROUTER, workers are
// forked and connect a DEALER each over an abstract ipc address, the least
// loaded worker gets the next message. No deaths are noticed, nothing is
// retried, no result can be an error: that is the part brood adds.
//
//     caller ROUTER --[id][...][body]--> DEALER worker: body -> answer
//            ROUTER <-[id][...][answer]- DEALER         "" ends it

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <msgpack.h>
#include <zmq.h>

#include "bench.h"
#include "by_hand.h"
#include "mandel.h"

enum {
    S_WORKERS = 2,
    S_WORKERS_MAX = 250,  // Routing ids are one byte
    S_MAP_DEPTH = 4,      // Chunks in flight per worker
    S_WINDOW = 500,       // Tasks in flight in all
    S_MAP_REPEAT = 5,
    S_START_REPEAT = 5,
    S_COUNT_MAX = 100000000
};

typedef struct {
    uint64_t id;
    int64_t x;
} task_t;

// Answers one message in place.
typedef void
work_fn (zmq_msg_t *body);

typedef struct {
    void *context;
    void *router;
    int count;
    pid_t pids[S_WORKERS_MAX];
    int load[S_WORKERS_MAX];  // Messages in flight
} crew_t;

// --- Both sides ------------------------------------------------------------

static void
s_replace (zmq_msg_t *message, const void *bytes, size_t size)
{
    zmq_msg_close (message);
    bench_check (zmq_msg_init_size (message, size) == 0, "zmq_msg_init_size");
    memcpy (zmq_msg_data (message), bytes, size);
}

// --- Workers ---------------------------------------------------------------

static void
s_worker (const char *address, int self, work_fn *work)
{
    unsigned char id = (unsigned char) (self + 1);
    void *dealer = by_hand_socket (zmq_ctx_new (), ZMQ_DEALER);
    zmq_setsockopt (dealer, ZMQ_ROUTING_ID, &id, 1);
    bench_check (zmq_connect (dealer, address) == 0, "zmq_connect");
    bench_check (zmq_send (dealer, "", 0, 0) == 0, "hello");
    zmq_msg_t part;
    zmq_msg_init (&part);
    for (;;) {
        bench_check (zmq_msg_recv (&part, dealer, 0) >= 0, "zmq_msg_recv");
        int more = zmq_msg_more (&part);
        if (!more && zmq_msg_size (&part) == 0)
            _exit (0);
        if (!more)
            work (&part);
        zmq_msg_send (&part, dealer, more ? ZMQ_SNDMORE : 0);
    }
}

static void
s_square_task (zmq_msg_t *body)
{
    task_t task;
    memcpy (&task, zmq_msg_data (body), sizeof task);
    task.x *= task.x;
    memcpy (zmq_msg_data (body), &task, sizeof task);
}

static void
s_square_raw (zmq_msg_t *body)
{
    int64_t *numbers = zmq_msg_data (body);
    size_t count = zmq_msg_size (body) / sizeof *numbers;
    for (size_t i = 0; i < count; i++)
        numbers[i] *= numbers[i];
}

static void
s_free (void *bytes, void *hint)
{
    (void) hint;
    free (bytes);
}

// Gives the buffer's bytes to the message.
static void
s_move (zmq_msg_t *message, msgpack_sbuffer *buffer)
{
    zmq_msg_close (message);
    zmq_msg_init_data (message, buffer->data, buffer->size, s_free, NULL);
}

static void
s_unpack (zmq_msg_t *message, msgpack_unpacked *unpacked)
{
    size_t offset = 0;
    msgpack_unpacked_init (unpacked);
    int got = msgpack_unpack_next (
        unpacked, zmq_msg_data (message), zmq_msg_size (message), &offset);
    bench_expect (got == MSGPACK_UNPACK_SUCCESS
                      && unpacked->data.type == MSGPACK_OBJECT_ARRAY,
                  "not a msgpack array");
}

static void
s_square_msgpack (zmq_msg_t *body)
{
    msgpack_unpacked unpacked;
    msgpack_sbuffer buffer;
    msgpack_packer pk;
    s_unpack (body, &unpacked);
    msgpack_object_array array = unpacked.data.via.array;
    msgpack_sbuffer_init (&buffer);
    msgpack_packer_init (&pk, &buffer, msgpack_sbuffer_write);
    msgpack_pack_array (&pk, array.size);
    for (uint32_t i = 0; i < array.size; i++) {
        int64_t x = array.ptr[i].via.i64;
        msgpack_pack_int64 (&pk, x * x);
    }
    msgpack_unpacked_destroy (&unpacked);
    s_move (body, &buffer);
}

static void
s_compute_row (zmq_msg_t *body)
{
    int row;
    memcpy (&row, zmq_msg_data (body), sizeof row);
    uint64_t sum = mandel_row (row, MANDEL_ROWS);
    s_replace (body, &sum, sizeof sum);
}

// --- The caller ------------------------------------------------------------

static void
s_start (crew_t *crew, int count, work_fn *work)
{
    char address[BY_HAND_ADDRESS];
    memset (crew, 0, sizeof *crew);
    by_hand_address (address);
    // Children first: a process with a context must not fork.
    for (int i = 0; i < count; i++) {
        crew->pids[i] = bench_fork ();
        if (crew->pids[i] == 0)
            s_worker (address, i, work);
    }
    crew->count = count;
    crew->context = zmq_ctx_new ();
    crew->router = by_hand_socket (crew->context, ZMQ_ROUTER);
    bench_check (zmq_bind (crew->router, address) == 0, "zmq_bind");
    for (int i = 0; i < count; i++) {
        char hello[2];
        zmq_recv (crew->router, hello, sizeof hello, 0);
        zmq_recv (crew->router, hello, sizeof hello, 0);
    }
}

static void
s_stop (crew_t *crew)
{
    for (int i = 0; i < crew->count; i++) {
        unsigned char id = (unsigned char) (i + 1);
        zmq_send (crew->router, &id, 1, ZMQ_SNDMORE);
        zmq_send (crew->router, "", 0, 0);
    }
    for (int i = 0; i < crew->count; i++)
        waitpid (crew->pids[i], NULL, 0);
    zmq_close (crew->router);
    zmq_ctx_term (crew->context);
}

static int
s_least_loaded (const crew_t *crew)
{
    int best = 0;
    for (int i = 1; i < crew->count; i++)
        if (crew->load[i] < crew->load[best])
            best = i;
    return best;
}

// Sends the first frame of a message for a worker.
static void
s_address (crew_t *crew, int worker)
{
    unsigned char id = (unsigned char) (worker + 1);
    crew->load[worker]++;
    bench_check (zmq_send (crew->router, &id, 1, ZMQ_SNDMORE) == 1, "zmq_send");
}

// Takes the first frame of a message; -1 if none is there and wait is not set.
static int
s_sender (crew_t *crew, bool wait)
{
    unsigned char id;
    if (zmq_recv (crew->router, &id, 1, wait ? 0 : ZMQ_DONTWAIT) != 1) {
        bench_check (!wait && zmq_errno () == EAGAIN, "zmq_recv");
        return -1;
    }
    crew->load[id - 1]--;
    return id - 1;
}

// --- W1 --------------------------------------------------------------------

typedef struct {
    bool msgpack;
    int64_t *in;
    int64_t *out;
    size_t n;
    size_t chunk;
} map_t;

static void
s_borrowed (void *bytes, void *hint)
{
    (void) bytes;
    (void) hint;
}

static void
s_send_chunk (crew_t *crew, const map_t *map, int worker, size_t from)
{
    size_t left = map->n - from;
    size_t size = left < map->chunk ? left : map->chunk;
    zmq_msg_t body;
    zmq_msg_init (&body);
    if (map->msgpack) {
        msgpack_sbuffer buffer;
        msgpack_packer pk;
        msgpack_sbuffer_init (&buffer);
        msgpack_packer_init (&pk, &buffer, msgpack_sbuffer_write);
        msgpack_pack_array (&pk, size);
        for (size_t i = 0; i < size; i++)
            msgpack_pack_int64 (&pk, map->in[from + i]);
        s_move (&body, &buffer);
    }
    else  // The input lives until its answer is here: no copy
        zmq_msg_init_data (
            &body, map->in + from, size * sizeof *map->in, s_borrowed, NULL);
    s_address (crew, worker);
    zmq_send (crew->router, &from, sizeof from, ZMQ_SNDMORE);
    bench_check (zmq_msg_send (&body, crew->router, 0) >= 0, "zmq_msg_send");
}

// Returns how many results came.
static size_t
s_receive_chunk (crew_t *crew, const map_t *map)
{
    size_t from;
    size_t size;
    zmq_msg_t body;
    s_sender (crew, true);
    zmq_msg_init (&body);
    zmq_recv (crew->router, &from, sizeof from, 0);
    zmq_msg_recv (&body, crew->router, 0);
    if (map->msgpack) {
        msgpack_unpacked unpacked;
        s_unpack (&body, &unpacked);
        size = unpacked.data.via.array.size;
        for (size_t i = 0; i < size; i++)
            map->out[from + i] = unpacked.data.via.array.ptr[i].via.i64;
        msgpack_unpacked_destroy (&unpacked);
    }
    else {
        size = zmq_msg_size (&body) / sizeof *map->out;
        memcpy (map->out + from, zmq_msg_data (&body), zmq_msg_size (&body));
    }
    zmq_msg_close (&body);
    return size;
}

static void
s_map (crew_t *crew, const map_t *map)
{
    size_t sent = 0;
    size_t done = 0;
    while (done < map->n) {
        for (int worker = s_least_loaded (crew);
             sent < map->n && crew->load[worker] < S_MAP_DEPTH;
             worker = s_least_loaded (crew)) {
            s_send_chunk (crew, map, worker, sent);
            sent += map->chunk;
        }
        done += s_receive_chunk (crew, map);
    }
}

static void
s_measure_map (bool msgpack, size_t n, size_t chunk)
{
    crew_t crew;
    int64_t ns[S_MAP_REPEAT];
    int64_t *in = malloc (n * sizeof *in);
    int64_t *out = malloc (n * sizeof *out);
    bench_check (in && out, "malloc");
    map_t map = { msgpack, in, out, n, chunk };
    bench_fill (in, n, 0);
    s_start (&crew, S_WORKERS, msgpack ? s_square_msgpack : s_square_raw);
    s_map (&crew, &map);
    for (int i = 0; i < S_MAP_REPEAT; i++) {
        int64_t start = bench_now_ns ();
        s_map (&crew, &map);
        ns[i] = bench_now_ns () - start;
    }
    bench_expect (bench_squares (out, n, 0), "wrong squares");
    bench_map_rate (n, bench_median (ns, S_MAP_REPEAT));
    s_stop (&crew);
    free (in);
    free (out);
}

// --- W2 and W3 -------------------------------------------------------------

static void
s_submit (crew_t *crew, uint64_t id)
{
    task_t task = { id, (int64_t) id };
    s_address (crew, s_least_loaded (crew));
    bench_check (zmq_send (crew->router, &task, sizeof task, 0) >= 0, "send");
}

// Returns 0 if nothing is there and wait is not set; adds the id to *sum.
static int
s_collect (crew_t *crew, bool wait, uint64_t *sum)
{
    task_t task = { 0, 0 };
    if (s_sender (crew, wait) < 0)
        return 0;
    bench_check (zmq_recv (crew->router, &task, sizeof task, 0) == sizeof task,
                 "zmq_recv");
    bench_expect (task.x == (int64_t) (task.id * task.id), "wrong square");
    *sum += task.id;
    return 1;
}

static int64_t
s_tasks (crew_t *crew, uint64_t n)
{
    uint64_t sent = 0;
    uint64_t done = 0;
    uint64_t sum = 0;
    int64_t start = bench_now_ns ();
    while (done < n) {
        while (sent < n && sent - done < S_WINDOW)
            s_submit (crew, sent++);
        for (bool wait = true; s_collect (crew, wait, &sum); wait = false)
            done++;
    }
    bench_expect (sum == n * (n - 1) / 2, "tasks were lost");
    return bench_now_ns () - start;
}

static void
s_measure_tasks (size_t n)
{
    crew_t crew;
    s_start (&crew, S_WORKERS, s_square_task);
    s_tasks (&crew, n / 10 + 1);
    bench_rate ("W2 tasks", n, s_tasks (&crew, n), "tasks/s");
    s_stop (&crew);
}

static void
s_measure_sync (size_t n)
{
    crew_t crew;
    uint64_t sum = 0;
    int64_t *ns = calloc (n, sizeof *ns);
    bench_check (ns != NULL, "calloc");
    s_start (&crew, 1, s_square_task);
    for (long i = -(long) n / 10; i < (long) n; i++) {
        int64_t start = bench_now_ns ();
        s_submit (&crew, (uint64_t) i);
        s_collect (&crew, true, &sum);
        if (i >= 0)
            ns[i] = bench_now_ns () - start;
    }
    bench_latency ("W3 rtt", ns, n);
    s_stop (&crew);
    free (ns);
}

// --- W6 and W7 -------------------------------------------------------------

// Returns the memory of all workers if wanted.
static long
s_cycle (int count, bool pss)
{
    crew_t crew;
    uint64_t sum = 0;
    long kb = 0;
    s_start (&crew, count, s_square_task);
    for (int i = 0; i < count; i++)
        s_submit (&crew, (uint64_t) i);
    for (int i = 0; i < count; i++)
        s_collect (&crew, true, &sum);
    for (int i = 0; pss && i < count; i++)
        kb += bench_pss_kb (crew.pids[i]);
    s_stop (&crew);
    return kb;
}

static void
s_measure_start (int count)
{
    int64_t ns[S_START_REPEAT];
    s_cycle (count, false);
    for (int i = 0; i < S_START_REPEAT; i++) {
        int64_t start = bench_now_ns ();
        s_cycle (count, false);
        ns[i] = bench_now_ns () - start;
    }
    bench_start_stop (count, ns, S_START_REPEAT, s_cycle (count, true));
}

static void
s_measure_rows (int depth)
{
    crew_t crew;
    int sent = 0;
    uint64_t sum = 0;
    int64_t start = bench_now_ns ();
    s_start (&crew, S_WORKERS, s_compute_row);
    for (int done = 0; done < MANDEL_ROWS; done++) {
        for (int worker = s_least_loaded (&crew);
             sent < MANDEL_ROWS && crew.load[worker] < depth;
             worker = s_least_loaded (&crew)) {
            s_address (&crew, worker);
            zmq_send (crew.router, &sent, sizeof sent, 0);
            sent++;
        }
        uint64_t result = 0;
        s_sender (&crew, true);
        zmq_recv (crew.router, &result, sizeof result, 0);
        sum += result;
    }
    bench_report ("W7 wall", (double) (bench_now_ns () - start) / 1e9, "s");
    bench_expect (sum == MANDEL_SUM, "wrong sum");
    s_stop (&crew);
}

static void
s_smoke (void)
{
    s_measure_map (false, 10007, 1000);
    s_measure_map (true, 10007, 1000);
    s_measure_tasks (3000);
    s_measure_sync (100);
    s_measure_start (5);
}

int
main (int argc, char **argv)
{
    bool smoke = bench_smoke (&argc, argv);
    const char *what = argc > 2 ? argv[1] : "";
    if (smoke)
        s_smoke ();
    else if (argc == 5 && strcmp (what, "map") == 0)
        s_measure_map (strcmp (argv[2], "msgpack") == 0,
                       bench_count (argv[3], S_COUNT_MAX),
                       bench_count (argv[4], S_COUNT_MAX));
    else if (argc == 3 && strcmp (what, "tasks") == 0)
        s_measure_tasks (bench_count (argv[2], S_COUNT_MAX));
    else if (argc == 3 && strcmp (what, "sync") == 0)
        s_measure_sync (bench_count (argv[2], S_COUNT_MAX));
    else if (argc == 3 && strcmp (what, "start") == 0)
        s_measure_start ((int) bench_count (argv[2], S_WORKERS_MAX));
    else if (argc == 3 && strcmp (what, "rows") == 0)
        s_measure_rows ((int) bench_count (argv[2], MANDEL_ROWS));
    else
        bench_usage ("zmq_by_hand map raw|msgpack N CHUNK | tasks N | sync N"
                     " | start N | rows DEPTH");
    return 0;
}
