# 001_e_pid.awk - seed 001-E: a pid that is not the parent's, then as 001-D
#
# SPDX-License-Identifier: MPL-2.0

NR == 1 && (!/^[1-9][0-9]*$/ || $0 == pid) {
    wrong("no pid of a child: " $0)
}
NR > 1 {
    rest = rest $0 "|"
}
END {
    want("then", rest, "mission start.|subprocess|mission end.|End|")
    exit verdict()
}
