# workers.awk - seeds 000-A, 000-B and 000-C: who starts, finishes
#
# SPDX-License-Identifier: MPL-2.0
#
# NAMES in the environment of them, at most MOST at a time, and some time as
# many as TOGETHER.

/^Started worker computer_[0-9]+$/ {
    started[$3]++
    n_started++
    if (++running > most)
        most = running
    next
}
/^computer_[0-9]+ worker finished in [1-4] seconds$/ {
    if (!started[$1])
        wrong($1 " has finished, and not started")
    finished[$1]++
    n_finished++
    running--
    if ($5 > longest)
        longest = $5
    next
}
{
    wrong("no such line: " $0)
}
END {
    n = ENVIRON["NAMES"]
    want("started", n_started, n)
    want("finished", n_finished, n)
    for (i = 0; i < n; i++)
        if (started["computer_" i] != 1 || finished["computer_" i] != 1)
            wrong("computer_" i ": not once")
    if (most > ENVIRON["MOST"])
        wrong(most " at a time")
    else if (most < ENVIRON["TOGETHER"])
        again("only " most + 0 " at a time")
    if (ms < longest * 50)
        wrong(ms " ms, the longest alone takes more")
    exit verdict()
}
