// words.h - how often each word was seen
//
// SPDX-License-Identifier: MPL-2.0
//
// A hash table for one purpose: many additions, then one look at the whole. The
// workers of wordcount use one for a batch of files, the owner one for all.

#ifndef WORDS_H
#define WORDS_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint32_t hash;
    uint32_t length;
    size_t at;   // Of its first byte in text
    long count;  // 0: the place is free
} word;

typedef struct {
    word *places;  // A power of two of them, or NULL
    size_t room;
    size_t used;  // Different words
    char *text;   // All words, one after the other, without any '\0'
    size_t text_size;
    size_t text_room;
    long total;  // Sum of all counts
} words;

// An empty table is all zeros: words w = { 0 }. Give up what it holds:
void
words_clear (words *self);

// count more of the length bytes at text. -1 with ENOMEM.
int
words_add (words *self, const char *text, size_t length, long count);

// Moves the words to the front of places, the most frequent first or in the
// order of strcmp; the table cannot be added to afterwards.
void
words_sort (words *self, int frequent_first);

#endif  // WORDS_H
