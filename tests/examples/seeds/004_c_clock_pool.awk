# 004_c_clock_pool.awk - seeds 004-C and 004-E: twenty times, from PIDS processes
#
# SPDX-License-Identifier: MPL-2.0

{
    who = line = $0
    sub (/当前时间==.*/, "", who)
    if (who !~ /^[1-9][0-9]*$/ || !sub (/^[0-9]+当前时间==/, "", line) ||
        !is_time(line))
        wrong("no pid and time: " $0)
    if (!(who in lines))
        n_pids++
    lines[who]++
}
END {
    pids = ENVIRON["PIDS"]
    want("lines", NR, 20)
    if (pids == 1 && !(pid in lines))
        wrong("not the program itself")
    if (pids > 1 && pid in lines)
        wrong("the program itself")
    if (n_pids > pids)
        wrong(n_pids " pids")
    else if (n_pids < pids)
        again("only " n_pids " pids")
    if (ms < 20 / pids * 50)
        wrong(20 / pids " naps of 50 ms in " ms)
    exit verdict()
}
