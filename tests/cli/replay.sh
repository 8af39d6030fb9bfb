#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The real worker on recorded guests: from matrix to results without QEMU, and kreglab record.
set -eu
# shellcheck source=tests/cli/tap.sh
. "${SOURCE_ROOT:?}/tests/cli/tap.sh"
unset KREGLAB_WORKER
GOLDEN=$SOURCE_ROOT/tests/golden/replay

release=6.1.0-56-cloud-amd64
known_kernel "$release"

is "a recorded 'true' runs: status 0" \
    "$(status "$KREGLAB" run -k 6.1.0 -r true --replay "$GOLDEN/true-6.1" --repeat 5)" 0
sed 's/^/# /' "$T/err" | head -20
is "all five pass" "$("$KREGLAB" show --json | jq -c .summary.outcomes)" '{"pass":5}'
is "a recorded panic: status 0, as it is expected" \
    "$(status "$KREGLAB" run -k 6.1.0 -r sysrq-panic --variant cpu0 --replay "$GOLDEN/sysrq-panic-6.1")" 0
is "it is a crash with its title" \
    "$("$KREGLAB" show --json | jq -c '.cells[0] | [.outcome, .expected, .title]')" \
    '["crash",true,"kernel panic: sysrq triggered crash"]'
cell=latest/$("$KREGLAB" show --json | jq -r '.cells[0].id')
is "the panic where a pass was waited for: status 1" \
    "$(status "$KREGLAB" run -k 6.1.0 -r true --replay "$GOLDEN/sysrq-panic-6.1")" 1

run=$("$KREGLAB" list --json | jq -r '.runs[1].id')
cell=$run/${cell#latest/}
is "record makes a replay guest of a cell" "$(status "$KREGLAB" record "$cell" "$T/again")" 0
is "only its owner reads it" "$(stat -c %a "$T/again" "$T/again/console.log" | xargs)" '700 600'
is "it plays as the first did" \
    "$(status "$KREGLAB" run -k 6.1.0 -r sysrq-panic --variant cpu0 --replay "$T/again")" 0
is "with the same title" "$("$KREGLAB" show --json | jq -r '.cells[0].title')" \
    'kernel panic: sysrq triggered crash'
is "record does not write over anything: status 2" "$(status "$KREGLAB" record "$cell" "$T/again")" 2
is "record of a run: status 2" "$(status "$KREGLAB" record "$run" "$T/more")" 2
# --- modules and settings, which the agent of the older recording does not know ---
# The cell of a run of 'true' on a recording, in $cell; prints the status and what was recorded.
play() {
    code=$(status "$KREGLAB" run -k 6.1.0 -r true --title told --replay "$1" --json)
    cell=$(jq -r 'select(.run).run' "$T/out" | head -n 1)
    cell=$(echo "$KREGLAB_DATA/runs/$cell/cells"/*)
    echo "$code $(jq -c .environment "$cell/result.json")"
}
play "$GOLDEN/true-6.1" >"$T/played"
is "an older agent: it is said that they were not recorded" "$(cat "$T/played")" \
    '0 {"file":null,"why_not":"the recording has no (more) '"'environment'"'","changed":{}}'
cp -r "$GOLDEN/true-6.1" "$T/told"
cat >>"$T/told/agent.jsonl" <<'EOL'
{"t_ms":6963,"dir":"to-guest","message":{"verb":"environment","id":900}}
{"t_ms":6964,"dir":"from-guest","message":{"id":900,"ok":true,"environment":{"file":"environment.json"}}}
EOL
printf '{"schema_version":1,"modules":{"xfs":4096},"taints":{},"values":{"vm.swappiness":"60\\n"},"left_out":0}\n' \
    >"$T/told/environment.json"
play "$T/told" >"$T/played"
is "a recording with them plays, and the result names them" "$(cat "$T/played")" \
    '0 {"file":"environment.json","why_not":null,"changed":{}}'
is "and kept, clean" "$(jq -c '[.modules, .values]' "$cell/environment.json")" '[{"xfs":4096},{"vm.swappiness":"60"}]'
is "once" "$(grep -c swappiness "$cell/agent.jsonl" || true)" 0
ok "$("$SOURCE_ROOT/tests/cli/check-schema" result "$cell/result.json" >"$T/err" 2>&1; echo $?)" "the result fits the schema"
is "record takes them along" "$(status "$KREGLAB" record "$(basename "${cell%/cells/*}")/${cell##*/}" "$T/told2")" 0
play "$T/told2" >"$T/played"
is "and they play again" "$(cat "$T/played")" \
    '0 {"file":"environment.json","why_not":null,"changed":{}}'

is "recorded guests do not count as support" \
    "$("$KREGLAB" support --json | jq -c '[.series[] | .cells] | add')" 0
is "3.10, 4.4 and 4.19 are not run" \
    "$("$KREGLAB" support | awk '/prepared, not run/ { print $1 }' | xargs)" '3.10 4.4 4.19'
finish
