// msgpack_c.c - messages for programs that speak msgpack-c already
//
// SPDX-License-Identifier: MPL-2.0
//
// brood's messages are msgpack, so a program that has packers and unpackers of
// its own keeps them: <brood/brood_msgpack.h>, which is not part of <brood.h>,
// hands a msgpack_packer out and takes a message apart into a msgpack_object.
// Link with msgpack-c as well.
//
// Read next: messages.c for the way without it.

#include <brood.h>
#include <brood/brood_msgpack.h>
#include <stdio.h>

// Adds up a tree of numbers, however deep.
static double
sum (const msgpack_object *o, int depth)
{
    double total = 0;
    if (o->type == MSGPACK_OBJECT_POSITIVE_INTEGER)
        return (double) o->via.u64;
    if (o->type == MSGPACK_OBJECT_NEGATIVE_INTEGER)
        return (double) o->via.i64;
    if (o->type == MSGPACK_OBJECT_FLOAT64)
        return o->via.f64;
    if (o->type == MSGPACK_OBJECT_ARRAY && depth > 0)
        for (uint32_t i = 0; i < o->via.array.size; i++)
            total += sum (&o->via.array.ptr[i], depth - 1);
    return total;
}

static int
add_up (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    msgpack_object root;
    if (brood_msg_object (in, &root) < 0)
        return brood_task_fail (task, "%s", brood_error ());
    msgpack_packer *packer = brood_msg_packer (out);
    if (!packer)
        return -1;
    msgpack_pack_array (packer, 2);
    msgpack_pack_double (packer, sum (&root, 16));
    msgpack_pack_true (packer);
    return 0;
}
BROOD_TASK (add_up);

int
main (int argc, char **argv)
{
    double total;
    brood_init (&argc, &argv);
    BROOD_AUTO (pool) pool = brood_pool_new (NULL);
    BROOD_AUTO (msg) numbers = brood_msg_new ("nil");
    msgpack_packer *packer = brood_msg_packer (numbers);
    if (!packer)
        return brood_perror ("packer");
    msgpack_pack_array (packer, 3);
    msgpack_pack_int (packer, 40);
    msgpack_pack_array (packer, 2);
    msgpack_pack_double (packer, 2.5);
    msgpack_pack_int (packer, -1);
    msgpack_pack_double (packer, 0.5);

    brood_msg_print (numbers, stdout);
    BROOD_AUTO (future) f =
        brood_pool_submit_msg (pool, add_up, NULL, &numbers);
    if (brood_future_get (f, -1, "[%lf, true]", &total) < 0)
        return brood_perror ("add_up");
    printf ("the sum is %g\n", total);
    return 0;
}
