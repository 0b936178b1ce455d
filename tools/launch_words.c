// launch_words.c - a command line, word by word
//
// SPDX-License-Identifier: MPL-2.0
//
//     NAME=it's, /opt/my prog, -x
//     exec env NAME=it\'s sh -c exec\ \"\$0\"\ \"\$@\" /opt/my\ prog -x
//
// Whatever shell the user has there: a backslash in front of a character that
// may mean something takes its meaning away in all of them. Inside quotes they
// differ. The newline, which a backslash would remove, stands in '' instead;
// csh does not take it there.
//
// The sh in between is for a program with an = in its path, which env would
// take for a variable.

#include "tools/launch_words.h"

#include <errno.h>

#include <string.h>

#include "base/brd_buf.h"
#include "base/brd_mem.h"

enum {
    S_REMOTE_MAX = 128 * 1024 - 1  // The kernel's limit for one word
};

void
brd_launch_words_fini (brd_launch_words_t *self)
{
    for (size_t i = 0; i < self->count; i++)
        brd_mem_free (self->words[i]);
    brd_mem_free (self->words);
    *self = (brd_launch_words_t){ 0 };
}

// One more than count is always there, for exec's NULL.
static int
s_grow (brd_launch_words_t *self)
{
    const size_t room = self->room > 0 ? 2 * self->room : 16;
    char **words = brd_mem_resize (self->words, room * sizeof *words);
    if (!words)
        return -1;
    self->words = words;
    self->room = room;
    return 0;
}

// Takes the word, which is NULL if there was no memory for it.
static void
s_take (brd_launch_words_t *self, char *word)
{
    if (!word || self->failed
        || (self->count + 1 >= self->room && s_grow (self) < 0)) {
        brd_mem_free (word);
        self->failed = 1;
        return;
    }
    self->words[self->count++] = word;
    self->words[self->count] = NULL;
}

void
brd_launch_words_add (brd_launch_words_t *self, const char *word)
{
    s_take (self, brd_mem_strdup (word));
}

void
brd_launch_words_split (brd_launch_words_t *self, const char *text)
{
    static const char blanks[] = " \t\n";
    for (;;) {
        text += strspn (text, blanks);
        const size_t size = strcspn (text, blanks);
        if (size == 0)
            return;
        char *word = brd_mem_alloc (size + 1);
        if (word) {
            memcpy (word, text, size);
            word[size] = '\0';
        }
        s_take (self, word);
        text += size;
    }
}

// --- For a shell elsewhere -------------------------------------------------

static int
s_is_plain (char c)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789/._-+,:@";
    // Bytes of a character beyond ASCII are nothing to a shell.
    return (unsigned char) c >= 0x80 || (c != '\0' && strchr (plain, c));
}

static int
s_add_quoted (brd_buf_t *buf, const char *word)
{
    if (*word == '\0')
        return brd_buf_add (buf, "''", 2);
    for (; *word; word++) {
        const int rc = *word == '\n' ? brd_buf_add (buf, "'\n'", 3)
                       : s_is_plain (*word)
                           ? brd_buf_add (buf, word, 1)
                           : brd_buf_add (buf, (char[]){ '\\', *word }, 2);
        if (rc < 0)
            return -1;
    }
    return 0;
}

static int
s_add_words (brd_buf_t *buf, const char *const *words)
{
    for (; words && *words; words++)
        if (brd_buf_add (buf, " ", 1) < 0 || s_add_quoted (buf, *words) < 0)
            return -1;
    return 0;
}

void
brd_launch_words_remote (brd_launch_words_t *self,
                         const char *const *env,
                         const char *const *argv)
{
    static const char *const begin[] = { "env", NULL };
    static const char *const through[] = {
        "sh", "-c", "exec \"$0\" \"$@\"", NULL
    };
    brd_buf_t buf;
    brd_buf_init (&buf, S_REMOTE_MAX);
    if (brd_buf_add (&buf, "exec", 4) < 0 || s_add_words (&buf, begin) < 0
        || s_add_words (&buf, env) < 0 || s_add_words (&buf, through) < 0
        || s_add_words (&buf, argv) < 0 || brd_buf_add (&buf, "", 1) < 0)
        self->failed = 1;
    else
        s_take (self, brd_buf_steal (&buf, &(size_t){ 0 }));
    brd_buf_fini (&buf);
}

char *const *
brd_launch_words_get (brd_launch_words_t *self)
{
    if (self->failed)
        errno = ENOMEM;
    return self->failed ? NULL : self->words;
}
