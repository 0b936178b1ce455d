// 004_d_queue.c - seed 004-D: a consumer that never ends, and Ctrl-C
//
// SPDX-License-Identifier: MPL-2.0
//
// The consumer waits for more when it has printed all, and main waits for the
// consumer. Ctrl-C ends main, and nothing outlives its parent. The seed passes
// a queue of threads to its child, which gets a copy of it; this one is
// shared.
//
// Read next: README.md, which sets all seeds beside their C.

#include <brood.h>
#include <stdio.h>
#include <unistd.h>

enum {
    SECOND_US = 100000  // 1000000 is the seed's pace
};

// The consumer prints
static int
prt_q (void *q)
{
    char v[16];
    while (brood_queue_get (q, -1, "%15s", v) == 0) {
        puts (v);
        usleep (SECOND_US / 10);
    }
    return 0;
}

// The producer adds
static void
wrt_q (brood_queue_t *q)
{
    static const char *const words[] = { "aa", "bb", "cc", "dd",
                                         "ee", "ff", "gg" };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        printf ("%s已经加入到队列中\n", words[i]);
        brood_queue_put (q, -1, "%s", words[i]);
        usleep (SECOND_US / 5);
    }
}

int
main (void)
{
    // Line by line, also into a file: what Ctrl-C ends has been told before.
    setvbuf (stdout, NULL, _IOLBF, BUFSIZ);
    BROOD_AUTO (queue) q = brood_queue_new (0);
    wrt_q (q);
    BROOD_AUTO (process) p = brood_process_new (prt_q, q);
    brood_process_start (p);
    return brood_process_join (p, -1) < 0 ? brood_perror ("prt_q") : 0;
}
