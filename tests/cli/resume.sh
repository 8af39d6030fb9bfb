#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Driving runs of fake cells: results, exit statuses, what is made again.
set -eu
# shellcheck source=tests/cli/tap.sh
. "${SOURCE_ROOT:?}/tests/cli/tap.sh"

run=$(make_run 5.10,6.1 true,stress 2)
is "all pass: status 0" "$(status "$KREGLAB" resume "$run")" 0
is "every cell has its result" "$(results "$run")" 8
has "the summary says so" "$T/out" '^8 of 8 cells done: 8 pass; 0 unexpected$'
has "the run's directory is printed" "$T/out" "^$KREGLAB_DATA/runs/$run\$"
is "one line a finished cell" "$(grep -c '^\[[0-9]*/8\] pass' "$T/err")" 8
"$KREGLAB" resume "$run" >"$T/out" 2>"$T/err"
is "nothing is run twice" "$(grep -c '^start' "$FAKE_WORKER_LOG")" 8

run=$(make_run 6.1 true,panic 1)
is "an expected crash: status 0" \
    "$(FAKE_WORKER_PLAN='*/panic*=expected-crash' status "$KREGLAB" resume "$run")" 0
run=$(make_run 6.1 true,panic 1)
is "an unexpected crash: status 1" \
    "$(FAKE_WORKER_PLAN='*/panic*=crash' status "$KREGLAB" resume "$run")" 1
has "it is marked" "$T/err" 'crash .*UNEXPECTED +Kernel panic'
is "show ends 0" "$(status "$KREGLAB" show "$run")" 0
has "show marks it too" "$T/out" 'panic .*crash +unexpected'
run=$(make_run 6.1 true,odd 1)
is "infra remains: status 3" \
    "$(FAKE_WORKER_PLAN='*/odd*=infra' status "$KREGLAB" resume --retries 1 "$run")" 3
has "and how to go on" "$T/err" "resume --retry-infra $run"
is "infra is run again on request: status 0" "$(status "$KREGLAB" resume --retry-infra "$run")" 0
run=$(make_run 6.1 odd 1)
is "a lost worker is tried again" \
    "$(FAKE_WORKER_PLAN='*=lost-once' status "$KREGLAB" resume "$run")" 0
has "and told of" "$T/err" 'attempt 1: the worker was lost: signal 9'
cell=$(basename "$KREGLAB_DATA/runs/$run/cells/"*[0-9a-f])
ok "$([ -d "$KREGLAB_DATA/runs/$run/cells/$cell.attempt-1" ]; echo $?)" "its attempt is kept aside"
has "the journal has both attempts" "$KREGLAB_DATA/runs/$run/journal.jsonl" \
    '"event":"started".*"attempt":2'
is "show of a cell ends 0" "$(status "$KREGLAB" show "$run/${cell:0:5}")" 0
has "and names the attempt" "$T/out" "^attempts .*$cell.attempt-1\$"
is "a cell that is not there: status 2" "$(status "$KREGLAB" show "$run/zz")" 2
is "a run that is not there: status 2" "$(status "$KREGLAB" resume 1999)" 2
has "with the cure" "$T/err" "kreglab list"
is "no worker: status 3" \
    "$(KREGLAB_WORKER=/nonexistent status "$KREGLAB" resume "$(make_run 6.1 a 1)")" 3
has "with the cause" "$T/err" "worker '/nonexistent'"

# The index of a parent that was killed: one cell too few, and one whose result did not stand.
run=$(make_run 6.1 true 4)
"$KREGLAB" resume "$run" >"$T/out" 2>"$T/err"
cells=("$KREGLAB_DATA/runs/$run/cells/"*)
python3 - "$KREGLAB_DATA/index.sqlite" "$run" "$(basename "${cells[0]}")" <<'EOF'
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as index:
    index.execute("DELETE FROM cells WHERE run = ? AND id = ?", sys.argv[2:])
EOF
mv "${cells[1]}" "$T/"
is "list lacks one" "$("$KREGLAB" list --json | jq -c '.runs[0] | [.done, .state]')" '[3,"stopped"]'
is "resume counts no result that is gone" "$(
    FAKE_WORKER_PLAN='*=lost' status "$KREGLAB" resume --retries 0 "$run" >/dev/null
    "$KREGLAB" list --json | jq -c '.runs[0] | [.done, .state]'
)" '[3,"stopped"]'
is "and brings the index up to date" "$(status "$KREGLAB" resume "$run")" 0
is "with what it runs again" "$("$KREGLAB" list --json | jq -c '.runs[0] | [.done, .state]')" \
    '[4,"done"]'

# What the host's load may have made is run once more, and marked when it stays so.
run=$(make_run 6.1 odd 3)
is "a suspect hang that stays: status 1" \
    "$(FAKE_WORKER_PLAN='*/1=suspect;*/2=suspect-once' status "$KREGLAB" resume "$run")" 1
has "the summary counts both" "$T/out" 'unexpected; 2 made again under pressure of the host; 1 suspect$'
is "to others it accuses no kernel" "$("$KREGLAB" report -f kcidb "$run" |
    jq -c '[.tests[] | [.status, .misc.suspect.why]]')" '[["ERROR","the host was busy"],["PASS",null],["PASS",null]]'
has "the report too" <("$KREGLAB" report "$run") '; 1 suspect: the host was under pressure'
is "show says why" "$("$KREGLAB" show --json "$run" | jq -c '[.cells[].suspect]')" \
    '["the host was busy",null,null]'

# Guests are hostile: no control byte of theirs reaches the terminal.
run=$(make_run 6.1 dirty 2)
FAKE_WORKER_PLAN='*=dirty' status "$KREGLAB" resume "$run" >/dev/null
cat "$T/out" "$T/err" >"$T/all"
"$KREGLAB" show "$run" >>"$T/all"
"$KREGLAB" show "$run/$(basename "$KREGLAB_DATA/runs/$run/cells/"*[0-9a-f] | head -1)" >>"$T/all" || true
has "the title is there" "$T/all" 'dirty'
is "its control bytes are not" "$(LC_ALL=C grep -c $'[\x01-\x08\x0b-\x1f\x7f]' "$T/all" || true)" 0
finish
