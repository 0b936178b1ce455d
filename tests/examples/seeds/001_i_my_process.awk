# 001_i_my_process.awk - seed 001-I: start does not wait, and the end does
#
# SPDX-License-Identifier: MPL-2.0
#
# That the child's line is there at all is main's waiting at its end.

{
    seen[$0] = NR
}
END {
    want("lines", NR, 2)
    if (!seen["继续执行..."] || !seen["执行此进程..."])
        wrong("a line is missing")
    else if (seen["继续执行..."] > seen["执行此进程..."])
        again("the child was faster")
    exit verdict()
}
