#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# results.cache: the parent writes it, readers bring it up to date, and nothing depends on it.
set -eu
# shellcheck source=tests/cli/tap.sh
. "${SOURCE_ROOT:?}/tests/cli/tap.sh"

run=$(make_run 6.1 true 4)
dir=$KREGLAB_DATA/runs/$run
cache=$dir/results.cache
FAKE_WORKER_PLAN='*=crash' status "$KREGLAB" resume "$run" >/dev/null
is "the parent writes a line a cell" "$(grep -c '^[0-9a-f]' "$cache")" 4
"$KREGLAB" show --json "$run" >"$T/shown"
lines=$(wc -l <"$cache")
"$KREGLAB" compare --json "$run" >"$T/compared"
is "readers that know all write none" "$(wc -l <"$cache")" "$lines"
rm "$cache"
"$KREGLAB" show --json "$run" >"$T/again"
ok "$(cmp -s "$T/shown" "$T/again"; echo $?)" "without it all is the same"
is "and it is there again" "$(grep -c '^[0-9a-f]' "$cache")" 4
"$KREGLAB" show --json "$run" >"$T/again"
ok "$(cmp -s "$T/shown" "$T/again"; echo $?)" "read from it, too"

cell=$(jq -r '.cells[0].id' "$T/shown")
sed -i 's/"outcome": *"crash"/"outcome": "hang"/' "$dir/cells/$cell/result.json"
is "a result that changed is read again" "$("$KREGLAB" show --json "$run" | jq -r '.cells[0].outcome')" hang
rm "$dir/cells/$cell/result.json"
is "one that is gone is missing" "$("$KREGLAB" show --json "$run" | jq -r '.cells[0].state')" missing
head -c 100 "$cache" >"$T/cut"
cp "$T/cut" "$cache"
is "a cache that is cut off" "$("$KREGLAB" show --json "$run" | jq -c '[.cells[].outcome]')" '[null,"crash","crash","crash"]'
head -c 5000 /dev/urandom >"$cache"
is "rubbish" "$("$KREGLAB" show --json "$run" | jq -c '[.cells[].outcome]')" '[null,"crash","crash","crash"]'

# Of a run of more than 400 cells the JSON report has the passes in short, from the cache.
large=$("$MAKE_RECORDED_RUN" --logs "$SOURCE_ROOT/tests/golden/crash" --cells 500 "$KREGLAB_DATA")
"$KREGLAB" report "$large" --output "$T/large.json"
is "a large report fits the schema" "$(status "$SOURCE_ROOT/tests/cli/check-schema" report "$T/large.json")" 0
is "it has all cells" "$(jq '.cells | length' "$T/large.json")" 500
is "those that passed as expected are all in short" \
    "$(jq -c '[.cells[] | select(.outcome == "pass" and (.unexpected | not)) | .short] | unique' "$T/large.json")" '[true]'
id=$(jq -r '[.cells[] | select(.short)][0].id' "$T/large.json")
keys='{state, outcome, expected, survived, duration_ms, boot_ms, time_to_crash_ms, why, metrics}'
is "the short form says what result.json says" \
    "$(jq -cS ".cells[] | select(.id == \"$id\") | $keys" "$T/large.json")" \
    "$(jq -cS "$keys" "$KREGLAB_DATA/runs/$large/cells/$id/result.json")"
"$KREGLAB" report "$large" -f json >"$T/printed.json"
ok "$(cmp -s "$T/large.json" "$T/printed.json"; echo $?)" "printed, it is the same"
is "no temporary file is left" "$(find "$T" -maxdepth 1 -name '.*.tmp' | wc -l)" 0
finish
