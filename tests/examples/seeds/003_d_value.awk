# 003_d_value.awk - seed 003-D: what a lock is for
#
# SPDX-License-Identifier: MPL-2.0
#
# COUNT by each of four. With LOSES=1 some of the unlocked ones must be lost.

BEGIN {
    all = 4 * ENVIRON["COUNT"]
}
NR == 1 {
    if (!/^Counter value: [1-9][0-9]*$/ || $3 > all)
        wrong("no such line: " $0)
    if (ENVIRON["LOSES"] && $3 == all)
        again("none was lost")
}
NR == 2 {
    want("line 2", $0, "Counter value, locked: " all)
}
NR == 3 {
    want("line 3", $0, "Counter value, atomic: " all)
}
END {
    want("lines", NR, 3)
    exit verdict()
}
