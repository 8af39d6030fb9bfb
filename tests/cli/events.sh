#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# --json: every line is an event that holds to its schema; run.json to its own.
set -eu
# shellcheck source=tests/cli/tap.sh
. "${SOURCE_ROOT:?}/tests/cli/tap.sh"

run=$(make_run 5.10,6.1 true,panic,odd,lost,flood 2)
code=$(FAKE_WORKER_PLAN='*/panic*=crash;*/odd*=infra-once;*/lost*=lost;*/flood*=flood' \
    status "$KREGLAB" resume --json -j 3 "$run")
is "status 1 for what is unexpected" "$code" 1
cp "$T/out" "$T/events"
ok "$("${SOURCE_ROOT}/tests/cli/check-schema" events "$T/events" >"$T/err" 2>&1; echo $?)" \
    "every line holds to the schema"
sed 's/^/# /' "$T/err" | head -5
is "first run-started, last run-ended" "$(jq -r .event "$T/events" | sed -n '1p;$p' | xargs)" \
    "run-started run-ended"
is "one cell-finished a cell" "$(jq -r 'select(.event == "cell-finished") | .cell' "$T/events" | sort -u | wc -l)" 20
is "the end has the counts" \
    "$(jq -c 'select(.event == "run-ended") | [.state, .exit_status, .summary.done, .summary.missing, .summary.again]' "$T/events")" \
    '["stopped",1,20,4,12]'
is "dumps of the same signature are kept once a kernel" \
    "$(jq -r 'select(.event == "dump-removed") | .kept' "$T/events" | wc -l)" 2
ok "$("${SOURCE_ROOT}/tests/cli/check-schema" run "$KREGLAB_DATA/runs/$run/run.json" >"$T/err" 2>&1; echo $?)" \
    "run.json holds to its schema"
sed 's/^/# /' "$T/err" | head -5
finish
