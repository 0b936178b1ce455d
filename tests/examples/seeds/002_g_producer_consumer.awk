# 002_g_producer_consumer.awk - seed 002-G: in as out, and sizes that can be
#
# SPDX-License-Identifier: MPL-2.0
#
# A size is that of a moment between the producer's line before it and its own.
# How many were taken by then is known but for the one that the consumer has
# taken and not told.

/^Process Producer : item [0-9]+ appended to queue producer-1$/ {
    in_items = in_items $5 " "
    n_in++
    popped_before = n_out
    next
}
/^The size of queue is [0-9]+$/ {
    n_sizes++
    if ($6 < n_in - n_out - 1 || $6 > n_in - popped_before)
        wrong("size " $6 " after " n_in " in, " n_out " out")
    next
}
/^Process Consumer : item [0-9]+ popped from by consumer-2 $/ {
    out_items = out_items $5 " "
    if ($5 > 256)
        wrong("no such item: " $5)
    n_out++
    next
}
/^the queue is empty$/ {
    at_end = NR
    next
}
!/^$/ {
    wrong("no such line: " $0)
}
END {
    want("put", n_in, 10)
    want("sizes", n_sizes, 10)
    want("items", out_items, in_items)
    want("the last line", at_end, NR)
    exit verdict()
}
