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
is "recorded guests do not count as support" \
    "$("$KREGLAB" support --json | jq -c '[.series[] | .cells] | add')" 0
is "3.10, 4.4 and 4.19 are not run" \
    "$("$KREGLAB" support | awk '/prepared, not run/ { print $1 }' | xargs)" '3.10 4.4 4.19'
finish
