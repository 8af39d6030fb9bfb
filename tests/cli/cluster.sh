#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# cluster: groups of logs, why they are groups, what could not be read.
set -eu
# shellcheck source=tests/cli/tap.sh
. "${SOURCE_ROOT:?}/tests/cli/tap.sh"

export XDG_CONFIG_HOME=$T/config
unset KREGLAB_CONFIG

# warning FUNCTION CALLER…
warning() {
    local function=$1
    shift
    echo "[    5.100000] ------------[ cut here ]------------"
    echo "[    5.100000] WARNING: CPU: 0 PID: 77 at mm/lab.c:12 $function+0x12/0x40"
    echo "[    5.100000] CPU: 0 PID: 77 Comm: test Not tainted 6.1.0-42-amd64 #1"
    echo "[    5.100000] RIP: 0010:$function+0x12/0x40"
    echo "[    5.100000] Call Trace:"
    echo "[    5.100000]  <TASK>"
    printf '[    5.100000]  %s+0x1/0x2\n' "$@"
    echo "[    5.100000]  </TASK>"
    echo "[    5.100000] ---[ end trace 0000000000000000 ]---"
}

mkdir -p "$T/logs/below"
for i in 1 2 3 4 5 6 7 8; do
    warning lab_often "caller_$i" "other_$i" >"$T/logs/often-$i.log"
done
warning lab_f lab_g lab_h lab_i lab_j lab_k >"$T/logs/near-1.log"
warning lab_g lab_h lab_i lab_j lab_k >"$T/logs/below/near-2.log"
warning lab_alone lab_1 lab_2 | gzip >"$T/logs/alone.gz"
echo "[    0.100000] all is well" >"$T/logs/clean.log"

is "status 0" "$(status "$KREGLAB" cluster "$T/logs")" 0
has "the largest group first" <(head -n 1 "$T/out") '^ +8  WARNING in lab_often$'
has "why it is one" "$T/out" "joined: same place \\(signature K0\\): 'WARNING in lab_often'"
has "some of its files" "$T/out" 'and 2 more files'
has "a group by score" "$T/out" 'stacks score 0\.[0-9]+: '
has "counts" "$T/out" '^12 files: 3 bugs, 1 without a crash$'
is "--verbose shows all" "$("$KREGLAB" -v cluster "$T/logs" | grep -c 'often-')" 8
"$KREGLAB" cluster --json "$T/logs" >"$T/json"
is "JSON: groups" "$(jq -c '[.groups[] | .count]' "$T/json")" '[8,2,1]'
is "each with a reason" "$(jq -c '[.groups[] | .why | length > 0]' "$T/json")" '[true,true,false]'
is "files of directories below too" "$(jq -r '.groups[1].files[].file' "$T/json" | grep -c below)" 1
is "logs without a crash" "$(jq -r '.clean[]' "$T/json")" "$T/logs/clean.log"
is "the order of arguments does not matter" \
    "$("$KREGLAB" cluster --json "$T"/logs/often-* "$T/logs/near-1.log" | jq -c '[.groups[] | .count]')" \
    "$("$KREGLAB" cluster --json "$T/logs/near-1.log" "$T"/logs/often-* | jq -c '[.groups[] | .count]')"
is "a threshold of 1 joins names only" \
    "$("$KREGLAB" cluster --json -t 1 "$T/logs" | jq -c '[.groups[] | .count]')" '[8,1,1,1]'

is "one that cannot be read: status 0" "$(status "$KREGLAB" cluster "$T/logs" "$T/none.log")" 0
has "it is told" "$T/err" 'not read: .*none.log'
has "and counted" "$T/out" ', 1 not readable$'
is "none can be read: status 2" "$(status "$KREGLAB" cluster "$T/none.log")" 2
is "no arguments: status 2" "$(status "$KREGLAB" cluster)" 2
is "an empty directory: status 0" "$(mkdir "$T/empty"; status "$KREGLAB" cluster "$T/empty")" 0
mkfifo "$T/logs/fifo"
ln -s . "$T/logs/loop"
is "a fifo and a loop below are passed over" "$(timeout 20 "$KREGLAB" cluster --json "$T/logs" | jq .files)" 12
is "file names are cleaned" "$(touch "$T/empty/a"$'\033'"[31mb"; warning lab_f a >"$T/empty/a"$'\033'"[31mb"
    "$KREGLAB" cluster "$T/empty" | grep -c $'\033')" 0

# Many files: names and a hash table, no alignment of all with all.
mkdir "$T/many"
for i in $(seq 1500); do
    warning "lab_f$((i % 500))" "lab_g$((i % 300))" "lab_h$((i % 200))" do_syscall_64 >"$T/many/$i"
done
start=$(date +%s%N)
"$KREGLAB" cluster --json "$T/many" >"$T/json"
took=$((($(date +%s%N) - start) / 1000000))
echo "# 1500 logs in $took ms"
is "1500 logs: all are in a group" "$(jq '[.groups[].count] | add' "$T/json")" 1500
ok "$((took > 30000))" "within half a minute"
finish
