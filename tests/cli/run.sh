#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kreglab run: from flags and matrix.yaml to a run directory, on kernels that are only described.
set -eu
# shellcheck source=tests/cli/tap.sh
. "${SOURCE_ROOT:?}/tests/cli/tap.sh"

known_kernel 5.10.0-1-test 6.1.0-2-test
two_variants
cat >"$T/matrix.yaml" <<YAML
kernels: ["5.10*", "6.1*"]
recipes: ["$T/mine"]
repeat: 3
YAML

is "--dry-run: status 0" "$(status "$KREGLAB" run --dry-run "$T/matrix.yaml")" 0
has "it counts the cells" "$T/out" '^12 cells; about '
ok "$([ ! -e "$KREGLAB_DATA/runs" ] && [ ! -e "$KREGLAB_DATA/index.sqlite" ]; echo $?)" \
    "and makes nothing"
is "a matrix runs: status 0" "$(status "$KREGLAB" run --title 'a title' "$T/matrix.yaml")" 0
run=$(sed -n 's/^run //p' "$T/out")
is "each cell has its result" "$(results "$run")" 12
is "the title is kept" "$("$KREGLAB" list --json | jq -r '.runs[0].title')" 'a title'
ok "$("${SOURCE_ROOT}/tests/cli/check-schema" run "$KREGLAB_DATA/runs/$run/run.json"; echo $?)" \
    "run.json holds to its schema"
"$KREGLAB" run --dry-run --json "$KREGLAB_DATA/runs/$run/matrix.yaml" --recipe "$T/mine" |
    jq -r '.cells[].id' | sort >"$T/kept"
"$KREGLAB" show --json "$run" | jq -r '.cells[].id' | sort >"$T/ran"
ok "$([ "$(wc -l <"$T/ran")" -eq 12 ] && cmp -s "$T/kept" "$T/ran"; echo $?)" \
    "the kept matrix gives the same cells"
is "flags alone do, too" \
    "$(FAKE_WORKER_PLAN='*/other/*=crash' status "$KREGLAB" run --kernel 6.1.0 --recipe "$T/mine" --json)" 1
is "with events" "$(jq -r 'select(.event == "run-ended") | .summary.outcomes | tojson' "$T/out")" \
    '{"pass":1,"crash":1}'
is "the deep ways are private" "$(stat -c %a "$KREGLAB_DATA/runs" "$KREGLAB_DATA/runs/$run" | xargs)" '700 700'
is "no such kernel: status 2" "$(status "$KREGLAB" run --kernel 9.9 --recipe "$T/mine")" 2
is "nothing chosen: status 2" "$(status "$KREGLAB" run)" 2
is "a matrix that is not there: status 2" "$(status "$KREGLAB" run "$T/none.yaml")" 2
has "with its name" "$T/err" 'none.yaml'
NO_COLOR=1 status "$KREGLAB" run --kernel 6.1.0 --recipe "$T/mine" >/dev/null
has "elsewhere than on a terminal: plain lines" "$T/err" '^\[2/2\] pass '
is "without escape sequences" "$(cat "$T/out" "$T/err" | LC_ALL=C grep -c $'\x1b' || true)" 0

# Clones of one template: what failed for the lab's reasons is tried again with a boot of its own.
: >"$FAKE_WORKER_LOG"
run=$(FAKE_WORKER_PLAN='*/plain/2=infra-once' "$KREGLAB" run -j 1 -k 6.1.0 -r "$T/mine" \
    --variant plain -n 8 2>/dev/null | sed -n 's/^run //p')
failed=$("$KREGLAB" show --json "$run" | jq -r '.cells[] | select(.repetition == 2) | .id')
is "the failed cell: from a clone, then cold" \
    "$(awk -v id="$failed" '$2 == id && /^(warm|cold)/ { print $1 }' "$FAKE_WORKER_LOG" | xargs)" \
    'warm cold'
is "the others: from clones" "$(grep -c '^warm' "$FAKE_WORKER_LOG") $(grep -c '^cold' "$FAKE_WORKER_LOG")" '8 1'
finish
