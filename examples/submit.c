// submit.c - tasks with messages, and the futures of their results
//
// SPDX-License-Identifier: MPL-2.0
//
// A task takes a message and makes one. Pictures say what is in them: JSON's
// look with printf's conversions to pack and scanf's to unpack, so that the
// compiler checks the arguments. submit does not wait; the future does, when
// it is asked for the result. A task that fails takes nothing with it but its
// own future.
//
// Read next: wait_any.c for results as they come, messages.c for pictures.

#include <brood.h>
#include <stdio.h>

static int
area (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    double w, h;
    if (brood_msg_unpack (in, "{size: [%lf, %lf]}", &w, &h) < 0)
        return brood_task_fail (task, "wanted {size: [w, h]}");
    if (w < 0 || h < 0)
        return brood_task_fail (task, "%g by %g is no rectangle", w, h);
    return brood_msg_pack (out, "{area: %f, square: %d}", w * h, w == h);
}
BROOD_TASK (area);

int
main (int argc, char **argv)
{
    const double sizes[][2] = { { 2, 3 }, { 4, 4 }, { -1, 5 }, { 0.5, 8 } };
    enum {
        COUNT = sizeof sizes / sizeof *sizes
    };
    brood_future_t *futures[COUNT];
    brood_init (&argc, &argv);

    BROOD_AUTO (pool) pool = brood_pool_new (NULL);
    for (int i = 0; i < COUNT; i++)
        futures[i] = brood_pool_submit (
            pool, area, "{size: [%f, %f]}", sizes[i][0], sizes[i][1]);

    for (int i = 0; i < COUNT; i++) {
        double a;
        int square;
        if (brood_future_get (
                futures[i], 60000, "{area: %lf, square: %d}", &a, &square)
            < 0)
            printf ("%d: %s\n", i, brood_error ());
        else
            printf ("%d: area %g%s\n", i, a, square ? ", a square" : "");
        brood_future_destroy (&futures[i]);
    }
    return 0;
}
