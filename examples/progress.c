// progress.c - how far things are
//
// SPDX-License-Identifier: MPL-2.0
//
// Three ways. A map with the ready-made bar is one option; the bar is drawn on
// stderr, and only if that is a terminal. A map with a function of the
// program's own gets the same numbers. And a single long task says itself how
// far it is, for the owner to look at when it likes.
//
// Read next: event_loop.c.

#include <brood.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

enum {
    ITEMS = 40
};

BROOD_MAPPER (polish, int, stone, int, shine)
{
    usleep (2000);
    *shine = *stone;
    return 0;
}

typedef struct {
    long last;
    int back;  // How often it went back: never
} watcher;

static void
watch (long done, long total, void *arg)
{
    watcher *w = arg;
    w->back += done < w->last || done > total;
    w->last = done;
}

static int
dig (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) in;
    for (int i = 0; i < 100 && !brood_task_cancelled (task); i++) {
        usleep (1000);
        brood_task_progress (task, i + 1, 100);
    }
    return brood_msg_pack (out, "true");
}
BROOD_TASK (dig);

static int
follow (brood_future_t *future)
{
    double done = 0;
    BROOD_AUTO (progress) bar = brood_progress_new ("digging", 100);
    while (brood_future_wait (future, 20) < 0 && errno == ETIMEDOUT) {
        brood_future_progress (future, &done, NULL);
        brood_progress_update (bar, (long) done);
    }
    brood_progress_update (bar, 100);
    return brood_future_get (future, 0, "true");
}

int
main (int argc, char **argv)
{
    int stones[ITEMS] = { 0 }, shine[ITEMS];
    watcher w = { 0, 0 };
    brood_map_options_t options = { .progress = brood_progress_bar,
                                    .progress_arg = "stones" };
    brood_init (&argc, &argv);
    BROOD_AUTO (pool) pool = brood_pool_new (NULL);

    if (brood_pool_map_with (pool, polish, stones, shine, ITEMS, &options) < 0)
        return brood_perror ("polish");
    options.progress = watch;
    options.progress_arg = &w;
    if (brood_pool_map_with (pool, polish, stones, shine, ITEMS, &options) < 0)
        return brood_perror ("polish");
    printf ("the watcher saw %ld of %d, and %d steps back\n",
            w.last,
            ITEMS,
            w.back);

    BROOD_AUTO (future) hole = brood_pool_submit (pool, dig, "nil");
    if (follow (hole) < 0)
        return brood_perror ("dig");
    puts ("the hole is dug");
    return 0;
}
