#!/usr/bin/env python3
# run.py - measure brood against its peers, interleaved, and print ratios
#
# SPDX-License-Identifier: MPL-2.0
#
# Started by bench/run. A job is a program that prints lines
# "metric<TAB>value<TAB>unit". A round runs each job once, so that brood and
# its peers meet the same weather; a ratio is taken within a round, and what is
# printed is the median of the ratios with the smallest and the largest. There
# is no pass and no fail: a busy machine changes every number here.
#
#     JOBS -> s_round -> rows (round, metric, peer, value) -> tables | JSON

import argparse
import collections
import ctypes
import json
import os
import platform
import resource
import shlex
import signal
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
JOB_LIMIT_S = 120
OTHERS_MOST = 0.05  # Of the machine, before a job is run again
SKIP = 77
LOWER_IS_BETTER = {"us", "ms", "s", "kB", "B"}
SIZES = (("1M", 1000000), ("10M", 10000000))

# brood's programs: workloads, the name in the tables, command.
BROOD = [
    *[("W1", "brood map, arena", f"bench_typed_map arena {n}")
      for _, n in SIZES],
    *[("W1", "brood map, plain", f"bench_typed_map plain {n}")
      for _, n in SIZES],
    *[("W1", "brood map_msg, arrays", f"bench_message_map chunks {n}")
      for _, n in SIZES],
    *[("W1", "brood imap_from, arrays", f"bench_message_map stream {n}")
      for _, n in SIZES],
    ("W1", "brood map_msg, numbers", "bench_message_map items 1000000"),
    ("W2", "brood submit, all", "bench_submit all 500000"),
    ("W2", "brood submit, 500 in flight", "bench_submit window 500000"),
    ("W3", "brood submit and get", "bench_submit sync 20000"),
    *[("W4", name, f"bench_queue {how} {n} {n} 2000000") for n in (1, 4)
      for name, how in (("brood queue", "one"),
                        ("brood queue, 100 at a time", "many"))],
    ("W5", "brood pipe, bytes", "bench_pipe bytes"),
    ("W5", "brood pipe, messages", "bench_pipe messages"),
    *[("W6", "brood pool", f"bench_start_stop {n}") for n in (2, 16, 64)],
    ("W7", "brood map", "bench_uneven map"),
    ("W7", "brood submit", "bench_uneven submit"),
    *[("W8", "brood lock", f"bench_lock {n} 40000000") for n in (1, 4)],
    ("W8", "brood dict", "bench_dict 20000"),
    ("W9", "brood session", "bench_wan"),
    ("W9", "brood, 1 far host", "bench_submit tcp 500000"),
    ("W9", "brood, 1 far host", "bench_submit tcp-sync 10000"),
    ("pending", "brood", "bench_pending 1000000"),
    ("core", "brood core", "bench_core 1000000"),
]

# The peers', in peers/ of the build, or a .py of the sources.
PEERS = [
    *[("W1", how, f"serial_openmp_fork map {how} {n}")
      for how in ("serial", "openmp", "fork") for _, n in SIZES],
    ("W1", "zmq by hand, raw", "zmq_by_hand map raw 1000000 32768"),
    ("W1", "zmq by hand, raw", "zmq_by_hand map raw 10000000 131072"),
    *[("W1", "zmq by hand, msgpack", f"zmq_by_hand map msgpack {n} 32768")
      for _, n in SIZES],
    ("W1", "py Pool.map", "multiprocessing_peer.py map 1000000 10000"),
    ("W2", "zmq by hand", "zmq_by_hand tasks 500000"),
    ("W2", "py Pool.apply_async", "multiprocessing_peer.py tasks 50000"),
    ("W2", "py Pool.imap_unordered", "multiprocessing_peer.py imap 50000"),
    ("W2", "gearman", "gearman_peer tasks 50000"),
    ("W3", "zmq by hand", "zmq_by_hand sync 20000"),
    ("W3", "py Pool.apply", "multiprocessing_peer.py sync 10000"),
    ("W3", "gearman", "gearman_peer sync 10000"),
    ("W4", "C ring", "ring_pipe_mutex queue ring 20000000"),
    *[("W4", peer, command.format(n)) for n in (1, 4)
      for peer, command in (
          ("C pipe", "ring_pipe_mutex queue pipe {} 1000000"),
          ("zmq by hand, direct", "zmq_objects queue direct {} 2000000"),
          ("zmq by hand, broker", "zmq_objects queue broker {} 2000000"),
          ("py Queue", "multiprocessing_peer.py queue {} 200000"))],
    ("W5", "C pipe", "ring_pipe_mutex link pipe"),
    ("W5", "C socketpair", "ring_pipe_mutex link socketpair"),
    ("W5", "C ring", "ring_pipe_mutex link ring"),
    ("W5", "C ring, spinning", "ring_pipe_mutex link spin"),
    ("W5", "C memcpy", "ring_pipe_mutex link memcpy"),
    ("W5", "zmq by hand", "zmq_objects pair"),
    ("W5", "py Pipe", "multiprocessing_peer.py pipe"),
    *[("W6", peer, f"{command} {n}") for n in (2, 16, 64)
      for peer, command in (("fork", "serial_openmp_fork start"),
                            ("zmq by hand", "zmq_by_hand start"),
                            ("py Pool", "multiprocessing_peer.py start"),
                            ("gearman", "gearman_peer start"))],
    *[("W7", how, f"serial_openmp_fork rows {how}")
      for how in ("serial", "openmp", "fork")],
    ("W7", "zmq by hand, 1 in flight", "zmq_by_hand rows 1"),
    ("W7", "zmq by hand, 2 in flight", "zmq_by_hand rows 2"),
    ("W7", "py Pool.map", "multiprocessing_peer.py rows {mandel}"),
    ("W7", "gearman", "gearman_peer rows"),
    *[("W8", peer, command.format(n)) for n in (1, 4)
      for peer, command in (
          ("C robust mutex", "ring_pipe_mutex lock {} 40000000"),
          ("zmq by hand", "zmq_objects lock {} 20000"),
          ("py Lock", "multiprocessing_peer.py lock {} 1000000"))],
    ("W8", "zmq by hand", "zmq_objects dict 20000"),
    ("W9", "zmq and CURVE", "zmq_curve link"),
    ("W9", "zmq and CURVE", "zmq_curve tasks 500000"),
    ("W9", "zmq and CURVE", "zmq_curve sync 10000"),
    ("W8", "py Manager", "multiprocessing_peer.py dict 20000"),
]

# What brood aims at: metric, which of brood's, against whom (or what number),
# and the aim itself, as a ratio of brood's value to theirs.
AIMS = [
    *[(f"W1 map {size}", "brood map, arena", "fork", ">= 0.8")
      for size, _ in SIZES],
    *[(f"W1 map {size}", "brood map, plain", "fork", ">= 0.3")
      for size, _ in SIZES],
    *[(f"W1 map {size}", brood, "zmq by hand, msgpack", ">= 1")
      for size, _ in SIZES
      for brood in ("brood map_msg, arrays", "brood imap_from, arrays")],
    ("W1 map 1M", "brood map_msg, numbers", "py Pool.map", None),
    ("W2 tasks", "brood submit, all", "zmq by hand", ">= 2"),
    ("W2 tasks", "brood submit, 500 in flight", "zmq by hand", ">= 2"),
    ("W3 rtt median", "brood submit and get", "zmq by hand", "<= 1.15"),
    ("W3 rtt p99", "brood submit and get", "zmq by hand", "<= 1.15"),
    *[(f"W4 queue {n}", "brood queue", "zmq by hand, broker", ">= 1")
      for n in ("1-1", "4-4")],
    *[(f"W5 rtt 64B {which}", "brood pipe, bytes", "zmq by hand", "<= 1")
      for which in ("median", "p99")],
    ("W5 stream 64B", "brood pipe, bytes", "py Pipe", ">= 5"),
    *[(f"W6 start+stop {n}", "brood pool", "zmq by hand", "<= 1.2")
      for n in (2, 16, 64)],
    ("W6 pss/worker 64", "brood pool", 400, "<= 1"),
    ("W7 efficiency", "brood map", 98, ">= 1"),
    ("W7 efficiency", "brood submit", 98, ">= 1"),
    *[(f"W8 lock x{n}", "brood lock", "C robust mutex", ">= 0.5")
      for n in (1, 4)],
    *[(f"W8 dict {call}", "brood dict", "py Manager", ">= 0.7")
      for call in ("set", "get")],
    *[(f"W9 {part}", "brood session", "zmq and CURVE", ">= 0.5")
      for part in ("stream 64B", "bulk 64KiB", "bulk 1MiB", "bulk 64MiB")],
    ("W9 rtt 64B median", "brood session", "zmq and CURVE", "<= 2"),
    ("W9 tasks", "brood, 1 far host", "zmq and CURVE", ">= 0.5"),
    ("W9 task rtt median", "brood, 1 far host", "zmq and CURVE", "<= 4"),
    # 5 bytes of payload and 150 of book-keeping.
    ("pending without future", "brood", 155, "<= 1"),
]


# --- The build -------------------------------------------------------------

def cache(build):
    """The two settings of a build that matter here."""
    found = {"CMAKE_BUILD_TYPE": "", "BROOD_SANITIZE": ""}
    try:
        with open(f"{build}/CMakeCache.txt", encoding="utf-8") as lines:
            for line in lines:
                name, _, value = line.rstrip("\n").partition("=")
                name = name.partition(":")[0]
                if name in found:
                    found[name] = value
    except OSError:
        return None
    return found


def find_build(wanted):
    build = os.path.abspath(wanted or f"{ROOT}/build/release")
    settings = cache(build)
    if settings is None or not os.path.exists(f"{build}/bench/bench_submit"):
        sys.exit(f"bench/run: nothing is built in {build}. Either\n"
                 "    cmake --preset release && cmake --build --preset release"
                 "\nor name another build with --build DIR.")
    if settings["BROOD_SANITIZE"] or settings["CMAKE_BUILD_TYPE"] in (
            "", "Debug"):
        print(f"bench/run: {build} is not an optimised build",
              file=sys.stderr)
    return build


def resolve(build, command):
    """The command with the program's full path; None if it was not built."""
    program, *arguments = command.format(
        mandel=f"{build}/bench/peers/libmandel.so").split()
    if program.endswith(".py"):
        return [sys.executable, f"{HERE}/peers/{program}", *arguments]
    for folder in ("bench", "bench/inside", "bench/peers"):
        path = f"{build}/{folder}/{program}"
        if os.path.exists(path):
            return [path, *arguments]
    return None


def select(options, jobs):
    only = set(filter(None, options.only.split(",")))
    words = [word for word in options.match.split(",") if word]
    return [job for job in jobs
            if (not only or only & set(job[0].split(",")))
            and (not words or any(word in job[1] for word in words))]


def all_jobs(options, build):
    """(peer, argv) of all that are to run, and why others are not."""
    jobs, absent = [], {}
    for _, peer, command in select(options, BROOD + PEERS):
        argv = resolve(build, command)
        if argv:
            jobs.append((peer, argv))
        else:
            absent[peer] = "not built"
    if options.extra:
        with open(options.extra, encoding="utf-8") as lines:
            extra = [tuple(line.rstrip("\n").split("\t")) for line in lines
                     if line.count("\t") == 2]
        jobs += [(peer, shlex.split(command))
                 for _, peer, command in select(options, extra)]
    return jobs, absent


# --- Running ---------------------------------------------------------------

def busy_s():
    """CPU seconds the whole machine has used."""
    with open("/proc/stat", encoding="ascii") as lines:
        ticks = list(map(int, lines.readline().split()[1:]))
    return (sum(ticks[:3]) + sum(ticks[5:8])) / os.sysconf("SC_CLK_TCK")


def children_s():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def wait_idle():
    end = time.monotonic() + 5
    while time.monotonic() < end:
        before = busy_s()
        time.sleep(0.1)
        if busy_s() - before <= 0.02:
            return


def reap():
    """Collects the nurseries and daemons a job left to us."""
    end = time.monotonic() + 3
    while time.monotonic() < end:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.005)
        except ChildProcessError:
            return


def run_once(argv):
    """(exit status, output, last words, share of the machine others used)."""
    start, busy, children = time.monotonic(), busy_s(), children_s()
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.PIPE,
                          start_new_session=True) as process:
        try:
            out, err = process.communicate(timeout=JOB_LIMIT_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return -1, "", f"no end within {JOB_LIMIT_S} s", 0.0
    wall = time.monotonic() - start
    reap()
    # The kernel counts in ticks of 10 ms, hence the allowance.
    others = busy_s() - busy - (children_s() - children) - 0.03
    last = err.strip().splitlines()[-1] if err.strip() else "no word"
    share = max(0.0, others) / (wall * os.cpu_count())
    return process.returncode, out, last, share


def run_quiet(argv, busy):
    """The quietest of up to three runs; the first if the machine is busy."""
    best = None
    for _ in range(1 if busy else 3):
        if not busy:
            wait_idle()
        got = run_once(argv)
        if best is None or got[3] < best[3]:
            best = got
        if got[0] != 0 or got[3] <= OTHERS_MOST:
            return got
    return best


class Results:
    def __init__(self):
        self.values = collections.defaultdict(dict)  # (metric, peer)[round]
        self.units = {}
        self.skipped = {}
        self.failed = {}
        self.others_most = 0.0

    def add(self, number, peer, output):
        for line in output.splitlines():
            if line.count("\t") == 2:
                metric, value, unit = line.split("\t")
                self.values[metric, peer][number] = float(value)
                self.units[metric] = unit

    def add_efficiency(self):
        """W7 walls as a share of two CPUs, by the round's serial wall."""
        serial = self.values.get(("W7 wall", "serial"), {})
        for metric, peer in list(self.values):
            for number, wall in self.values[metric, peer].items():
                if metric == "W7 wall" and number in serial:
                    share = 100 * serial[number] / (2 * wall)
                    self.values["W7 efficiency", peer][number] = share
                    self.units["W7 efficiency"] = "% of 2 CPUs"

    def peers(self, metric):
        return [peer for name, peer in self.values if name == metric]


def run_rounds(jobs, options):
    results = Results()
    for number in range(options.rounds):
        start = time.monotonic()
        for peer, argv in jobs:
            if peer in results.skipped:
                continue
            status, out, last, others = run_quiet(argv, options.busy)
            results.others_most = max(results.others_most, others)
            if status == 0:
                results.add(number, peer, out)
            elif status == SKIP:
                results.skipped[peer] = last
            else:
                results.failed[shlex.join(argv)] = last
                print(f"failed: {shlex.join(argv)}: {last}", file=sys.stderr)
        print(f"round {number + 1} of {options.rounds}: "
              f"{time.monotonic() - start:.0f} s", file=sys.stderr)
    results.add_efficiency()
    return results


# --- Ratios ----------------------------------------------------------------

def summary(values):
    return {"median": statistics.median(values), "min": min(values),
            "max": max(values), "runs": len(values)}


def ratio(results, metric, brood, against):
    """brood's value over the other's, round by round; None without both."""
    ours = results.values.get((metric, brood), {})
    if isinstance(against, str):
        theirs = results.values.get((metric, against), {})
    else:
        theirs = dict.fromkeys(ours, against)
    ratios = [ours[n] / theirs[n] for n in ours if theirs.get(n)]
    return summary(ratios) if ratios else None


def best_peer(results, metric):
    low = results.units[metric] in LOWER_IS_BETTER
    medians = [(statistics.median(results.values[metric, peer].values()), peer)
               for peer in results.peers(metric)
               if not peer.startswith("brood")]
    if not medians:
        return None
    return (min if low else max)(medians)[1]


def ratios_of(results, metric):
    found = []
    for brood in results.peers(metric):
        if not brood.startswith("brood"):
            continue
        for name, who, against, aim in AIMS:
            if (name, who) == (metric, brood):
                got = ratio(results, metric, brood, against)
                if got:
                    found.append({"of": brood, "to": against, "aim": aim,
                                  **got})
        best = best_peer(results, metric)
        if best and best not in [entry["to"] for entry in found
                                 if entry["of"] == brood]:
            got = ratio(results, metric, brood, best)
            if got:
                found.append({"of": brood, "to": best, "aim": None, **got})
    return found


def report(results):
    """All there is to say about each metric, in one structure."""
    metrics = []
    for metric in sorted(results.units, key=lambda name: name.split()[0]):
        low = results.units[metric] in LOWER_IS_BETTER
        peers = [{"peer": peer,
                  **summary(results.values[metric, peer].values())}
                 for peer in results.peers(metric)]
        peers.sort(key=lambda entry: entry["median"], reverse=not low)
        metrics.append({"metric": metric, "unit": results.units[metric],
                        "better": "lower" if low else "higher",
                        "peers": peers,
                        "ratios": ratios_of(results, metric)})
    return metrics


# --- Printing --------------------------------------------------------------

def short(value):
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if letter == 'k' else size):.3g}{letter}"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def machine(build):
    model = platform.machine()
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
    settings = cache(build)
    return {"cpus": os.cpu_count(), "cpu": model, "kernel": platform.release(),
            "build": settings["CMAKE_BUILD_TYPE"] or "none",
            "sanitize": settings["BROOD_SANITIZE"],
            "time": time.strftime("%Y-%m-%d %H:%M %Z")}


def print_tables(metrics, results, facts):
    print(f"{facts['cpus']} x {facts['cpu']}, Linux {facts['kernel']}, "
          f"build {facts['build']}, {facts['time']}")
    print(f"others used at most {100 * results.others_most:.0f}% of the "
          "machine during a job")
    for entry in metrics:
        print(f"\n{entry['metric']} ({entry['unit']}, "
              f"{entry['better']} is better)")
        for row in entry["peers"]:
            spread = f"{short(row['min'])} – {short(row['max'])}"
            print(f"  {row['peer']:<30}{short(row['median']):>9}   {spread}")
        for row in entry["ratios"]:
            aim = f"   aim {row['aim']}" if row["aim"] else ""
            name = f"{row['of']} / {row['to']}"
            spread = f"{row['min']:.3g} – {row['max']:.3g}"
            print(f"    {name:<46} {row['median']:>6.3g}   {spread:<14}{aim}")
    for peer, why in results.skipped.items():
        print(f"\nnot measured: {peer}: {why}")
    for command, why in results.failed.items():
        print(f"\nfailed: {command}: {why}")


def options_of():
    parser = argparse.ArgumentParser(
        prog="bench/run", description="Measure brood against its peers.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", metavar="W2,W3",
                        help="workloads: W1 to W9, pending, core")
    parser.add_argument("--match", default="", metavar="WORD,...",
                        help="only jobs whose name contains one of these")
    parser.add_argument("--build", metavar="DIR", help="default build/release")
    parser.add_argument("--extra", metavar="FILE", help="more peers: lines "
                        "of workloads<TAB>peer<TAB>command")
    parser.add_argument("--busy", action="store_true", help="do not wait "
                        "for an idle machine, nor repeat disturbed jobs")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--jobs", action="store_true", help="print brood's "
                        "jobs as such lines, and run nothing")
    return parser.parse_args()


def main():
    options = options_of()
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # | head
    build = find_build(options.build)
    if options.jobs:
        for workload, peer, command in select(options, BROOD):
            print(workload, peer, shlex.join(resolve(build, command)),
                  sep="\t")
        return 0
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
    jobs, absent = all_jobs(options, build)
    results = run_rounds(jobs, options)
    results.skipped.update(absent)
    metrics, facts = report(results), machine(build)
    if options.json:
        json.dump({"machine": facts, "rounds": options.rounds,
                   "others_most": round(results.others_most, 3),
                   "not_measured": results.skipped,
                   "failed": results.failed, "metrics": metrics},
                  sys.stdout, indent=1, ensure_ascii=False)
        print()
    else:
        print_tables(metrics, results, facts)
    return 1 if results.failed else 0


sys.exit(main())
