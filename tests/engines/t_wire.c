// t_wire.c - two network namespaces and a wire between them, in user space
//
// SPDX-License-Identifier: MPL-2.0
//
//     t_wire DIR
//
//     host a 10.77.0.1 --- TUN --- this process --- TUN --- 10.77.0.2 host b
//
// The line in DIR/wire is obeyed within 20 ms, and DIR/wire.now then says it
// again:
//
//     DELAY_MS JITTER_MS LOSS_PERMILLE CUT       CUT: none, both, ab or ba
//
// Kernels without netem do as well as others, and a cut is what a pulled plug
// is: silence. Jitter reorders. A namespace is open here as the descriptor that
// DIR/wire.fds names, and that is all there is of it: nothing in /run/netns.
// Without root there is a user namespace around them. 77: not on this machine.

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    S_PACKETS_MAX = 8192,  // On the wire; more are lost
    S_PACKET_MAX = 1600,
    S_LOOK_MS = 20,
    S_SHARE = 256,  // Of one side, before the other has its turn
    S_NOT_HERE = 77
};

typedef struct {
    int64_t due;
    int to;
    size_t size;
    unsigned char bytes[S_PACKET_MAX];
} s_packet_t;

typedef struct {
    int tuns[2];
    int namespaces[2];
    int64_t delay_ns;
    int64_t jitter_ns;
    int loss;                            // Of 1000
    int is_cut[2];                       // From this side
    s_packet_t *packets[S_PACKETS_MAX];  // By due
    size_t count;
    uint64_t dice;
    char line[128];
} s_wire_t;

static int64_t
s_now (void)
{
    struct timespec now;
    clock_gettime (CLOCK_MONOTONIC, &now);
    return (int64_t) now.tv_sec * 1000000000 + now.tv_nsec;
}

static _Noreturn void
s_not_here (const char *what)
{
    fprintf (stderr, "%s: %s\n", what, strerror (errno));
    exit (S_NOT_HERE);
}

// --- Namespaces ------------------------------------------------------------

static void
s_put_file (const char *path, const char *text)
{
    const int fd = open (path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write (fd, text, strlen (text)) < 0)
        s_not_here (path);
    close (fd);
}

static void
s_become_root (void)
{
    char map[64];
    const unsigned uid = geteuid (), gid = getegid ();
    if (uid == 0)
        return;
    if (unshare (CLONE_NEWUSER) < 0)
        s_not_here ("user namespaces");
    s_put_file ("/proc/self/setgroups", "deny");
    snprintf (map, sizeof map, "%u %u 1", uid, uid);
    s_put_file ("/proc/self/uid_map", map);
    snprintf (map, sizeof map, "%u %u 1", gid, gid);
    s_put_file ("/proc/self/gid_map", map);
}

static void
s_set_address (int fd,
               struct ifreq *request,
               unsigned long what,
               const char *to)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    inet_pton (AF_INET, to, &address.sin_addr);
    memcpy (&request->ifr_addr, &address, sizeof address);
    if (ioctl (fd, what, request) < 0)
        s_not_here (to);
}

static void
s_set_up (int fd, const char *name)
{
    struct ifreq request = { .ifr_flags = 0 };
    snprintf (request.ifr_name, sizeof request.ifr_name, "%s", name);
    if (ioctl (fd, SIOCGIFFLAGS, &request) < 0)
        s_not_here (name);
    request.ifr_flags = (short) (request.ifr_flags | IFF_UP);
    if (ioctl (fd, SIOCSIFFLAGS, &request) < 0)
        s_not_here (name);
}

// Moves this process to a new one, and there makes its end of the wire.
static void
s_make_side (s_wire_t *self, int side)
{
    struct ifreq request = { .ifr_name = "wire0" };
    if (unshare (CLONE_NEWNET) < 0)
        s_not_here ("network namespaces");
    self->namespaces[side] = open ("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    const int tun = open ("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (tun < 0)
        s_not_here ("/dev/net/tun");
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    if (ioctl (tun, TUNSETIFF, &request) < 0)
        s_not_here ("TUNSETIFF");
    const int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    s_set_address (
        fd, &request, SIOCSIFADDR, side == 0 ? "10.77.0.1" : "10.77.0.2");
    s_set_address (fd, &request, SIOCSIFNETMASK, "255.255.255.0");
    s_set_up (fd, "wire0");
    s_set_up (fd, "lo");
    close (fd);
    self->tuns[side] = tun;
}

// --- What is to be done to packets -----------------------------------------

static void
s_answer (const char *name, const char *line)
{
    const int fd = open ("wire.new", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || write (fd, line, strlen (line)) < 0)
        s_not_here ("wire.new");
    close (fd);
    if (rename ("wire.new", name) < 0)
        s_not_here (name);
}

// A line that is being written is no line yet.
static void
s_obey (s_wire_t *self)
{
    double delay, jitter;
    int loss;
    char cut[8], line[sizeof self->line] = "";
    const int fd = open ("wire", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    const ssize_t n = read (fd, line, sizeof line - 1);
    close (fd);
    if (n <= 0 || line[n - 1] != '\n' || strcmp (line, self->line) == 0
        || sscanf (line, "%lf %lf %d %7s", &delay, &jitter, &loss, cut) != 4)
        return;
    self->delay_ns = (int64_t) (delay * 1e6);
    self->jitter_ns = (int64_t) (jitter * 1e6);
    self->loss = loss;
    const int both = strcmp (cut, "both") == 0;
    self->is_cut[0] = both || strcmp (cut, "ab") == 0;
    self->is_cut[1] = both || strcmp (cut, "ba") == 0;
    memcpy (self->line, line, sizeof line);
    s_answer ("wire.now", line);
}

static int64_t
s_roll (s_wire_t *self, int64_t below)
{
    self->dice ^= self->dice << 13;
    self->dice ^= self->dice >> 7;
    self->dice ^= self->dice << 17;
    return below > 0 ? (int64_t) (self->dice % (uint64_t) below) : 0;
}

// --- Packets ---------------------------------------------------------------

static void
s_put (s_wire_t *self, s_packet_t *packet)
{
    size_t at = self->count++;
    for (; at > 0 && self->packets[at - 1]->due > packet->due; at--)
        self->packets[at] = self->packets[at - 1];
    self->packets[at] = packet;
}

static void
s_take_from (s_wire_t *self, int side)
{
    for (int i = 0; i < S_SHARE; i++) {
        s_packet_t *packet = malloc (sizeof *packet);
        const ssize_t n =
            packet ? read (self->tuns[side], packet->bytes, S_PACKET_MAX) : -1;
        if (n <= 0) {
            free (packet);
            return;
        }
        if (self->is_cut[side] || s_roll (self, 1000) < self->loss
            || self->count == S_PACKETS_MAX) {
            free (packet);
            continue;
        }
        packet->size = (size_t) n;
        packet->to = !side;
        packet->due = s_now () + self->delay_ns
                      + s_roll (self, 2 * self->jitter_ns) - self->jitter_ns;
        s_put (self, packet);
    }
}

// What was under way when a cut came arrives: a cut takes what is sent.
static void
s_deliver (s_wire_t *self)
{
    const int64_t now = s_now ();
    size_t n = 0;
    for (; n < self->count && self->packets[n]->due <= now; n++) {
        s_packet_t *packet = self->packets[n];
        // What a full queue does not take is lost, as on any wire.
        const ssize_t written =
            write (self->tuns[packet->to], packet->bytes, packet->size);
        (void) written;
        free (packet);
    }
    self->count -= n;
    memmove (
        self->packets, self->packets + n, self->count * sizeof *self->packets);
}

static void
s_sleep (s_wire_t *self)
{
    int64_t left = S_LOOK_MS * 1000000;
    if (self->count > 0 && self->packets[0]->due - s_now () < left)
        left = self->packets[0]->due - s_now ();
    const struct timespec time = { .tv_nsec = left > 0 ? left : 0 };
    struct pollfd fds[2] = { { self->tuns[0], POLLIN, 0 },
                             { self->tuns[1], POLLIN, 0 } };
    ppoll (fds, 2, &time, NULL);
}

int
main (int argc, char **argv)
{
    static s_wire_t wire = { .dice = 0x9e3779b97f4a7c15 };
    char line[64];
    if (argc != 2 || chdir (argv[1]) < 0)
        return 64;
    s_become_root ();
    s_make_side (&wire, 0);
    s_make_side (&wire, 1);
    snprintf (
        line, sizeof line, "%d %d\n", wire.namespaces[0], wire.namespaces[1]);
    s_answer ("wire.fds", line);
    for (;;) {
        s_obey (&wire);
        s_deliver (&wire);
        s_sleep (&wire);
        s_take_from (&wire, 0);
        s_take_from (&wire, 1);
    }
}
