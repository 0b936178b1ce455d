# 002_d_background.awk - seed 002-D: who is waited for, and who is not
#
# SPDX-License-Identifier: MPL-2.0
#
# S stands for starting, E for exiting. With DAEMON=1 the background process says
# as much of 0 to 4 as it has time for.

/^(Starting|Exiting) background_process $/ {
    background = background substr ($1, 1, 1)
    next
}
/^(Starting|Exiting) NO_background_process $/ {
    other = other substr ($1, 1, 1)
    next
}
/^---> [0-4] $/ {
    background = background $2
    next
}
/^---> [5-9] $/ {
    other = other $2
    next
}
!/^$/ {
    wrong("no such line: " $0)
}
END {
    want("NO_background_process", other, "S56789E")
    if (ENVIRON["DAEMON"] == 0)
        want("background_process", background, "S01234E")
    else if (index ("S01234E", background) != 1 && background != "")
        wrong("background_process: " background)
    else if (background ~ /E/)
        again("background_process came to its end")
    exit verdict()
}
