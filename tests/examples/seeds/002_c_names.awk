# 002_c_names.awk - seed 002-C: both names, each starting before its exiting
#
# SPDX-License-Identifier: MPL-2.0

/^(Starting|Exiting) process name = .* $/ {
    what = $1
    sub (/^[A-Z][a-z]+ process name = /, "")
    seen[what " " $0]++
    if (what == "Exiting" && !seen["Starting " $0])
        wrong("exits before it starts: " $0)
    n++
    next
}
!/^$/ {
    wrong("no such line: " $0)
}
END {
    want("lines", n, 4)
    for (line in seen)
        want(line, seen[line], 1)
    if (!(("Exiting myFunc process ") in seen))
        wrong("no myFunc process")
    if (!(("Exiting Process-2 ") in seen))
        wrong("no Process-2")
    exit verdict()
}
