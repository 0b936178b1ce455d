// brd_secret.c - a line that nobody else may read
//
// SPDX-License-Identifier: MPL-2.0
//
//     descriptor --bytes, one by one, until a newline--> line
//     file --owner? mode?--> descriptor
//
// One by one: a launcher keeps the pipe open to be noticed when it dies, and
// what comes behind the line is somebody else's to read.

#include "base/brd_secret.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/brd_clock.h"
#include "base/brd_error.h"
#include "base/brd_sys.h"

void
brd_secret_wipe (void *memory, size_t size)
{
    explicit_bzero (memory, size);
}

int
brd_secret_differ (const void *left, const void *right, size_t size)
{
    const unsigned char *a = left, *b = right;
    unsigned differ = 0;
    for (size_t i = 0; i < size; i++)
        differ |= (unsigned) a[i] ^ b[i];
    return differ != 0;
}

// 0 when fd can be read.
static int
s_wait (int fd, int64_t deadline)
{
    struct pollfd one = { .fd = fd, .events = POLLIN };
    for (;;) {
        const int n = poll (&one, 1, brd_clock_left_ms (deadline));
        if (n > 0)
            return 0;
        if (n == 0 && brd_clock_left_ms (deadline) == 0)
            return brd_error_set (ETIMEDOUT, "no secret came in time");
        if (n < 0 && errno != EINTR)
            return brd_error_system ("poll");
    }
}

static int
s_read (int fd, char *line, size_t size, int64_t deadline)
{
    size_t length = 0;
    for (;;) {
        char byte;
        if (s_wait (fd, deadline) < 0)
            return -1;
        const ssize_t n = brd_sys_read (fd, &byte, 1);
        if (n < 0 && errno == EAGAIN)
            continue;
        if (n < 0)
            return brd_error_system ("reading a secret");
        if (n == 0 && length == 0)
            return brd_error_set (ENODATA,
                                  "a secret was to be read; none came");
        if (n == 0 || byte == '\n') {
            line[length] = '\0';
            return (int) length;
        }
        if (length + 1 >= size)
            return brd_error_set (
                EMSGSIZE, "no secret has more than %zu bytes", size - 1);
        line[length++] = byte;
    }
}

int
brd_secret_read_fd (int fd, char *ret_line, size_t size, int64_t deadline)
{
    const int length = s_read (fd, ret_line, size, deadline);
    if (length < 0)
        brd_secret_wipe (ret_line, size);
    return length;
}

static int
s_check (int fd, const char *path)
{
    struct stat at;
    const uid_t mine = geteuid ();
    if (fstat (fd, &at) < 0)
        return brd_error_system ("%s", path);
    if (!S_ISREG (at.st_mode))
        return brd_error_set (EACCES, "%s: not a file", path);
    if (at.st_uid != mine)
        return brd_error_set (EACCES,
                              "%s: belongs to user %ld, not to %ld",
                              path,
                              (long) at.st_uid,
                              (long) mine);
    if ((at.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return brd_error_set (EACCES,
                              "%s: others may use it (mode %04o): chmod 600 "
                              "it, and take a new secret if they might have",
                              path,
                              (unsigned) (at.st_mode & 07777));
    return 0;
}

int
brd_secret_read_file (const char *path, char *ret_line, size_t size)
{
    // Non-blocking: a pipe of that name would be waited for.
    int fd = brd_sys_open (path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
    if (fd < 0)
        return errno == ELOOP
                   ? brd_error_set (EACCES, "%s: a symbolic link", path)
                   : brd_error_system ("%s", path);
    int length = s_check (fd, path);
    if (length == 0)
        length = brd_secret_read_fd (fd, ret_line, size, BRD_NEVER);
    brd_sys_close (&fd);
    return length;
}

static int
s_write_all (int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        const ssize_t n = brd_sys_write (fd, bytes, size);
        if (n < 0)
            return -1;
        bytes += n;
        size -= (size_t) n;
    }
    return 0;
}

int
brd_secret_write_file (const char *path, const char *line)
{
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
    int fd = brd_sys_open (path, flags, S_IRUSR | S_IWUSR);
    if (fd < 0)
        return brd_error_system ("%s", path);
    int rc = 0;
    if (s_write_all (fd, line, strlen (line)) < 0
        || s_write_all (fd, "\n", 1) < 0) {
        rc = brd_error_system ("%s", path);
        (void) unlink (path);
    }
    brd_sys_close (&fd);
    return rc;
}
