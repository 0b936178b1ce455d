# 001_f_threads.awk - seed 001-F: as 001-D, and THREADS threads
#
# SPDX-License-Identifier: MPL-2.0

{
    said = said $0 "|"
}
END {
    want("said", said,
         "mission start.|线程个数:" ENVIRON["THREADS"] \
         "|subprocess|mission end.|End|")
    exit verdict()
}
