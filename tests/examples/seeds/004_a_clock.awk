# 004_a_clock.awk - seed 004-A: five times, one after the other
#
# SPDX-License-Identifier: MPL-2.0

{
    line = $0
    if (!sub (/^当前时间==/, "", line) || !is_time(line))
        wrong("no time: " $0)
    if (clock_of["day"] == day && clock_of["time"] < time)
        wrong("backwards: " $0)
    day = clock_of["day"]
    time = clock_of["time"]
}
END {
    want("lines", NR, 5)
    if (ms < 250)
        wrong("five naps of 50 ms in " ms)
    exit verdict()
}
