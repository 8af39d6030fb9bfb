#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Several kreglabs in one data directory, and Ctrl-C.
set -eu
# shellcheck source=tests/cli/tap.sh
. "${SOURCE_ROOT:?}/tests/cli/tap.sh"

# wait_for COMMAND…: until it succeeds, ten seconds at most.
wait_for() {
    for _ in $(seq 200); do
        if "$@" >/dev/null 2>&1; then return 0; fi
        sleep 0.05
    done
    return 1
}

# Runs in the background as a job of its own: bash would have it ignore SIGINT otherwise.
start() {
    env -u POSIXLY_CORRECT python3 -c '
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])' "$@" &
}

run=$(make_run 6.1 slow 3)
export FAKE_WORKER_PLAN='*/slow/*=slow;*/stubborn/*=stubborn'
start "$KREGLAB" resume -j 2 "$run" >"$T/first" 2>&1
parent=$!
ok "$(wait_for grep -q start "$FAKE_WORKER_LOG"; echo $?)" "a run goes"
is "a second parent is refused: status 2" "$(status "$KREGLAB" resume "$run")" 2
has "with the cause" "$T/err" 'driven by another kreglab'
is "list says that it runs" "$("$KREGLAB" list --json | jq -r '.runs[0].state')" running
kill -INT "$parent"
code=0
wait "$parent" || code=$?
is "Ctrl-C once: status 3" "$code" 3
has "it says what it does" "$T/first" 'stopping'
has "and how to go on" "$T/first" "kreglab resume $run"
is "the workers were stopped, not lost" \
    "$(jq -r 'select(.event == "stopped") | .cell' "$KREGLAB_DATA/runs/$run/journal.jsonl" | wc -l)" 2
is "list says stopped" "$("$KREGLAB" list --json | jq -r '.runs[0].state')" stopped
FAKE_WORKER_PLAN='' status "$KREGLAB" resume "$run" >/dev/null
is "resume runs the rest" "$(results "$run")" 3

run=$(make_run 6.1 stubborn 1)
: >"$FAKE_WORKER_LOG"
start "$KREGLAB" resume "$run" >"$T/first" 2>&1
parent=$!
wait_for grep -q start "$FAKE_WORKER_LOG" || true
worker=$(awk '/^start/ { print $3 }' "$FAKE_WORKER_LOG")
kill -INT "$parent"
# Two signals that arrive together are one.
wait_for grep -q stopping "$T/first" || true
sleep 0.3
ok "$(kill -0 "$parent" 2>/dev/null; echo $?)" "a worker that does not stop is waited for"
kill -INT "$parent"
code=0
wait "$parent" || code=$?
is "Ctrl-C twice: status 3" "$code" 3
ok "$(! kill -0 "$worker" 2>/dev/null; echo $?)" "the worker is gone"

unset FAKE_WORKER_PLAN
export FAKE_WORKER_MS=20
one=$(make_run 6.1 true 20)
two=$(make_run 6.1 true 20)
"$KREGLAB" resume -j 3 "$one" >"$T/first" 2>&1 &
first=$!
code=$(status "$KREGLAB" resume -j 3 "$two")
wait "$first" || code=bad
is "two runs at once in one data directory" "$code" 0
is "both are whole" "$(results "$one") $(results "$two")" "20 20"
is "and in the index" "$("$KREGLAB" list --json | jq -c '[.runs[0,1].done]')" '[20,20]'
finish
