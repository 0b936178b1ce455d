# 001_n_executor.awk - seed 001-N: ten tasks on four workers, waited for
#
# SPDX-License-Identifier: MPL-2.0
#
# Three rounds of 100 ms at least, or shutdown has not waited; ten in a row would
# be a second.

$0 != "执行" {
    wrong("no such line: " $0)
}
END {
    want("lines", NR, 10)
    if (ms < 300)
        wrong("three rounds in " ms " ms")
    if (ms >= 1000)
        again("as slow as one worker: " ms " ms")
    exit verdict()
}
