// 001_f_threads.c - seed 001-F: a process has one thread
//
// SPDX-License-Identifier: MPL-2.0
//
// Python counts its own threads; here the system is asked for all there are. A
// child has one, its main thread: brood adds none until it must.
//
// Read next: 001_g_cpu_count.c.

#include <brood.h>
#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

enum {
    SECOND_US = 10000  // 1000000 is the seed's pace
};

static int
count_threads (void)
{
    int n = 0;
    DIR *tasks = opendir ("/proc/self/task");
    if (!tasks)
        return -1;
    for (struct dirent *one = readdir (tasks); one; one = readdir (tasks))
        n += one->d_name[0] != '.';
    closedir (tasks);
    return n;
}

static int
task (void *arg)
{
    (void) arg;
    puts ("mission start.");
    printf ("线程个数:%d\n", count_threads ());
    usleep (5 * SECOND_US);
    puts (brood_process_name (brood_process_current ()));
    puts ("mission end.");
    return 0;
}

int
main (void)
{
    BROOD_AUTO (process) p = brood_process_new (task, NULL);
    brood_process_set_name (p, "subprocess");
    brood_process_start (p);
    if (brood_process_join (p, -1) < 0)
        return brood_perror ("join");
    puts ("End");
    return 0;
}
