# 001_h_one_per_cpu.awk - seed 001-H: a number, and so many processes
#
# SPDX-License-Identifier: MPL-2.0

NR == 1 {
    if (!/^[1-9][0-9]*$/)
        wrong("no number: " $0)
    n = $0 + 0
    next
}
{
    seen[$0]++
}
END {
    want("processes", NR - 1, n)
    for (i = 1; i <= n; i++)
        want("Process-" i, seen["Process-" i], 1)
    exit verdict()
}
