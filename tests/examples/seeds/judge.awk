# judge.awk - what the judges of seeds have in common
#
# SPDX-License-Identifier: MPL-2.0
#
# check sets pid (the program's), ms (how long it ran) and began (when, in
# milliseconds since 1970). A judge ends with `exit verdict()`; 2 is what awk
# says of a judge it cannot read.

# It is wrong, whatever happens.
function wrong (why) {
    print why
    is_wrong = 1
}

# It is right, but the scheduler did not show it.
function again (why) {
    print why
    is_unseen = 1
}

function verdict () {
    return is_wrong ? 1 : is_unseen ? 3 : 0
}

function want (name, got, wanted) {
    if (got != wanted)
        wrong(name ": " got ", wanted " wanted)
}

# The end of a line that ctime () made. It goes with the time of day, and the
# day, into clock_of[].
function is_time (text,    words, n) {
    n = split (text, words, " +")
    clock_of["day"] = words[1] " " words[2] " " words[3] " " words[5]
    clock_of["time"] = words[4]
    return n == 5 && words[1] ~ /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)$/ &&
        words[2] ~ /^(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)$/ &&
        words[3] ~ /^[1-9][0-9]?$/ &&
        words[4] ~ /^[0-2][0-9]:[0-5][0-9]:[0-6][0-9]$/ &&
        words[5] ~ /^[0-9][0-9][0-9][0-9]$/
}
