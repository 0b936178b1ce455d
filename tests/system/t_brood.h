// t_brood.h - what a brood holds, as the system sees it
//
// SPDX-License-Identifier: MPL-2.0
//
// For the processes that carry the test's mark (t.h): which abstract sockets
// they have, whether these still exist, and what a process is called. Others
// may run broods on the same machine, so nothing here looks at all there is.

#ifndef T_BROOD_H
#define T_BROOD_H

#include "t.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// What costs memory, or a lock that is lost in a fork, costs more with these.
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define T_SANITIZED 1
#elif defined __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define T_SANITIZED 1
#endif
#endif
#ifndef T_SANITIZED
#define T_SANITIZED 0
#endif

enum {
    T_NAMES = 2048,
    T_NAME_SIZE = 64
};

typedef struct {
    char names[T_NAMES][T_NAME_SIZE];  // "@brood/..."
    unsigned long inodes[T_NAMES];
    int count;
} t_sockets_t;

// All sockets of this network namespace that have a name of brood's.
static inline void
t_sockets_all (t_sockets_t *ret_sockets)
{
    char line[512];
    ret_sockets->count = 0;
    FILE *file = fopen ("/proc/net/unix", "re");
    assert_non_null (file);
    while (fgets (line, sizeof line, file)) {
        const int n = ret_sockets->count;
        if (n < T_NAMES
            && sscanf (line,
                       "%*s %*s %*s %*s %*s %*s %lu %63[!-~]",
                       &ret_sockets->inodes[n],
                       ret_sockets->names[n])
                   == 2
            && strncmp (ret_sockets->names[n], "@brood/", 7) == 0)
            ret_sockets->count++;
    }
    fclose (file);
}

// 1 if the process has that socket open.
static inline int
t_has_socket (pid_t pid, unsigned long inode)
{
    char path[300], link[64], wanted[64];
    int found = 0;
    snprintf (path, sizeof path, "/proc/%d/fd", (int) pid);
    snprintf (wanted, sizeof wanted, "socket:[%lu]", inode);
    DIR *dir = opendir (path);
    struct dirent *one;
    while (dir && !found && (one = readdir (dir))) {
        snprintf (path, sizeof path, "/proc/%d/fd/%s", (int) pid, one->d_name);
        const ssize_t size = readlink (path, link, sizeof link - 1);
        link[size > 0 ? size : 0] = '\0';
        found = strcmp (link, wanted) == 0;
    }
    if (dir)
        closedir (dir);
    return found;
}

// Those that marked processes have.
static inline void
t_sockets_marked (t_sockets_t *ret_sockets)
{
    static t_sockets_t all;
    pid_t pids[T_NAMES];
    const int count = t_marked (pids, T_NAMES);
    t_sockets_all (&all);
    ret_sockets->count = 0;
    for (int i = 0; i < all.count; i++) {
        int found = 0;
        for (int j = 0; !found && j < count && j < T_NAMES; j++)
            found = t_has_socket (pids[j], all.inodes[i]);
        if (!found)
            continue;
        strcpy (ret_sockets->names[ret_sockets->count], all.names[i]);
        ret_sockets->inodes[ret_sockets->count++] = all.inodes[i];
    }
}

// How many of them are still there under their name.
static inline int
t_sockets_left (const t_sockets_t *self)
{
    static t_sockets_t all;
    int left = 0;
    t_sockets_all (&all);
    for (int i = 0; i < self->count; i++) {
        for (int j = 0; j < all.count; j++) {
            if (strcmp (self->names[i], all.names[j]) == 0) {
                left++;
                break;
            }
        }
    }
    return left;
}

// The first line of /proc/PID/WHAT into text; "" if there is none.
static inline void
t_proc_line (pid_t pid, const char *what, char *text, int size)
{
    char path[300];
    snprintf (path, sizeof path, "/proc/%d/%s", (int) pid, what);
    text[0] = '\0';
    FILE *file = fopen (path, "re");
    if (!file)
        return;
    if (!fgets (text, size, file))
        text[0] = '\0';
    text[strcspn (text, "\n")] = '\0';
    fclose (file);
}

// The marked process of that name (15 characters at most), 0 if there is none.
static inline pid_t
t_marked_named (const char *name)
{
    pid_t pids[T_NAMES];
    const int count = t_marked (pids, T_NAMES);
    for (int i = 0; i < count && i < T_NAMES; i++) {
        char comm[32];
        t_proc_line (pids[i], "comm", comm, sizeof comm);
        if (strcmp (comm, name) == 0)
            return pids[i];
    }
    return 0;
}

// 1 if a marked process has a named file of /dev/shm or /tmp mapped or open,
// but for the program itself. What is in `allowed` is, which may be NULL.
static inline int
t_marked_has_files (const char *allowed)
{
    pid_t pids[T_NAMES];
    char exe[300], path[400], line[600];
    const ssize_t size = readlink ("/proc/self/exe", exe, sizeof exe - 1);
    exe[size > 0 ? size : 0] = '\0';
    const int count = t_marked (pids, T_NAMES);
    int found = 0;
    for (int i = 0; i < count && i < T_NAMES; i++) {
        snprintf (path, sizeof path, "/proc/%d/maps", (int) pids[i]);
        FILE *file = fopen (path, "re");
        while (file && fgets (line, sizeof line, file)) {
            line[strcspn (line, "\n")] = '\0';
            const char *name = strchr (line, '/');
            if (name && strcmp (name, exe) != 0
                && (strncmp (name, "/dev/shm/", 9) == 0
                    || strncmp (name, "/tmp/", 5) == 0)
                && !(allowed && strstr (name, allowed)) && !strstr (name, ".so")
                && !strstr (name, " (deleted)"))
                found++;
        }
        if (file)
            fclose (file);
    }
    return found;
}

#endif  // T_BROOD_H
