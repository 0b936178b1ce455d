# 003_a_two_processes.awk - seed 003-A: two at the same time, and the last line
#
# SPDX-License-Identifier: MPL-2.0

{
    seen[$0] = NR
}
END {
    want("lines", NR, 5)
    want("the last", $0, "Both processes are done")
    for (i = 1; i <= 2; i++) {
        name = substr ("AB", i, 1)
        first[i] = seen["Worker " name " is starting"]
        last[i] = seen["Worker " name " is done"]
        if (!first[i] || last[i] <= first[i])
            wrong(name " did not start, or end after it")
    }
    if (first[1] > last[2] || first[2] > last[1])
        again("one after the other")
    if (ms < 100)
        wrong("100 ms in " ms)
    exit verdict()
}
