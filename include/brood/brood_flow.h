// brood_flow.h - producers, a bounded buffer and consumers, in one call
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BROOD_FLOW_H
#define BROOD_FLOW_H

#include "brood/brood_queue.h"

#ifdef __cplusplus
extern "C" {
#endif

// The pattern that every program with a multiprocessing.Queue writes once more,
// and its end, which most of them get wrong.
//
//     static int produce (brood_queue_t *queue, int index, void *arg)
//     {
//         for (int i = index; i < 100; i += 2) {
//             if (brood_queue_put (queue, BROOD_FOREVER, "%d", i) < 0)
//                 return 1;
//         }
//         return 0;                     // It has no more
//     }
//
//     static int consume (const brood_msg_t *item, int index, void *arg)
//     {
//         int i;
//         return brood_msg_unpack (item, "%d", &i) < 0 || work (i) < 0;
//     }
//
//     brood_flow (produce, consume, NULL,
//                 &(brood_flow_options_t){ .producers = 2 }, NULL);
//
// Each producer and consumer is a process (brood_process.h): a daemon named
// producer-1, …, or consumer-1, …, and a copy of the caller as it is when that
// process starts. arg is there too; what it changes there stays there. What
// they are to share is a value, an array, a queue made before.
//
// The end. When all producers have ended the queue is closed, and a consumer
// leaves once every item has ended: nobody counts or puts markers. The call
// returns when all processes are gone, on any path.
//
// Deaths. A consumer that dies is replaced, under its name and index; the item
// it had goes first to whoever asks next, and has failed when it was delivered
// deliveries_max times. An item may thus be consumed again after it was done in
// part, as everywhere where something is delivered at least once. A producer
// that dies is not replaced, for nobody knows where it was: what it has put is
// consumed. To leave by exit () is to die, for a consumer; for a producer it is
// to return that number.
//
// Failures end nothing: other items and producers go on, and the call says so
// when all is done.
//
// Blocks as long as they take; brood_interrupt () ends it: then, as after any
// error that lets it not go on, all get SIGTERM, and SIGKILL a second later.
//
// Threads and fork. Any thread, and several at once. Not in a child of the
// program's own fork () (ENOTSUP).

// Most producers, and most consumers.
#define BROOD_FLOW_PROCESSES_MAX 1024

// Puts what it has, in however many calls, and returns 0; else it has failed.
// index is 0 for the first producer. Only the low 8 bits of what it returns are
// told, but it is never taken for 0.
typedef int
brood_producer_fn (brood_queue_t *queue, int index, void *arg);

// Consumes one item, on loan while it runs. 0, or the item has failed; it is
// not delivered again. index is 0 for the first consumer.
typedef int
brood_consumer_fn (const brood_msg_t *item, int index, void *arg);

typedef struct brood_flow_options {
    int producers;       // 0: 1
    int consumers;       // 0: brood_cpu_count ()
    size_t capacity;     // Items between them; 0: 4 per consumer
    int deliveries_max;  // Of an item whose consumers die; 0: 3
    const char *name;    // "name-producer-1"; shorter than 40; NULL: no prefix
    BROOD_RESERVED (12);
} brood_flow_options_t;

typedef struct brood_flow_result {
    long items;            // That ended, the failed ones too
    long failed;           // Of these
    int producers_failed;  // Or died
    int consumers_died;    // And were replaced while there was something to do
    BROOD_RESERVED (5);
} brood_flow_result_t;

// Runs produce in producers and consume in consumers until all is consumed.
// options may be NULL. ret_result may be NULL; it is filled also when the call
// fails, with what had ended by then. A process killed in the moment in which
// an item of its ends may have it counted twice.
//     EIO           all ended, but items or producers have failed
//     ECHILD        all ended, but a producer was killed; or consumers only
//                   died: more than 5 in a row, and more than deliveries_max
//                   for each consumer, while no item was consumed
//     EINTR         interrupted
//     EAGAIN        the system has no processes left
//     EMFILE        no descriptors left
//     ENOSPC        no room in the shared memory
//     ENOTSUP       with inline_calls (brood_options_t)
BROOD_EXPORT int
brood_flow (brood_producer_fn *produce,
            brood_consumer_fn *consume,
            void *arg,
            const brood_flow_options_t *options,
            brood_flow_result_t *ret_result);

#ifdef __cplusplus
}
#endif

#endif  // BROOD_FLOW_H
