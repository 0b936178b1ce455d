#!/usr/bin/env python3
# multiprocessing_peer.py - peer: Python's own multiprocessing
#
# SPDX-License-Identifier: MPL-2.0
#
#     multiprocessing_peer.py map N CHUNK            W1: Pool.map
#     multiprocessing_peer.py tasks N                W2: Pool.apply_async
#     multiprocessing_peer.py imap N                 W2: Pool.imap_unordered
#     multiprocessing_peer.py sync N                 W3: Pool.apply
#     multiprocessing_peer.py start N                W6: a Pool of N
#     multiprocessing_peer.py rows MANDEL.so         W7: Pool.map
#     multiprocessing_peer.py queue PAIRS N          W4: Queue
#     multiprocessing_peer.py pipe                   W5: Pipe, bytes
#     multiprocessing_peer.py lock CONTENDERS N      W8: Lock
#     multiprocessing_peer.py dict N                 W8: Manager ().dict ()
#
# Needs nothing but the standard library. rows calls the C function of
# bench/mandel.c through ctypes, so all peers of W7 compute with the same code.
# The clock of rows starts before the workers do, as everywhere. W4, W5 and W8
# are what bench_crowd.h and bench_link.h say, but shorter.

import ctypes
import itertools
import multiprocessing
import os
import signal
import statistics
import sys
import time

WORKERS = 2
ROWS = 1024
ROWS_SUM = 1628402053
WINDOW = 64 << 20
SIZES = (("64KiB", 64 << 10), ("1MiB", 1 << 20), ("64MiB", 64 << 20))
now_ns = time.perf_counter_ns


def report(metric, value, unit):
    print(f"{metric}\t{value:.6g}\t{unit}", flush=True)


def report_latency(name, times):
    times.sort()
    n = len(times)
    report(f"{name} median", times[n // 2] / 1e3, "us")
    report(f"{name} p99", times[n - 1 - n // 100] / 1e3, "us")


def expect(ok, what):
    if not ok:
        sys.exit(what)


def square(x):
    return x * x


def getpid(_):
    return os.getpid()


def measure_map(n, chunk):
    numbers = list(range(n))
    squares = [x * x for x in numbers]
    times = []
    with multiprocessing.Pool(WORKERS) as pool:
        pool.map(square, numbers[: n // 10], chunk)
        for _ in range(3):
            start = now_ns()
            results = pool.map(square, numbers, chunk)
            times.append(now_ns() - start)
            expect(results == squares, "wrong squares")
    name = f"{n // 10**6}M" if n % 10**6 == 0 else str(n)
    report(f"W1 map {name}", n * 1e9 / statistics.median(times), "items/s")


def apply_async(pool, n):
    futures = [pool.apply_async(square, (i,)) for i in range(n)]
    return sum(future.get() for future in futures)


def imap_unordered(pool, n):
    return sum(pool.imap_unordered(square, range(n)))


def measure_tasks(call, n):
    with multiprocessing.Pool(WORKERS) as pool:
        call(pool, n // 10)
        start = now_ns()
        total = call(pool, n)
        ns = now_ns() - start
    expect(total == sum(i * i for i in range(n)), "tasks were lost")
    report("W2 tasks", n * 1e9 / ns, "tasks/s")


def measure_sync(n):
    times = []
    with multiprocessing.Pool(1) as pool:
        for i in range(-n // 10, n):
            start = now_ns()
            expect(pool.apply(square, (i,)) == i * i, "wrong square")
            if i >= 0:
                times.append(now_ns() - start)
    report_latency("W3 rtt", times)


def pss_kb(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines
                    if line.startswith("Pss:"))


def cycle(workers, memory):
    kb = 0
    with multiprocessing.Pool(workers) as pool:
        pool.map(getpid, range(workers), 1)
        if memory:
            # A map does not reach every worker; their list is not public.
            kb = sum(pss_kb(worker.pid) for worker in pool._pool)
        pool.close()
        pool.join()
    return kb


def measure_start(workers):
    times = []
    cycle(workers, False)
    for _ in range(5):
        start = now_ns()
        cycle(workers, False)
        times.append(now_ns() - start)
    report(f"W6 start+stop {workers}", statistics.median(times) / 1e6, "ms")
    report(f"W6 pss/worker {workers}", cycle(workers, True) / workers, "kB")


def compute_row(row):
    return KERNEL.mandel_row(row, ROWS)


def measure_rows(kernel):
    global KERNEL  # Workers are forked after this and have it too
    KERNEL = ctypes.CDLL(os.path.abspath(kernel))
    KERNEL.mandel_row.restype = ctypes.c_uint64
    start = now_ns()
    with multiprocessing.Pool(WORKERS) as pool:
        total = sum(pool.map(compute_row, range(ROWS)))
        ns = now_ns() - start
    expect(total == ROWS_SUM, "wrong sum")
    report("W7 wall", ns / 1e9, "s")


class Crowd:
    """Processes that begin together; see bench_crowd.h."""

    def __init__(self, members):
        self.ready = multiprocessing.Semaphore(0)
        self.gate = multiprocessing.Semaphore(0)
        self.counts = multiprocessing.RawArray("Q", 8 * members)
        self.members = members

    def wait(self):
        self.ready.release()
        self.gate.acquire()

    def count(self, member, done):
        self.counts[8 * member] = done  # On a cache line of its own

    def run(self, body, arguments, total):
        """How many nanoseconds it takes until all counts come to total."""
        processes = [multiprocessing.Process(target=body, daemon=True,
                                             args=(self, i, *arguments))
                     for i in range(self.members)]
        for process in processes:
            process.start()
        for _ in processes:
            self.ready.acquire()
        start = now_ns()
        for _ in processes:
            self.gate.release()
        while sum(self.counts[::8]) < total:
            time.sleep(0.001)
        ns = now_ns() - start
        for process in processes:
            process.terminate()
            process.join()
        return ns


def queue_member(crowd, self, queue, pairs, share):
    crowd.wait()
    if self < pairs:
        for i in range(share):
            queue.put(self + pairs * i)
        queue.close()
        queue.join_thread()
        signal.pause()
    for done in itertools.count(1):
        queue.get()
        crowd.count(self, done)


def measure_queue(pairs, n):
    share = n // pairs
    ns = Crowd(2 * pairs).run(
        queue_member, (multiprocessing.Queue(), pairs, share), share * pairs)
    report(f"W4 queue {pairs}-{pairs}", share * pairs * 1e9 / ns, "items/s")


def stream(end, size, count):
    """Sends so many; the time to the answer."""
    message = bytes(size)
    start = now_ns()
    for _ in range(count):
        end.send_bytes(message)
    expect(end.recv_bytes() == b"k", "wrong answer")
    return now_ns() - start


def answer(end, size, count):
    for _ in range(count):
        if len(end.recv_bytes()) != size:
            sys.exit("wrong size")
    end.send_bytes(b"k")


def pipe_far(end, pings, messages, windows):
    for _ in range(pings // 10 + pings):
        end.send_bytes(end.recv_bytes())
    answer(end, 64, messages // 10)
    answer(end, 64, messages)
    for _, size in SIZES:
        for _ in range(1 + windows):
            answer(end, size, WINDOW // size)


def measure_pipe(pings, messages, windows):
    near, far = multiprocessing.Pipe()
    process = multiprocessing.Process(target=pipe_far, daemon=True,
                                      args=(far, pings, messages, windows))
    process.start()
    times = []
    message = bytes(64)
    for i in range(-(pings // 10), pings):
        start = now_ns()
        near.send_bytes(message)
        expect(near.recv_bytes() == message, "wrong message")
        if i >= 0:
            times.append(now_ns() - start)
    report_latency("W5 rtt 64B", times)
    stream(near, 64, messages // 10)
    ns = stream(near, 64, messages)
    report("W5 stream 64B", messages * 1e9 / ns, "msg/s")
    for name, size in SIZES:
        stream(near, size, WINDOW // size)
        ns = sum(stream(near, size, WINDOW // size) for _ in range(windows))
        report(f"W5 bulk {name}", windows * WINDOW * 1e3 / ns, "MB/s")
    process.join()


def contend(crowd, self, lock, share):
    crowd.wait()
    for _ in range(share):
        lock.acquire()
        lock.release()
    crowd.count(self, 1)
    signal.pause()


def measure_lock(contenders, n):
    share = n // contenders
    ns = Crowd(contenders).run(
        contend, (multiprocessing.Lock(), share), contenders)
    report(f"W8 lock x{contenders}", share * contenders * 1e9 / ns, "pairs/s")


def measure_dict(n):
    keys = [f"key{i}" for i in range(1000)]
    with multiprocessing.Manager() as manager:
        shared = manager.dict()
        for i, key in enumerate(keys):
            shared[key] = i
        start = now_ns()
        for i in range(n):
            shared[keys[i % 1000]] = i
        report("W8 dict set", n * 1e9 / (now_ns() - start), "ops/s")
        start = now_ns()
        for i in range(n):
            expect(shared[keys[i % 1000]] % 1000 == i % 1000, "wrong value")
        report("W8 dict get", n * 1e9 / (now_ns() - start), "ops/s")


def smoke():
    measure_map(1000, 100)
    measure_tasks(apply_async, 200)
    measure_tasks(imap_unordered, 200)
    measure_sync(100)
    measure_start(3)
    measure_queue(1, 1000)
    measure_queue(4, 1000)
    measure_pipe(100, 1000, 1)
    measure_lock(1, 1000)
    measure_lock(4, 1000)
    measure_dict(100)


def main(arguments):
    # What Pool does where fork is the default; brood's workers are forks too.
    multiprocessing.set_start_method("fork")
    match arguments:
        case ["--smoke"]:
            smoke()
        case ["map", n, chunk]:
            measure_map(int(n), int(chunk))
        case ["tasks", n]:
            measure_tasks(apply_async, int(n))
        case ["imap", n]:
            measure_tasks(imap_unordered, int(n))
        case ["sync", n]:
            measure_sync(int(n))
        case ["start", n]:
            measure_start(int(n))
        case ["rows", kernel]:
            measure_rows(kernel)
        case ["queue", pairs, n]:
            measure_queue(int(pairs), int(n))
        case ["pipe"]:
            measure_pipe(20000, 500000, 8)
        case ["lock", contenders, n]:
            measure_lock(int(contenders), int(n))
        case ["dict", n]:
            measure_dict(int(n))
        case _:
            sys.exit("usage: multiprocessing_peer.py map N CHUNK | tasks N"
                     " | imap N | sync N | start N | rows MANDEL.so"
                     " | queue PAIRS N | pipe | lock CONTENDERS N | dict N")


main(sys.argv[1:])
