// bench_message_map.c - W1: the squares of a million numbers by messages
//
// SPDX-License-Identifier: MPL-2.0
//
//     bench_message_map chunks|stream|items N
//
// chunks: an item of the map is an array of 32,768 numbers and the task squares
// the array with msgpack-c's own calls. stream: the same items through
// brood_pool_imap_from (), so that packing, squaring and unpacking overlap, as
// they do in "map msgpack" of peers/zmq_by_hand.c. items: an item is one number
// and the task uses pictures, as Python's Pool.map pickles and calls for each
// number. Two workers.
//
//     int64_t in[] --pack--> message --map--> message --unpack--> int64_t out[]
//     ^ the clock starts                               the clock stops        ^
//
// Packing and unpacking in the owner are part of the time, as in the peers.

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "brood/brood_error.h"
#include "brood/brood_init.h"
#include "brood/brood_msgpack.h"
#include "brood/brood_pool.h"

enum {
    S_REPEAT = 5,
    S_CHUNK = 32768,
    S_NUMBERS_MAX = 100000000
};

typedef struct {
    brood_pool_t *pool;
    const int64_t *in;
    int64_t *out;
    size_t n;
    size_t chunk;  // Numbers in an item; 0: an item is a number
    size_t fed;    // Stream: numbers that are under way
} map_t;

static int
square (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    long x;
    if (brood_msg_unpack (in, "%ld", &x) < 0)
        return brood_task_fail (task, "wanted a number");
    return brood_msg_pack (out, "%ld", x * x);
}
BROOD_TASK (square);

static int
square_chunk (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    msgpack_object root;
    if (brood_msg_object (in, &root) < 0 || root.type != MSGPACK_OBJECT_ARRAY)
        return brood_task_fail (task, "wanted an array");
    msgpack_packer *pk = brood_msg_packer (out);
    if (!pk)
        return -1;
    msgpack_pack_array (pk, root.via.array.size);
    for (uint32_t i = 0; i < root.via.array.size; i++) {
        int64_t x = root.via.array.ptr[i].via.i64;
        msgpack_pack_int64 (pk, x * x);
    }
    return 0;
}
BROOD_TASK (square_chunk);

static void
s_pack_array (msgpack_packer *pk, const int64_t *numbers, size_t count)
{
    msgpack_pack_array (pk, count);
    for (size_t i = 0; i < count; i++)
        msgpack_pack_int64 (pk, numbers[i]);
}

static size_t
s_chunk_at (const map_t *map, size_t from)
{
    return map->n - from < map->chunk ? map->n - from : map->chunk;
}

// Copies the numbers of one array to out; returns how many there were.
static size_t
s_unpack_array (const msgpack_object *array, int64_t *out, size_t room)
{
    bench_expect (array->type == MSGPACK_OBJECT_ARRAY, "not an array");
    size_t size = array->via.array.size;
    bench_expect (size <= room, "too many results");
    for (size_t i = 0; i < size; i++)
        out[i] = array->via.array.ptr[i].via.i64;
    return size;
}

// --- A map over one message ------------------------------------------------

static brood_msg_t *
s_pack (const map_t *map)
{
    brood_msg_t *items = brood_msg_new ("[]");
    msgpack_packer *pk = brood_msg_packer (items);
    if (!pk)
        exit (brood_perror ("pack"));
    if (map->chunk == 0) {
        s_pack_array (pk, map->in, map->n);
        return items;
    }
    msgpack_pack_array (pk, (map->n + map->chunk - 1) / map->chunk);
    for (size_t from = 0; from < map->n; from += map->chunk)
        s_pack_array (pk, map->in + from, s_chunk_at (map, from));
    return items;
}

static void
s_unpack (const map_t *map, const brood_msg_t *results)
{
    msgpack_object root;
    if (brood_msg_object (results, &root) < 0)
        exit (brood_perror ("results"));
    size_t got = 0;
    if (map->chunk == 0)
        got = s_unpack_array (&root, map->out, map->n);
    else
        for (uint32_t i = 0; i < root.via.array.size; i++)
            got += s_unpack_array (
                &root.via.array.ptr[i], map->out + got, map->n - got);
    bench_expect (got == map->n, "results are missing");
}

static void
s_run_map (map_t *map)
{
    brood_task_fn *fn = map->chunk > 0 ? square_chunk : square;
    brood_msg_t *items = s_pack (map);
    brood_msg_t *results = brood_pool_map_msg (map->pool, fn, items, NULL);
    if (!results)
        exit (brood_perror ("map"));
    s_unpack (map, results);
    brood_msg_destroy (&results);
    brood_msg_destroy (&items);
}

// --- A stream of messages --------------------------------------------------

static int
s_source (brood_msg_t *item, void *arg)
{
    map_t *map = arg;
    size_t from = map->fed;
    if (from == map->n)
        return 0;
    msgpack_packer *pk = brood_msg_packer (item);
    if (!pk)
        return -1;
    map->fed += s_chunk_at (map, from);
    s_pack_array (pk, map->in + from, map->fed - from);
    return 1;
}

static void
s_run_stream (map_t *map)
{
    brood_map_options_t options = { .chunk = 1 };
    size_t got = 0;
    map->fed = 0;
    brood_stream_t *stream = brood_pool_imap_from (
        map->pool, square_chunk, s_source, map, BROOD_UNORDERED, &options);
    brood_msg_t *result;
    while ((result = brood_stream_next_msg (stream, BROOD_FOREVER))) {
        msgpack_object root;
        if (brood_msg_object (result, &root) < 0)
            exit (brood_perror ("result"));
        size_t from = (size_t) brood_stream_index (stream) * map->chunk;
        got += s_unpack_array (&root, map->out + from, map->n - from);
        brood_msg_destroy (&result);
    }
    if (errno != ENODATA)
        exit (brood_perror ("stream"));
    bench_expect (got == map->n, "results are missing");
    brood_stream_destroy (&stream);
}

// --- Measuring -------------------------------------------------------------

static void
s_measure (size_t n, size_t chunk, void (*run) (map_t *map))
{
    int64_t ns[S_REPEAT];
    int64_t *in = malloc (n * sizeof *in);
    int64_t *out = malloc (n * sizeof *out);
    bench_check (in && out, "malloc");
    brood_pool_t *pool = brood_pool_new ("local:2");
    map_t map = { .pool = pool, .in = in, .out = out, .n = n, .chunk = chunk };
    bench_fill (in, n, 0);
    run (&map);
    for (int i = 0; i < S_REPEAT; i++) {
        int64_t start = bench_now_ns ();
        run (&map);
        ns[i] = bench_now_ns () - start;
    }
    bench_expect (bench_squares (out, n, 0), "wrong squares");
    bench_map_rate (n, bench_median (ns, S_REPEAT));
    brood_pool_destroy (&pool);
    free (in);
    free (out);
}

int
main (int argc, char **argv)
{
    static const char usage[] = "bench_message_map chunks|stream|items N";
    brood_init (&argc, &argv);
    if (bench_smoke (&argc, argv)) {
        s_measure (2003, 100, s_run_map);
        s_measure (1, S_CHUNK, s_run_map);
        s_measure (2003, 100, s_run_stream);
        s_measure (503, 0, s_run_map);
        return 0;
    }
    if (argc != 3)
        bench_usage (usage);
    size_t n = bench_count (argv[2], S_NUMBERS_MAX);
    if (strcmp (argv[1], "chunks") == 0)
        s_measure (n, S_CHUNK, s_run_map);
    else if (strcmp (argv[1], "stream") == 0)
        s_measure (n, S_CHUNK, s_run_stream);
    else if (strcmp (argv[1], "items") == 0)
        s_measure (n, 0, s_run_map);
    else
        bench_usage (usage);
    return 0;
}
