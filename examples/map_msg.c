// map_msg.c - a list of messages in, a list of messages out
//
// SPDX-License-Identifier: MPL-2.0
//
// For items of no fixed size: the input is one message holding a list, and so
// is the result, in the same order. With ret_errors an item that failed leaves
// nil in its place; without, the whole call returns NULL.
//
// Read next: imap.c when the list is too long to hold.

#include <brood.h>
#include <stdio.h>
#include <string.h>

static int
reverse (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    char word[64];
    if (brood_msg_unpack (in, "%63s", word) < 0)
        return brood_task_fail (task, "wanted a word of at most 63 bytes");
    const size_t length = strlen (word);
    for (size_t i = 0; i < length / 2; i++) {
        const char c = word[i];
        word[i] = word[length - 1 - i];
        word[length - 1 - i] = c;
    }
    return brood_msg_pack (out, "{word: %s, length: %zu}", word, length);
}
BROOD_TASK (reverse);

int
main (int argc, char **argv)
{
    int errors[4];
    brood_init (&argc, &argv);
    BROOD_AUTO (pool) pool = brood_pool_new (NULL);
    BROOD_AUTO (msg) words = brood_msg_new ("[%s, %s, 42]", "stressed", "draw");
    if (brood_msg_append (words, "%s", "live") < 0)
        return brood_perror ("words");

    BROOD_AUTO (msg) results = brood_pool_map_msg (
        pool, reverse, words, &(brood_map_options_t){ .ret_errors = errors });
    if (!results)
        return brood_perror ("reverse");

    for (int i = 0; i < brood_msg_len (results, NULL); i++) {
        char path[32], word[64];
        snprintf (path, sizeof path, "[%d].word", i);
        if (errors[i])
            printf ("%d: %s\n", i, strerror (errors[i]));
        else if (brood_msg_get (results, path, "%63s", word) == 0)
            printf ("%d: %s\n", i, word);
    }
    return 0;
}
