// words.c - how often each word was seen
//
// SPDX-License-Identifier: MPL-2.0
//
// Open addressing with linear probing, at most two thirds full. A word's bytes
// lie in one growing buffer, so a place is small and a million words cost two
// allocations. Places keep the hash: growing and most misses never look at the
// bytes.

#include "words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint32_t
hash_of (const char *text, size_t length)
{
    uint32_t hash = 2166136261u;  // FNV-1a: words are short
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char) text[i]) * 16777619u;
    return hash;
}

// The place of the word, or the free one where it belongs.
static word *
find (const words *self, const char *text, size_t length, uint32_t hash)
{
    for (size_t i = hash & (self->room - 1);; i = (i + 1) & (self->room - 1)) {
        word *w = &self->places[i];
        if (w->count == 0
            || (w->hash == hash && w->length == length
                && memcmp (self->text + w->at, text, length) == 0))
            return w;
    }
}

static int
grow_places (words *self)
{
    words bigger = *self;
    bigger.room = self->room ? 2 * self->room : 1024;
    bigger.places = calloc (bigger.room, sizeof *bigger.places);
    if (!bigger.places)
        return -1;
    for (size_t i = 0; i < self->room; i++) {
        const word *w = &self->places[i];
        if (w->count)
            *find (&bigger, self->text + w->at, w->length, w->hash) = *w;
    }
    free (self->places);
    *self = bigger;
    return 0;
}

static int
grow_text (words *self, size_t size)
{
    const size_t room = 2 * self->text_room + size + 4096;
    char *text = realloc (self->text, room);
    if (!text)
        return -1;
    self->text = text;
    self->text_room = room;
    return 0;
}

int
words_add (words *self, const char *text, size_t length, long count)
{
    if (length > UINT32_MAX) {
        errno = ENOMEM;
        return -1;
    }
    if (3 * (self->used + 1) > 2 * self->room && grow_places (self) < 0)
        return -1;
    const uint32_t hash = hash_of (text, length);
    word *w = find (self, text, length, hash);
    if (w->count == 0) {
        if (length > self->text_room - self->text_size
            && grow_text (self, length) < 0)
            return -1;
        memcpy (self->text + self->text_size, text, length);
        *w = (word){ hash, (uint32_t) length, self->text_size, 0 };
        self->text_size += length;
        self->used++;
    }
    w->count += count;
    self->total += count;
    return 0;
}

static int
by_text (const void *a_, const void *b_, void *text_)
{
    const word *a = a_, *b = b_;
    const char *text = text_;
    const size_t shorter = a->length < b->length ? a->length : b->length;
    const int order = memcmp (text + a->at, text + b->at, shorter);
    return order ? order : (a->length > b->length) - (a->length < b->length);
}

static int
by_count (const void *a_, const void *b_, void *text)
{
    const word *a = a_, *b = b_;
    const int order = (a->count < b->count) - (a->count > b->count);
    return order ? order : by_text (a, b, text);
}

void
words_sort (words *self, int frequent_first)
{
    size_t n = 0;
    for (size_t i = 0; i < self->room; i++)
        if (self->places[i].count)
            self->places[n++] = self->places[i];
    if (n > 0)
        qsort_r (self->places,
                 n,
                 sizeof *self->places,
                 frequent_first ? by_count : by_text,
                 self->text);
}

void
words_clear (words *self)
{
    free (self->places);
    free (self->text);
    *self = (words){ 0 };
}
