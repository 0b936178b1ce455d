# 001_o_done_callback.awk - seed 001-O: each result once, after its task began
#
# SPDX-License-Identifier: MPL-2.0

$0 == "执行" {
    begun++
    next
}
/^[0-9]$/ {
    results[$0]++
    if (++n_results > begun)
        wrong("a result before its task")
    next
}
$0 == "<Process(MainProcess, started)>" {
    said++
    if (n_results > 0)
        again("main was slow to say who it is")
    next
}
{
    wrong("no such line: " $0)
}
END {
    want("tasks", begun, 10)
    want("main", said, 1)
    for (i = 0; i < 10; i++)
        want("result " i, results[i], 1)
    exit verdict()
}
