# 003_c_producer_first.awk - seed 003-C: ITEMS are produced, then all consumed
#
# SPDX-License-Identifier: MPL-2.0

BEGIN {
    n = ENVIRON["ITEMS"]
}
{
    wanted = NR <= n ? "Produced " (NR - 1) : "Consumed " (NR - n - 1)
}
$0 != wanted && !is_wrong {
    wrong("line " NR ": " $0 ", wanted " wanted)
}
END {
    want("lines", NR, 2 * n)
    exit verdict()
}
