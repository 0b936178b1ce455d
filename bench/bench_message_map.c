// bench_message_map.c - W1: the squares of a million numbers by messages
//
// SPDX-License-Identifier: MPL-2.0
//
//     bench_message_map chunks|items N
//
// chunks: an item of the map is an array of 32,768 numbers and the task squares
// the array with msgpack-c's own calls, as "map msgpack" of
// peers/zmq_by_hand.c does. items: an item is one number and the task uses
// pictures, as Python's Pool.map pickles and calls for each number. Two
// workers.
//
//     int64_t in[] --pack--> message --map--> message --unpack--> int64_t out[]
//     ^ the clock starts                               the clock stops        ^
//
// Packing and unpacking in the owner are part of the time, as in the peers.

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

static brood_msg_t *
s_pack (const map_t *map)
{
    brood_msg_t *items = brood_msg_new ("[]");
    msgpack_packer *pk = brood_msg_packer (items);
    if (!pk)
        exit (brood_perror ("pack"));
    size_t step = map->chunk > 0 ? map->chunk : map->n;
    if (map->chunk > 0)
        msgpack_pack_array (pk, (map->n + step - 1) / step);
    for (size_t from = 0; from < map->n; from += step) {
        size_t size = map->n - from < step ? map->n - from : step;
        msgpack_pack_array (pk, size);
        for (size_t i = 0; i < size; i++)
            msgpack_pack_int64 (pk, map->in[from + i]);
    }
    return items;
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
s_map (const map_t *map)
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

static void
s_measure (size_t n, size_t chunk)
{
    int64_t ns[S_REPEAT];
    int64_t *in = malloc (n * sizeof *in);
    int64_t *out = malloc (n * sizeof *out);
    bench_check (in && out, "malloc");
    brood_pool_t *pool = brood_pool_new ("local:2");
    map_t map = { pool, in, out, n, chunk };
    bench_fill (in, n, 0);
    s_map (&map);
    for (int i = 0; i < S_REPEAT; i++) {
        int64_t start = bench_now_ns ();
        s_map (&map);
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
    brood_init (&argc, &argv);
    if (bench_smoke (&argc, argv)) {
        s_measure (2003, 100);
        s_measure (1, S_CHUNK);
        s_measure (503, 0);
    }
    else if (argc == 3 && strcmp (argv[1], "chunks") == 0)
        s_measure (bench_count (argv[2], S_NUMBERS_MAX), S_CHUNK);
    else if (argc == 3 && strcmp (argv[1], "items") == 0)
        s_measure (bench_count (argv[2], S_NUMBERS_MAX), 0);
    else
        bench_usage ("bench_message_map chunks|items N");
    return 0;
}
