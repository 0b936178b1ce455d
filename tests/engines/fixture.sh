# fixture.sh - what the fixtures have in common
#
# SPDX-License-Identifier: MPL-2.0
#
#     . fixture.sh        in a fixture, with its arguments: start|stop DIR
#
# A fixture makes all its files in DIR, which its caller makes and removes. start
# leaves no daemon when it fails. 77: this machine cannot, and the last line says why.

action=${1:-}
dir=${2:-}
case $action/$dir in
start/?* | stop/?* | set/?* | guard/?*) ;;
*)
    sed -n 's/^#     //p' "$0" >&2
    exit 64
    ;;
esac
dir=$(cd "$dir" && pwd) || exit 1
here=$(cd "$(dirname "$0")" && pwd)
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
# Not to be taken for what a test has left behind.
[ -z "${BROOD_T_MARK:-}" ] || exec env -u BROOD_T_MARK "$0" "$@"

skip () {
    echo "$(basename "$0"): $*"
    exit 77
}
# need PROGRAM PACKAGE
need () {
    command -v "$1" >/dev/null || skip "no $1 here, it is in the package $2"
}
# For what should have worked: the end of what was logged, and no daemons.
fail () {
    tail -n 5 "$dir"/*.log 2>/dev/null
    echo "$(basename "$0"): $*"
    stop_daemons
    exit 1
}
# run_daemon NAME COMMAND...: beside us, out of our session; its pid is $daemon
run_daemon () {
    name=$1
    shift
    T_FIXTURE=$dir setsid "$@" </dev/null >>"$dir/$name.log" 2>&1 &
    daemon=$!
    # Out of reach of who kills all of a test that takes too long.
    if [ ! -e "$dir/daemons" ]; then
        setsid "$0" guard "$dir" $PPID "$(born $PPID)" \
            </dev/null >/dev/null 2>&1 &
    fi
    echo "$daemon $(born $daemon)" >>"$dir/daemons"
}
# guard PID BORN: a caller that is killed, as by a watchdog, stops nothing.
guard () {
    while [ "$(born "$1")" = "$2" ]; do
        sleep 1
        [ -e "$dir/daemons" ] || exit 0
    done
    stop_daemons
}
# When the process was born: with its number that is the process.
born () {
    sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20
}
# eventually COMMAND...: until it succeeds, for half a minute
eventually () {
    tries=300
    until "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || return 1
        sleep 0.1
    done
}
# Those that run, and what they have started. sshd writes over its environment.
daemons () {
    while read -r pid time; do
        [ "$(born "$pid")" != "$time" ] || echo "$pid"
    done <"$dir/daemons"
    grep -lzxF "T_FIXTURE=$dir" /proc/[0-9]*/environ 2>/dev/null |
        cut -d/ -f3 | grep -vx $$
}
no_daemons () {
    [ -z "$(daemons)" ]
}
stop_daemons () {
    [ -e "$dir/daemons" ] || return 0
    for signal in TERM KILL; do
        pids=$(daemons)
        [ -n "$pids" ] || break
        kill -$signal $pids 2>/dev/null
        tries=50
        until no_daemons || [ $tries -eq 0 ]; do
            tries=$((tries - 1))
            sleep 0.1
        done
    done
    rm "$dir/daemons"
}

if [ "$action" = guard ]; then
    guard "$3" "$4"
    exit 0
fi
