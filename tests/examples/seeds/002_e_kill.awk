# 002_e_kill.awk - seed 002-E: five lines in order, among what the child says
#
# SPDX-License-Identifier: MPL-2.0

/^Process (before execution|running|joined|exit code): / {
    said = said $0 "|"
    next
}
/^Process terminated: / {
    if ($0 ~ /: <Process\(Process-1, stopped exitcode=-SIGTERM\)> False$/)
        again("it was gone at once")
    else
        want("line", $0,
             "Process terminated: <Process(Process-1, started)> True")
    said = said "terminated|"
    next
}
!/^(Starting function|-->0|)$/ {
    wrong("no such line: " $0)
}
END {
    want("said", said,
         "Process before execution: <Process(Process-1, initial)> False|" \
         "Process running: <Process(Process-1, started)> True|" \
         "terminated|" \
         "Process joined: <Process(Process-1, stopped exitcode=-SIGTERM)> " \
         "False|" \
         "Process exit code: -15|")
    exit verdict()
}
