// fuzz_replay.c - a main () for fuzz targets where there is no libFuzzer
//
// SPDX-License-Identifier: MPL-2.0
//
//     fuzz_NAME [FOLDER]
//
// Every file of the folder, each of its prefixes, and then some thousand inputs
// made up from a fixed seed. It finds little that is new; it keeps what was
// found from coming back, with every compiler and sanitizer.

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define S_MADE_UP 5000
#define S_SIZE_MAX 512
#define S_PREFIX_MAX 256  // Longer files are cut at their first bytes only

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

// A copy of just this size, so that a read beyond its end is seen.
static void
s_feed (const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc (size ? size : 1);
    if (!copy)
        abort ();
    if (size)
        memcpy (copy, data, size);
    LLVMFuzzerTestOneInput (copy, size);
    free (copy);
}

static void
s_feed_file (const char *path)
{
    FILE *file = fopen (path, "rb");
    if (!file)
        return;
    static uint8_t bytes[1 << 20];
    size_t size = fread (bytes, 1, sizeof bytes, file);
    fclose (file);
    s_feed (bytes, size);
    for (size_t cut = 0; cut < size && cut < S_PREFIX_MAX; cut++)
        s_feed (bytes, cut);
}

static int
s_feed_folder (const char *path)
{
    DIR *dir = opendir (path);
    if (!dir)
        return 0;
    int n = 0;
    struct dirent *one;
    while ((one = readdir (dir))) {
        char name[4096];
        if (one->d_name[0] == '.')
            continue;
        snprintf (name, sizeof name, "%s/%s", path, one->d_name);
        s_feed_file (name);
        n++;
    }
    closedir (dir);
    return n;
}

// xorshift64: the same bytes everywhere.
static uint64_t
s_next (uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void
s_make_up (void)
{
    uint64_t state = 0x9e3779b97f4a7c15;
    uint8_t bytes[S_SIZE_MAX];
    for (int i = 0; i < S_MADE_UP; i++) {
        size_t size = s_next (&state) % sizeof bytes;
        // Small numbers are lengths and kinds; half of the bytes are small.
        for (size_t k = 0; k < size; k++) {
            uint64_t word = s_next (&state);
            bytes[k] = (uint8_t) (word & 0x100 ? word : word % 8);
        }
        s_feed (bytes, size);
    }
}

int
main (int argc, char **argv)
{
    alarm (110);
    int files = argc > 1 ? s_feed_folder (argv[1]) : 0;
    s_make_up ();
    printf ("%d files, %d made up\n", files, S_MADE_UP);
    return 0;
}
