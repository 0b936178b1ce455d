// brd_names.c - asking the process that keeps the names of shared memory
//
// SPDX-License-Identifier: MPL-2.0
//
//     connect -> same user? -> request -> answer, descriptor -> close
//                              (not to a name)
//
// A connection for each question: nobody asks often, and there is nothing that
// a fork could get wrong.
//
// Read next: broker/names/names_loop.c, the other end.

#include "client/brd_names.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/brd_clock.h"
#include "base/brd_error.h"
#include "base/brd_sys.h"
#include "transport/brd_endpoint.h"

enum {
    S_BUSY_MS = 2,  // Between two tries where too many wait at the door
    S_END_MS = 2000
};

void
brd_names_keeper_address (uint64_t brood,
                          char ret_address[BRD_NAMES_ADDRESS_SIZE])
{
    (void) snprintf (ret_address,
                     BRD_NAMES_ADDRESS_SIZE,
                     "ipc://@brood/names-%016llx-%lu",
                     (unsigned long long) brood,
                     (unsigned long) geteuid ());
}

void
brd_names_address (const char *name, char ret_address[BRD_NAMES_ADDRESS_SIZE])
{
    (void) snprintf (ret_address,
                     BRD_NAMES_ADDRESS_SIZE,
                     "ipc://@brood/shm-%lu-%s",
                     (unsigned long) geteuid (),
                     name);
}

int
brd_names_check (const char *name)
{
    const size_t size = strnlen (name, BROOD_NAME_SIZE);
    if (size == 0 || size == BROOD_NAME_SIZE)
        return brd_error_set (
            EINVAL, "names have 1 to %d bytes", BROOD_NAME_SIZE - 1);
    for (size_t i = 0; i < size; i++) {
        const unsigned char byte = (unsigned char) name[i];
        if (byte == '/' || byte < ' ' || byte == 127)
            return brd_error_set (
                EINVAL, "a name has no slashes and no control characters");
    }
    return 0;
}

// --- One question ----------------------------------------------------------

static int
s_connect (const char *address, int64_t deadline)
{
    brd_endpoint_t at;
    if (brd_endpoint_parse (&at, address, 0) < 0)
        return -1;
    for (;;) {
        int fd = brd_endpoint_connect (&at, 0);
        if (fd >= 0 && brd_endpoint_check_same_user (fd) == 0)
            return fd;
        if (fd >= 0) {
            brd_sys_close (&fd);
            return -1;
        }
        if (errno != EAGAIN)
            return -1;
        if (brd_clock_now () >= deadline)
            return brd_error_set (ETIMEDOUT, "%s is busy", address);
        (void) poll (NULL, 0, S_BUSY_MS);
    }
}

// 0 when there is something to read.
static int
s_await (int fd, int64_t deadline)
{
    struct pollfd one = { .fd = fd, .events = POLLIN };
    for (;;) {
        const int n = poll (&one, 1, brd_clock_left_ms (deadline));
        if (n > 0)
            return 0;
        if (n == 0)
            return brd_error_set (
                ETIMEDOUT, "who keeps the names of shared memory is silent");
        if (errno != EINTR)
            return brd_error_system ("poll");
    }
}

static int
s_judge (ssize_t size, const brd_names_answer_t *answer, int fd)
{
    if (size == 0 || (size < 0 && errno == ECONNRESET))
        return brd_error_set (ECONNRESET,
                              "who keeps the names of shared memory went away");
    if (size < 0)
        return brd_error_system ("the names of shared memory");
    if (size != (ssize_t) sizeof *answer || answer->magic != BRD_NAMES_MAGIC
        || answer->error < 0
        || memchr (answer->name, '\0', sizeof answer->name) == NULL)
        return brd_error_set (EPROTO,
                              "who has the name keeps no shared memory, or is "
                              "of another version of brood");
    if (fd == BRD_SYS_LOST_FD)
        return brd_error_set (EMFILE, "no descriptor left");
    return 0;
}

static int
s_hear (int fd, int64_t deadline, brd_names_answer_t *ret_answer, int *ret_fd)
{
    brd_names_answer_t answer = { .magic = 0 };
    int passed = BRD_SYS_NO_FD;
    if (s_await (fd, deadline) < 0)
        return -1;
    const ssize_t size = brd_sys_recv_fd (fd, &answer, sizeof answer, &passed);
    if (s_judge (size, &answer, passed) < 0) {
        brd_sys_close (&passed);
        return -1;
    }
    *ret_answer = answer;
    if (ret_fd)
        *ret_fd = passed;
    else
        brd_sys_close (&passed);
    return 0;
}

// --- The questions ---------------------------------------------------------

int
brd_names_open (const char *name, brd_names_answer_t *ret_answer, int *ret_fd)
{
    char address[BRD_NAMES_ADDRESS_SIZE];
    const int64_t deadline = brd_clock_deadline (BRD_NAMES_MS);
    brd_names_address (name, address);
    for (;;) {
        int fd = s_connect (address, deadline);
        if (fd < 0 && errno == ECONNREFUSED)
            return brd_error_set (ENOENT, "there is no \"%s\"", name);
        const int rc = fd < 0 ? -1 : s_hear (fd, deadline, ret_answer, ret_fd);
        const int error = errno;
        brd_sys_close (&fd);
        // It may be losing its name just now: then there is none next time.
        if (rc == 0 || error != ECONNRESET || brd_clock_now () >= deadline) {
            errno = error;
            return rc;
        }
        (void) poll (NULL, 0, S_BUSY_MS);
    }
}

static int
s_say (int fd, const brd_names_request_t *request, int passed)
{
    const ssize_t size =
        passed < 0 ? brd_sys_send (fd, request, sizeof *request, 0)
                   : brd_sys_send_fd (fd, request, sizeof *request, passed);
    if (size == (ssize_t) sizeof *request)
        return 0;
    if (size < 0 && errno != EPIPE)
        return brd_error_system ("the names of shared memory");
    return brd_error_set (ECONNRESET,
                          "who keeps the names of shared memory went away");
}

int
brd_names_ask (uint64_t brood,
               const brd_names_request_t *request,
               int fd,
               brd_names_answer_t *ret_answer,
               int *ret_fd)
{
    char address[BRD_NAMES_ADDRESS_SIZE];
    const int64_t deadline = brd_clock_deadline (BRD_NAMES_MS);
    brd_names_keeper_address (brood, address);
    int line = s_connect (address, deadline);
    if (line < 0)
        return -1;
    int rc = s_say (line, request, fd);
    if (rc == 0)
        rc = s_hear (line, deadline, ret_answer, ret_fd);
    brd_sys_close (&line);
    if (rc == 0 && ret_answer->error != 0)
        rc = brd_error_set (ret_answer->error,
                            "the names of shared memory: %s",
                            strerror (ret_answer->error));
    return rc;
}

void
brd_names_end (uint64_t brood)
{
    char address[BRD_NAMES_ADDRESS_SIZE];
    const int saved_errno = errno;
    const int64_t deadline = brd_clock_deadline (S_END_MS);
    brd_names_keeper_address (brood, address);
    int line = s_connect (address, deadline);
    const brd_names_request_t request = { .magic = BRD_NAMES_MAGIC,
                                          .op = BRD_NAMES_END };
    struct pollfd one = { .fd = line, .events = POLLIN };
    // Its last descriptor to be closed is this one's other end.
    if (line >= 0 && s_say (line, &request, -1) == 0)
        (void) poll (&one, 1, brd_clock_left_ms (deadline));
    brd_sys_close (&line);
    errno = saved_errno;
}
