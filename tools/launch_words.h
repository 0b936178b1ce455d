// launch_words.h - a command line, word by word
//
// SPDX-License-Identifier: MPL-2.0
//
// No shell reads it here. Where one does, on the other side of ssh, words are
// quoted for it.

#ifndef LAUNCH_WORDS_H
#define LAUNCH_WORDS_H

#include <stddef.h>

// All zeros is none. What fails is told once, by the last call.
typedef struct {
    char **words;
    size_t count;
    size_t room;
    int failed;
} brd_launch_words_t;

void
brd_launch_words_fini (brd_launch_words_t *self);
void
brd_launch_words_add (brd_launch_words_t *self, const char *word);
// Those between blanks. Nothing quotes.
void
brd_launch_words_split (brd_launch_words_t *self, const char *text);
// One word that is a command for the login shell of a user elsewhere, be it
// sh's or csh's kin or fish: to become the program argv with env besides.
void
brd_launch_words_remote (brd_launch_words_t *self,
                         const char *const *env,
                         const char *const *argv);
// For exec, on loan until fini. NULL with ENOMEM if anything has failed.
char *const *
brd_launch_words_get (brd_launch_words_t *self);

#endif  // LAUNCH_WORDS_H
