// dict.c - a dictionary: keys of any kind, atomic changes, walking
//
// SPDX-License-Identifier: MPL-2.0
//
// As manager.dict () in Python. What Python cannot do safely are changes that
// look first: `d["n"] += 1` is brood_dict_add (), "set it if nobody has" is
// brood_dict_setdefault (), and anything else is brood_dict_swap_if (): take
// the value, make a new one, and put it there if the old one is there still.

#include <brood.h>
#include <stdio.h>

// Adds a word to a text that others add words to.
static int
add_word (brood_dict_t *dict, const char *word)
{
    for (;;) {
        char text[100];
        BROOD_AUTO (msg) old = brood_dict_get_msg (dict, "text");
        if (!old || brood_msg_unpack (old, "%99s", text) < 0)
            return -1;
        char longer[201];
        snprintf (longer, sizeof longer, "%s %s", text, word);
        const int done = brood_dict_swap_if (dict, "text", old, "%s", longer);
        if (done != 0)
            return done < 0 ? -1 : 0;
    }
}

int
main (int argc, char **argv)
{
    brood_init (&argc, &argv);
    BROOD_AUTO (manager) manager = brood_manager_new ();
    BROOD_AUTO (dict) dict = brood_dict_new (manager);
    if (!dict)
        return brood_perror ("dict");

    // Four different keys, in the order in which they came.
    brood_dict_set (dict, "1", "%s", "text");
    brood_dict_set_at (dict, brood_key_int (1), "%s", "int");
    brood_dict_set_at (dict, brood_key_double (1), "%s", "float");
    brood_dict_set_at (dict, brood_key_bool (1), "%s", "bool");

    int64_t sum = 0;
    brood_dict_add (dict, "n", 40, NULL);
    brood_dict_add (dict, "n", 2, &sum);
    printf ("n is %d\n", (int) sum);

    brood_dict_set (dict, "text", "%s", "hello");
    if (add_word (dict, "world") < 0)
        return brood_perror ("text");
    if (brood_dict_setdefault (dict, "text", "%s", "too late") == 0)
        puts ("text is there already");

    char word[32];
    if (brood_dict_get (dict, "no such key", "%31s", word) < 0)
        puts (brood_error ());
    if (brood_dict_pop (dict, "text", "%31s", word) == 0)
        printf ("took \"%s\"\n", word);

    BROOD_AUTO (msg) all = brood_dict_copy (dict);
    if (!all)
        return brood_perror ("copy");
    brood_msg_print (all, stdout);
    return 0;
}
