// start_exec.c - workers and processes that are the program anew, not copies
//
// SPDX-License-Identifier: MPL-2.0
//
// A worker is a copy of its owner as it is when the pool is made: with its
// caches, its secrets, and whatever its other threads were in the middle of.
// With start_exec it is this program executed once more: brood_init (), the
// first line of main, sees what it was executed for, and main goes no further.
// So what main has changed before is not there, and what is needed is sent.

#include <brood.h>

#include <stdio.h>
#include <string.h>

static char s_city[32] = "nowhere";

static int
where (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    (void) in;
    return brood_msg_pack (out, "%s", s_city);
}

// What is sent to every worker when it starts.
static int
move_to (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    (void) out;
    return brood_msg_unpack (in, "%31s", s_city);
}

static void
ask (const char *how, const brood_pool_options_t *options)
{
    char city[32] = "?";
    BROOD_AUTO (pool) pool = brood_pool_new_with (options);
    BROOD_AUTO (msg) answer = brood_pool_apply (pool, where, "nil");
    if (answer)
        brood_msg_unpack (answer, "%31s", city);
    printf ("%s: %s\n", how, city);
}

// A process gets a message, since it has none of our memory; a queue travels in
// it as a ref.
static int
greet (void *args)
{
    void *ref;
    char name[32];
    if (brood_msg_unpack (args, "{name: %31s, to: @%p}", name, &ref) < 0)
        return 1;
    BROOD_AUTO (queue) to = brood_queue_from (ref);
    return brood_queue_put (to, 0, "[%s, %s]", name, s_city) < 0;
}

int
main (int argc, char **argv)
{
    brood_init (&argc, &argv);
    strcpy (s_city, "Athens");

    BROOD_AUTO (msg) sparta = brood_msg_new ("%s", "Sparta");
    ask ("a copy", &(brood_pool_options_t){ .workers = 2 });
    ask ("by exec", &(brood_pool_options_t){ .workers = 2, .start_exec = 1 });
    ask ("by exec, told",
         &(brood_pool_options_t){ .workers = 2,
                                  .start_exec = 1,
                                  .initializer = move_to,
                                  .initargs = sparta });

    char name[32] = "", city[32] = "";
    BROOD_AUTO (queue) queue = brood_queue_new (0);
    BROOD_AUTO (msg)
    args = brood_msg_new ("{name: %s, to: @%p}", "Diogenes", brood_ref (queue));
    BROOD_AUTO (process)
    p = brood_process_new_with (
        greet,
        NULL,
        &(brood_process_options_t){ .start_exec = 1, .args = args });
    if (brood_process_start (p) < 0
        || brood_queue_get (queue, 5000, "[%31s, %31s]", name, city) < 0)
        fprintf (stderr, "%s\n", brood_error ());
    brood_process_join (p, -1);
    printf ("%s of %s\n", name, city);
    return 0;
}
