// log.c - what brood and the workers have to say
//
// SPDX-License-Identifier: MPL-2.0
//
// brood is silent unless asked: by BROOD_LOG=debug in the environment, or here.
// Lines that tasks write in workers reach the owner's function too, with the
// name of their process; they come one at a time.
//
// Read next: worker_death.c, for news that is not silent.

#include <brood.h>
#include <stdio.h>
#include <string.h>

static int
bake (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int loaf;
    if (brood_msg_unpack (in, "%d", &loaf) < 0)
        return brood_task_fail (task, "wanted a number");
    brood_log_info ("loaf %d is in the oven", loaf);
    brood_log_debug ("the oven has %d degrees", 220);  // Below the level
    return brood_msg_pack (out, "%d", loaf);
}
BROOD_TASK (bake);

static void
hear (const brood_log_line_t *line, void *arg)
{
    int *heard = arg;
    *heard += strstr (line->text, "in the oven") != NULL;
}

int
main (int argc, char **argv)
{
    static int heard;  // Lives as long as lines may come
    brood_init (&argc, &argv);
    brood_log_set (BROOD_LOG_INFO, hear, &heard);
    BROOD_AUTO (pool) pool = brood_pool_new ("2");
    for (int loaf = 1; loaf <= 6; loaf++) {
        BROOD_AUTO (msg) baked = brood_pool_apply (pool, bake, "%d", loaf);
        if (!baked)
            return brood_perror ("bake");
    }
    if (brood_pool_shutdown (pool, -1) < 0)
        return brood_perror ("shutdown");
    brood_log_set (0, NULL, NULL);
    printf ("%d loaves heard of\n", heard);
    return 0;
}
