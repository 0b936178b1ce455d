// brood.h - processes, pools and what they share, for C
//
// SPDX-License-Identifier: MPL-2.0
//
// The umbrella: what examples and programs include. Each class header also
// works alone. No header reached from here names a foreign type; msgpack-c
// users add brood/brood_msgpack.h themselves.
//
//     #include <brood.h>
//     #include <stdio.h>
//
//     BROOD_MAPPER (square, int, x, long, y) { *y = (long) *x * *x; return 0; }
//
//     int main (int argc, char **argv)
//     {
//         int in[] = { 1, 2, 3, 4 };
//         long out[4];
//         brood_init (&argc, &argv);
//         BROOD_AUTO (pool) pool = brood_pool_new (NULL);
//         if (brood_pool_map (pool, square, in, out, 4) < 0)
//             return brood_perror (argv[0]);
//         for (int i = 0; i < 4; i++)
//             printf ("%d squared is %ld\n", in[i], out[i]);
//         return 0;
//     }
//
// Reading order: brood_prelude.h (the rules every class keeps), brood_error.h,
// brood_msg.h (pictures), brood_task.h, brood_pool.h, brood_future.h; then
// whatever the program needs.

#ifndef BROOD_H
#define BROOD_H

// clang-format off

// The rules, the start and the errors
#include "brood/brood_prelude.h"
#include "brood/brood_init.h"
#include "brood/brood_error.h"
#include "brood/brood_log.h"

// Work
#include "brood/brood_msg.h"
#include "brood/brood_task.h"
#include "brood/brood_future.h"
#include "brood/brood_stream.h"
#include "brood/brood_pool.h"
#include "brood/brood_process.h"
#include "brood/brood_flow.h"
#include "brood/brood_progress.h"
#include "brood/brood_wait.h"

// Talk
#include "brood/brood_queue.h"
#include "brood/brood_conn.h"
#include "brood/brood_listener.h"

// Agree
#include "brood/brood_lock.h"
#include "brood/brood_rlock.h"
#include "brood/brood_semaphore.h"
#include "brood/brood_event.h"
#include "brood/brood_condition.h"
#include "brood/brood_barrier.h"

// Share
#include "brood/brood_value.h"
#include "brood/brood_array.h"
#include "brood/brood_shm.h"
#include "brood/brood_shmlist.h"
#include "brood/brood_manager.h"
#include "brood/brood_dict.h"
#include "brood/brood_list.h"
#include "brood/brood_namespace.h"
#include "brood/brood_proxy.h"

// clang-format on

#endif  // BROOD_H
