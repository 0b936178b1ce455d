// brd_tcp_door.c - whether more may come
//
// SPDX-License-Identifier: MPL-2.0
//
//     connect --SYN--> filter? --> backlog --> libzmq accepts
//              close: dropped          `-----> clear: hung up on
//
// libzmq accepts whoever connects, as long as there are descriptors, and
// without any it spins. Unbinding would end the connections that were accepted
// there. So the kernel is told: a filter on the listening socket that takes no
// packet. Who wants to connect tries again by itself; who is connected has a
// socket of its own, and notices nothing.

#include <linux/filter.h>
#include <sys/socket.h>

#include "base/brd_error.h"
#include "base/brd_sys.h"
#include "transport/brd_tcp_private.h"

// At once; those behind them have another turn.
enum {
    S_CLEAR = 64
};

int
brd_tcp_door_close (int listen_fd, int on)
{
    struct sock_filter nothing[] = { { BPF_RET | BPF_K, 0, 0, 0 } };
    struct sock_fprog program = { .len = 1, .filter = nothing };
    const int ignored = 0;
    const int rc =
        on ? setsockopt (
            listen_fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program)
           : setsockopt (listen_fd,
                         SOL_SOCKET,
                         SO_DETACH_FILTER,
                         &ignored,
                         sizeof ignored);
    return rc < 0 ? brd_error_system ("a filter on the listening socket") : 0;
}

void
brd_tcp_door_clear (int listen_fd, int *spare)
{
    int fd = 0;
    brd_sys_close (spare);
    for (int i = 0; i < S_CLEAR && fd >= 0; i++) {
        fd = brd_sys_accept (listen_fd);
        int done = fd;
        brd_sys_close (&done);
    }
    *spare = brd_sys_dup (listen_fd);
}
