#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kill -9 of the parent, of workers, or of both, at random moments, again and again: each resume
# goes on, nothing is lost, nothing is run twice.
set -eu
# shellcheck source=tests/cli/tap.sh
. "${SOURCE_ROOT:?}/tests/cli/tap.sh"

ROUNDS=${ROUNDS:-25}
CELLS=120
export FAKE_WORKER_MS=80 FAKE_WORKER_PLAN='*/3=expected-crash;*/7=infra-once;*/5=suspect-once'
run=$(make_run 5.10,6.1 a,b,c,d,e,f 10)

one_worker() {
    awk '/^start/ { print $3 }' "$FAKE_WORKER_LOG" | tail -3 | shuf -n 1
}

parents=0
workers=0
for round in $(seq "$ROUNDS"); do
    "$KREGLAB" resume -j 3 "$run" >>"$T/out" 2>>"$T/err" &
    parent=$!
    sleep "0.$(printf '%02d' $((RANDOM % 25 + 3)))"
    if [ $((round % 3)) -ne 1 ] && [ -s "$FAKE_WORKER_LOG" ]; then
        # Only our own fake workers: the number may have been given to another process by now.
        pid=$(one_worker)
        if [ "$(readlink "/proc/$pid/exe" 2>/dev/null)" = "$FAKE_WORKER" ] &&
            kill -9 "$pid" 2>/dev/null; then workers=$((workers + 1)); fi
    fi
    if [ $((round % 3)) -eq 0 ]; then sleep 0.1; fi
    if kill -9 "$parent" 2>/dev/null; then parents=$((parents + 1)); fi
    wait "$parent" 2>/dev/null || true
done
echo "# killed $parents parents and $workers workers"
ok "$([ "$parents" -gt 10 ]; echo $?)" "parents were killed while they worked"
is "the last resume ends 0" "$(status "$KREGLAB" resume -j 3 "$run")" 0
is "every cell has a result" "$(results "$run")" $CELLS
has "the summary counts them all" "$T/out" "^$CELLS of $CELLS cells done: 108 pass, 12 crash; 0 unexp"
# The worker logs "result" after the rename: no start of the same cell may follow.
is "no cell was run again after its result" "$(
    awk '/^result/ { done[$2] = 1 } /^start/ && done[$2] { bad++ } END { print bad + 0 }' \
        "$FAKE_WORKER_LOG"
)" 0
has "the journal can be read to its end" "$KREGLAB_DATA/runs/$run/journal.jsonl" '"state":"done"'
is "list agrees" "$("$KREGLAB" list --json | jq -c '.runs[0] | [.done, .state]')" "[$CELLS,\"done\"]"
is "no half-written files are left among the results" \
    "$(find "$KREGLAB_DATA/runs/$run/cells" -path '*.attempt-*' -prune -o -name '.*.tmp' -print | wc -l)" 0
finish
