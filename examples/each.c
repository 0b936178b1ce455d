// each.c - a function for every element, run for what it does
//
// SPDX-License-Identifier: MPL-2.0
//
// BROOD_EACH and brood_pool_each () are map without results. Here every task
// writes a file; what it leaves behind is seen by everybody. What it would
// write into the program's variables is not: a worker is a process, with its
// own copy of memory.
//
// Read next: array.c for memory that is shared.

#include <brood.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FILES = 8
};

typedef struct {
    int factor;
    char path[64];
} table;

BROOD_EACH (write_table, table, t)
{
    FILE *file = fopen (t->path, "w");
    if (!file)
        return brood_task_fail (brood_task_current (),
                                "cannot write %s: %s",
                                t->path,
                                strerror (errno));
    for (int i = 1; i <= 100; i++)
        fprintf (file, "%3d x %d = %d\n", i, t->factor, i * t->factor);
    return fclose (file);
}

static long long
size_of (const char *path)
{
    struct stat st;
    return stat (path, &st) < 0 ? -1 : (long long) st.st_size;
}

int
main (int argc, char **argv)
{
    char dir[] = "/tmp/brood-each-XXXXXX";
    table tables[FILES];
    int rc = 0;
    brood_init (&argc, &argv);
    if (!mkdtemp (dir)) {
        perror (dir);
        return 1;
    }
    for (int i = 0; i < FILES; i++) {
        tables[i].factor = i + 2;
        snprintf (
            tables[i].path, sizeof tables[i].path, "%s/%d.txt", dir, i + 2);
    }
    BROOD_AUTO (pool) pool = brood_pool_new (NULL);
    if (brood_pool_each (pool, write_table, tables, FILES) < 0)
        rc = brood_perror ("write_table");
    for (int i = 0; i < FILES; i++) {
        printf ("%d.txt: %lld bytes\n", i + 2, size_of (tables[i].path));
        unlink (tables[i].path);
    }
    rmdir (dir);
    return rc;
}
