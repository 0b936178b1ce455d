#!/usr/bin/env python3
# multiprocessing_peer.py - peer: Python's own multiprocessing, two workers
#
# SPDX-License-Identifier: MPL-2.0
#
#     multiprocessing_peer.py map N CHUNK            W1: Pool.map
#     multiprocessing_peer.py tasks N                W2: Pool.apply_async
#     multiprocessing_peer.py imap N                 W2: Pool.imap_unordered
#     multiprocessing_peer.py sync N                 W3: Pool.apply
#     multiprocessing_peer.py start N                W6: a Pool of N
#     multiprocessing_peer.py rows MANDEL.so         W7: Pool.map
#
# Needs nothing but the standard library. rows calls the C function of
# bench/mandel.c through ctypes, so all peers of W7 compute with the same code.
# The clock of rows starts before the workers do, as everywhere.

import ctypes
import multiprocessing
import os
import statistics
import sys
import time

WORKERS = 2
ROWS = 1024
ROWS_SUM = 1628402053
now_ns = time.perf_counter_ns


def report(metric, value, unit):
    print(f"{metric}\t{value:.6g}\t{unit}", flush=True)


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
    times.sort()
    report("W3 rtt median", times[n // 2] / 1e3, "us")
    report("W3 rtt p99", times[n - 1 - n // 100] / 1e3, "us")


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


def smoke():
    measure_map(1000, 100)
    measure_tasks(apply_async, 200)
    measure_tasks(imap_unordered, 200)
    measure_sync(100)
    measure_start(3)


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
        case _:
            sys.exit("usage: multiprocessing_peer.py map N CHUNK | tasks N"
                     " | imap N | sync N | start N | rows MANDEL.so")


main(sys.argv[1:])
