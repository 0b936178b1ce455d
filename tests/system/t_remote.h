// t_remote.h - programs whose workers are on other hosts
//
// SPDX-License-Identifier: MPL-2.0
//
// The test program is its own agent: it is executed again by the broker's
// launcher, with the mark of the test in its environment.

#ifndef T_REMOTE_H
#define T_REMOTE_H

#include "t_process.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

// What tells agents where the page is that all of a test share.
#define T_REMOTE_PAGE "T_REMOTE_PAGE"

// First in main. In an agent it does not return.
static inline void
t_remote_begin (int argc, char **argv, unsigned seconds)
{
    if (getenv ("BROOD_AGENT")) {
        (void) brood_init (&argc, &argv);
        _exit (98);
    }
    t_mark (argv);
    t_watchdog (seconds);
}

static inline brood_pool_t *
t_remote_open (const char *spec)
{
    T_MUST (brood_init (NULL, NULL) == 0);
    brood_pool_t *pool = brood_pool_new (spec);
    if (!pool)
        fprintf (stderr, "%s\n", brood_error ());
    T_MUST (pool != NULL);
    return pool;
}

// A program of its own; nothing of it is left. signal_no: that it dies of.
static inline void
t_remote_run (void (*fn) (void *arg), const char *spec, int signal_no)
{
    int status;
    char *output = t_run_child (fn, (void *) (uintptr_t) spec, 240, &status);
    if (signal_no > 0 ? !WIFSIGNALED (status) || WTERMSIG (status) != signal_no
                      : status != 0)
        fail_msg ("%d: %s", status, output);
    if (output[0] != '\0')
        print_message ("%s", output);
    free (output);
    assert_int_equal (t_marked_wait (0, 30), 0);
}

static inline pid_t
t_remote_parent (pid_t pid)
{
    char path[64];
    int parent = -1;
    snprintf (path, sizeof path, "/proc/%d/stat", (int) pid);
    FILE *file = fopen (path, "r");
    if (file) {
        T_MUST (fscanf (file, "%*d (%*[^)]) %*c %d", &parent) == 1);
        fclose (file);
    }
    return parent;
}

// --- What all of them share ------------------------------------------------

enum {
    T_REMOTE_ITEMS = 100000,
    T_REMOTE_LAST = 64  // A power of two
};

// Who began an item, and how often each was begun.
typedef struct {
    _Atomic long begun;
    struct {
        _Atomic int worker;
        _Atomic int agent;
    } last[T_REMOTE_LAST];
    _Atomic unsigned char runs[T_REMOTE_ITEMS];
} t_remote_page_t;

static inline t_remote_page_t *
t_remote_map (const char *path)
{
    const int fd = open (path, O_RDWR | O_CLOEXEC);
    T_MUST (fd >= 0);
    void *page = mmap (NULL,
                       sizeof (t_remote_page_t),
                       PROT_READ | PROT_WRITE,
                       MAP_SHARED,
                       fd,
                       0);
    T_MUST (page != MAP_FAILED && close (fd) == 0);
    return page;
}

// Its file is gone when the test is: path is where, to be unlinked.
static inline t_remote_page_t *
t_remote_page (char *path)
{
    const int fd = mkstemp (path);
    T_MUST (fd >= 0);
    T_MUST (ftruncate (fd, (off_t) sizeof (t_remote_page_t)) == 0);
    T_MUST (close (fd) == 0 && setenv (T_REMOTE_PAGE, path, 1) == 0);
    return t_remote_map (path);
}

// In a worker: this item begins.
static inline void
t_remote_note (int item)
{
    static t_remote_page_t *page;
    static int agent;
    if (!page) {
        const char *path = getenv (T_REMOTE_PAGE);
        T_MUST (path != NULL);
        page = t_remote_map (path);
        agent = brood_process_pid (brood_process_parent ());
    }
    T_MUST (item >= 0 && item < T_REMOTE_ITEMS);
    atomic_fetch_add (&page->runs[item], 1);
    const long n = atomic_fetch_add (&page->begun, 1);
    atomic_store (&page->last[n % T_REMOTE_LAST].worker, getpid ());
    atomic_store (&page->last[n % T_REMOTE_LAST].agent, agent);
}

#endif  // T_REMOTE_H
