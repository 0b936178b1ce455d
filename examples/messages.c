// messages.c - values to send: made from pictures, built, walked, read as JSON
//
// SPDX-License-Identifier: MPL-2.0
//
// Every payload of brood is a message, and mostly a picture is all one needs.
// This program goes the long way round: it needs no pool at all.
//
// Read next: submit.c, where the messages travel; brood_msg.h for the rest.

#include <brood.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

// Pictures: one to make, one to take apart. Keys in any order, unknown ones
// passed over, `?` for those that may be missing.
static int
pictures (void)
{
    int id, urgent = 0;
    double w, h;
    char name[32], note[32] = "no note";
    BROOD_AUTO (msg) job = brood_msg_new (
        "{id: %d, size: [%f, %f], name: %s}", 7, 2.5, 4.0, "door");
    if (brood_msg_unpack (job,
                          "{name: %31s, size: [%lf, %lf], id: %d,"
                          " note?: %31s, urgent?: %d}",
                          name,
                          &w,
                          &h,
                          &id,
                          note,
                          &urgent)
        < 0)
        return -1;
    printf ("job %d: %s, %g x %g, %s\n", id, name, w, h, note);

    if (brood_msg_unpack (job, "{size: [%lf, %31s]}", &w, name) < 0
        && errno == EBADMSG)
        printf ("not so: %s\n", brood_error ());
    return 0;
}

// Building: what a picture cannot say beforehand.
static brood_msg_t *
shopping (void)
{
    static const char *const things[] = { "milk", "eggs", "rye bread" };
    brood_msg_t *list = brood_msg_new ("{}");
    BROOD_AUTO (msg) items = brood_msg_new ("[]");
    int rc = 0;
    for (int i = 0; i < 3; i++)
        rc |=
            brood_msg_append (items, "{what: %s, count: %d}", things[i], i + 1);
    rc |= brood_msg_set (list, "shop", "%s", "corner");
    rc |= brood_msg_set (list, "items", "@%p", brood_ref (items));
    rc |= brood_msg_set (list, "paid", "false");
    if (rc < 0)
        brood_msg_destroy (&list);
    return list;
}

// Walking: by path, or item by item.
static int
walk (const brood_msg_t *list)
{
    char what[32], shop[32];
    int count, total = 0;
    if (brood_msg_get (list, "shop", "%31s", shop) < 0
        || brood_msg_get (list, "items[2].what", "%31s", what) < 0)
        return -1;
    printf ("the third thing from the %s is %s\n", shop, what);
    brood_iter_t it = brood_msg_iter (list, "items");
    while (brood_iter_next (&it, "{what: %31s, count: %d}", what, &count) == 1)
        total += count;
    printf ("%ld things, %d pieces\n", brood_msg_len (list, "items"), total);
    if (brood_msg_type (list, "price") < 0 && errno == ENOENT)
        puts ("nobody knows the price");
    return 0;
}

// JSON, for people and other programs.
static int
json (const brood_msg_t *list)
{
    char *text = brood_msg_json (list);
    if (!text)
        return -1;
    printf ("%s\n", text);
    BROOD_AUTO (msg) back = brood_msg_new_json (text);
    free (text);
    printf ("there and back it is %s\n",
            brood_msg_equal (list, back) == 1 ? "the same" : "another");
    return 0;
}

int
main (int argc, char **argv)
{
    brood_init (&argc, &argv);
    BROOD_AUTO (msg) list = shopping ();
    if (pictures () < 0 || walk (list) < 0 || json (list) < 0)
        return brood_perror ("messages");
    return 0;
}
