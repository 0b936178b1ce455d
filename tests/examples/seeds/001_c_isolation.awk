# 001_c_isolation.awk - seed 001-C: two lists of one name, in any order
#
# SPDX-License-Identifier: MPL-2.0

BEGIN {
    numbers = "0"
    for (i = 1; i < 1000; i++)
        numbers = numbers ", " i
}
{
    seen[$0]++
}
END {
    want("lines", NR, 2)
    want("the parent's", seen["主进程的name []"], 1)
    want("the child's", seen["子进程的name [" numbers "]"], 1)
    exit verdict()
}
