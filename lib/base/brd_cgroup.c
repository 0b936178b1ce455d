// brd_cgroup.c - how much of the machine the system lets this process have
//
// SPDX-License-Identifier: MPL-2.0
//
//     /proc/self/cgroup   0::/a/b                      v2, or hybrid's half
//                         4:cpu,cpuacct:/a/b           v1
//     asked, for each of  /a/b, /a and /: ROOT/a/b/cpu.max or
//                         ROOT/unified/a/b/cpu.max, or, for v1,
//                         ROOT/cpu,cpuacct/a/b/cpu.cfs_quota_us, ROOT/cpu/...
//
// The least of all answers counts, because every group above limits those
// below. Inside a container the path is often the host's, or begins with "/..",
// and nothing is there: the walk then ends at /, the container's own group.

#include "base/brd_cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/brd_sys.h"

// What one group says, UINT64_MAX if it sets no limit.
typedef uint64_t
s_ask_fn (const char *folder);

static int
s_read (const char *path, char *buf, size_t size)
{
    int fd = open (path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    size_t used = 0;
    while (used < size - 1) {
        const ssize_t n = brd_sys_read (fd, buf + used, size - 1 - used);
        if (n <= 0)
            break;
        used += (size_t) n;
    }
    buf[used] = '\0';
    brd_sys_close (&fd);
    return 0;
}

static int
s_read_in (const char *folder, const char *name, char *buf, size_t size)
{
    char path[PATH_MAX];
    const int n = snprintf (path, sizeof path, "%s/%s", folder, name);
    if (n < 0 || (size_t) n >= sizeof path)
        return -1;
    return s_read (path, buf, size);
}

// A number > 0 at *text, which moves behind it. 0 for anything else: "max",
// -1, which is v1's word for no limit, and nonsense.
static uint64_t
s_number (const char **text)
{
    char *end;
    errno = 0;
    const long long n = strtoll (*text, &end, 10);
    if (end == *text || errno != 0 || n < 0)
        return 0;
    *text = end;
    return (uint64_t) n;
}

static uint64_t
s_cpus (uint64_t quota, uint64_t period)
{
    if (quota == 0 || period == 0)
        return UINT64_MAX;
    return quota / period + (quota % period != 0);
}

static uint64_t
s_ask_cpus_v2 (const char *folder)
{
    char buf[128];
    if (s_read_in (folder, "cpu.max", buf, sizeof buf) < 0)
        return UINT64_MAX;
    const char *text = buf;
    const uint64_t quota = s_number (&text);
    const uint64_t period = s_number (&text);
    return s_cpus (quota, period);
}

static uint64_t
s_ask_cpus_v1 (const char *folder)
{
    char quota_text[64];
    char period_text[64];
    if (s_read_in (folder, "cpu.cfs_quota_us", quota_text, sizeof quota_text)
            < 0
        || s_read_in (
               folder, "cpu.cfs_period_us", period_text, sizeof period_text)
               < 0)
        return UINT64_MAX;
    const char *quota = quota_text;
    const char *period = period_text;
    return s_cpus (s_number (&quota), s_number (&period));
}

static uint64_t
s_ask_memory (const char *folder, const char *name)
{
    char buf[64];
    if (s_read_in (folder, name, buf, sizeof buf) < 0)
        return UINT64_MAX;
    const char *text = buf;
    const uint64_t bytes = s_number (&text);
    return bytes > 0 ? bytes : UINT64_MAX;
}

static uint64_t
s_ask_memory_v2 (const char *folder)
{
    return s_ask_memory (folder, "memory.max");
}

static uint64_t
s_ask_memory_v1 (const char *folder)
{
    return s_ask_memory (folder, "memory.limit_in_bytes");
}

// The least answer of base/path and every folder above it, down to base.
static uint64_t
s_walk (const char *base, const char *path, s_ask_fn *ask)
{
    char folder[PATH_MAX];
    const int n = snprintf (folder, sizeof folder, "%s%s", base, path);
    if (n < 0 || (size_t) n >= sizeof folder)
        return UINT64_MAX;
    uint64_t least = UINT64_MAX;
    for (;;) {
        const uint64_t answer = ask (folder);
        if (answer < least)
            least = answer;
        char *slash = strrchr (folder, '/');
        if (!slash || (size_t) (slash - folder) < strlen (base))
            return least;
        *slash = '\0';
    }
}

static int
s_has_word (const char *words, const char *word)
{
    const size_t size = strlen (word);
    for (const char *at = words; at; at = strchr (at, ',')) {
        if (*at == ',')
            at++;
        if (strncmp (at, word, size) == 0
            && (at[size] == ',' || at[size] == '\0'))
            return 1;
    }
    return 0;
}

typedef struct {
    const char *root;
    const char *controller;  // v1's name
    s_ask_fn *v2;
    s_ask_fn *v1;
} s_question_t;

static uint64_t
s_walk_in (const s_question_t *q,
           const char *mount,
           const char *path,
           s_ask_fn *ask)
{
    char base[PATH_MAX];
    const int n = snprintf (base,
                            sizeof base,
                            "%s%s%s",
                            q->root,
                            mount[0] != '\0' ? "/" : "",
                            mount);
    if (n < 0 || (size_t) n >= sizeof base)
        return UINT64_MAX;
    return s_walk (base, path, ask);
}

static uint64_t
s_least (uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

// line: "number:controllers:path", and it is ours to write in.
static uint64_t
s_ask_line (const s_question_t *q, char *line)
{
    char *controllers = strchr (line, ':');
    char *path = controllers ? strchr (controllers + 1, ':') : NULL;
    if (!path)
        return UINT64_MAX;
    *controllers++ = '\0';
    *path++ = '\0';
    if (controllers[0] == '\0')
        return s_least (s_walk_in (q, "", path, q->v2),
                        s_walk_in (q, "unified", path, q->v2));
    if (!s_has_word (controllers, q->controller))
        return UINT64_MAX;
    return s_least (s_walk_in (q, controllers, path, q->v1),
                    s_walk_in (q, q->controller, path, q->v1));
}

static uint64_t
s_ask (const s_question_t *q, const char *self)
{
    char text[8192];
    if (!self) {
        if (s_read ("/proc/self/cgroup", text, sizeof text) < 0)
            return UINT64_MAX;
    }
    else {
        (void) snprintf (text, sizeof text, "%s", self);
    }
    uint64_t least = UINT64_MAX;
    char *rest = text;
    char *line;
    while ((line = strsep (&rest, "\n")) != NULL)
        least = s_least (least, s_ask_line (q, line));
    return least;
}

int
brd_cgroup_cpus (const char *root, const char *self)
{
    const s_question_t q = {
        .root = root ? root : "/sys/fs/cgroup",
        .controller = "cpu",
        .v2 = s_ask_cpus_v2,
        .v1 = s_ask_cpus_v1,
    };
    const uint64_t cpus = s_ask (&q, self);
    return cpus < INT_MAX ? (int) cpus : INT_MAX;
}

uint64_t
brd_cgroup_memory (const char *root, const char *self)
{
    const s_question_t q = {
        .root = root ? root : "/sys/fs/cgroup",
        .controller = "memory",
        .v2 = s_ask_memory_v2,
        .v1 = s_ask_memory_v1,
    };
    return s_ask (&q, self);
}
