// wordcount.c - the words of whole trees of files, counted by all CPUs
//
// SPDX-License-Identifier: MPL-2.0
//
//     wordcount [--all] [--top N] [--workers N] [--skipped] PATH...
//
// A word is a run of ASCII letters, large or small: what one gets from
// tr -cs A-Za-z '\n' | tr A-Z a-z | sort | uniq -c, and --all prints just that.
//
//     owner                              worker
//     next_batch: walk, cut, pack  --->  count_batch: read, count
//     merge: add to the table      <---  {files, bytes, words, skipped}
//
// The stream pulls batches from the walk only as fast as results are merged, so
// a tree of any size goes through a window of a few batches. What cannot be
// read is named in the result and harms nothing else; a batch whose worker is
// killed is tried once more.
//
// Read next: pieces.c for the walk, words.c for the table.

#include <brood.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pieces.h"
#include "words.h"

enum {
    BATCH_SIZE = 2 << 20,  // Bytes of text in a batch, about
    BATCH_PIECES = 256,    // And pieces at most
    BAR_WIDTH = 30
};

typedef struct {
    int all;
    int top;
    int workers;
    int skipped;
    char **paths;
} options;

typedef struct {
    const options *options;
    pieces walk;
    words words;
    long files;
    long long bytes;
    long binary;
    long unreadable;
    long lost;  // Batches
} count;

// --- In the workers --------------------------------------------------------

static int
count_text (words *table, piece_text *text)
{
    size_t i = text->first;
    while (i < text->end) {
        while (i < text->end && !piece_letter (text->data[i]))
            i++;
        const size_t start = i;
        for (; i < text->end && piece_letter (text->data[i]); i++)
            text->data[i] = piece_letter (text->data[i]);
        if (i > start
            && words_add (table, text->data + start, i - start, 1) < 0)
            return -1;
    }
    return 0;
}

typedef struct {
    words table;
    piece_text text;
    long files;
    long long bytes;
    brood_msg_t *skipped;
} batch;

static int
count_piece (batch *b, const piece *p)
{
    switch (piece_read (p, &b->text)) {
    case 1:
        b->files += p->from == 0;
        b->bytes += (long long) (b->text.end - b->text.first);
        return count_text (&b->table, &b->text);
    case 0:
        return brood_msg_append (b->skipped, "[%s, %s]", p->path, "binary");
    default:
        return brood_msg_append (
            b->skipped, "[%s, %s]", p->path, strerror (errno));
    }
}

static int
pack_batch (const batch *b, brood_msg_t *out)
{
    BROOD_AUTO (msg) list = brood_msg_new ("[]");
    for (size_t i = 0; i < b->table.room; i++) {
        const word *w = &b->table.places[i];
        if (w->count
            && brood_msg_append (list,
                                 "[%.*s, %ld]",
                                 (int) w->length,
                                 b->table.text + w->at,
                                 w->count)
                   < 0)
            return -1;
    }
    return brood_msg_pack (
        out,
        "{files: %ld, bytes: %lld, words: @%p, skipped: @%p}",
        b->files,
        b->bytes,
        brood_ref (list),
        brood_ref (b->skipped));
}

static int
count_batch (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    batch b = { .skipped = brood_msg_new ("[]") };
    piece p;
    int got, rc = 0;
    brood_iter_t it = brood_msg_iter (in, "");
    while (rc == 0
           && (got = brood_iter_next (
                   &it, "[%4095s, %lld, %lld]", p.path, &p.from, &p.to))
                  != 0)
        rc = got < 0 ? -1 : count_piece (&b, &p);
    if (rc == 0)
        rc = pack_batch (&b, out);
    if (rc < 0)
        brood_task_fail (task, "%s", strerror (errno));
    words_clear (&b.table);
    free (b.text.data);
    brood_msg_destroy (&b.skipped);
    return rc;
}
BROOD_TASK (count_batch);

// --- In the owner ----------------------------------------------------------

// A name may hold anything but '\0' and '/', and a terminal believes anything.
static void
print_name (const char *name)
{
    for (; *name; name++) {
        if ((unsigned char) *name < ' ' || *name == 0x7f)
            fprintf (stderr, "\\%03o", (unsigned) *name);
        else
            putc (*name, stderr);
    }
}

// Binary files are passed over with a count, since trees are full of them; one
// that cannot be read is always named.
static void
skip (const char *path, const char *why, void *arg)
{
    count *c = arg;
    const int binary = strcmp (why, "binary") == 0;
    c->binary += binary;
    c->unreadable += !binary;
    if (c->options->skipped || !binary) {
        fputs ("skipped ", stderr);
        print_name (path);
        fprintf (stderr, ": %s\n", why);
    }
}

static int
next_batch (brood_msg_t *item, void *arg)
{
    count *c = arg;
    piece p;
    long long size = 0, got = 0;
    int n = 0;
    if (brood_msg_pack (item, "[]") < 0)
        return -1;
    while (n < BATCH_PIECES && size < BATCH_SIZE
           && (got = pieces_next (&c->walk, &p)) >= 0) {
        if (brood_msg_append (item, "[%s, %lld, %lld]", p.path, p.from, p.to)
            < 0)
            return -1;
        size += got;
        n++;
    }
    return n > 0;
}

static int
merge (count *c, const brood_msg_t *result)
{
    long files, times;
    long long bytes;
    size_t length;
    void *text;
    char path[4096], why[64];
    if (brood_msg_unpack (result, "{files: %ld, bytes: %lld}", &files, &bytes)
        < 0)
        return -1;
    c->files += files;
    c->bytes += bytes;
    brood_iter_t it = brood_msg_iter (result, "words");
    while (brood_iter_next (&it, "[<%zu %p>, %ld]", &length, &text, &times)
           == 1)
        if (words_add (&c->words, text, length, times) < 0)
            return -1;
    it = brood_msg_iter (result, "skipped");
    while (brood_iter_next (&it, "[%4095s, %63s]", path, why) == 1)
        skip (path, why, c);
    return 0;
}

static int
count_all (count *c, brood_pool_t *pool)
{
    const brood_map_options_t map = { .task = &(brood_task_options_t){
                                          .retries = 1, .only_deaths = 1 } };
    BROOD_AUTO (stream) s = brood_pool_imap_from (
        pool, count_batch, next_batch, c, BROOD_UNORDERED, &map);
    if (!s)
        return -1;
    for (;;) {
        BROOD_AUTO (msg) result = brood_stream_next_msg (s, -1);
        if (result && merge (c, result) < 0)
            return -1;
        if (!result && errno == ENODATA)
            return 0;
        if (!result && errno == EPIPE)  // The pool is broken, not a batch
            return -1;
        if (!result) {
            brood_perror ("a batch is lost");
            c->lost++;
        }
    }
}

// --- What is shown ---------------------------------------------------------

// 1234567 as "1,234,567", in one of a few buffers.
static const char *
grouped (long long n)
{
    static char buffers[4][32];
    static int next;
    char digits[32], *to = buffers[next = (next + 1) % 4];
    const int length = snprintf (digits, sizeof digits, "%lld", n);
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return buffers[next];
}

static void
show_all (const words *table)
{
    for (size_t i = 0; i < table->used; i++)
        printf ("%7ld %.*s\n",
                table->places[i].count,
                (int) table->places[i].length,
                table->text + table->places[i].at);
}

static void
show_top (const words *table, int top)
{
    static const char bar[BAR_WIDTH + 1] = "##############################";
    const word *first = table->places;
    for (size_t i = 0; i < table->used && i < (size_t) top; i++) {
        const word *w = &table->places[i];
        printf ("%11s  %5.2f %%  %-16.*s %.*s\n",
                grouped (w->count),
                100.0 * (double) w->count / (double) table->total,
                (int) w->length,
                table->text + w->at,
                (int) (BAR_WIDTH * w->count / first->count),
                bar);
    }
}

static void
show_totals (const count *c, double seconds, int workers)
{
    printf ("\n%11s words, %s different\n",
            grouped (c->words.total),
            grouped ((long long) c->words.used));
    printf ("%11s files, %.1f MB in %.2f s by %d worker%s: %.0f MB/s\n",
            grouped (c->files),
            (double) c->bytes / 1e6,
            seconds,
            workers,
            workers == 1 ? "" : "s",
            (double) c->bytes / 1e6 / seconds);
    if (c->binary > 0)
        printf ("%11s binary files skipped%s\n",
                grouped (c->binary),
                c->options->skipped ? "" : " (--skipped names them)");
    if (c->unreadable > 0)
        printf ("%11s could not be read\n", grouped (c->unreadable));
    if (c->lost > 0)
        printf ("%11s batches of files lost\n", grouped (c->lost));
}

static double
now (void)
{
    struct timespec t;
    clock_gettime (CLOCK_MONOTONIC, &t);
    return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

static int
usage (const char *name, int rc)
{
    fprintf (rc ? stderr : stdout,
             "usage: %s [--all] [--top N] [--workers N] [--skipped] PATH...\n"
             "  -a, --all        every word in alphabetical order, as uniq -c\n"
             "  -n, --top N      so many of the most frequent (20)\n"
             "  -w, --workers N  so many processes (one for each CPU)\n"
             "  -s, --skipped    name binary files, which are not counted\n",
             name);
    return rc;
}

static int
parse (int argc, char **argv, options *ret)
{
    static const struct option longs[] = {
        { "all", no_argument, NULL, 'a' },
        { "top", required_argument, NULL, 'n' },
        { "workers", required_argument, NULL, 'w' },
        { "skipped", no_argument, NULL, 's' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 }
    };
    int c;
    *ret = (options){ .top = 20 };
    while ((c = getopt_long (argc, argv, "an:w:sh", longs, NULL)) != -1) {
        switch (c) {
        case 'a':
            ret->all = 1;
            break;
        case 'n':
            ret->top = (int) strtol (optarg, NULL, 10);
            break;
        case 'w':
            ret->workers = (int) strtol (optarg, NULL, 10);
            break;
        case 's':
            ret->skipped = 1;
            break;
        default:
            exit (usage (argv[0], c == 'h' ? 0 : 64));
        }
    }
    ret->paths = argv + optind;
    return *ret->paths ? 0 : -1;
}

int
main (int argc, char **argv)
{
    options o;
    count c = { .options = &o };
    const double start = now ();
    brood_init (&argc, &argv);
    if (parse (argc, argv, &o) < 0)
        return usage (argv[0], 64);
    BROOD_AUTO (pool) pool =
        brood_pool_new_with (&(brood_pool_options_t){ .workers = o.workers });
    if (pieces_open (&c.walk, o.paths, skip, &c) < 0) {
        perror (argv[0]);
        return 1;
    }
    const int rc = count_all (&c, pool);
    pieces_close (&c.walk);
    if (rc < 0)
        return brood_perror (argv[0]);

    const double seconds = now () - start;
    words_sort (&c.words, !o.all);
    if (o.all) {
        show_all (&c.words);
    }
    else {
        show_top (&c.words, o.top);
        show_totals (&c, seconds, brood_pool_workers (pool));
    }
    words_clear (&c.words);
    return c.unreadable > 0 || c.lost > 0;
}
