# 002_k_barrier.awk - seed 002-K: p1 waits for p2, p3 and p4 for nobody
#
# SPDX-License-Identifier: MPL-2.0
#
# Times are of the day, in UTC. p2 starts 200 ms after the program at least.

function since (time,    parts, s) {
    split (time, parts, ":")
    s = parts[1] * 3600 + parts[2] * 60 + parts[3]
    s -= (began - int (began / 86400000) * 86400000) / 1000
    return s < -43200 ? s + 86400 : s
}
/^process p[12] - test_with_barrier ----> / ||
/^process p[34] - test_without_barrier ----> / {
    if ($6 !~ /^20[0-9][0-9]-[01][0-9]-[0-3][0-9]$/ ||
        $7 !~ /^[0-2][0-9]:[0-5][0-9]:[0-6][0-9]\.[0-9][0-9][0-9][0-9][0-9][0-9]$/)
        wrong("no time: " $0)
    seen[$2]++
    at[$2] = since($7)
    next
}
{
    wrong("no such line: " $0)
}
END {
    for (i = 1; i <= 4; i++)
        want("p" i, seen["p" i], 1)
    if (at["p1"] < 0.2 || at["p2"] < 0.2)
        wrong("somebody did not wait at the barrier")
    apart = at["p1"] - at["p2"]
    if (apart > 0.001 || apart < -0.001)
        again("p1 and p2 are " apart " s apart")
    if (at["p3"] >= at["p1"] || at["p4"] >= at["p1"])
        again("p3 or p4 was late")
    exit verdict()
}
