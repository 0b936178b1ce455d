# 004_b_clock_process.awk - seed 004-B: two clocks at the same time
#
# SPDX-License-Identifier: MPL-2.0

{
    who = $0
    sub (/==.*/, "", who)
    line = substr ($0, length (who) + 3)
    if (who !~ /^[1-9][0-9]*$/ || who == pid || !is_time(line))
        wrong("no pid and time: " $0)
    if (!(who in lines))
        n_pids++
    lines[who]++
    if (who != before)
        turns++
    before = who
}
END {
    want("pids", n_pids, 2)
    for (who in lines)
        want("lines of " who, lines[who], 5)
    if (turns <= 2)
        again("one after the other")
    exit verdict()
}
