#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# similar: verdicts of logs and cells, the reasons, frames side by side, JSON, wrong usage.
set -eu
# shellcheck source=tests/cli/tap.sh
. "${SOURCE_ROOT:?}/tests/cli/tap.sh"

golden=$SOURCE_ROOT/tests/golden/crash
export XDG_CONFIG_HOME=$T/config
unset KREGLAB_CONFIG

# oops FUNCTION CALLER…: a log of a NULL dereference there.
oops() {
    local function=$1
    shift
    echo "[    5.100000] BUG: kernel NULL pointer dereference, address: 0000000000000008"
    echo "[    5.100000] Oops: 0000 [#1] PREEMPT SMP"
    echo "[    5.100000] CPU: 0 PID: 77 Comm: test Not tainted 6.1.0-42-amd64 #1"
    echo "[    5.100000] RIP: 0010:$function+0x12/0x40"
    echo "[    5.100000] Call Trace:"
    echo "[    5.100000]  <TASK>"
    printf '[    5.100000]  %s+0x1/0x2\n' "$@"
    echo "[    5.100000]  </TASK>"
    echo "[    5.100000] ---[ end trace 0000000000000000 ]---"
}
# lockup FUNCTION CALLER…
lockup() {
    oops "$@" | sed 's/BUG: kernel NULL.*/watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [test:77]/;/Oops/d'
}

oops lab_f lab_g lab_h lab_i >"$T/one.log"
oops lab_f lab_x lab_y lab_z >"$T/same.log"
oops lab_q lab_g lab_h lab_i >"$T/near.log"
oops lab_1 lab_2 lab_3 lab_4 >"$T/far.log"
sed 's/BUG: kernel.*/general protection fault: 0000 [#1] SMP/;/Oops/d' "$T/one.log" >"$T/gpf.log"
echo "[    0.100000] all is well" >"$T/clean.log"

verdict() {
    "$KREGLAB" similar --json "$@" | jq -r .verdict
}

is "a log and itself: status 0" "$(status "$KREGLAB" similar "$T/one.log" "$T/one.log")" 0
is "they are the same" "$(verdict "$T/one.log" "$T/one.log")" same
is "with the score 1" "$("$KREGLAB" similar --json "$T/one.log" "$T/one.log" | jq '.score == 1')" true
is "one signature, other callers" "$(verdict "$T/one.log" "$T/same.log")" same
is "the reason" "$("$KREGLAB" similar --json "$T/one.log" "$T/same.log" | jq -r .why | cut -d: -f1)" 'same place (signature K0)'
is "another class, one alternative" "$(verdict "$T/one.log" "$T/gpf.log")" same
has "the alternative is told" <("$KREGLAB" similar "$T/one.log" "$T/gpf.log") "callers \\(signature K1\\): 'bad-access in lab_f'"
is "other stacks" "$(verdict "$T/one.log" "$T/far.log")" different
is "another threshold makes near ones similar" \
    "$(verdict "$T/one.log" "$T/near.log")$(verdict -t 0.2 "$T/one.log" "$T/near.log")" differentsimilar
mkdir -p "$T/config/kreglab"
printf 'similarity:\n  threshold: 0.2\n' >"$T/config/kreglab/config.yaml"
is "so does the configuration" "$(verdict "$T/one.log" "$T/near.log")" similar
printf 'similarity:\n  threshold: 7\n' >"$T/config/kreglab/config.yaml"
is "a wrong one: status 2" "$(status "$KREGLAB" similar "$T/one.log" "$T/near.log")" 2
has "with its place" "$T/err" 'config.yaml:2:.*threshold'
rm -r "$T/config"
is "nothing to compare" "$(verdict "$T/one.log" "$T/clean.log")" inconclusive
has "says so" <("$KREGLAB" similar "$T/one.log" "$T/clean.log") '^B shows no crash'

# --- hangs are sets ---
mkdir "$T/a" "$T/b"
n=0
for place in lab_f lab_g lab_h; do
    n=$((n + 1))
    lockup "$place" "call_$n" "more_$n" >"$T/a/$n.log"
    lockup "$place" "work_$n" "less_$n" >"$T/b/$n.log"
done
is "two traces of a hang" "$(verdict "$T/a/1.log" "$T/b/1.log")" inconclusive
has "why" <("$KREGLAB" similar "$T/a/1.log" "$T/b/1.log") 'hang seen 1 and 1 times'
is "three of each, as directories" "$(verdict "$T/a" "$T/b")" same
is "and by --also-a, --also-b" \
    "$(verdict "$T/a/1.log" "$T/b/1.log" -a "$T/a/2.log" -a "$T/a/3.log" -b "$T/b/2.log" -b "$T/b/3.log")" same
is "the same trace" "$(verdict "$T/a/1.log" "$T/a/1.log")" same

# --- what it is printed like ---
"$KREGLAB" similar "$T/one.log" "$T/near.log" >"$T/out"
is "80 columns" "$(awk 'length > 80' "$T/out" | grep -vc "$T")" 0
has "matches are marked" "$T/out" '^ =  lab_g +lab_g$'
has "what has no partner too" "$T/out" '^< > lab_f +lab_q$'
ok "$(grep -c $'\033' "$T/out")" "no colour without a terminal"
is "the frames in JSON" \
    "$("$KREGLAB" similar --json "$T/one.log" "$T/near.log" | jq -c '[.frames[] | select(.match) | .a.function]')" \
    '["lab_g","lab_h","lab_i"]'

# --- compressed, stdin, cells ---
gzip -k "$T/one.log"
xz -k "$T/same.log"
is "compressed" "$(verdict "$T/one.log.gz" "$T/same.log.xz")" same
is "stdin" "$("$KREGLAB" similar --json - "$T/one.log" <"$T/same.log" | jq -r .verdict)" same
run=$(make_run 6.1 true 3)
FAKE_WORKER_PLAN='*=crash' status "$KREGLAB" resume "$run" >/dev/null
cell=$("$KREGLAB" show --json "$run" | jq -r '.cells[0].id')
other=$("$KREGLAB" show --json "$run" | jq -r '.cells[1].id')
kernel=$("$KREGLAB" show --json "$run" | jq -r '.cells[0].kernel')
is "cells" "$(verdict "$run/$cell" "latest/$other")" same
is "the beginning of an id" "$(verdict "${cell:0:8}" "${other:0:8}")" same
is "all repetitions" \
    "$("$KREGLAB" similar --json "$run/$kernel/true/stock" "$run/$cell" | jq -c '[.a.crashes, .b.crashes]')" '[3,1]'
is "--own-runs" "$(status "$KREGLAB" similar --own-runs "$run/$cell" "$T/one.log")" 0

is "an absent file: status 2" "$(status "$KREGLAB" similar "$T/none.log" "$T/one.log")" 2
has "says what there could be" "$T/err" 'no file.*RUN/CELL'
is "one argument: status 2" "$(status "$KREGLAB" similar "$T/one.log")" 2
is "a threshold of words: status 2" "$(status "$KREGLAB" similar -t much "$T/one.log" "$T/one.log")" 2
is "rubbish is no crash" "$(head -c 100000 /dev/urandom >"$T/rubbish"; verdict "$T/rubbish" "$T/one.log")" inconclusive
is "golden logs of one class and two kernels" \
    "$(verdict "$golden/lab-hung-task-5.10.log" "$golden/lab-hung-task-6.1.log")" same
printf 'KDUMP   and then nothing that a dump has' >"$T/broken"
is "a damaged vmcore is told" "$(status "$KREGLAB" similar "$T/broken" "$T/one.log")" 2
has "by its name" "$T/err" 'broken'
finish
