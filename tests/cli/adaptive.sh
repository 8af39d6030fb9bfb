#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Adaptive repetition: cells whose comparisons are settled are spared, by a worker that plays a plan.
set -eu
# shellcheck source=tests/cli/tap.sh
. "${SOURCE_ROOT:?}/tests/cli/tap.sh"

known_kernel 6.1.0-1-test 6.1.0-2-test 6.1.0-3-test
plain_recipe
cat >"$T/matrix.yaml" <<YAML
kernels: ["6.1*"]
recipes: ["$T/mine"]
adaptive:
  min: 3
  max: 40
  confidence: 0.95
  power: 0.9
  effect: 0.2
YAML
runs_of() {
    "$KREGLAB" show --json | jq --arg k "$1" '[.cells[] | select(.kernel == $k and .state == "ran")] | length'
}
ran() { # cells of the last run
    "$KREGLAB" show --json | jq '[.cells[] | select(.state == "ran")] | length'
}
verdict_of() {
    "$KREGLAB" compare latest --json |
        jq -r --arg k "$1" '.comparisons[] | select(.candidate.kernel == $k) | .verdict'
}

is "--dry-run counts the most" "$(status "$KREGLAB" run --dry-run "$T/matrix.yaml" && tail -n 3 "$T/out" | grep -o '^120 cells')" \
    "0
120 cells"
is "and expects fewer" \
    "$("$KREGLAB" run --dry-run --json "$T/matrix.yaml" | jq '.expected_cells > 20 and .expected_cells < 90')" true
is "or what the budget bears" \
    "$("$KREGLAB" run --dry-run --json --budget 30s -j 1 "$T/matrix.yaml" | jq -c '[.expected_ms, .longest_ms < 1000000]')" \
    "[30000,true]"
# The second kernel always fails, the third never.
is "it runs: status 1, as one kernel fails" \
    "$(FAKE_WORKER_PLAN='6.1.0-2*=fail' status "$KREGLAB" run -j 2 "$T/matrix.yaml")" 1
tail -n 2 "$T/out" | sed 's/^/# /'
echo "# runs: $(runs_of 6.1.0-1-test) $(runs_of 6.1.0-2-test) $(runs_of 6.1.0-3-test)"
has "what is settled is spared" "$T/out" '[0-9]+ spared'
has "with a word why" "$T/err" 'spared: 6.1.0-2-test mine/plain from #[0-9]+ on: its comparison is settled: .* differ'
has "and how far it got is said" "$T/out" 'settled 2 of 2 comparisons after [0-9]+ of 120 runs'
ok "$([ "$(runs_of 6.1.0-2-test)" -le 12 ]; echo $?)" "a plain difference takes few runs"
ok "$([ "$(runs_of 6.1.0-3-test)" -ge 8 ] && [ "$(runs_of 6.1.0-3-test)" -le 25 ]; echo $?)" \
    "two that pass take as many as the effect asks for"
spared=$("$KREGLAB" show --json | jq '.summary.spared')
ok "$([ "$spared" -gt 50 ]; echo $?)" "show counts them ($spared)"
is "and lists none" "$("$KREGLAB" show --json | jq '[.cells[] | select(.state == "missing")] | length')" 0
is "for list, too, the run is whole" \
    "$("$KREGLAB" list --json | jq -c '.runs[0] | [.state, .cells == .done, .cells]')" \
    "[\"done\",true,$((120 - spared))]"
is "and after reindex" \
    "$("$KREGLAB" reindex >/dev/null && "$KREGLAB" list --json | jq -c '.runs[0] | [.state, .cells]')" \
    "[\"done\",$((120 - spared))]"
"$KREGLAB" report latest --format json >"$T/report.json"
is "a report misses nothing" "$(jq -c '.counts | [.missing, .cells, .spared]' "$T/report.json")" \
    "[0,$((120 - spared)),$spared]"
"$KREGLAB" report latest >"$T/report"
has "it says what was spared" "$T/report" "; $spared more repetitions were spared"
is "KCIDB has what ran" "$("$KREGLAB" report latest --format kcidb | jq '.tests | length')" $((120 - spared))
printf 'kernels: ["6.1.0-3*"]\n' >"$T/policy.yaml"
is "it is evidence for a gate: go" "$(status "$KREGLAB" gate latest --policy "$T/policy.yaml")" 0
is "the verdict on the second: regressed" "$(verdict_of 6.1.0-2-test)" regressed
is "on the third: same-pass" "$(verdict_of 6.1.0-3-test)" same-pass
is "compare: status 1" "$(status "$KREGLAB" compare latest --json)" 1
cp "$T/out" "$T/compare.json"
is "no test of a fixed number of runs" \
    "$(jq -c '[.comparisons[].tests | .fisher_exact, .log_rank, (.pairs.n >= 3)] | unique' "$T/compare.json")" '[null,true]'
ok "$("$SOURCE_ROOT/tests/cli/check-schema" compare "$T/compare.json" >"$T/check" 2>&1; echo $?)" "as the schema says"
has "the report names its tests" "$T/report" 'sequential tests of runs in pairs'
before=$(runs_of 6.1.0-1-test)
is "resume has nothing to do" "$(FAKE_WORKER_PLAN='6.1.0-2*=fail' status "$KREGLAB" resume)" 1
is "and runs nothing" "$(runs_of 6.1.0-1-test)" "$before"

is "a budget that is over at once: status 0" \
    "$(FAKE_WORKER_MS=300 status "$KREGLAB" run -k '6.1*' -r "$T/mine" -j 2 --budget 400ms)" 0
n=$(ran)
ok "$([ "$n" -le 8 ]; echo $?)" "spares the rest ($n cells ran)"
# Two sessions share a budget of a minute: the first, its journal says then, took 55 s and was killed
# an hour ago. That hour is no part of it.
export FAKE_WORKER_MS=400
: >"$FAKE_WORKER_LOG"
"$KREGLAB" run -k '6.1*' -r "$T/mine" -j 1 --budget 60s >"$T/out" 2>"$T/err" </dev/null &
parent=$!
until grep -q '^result' "$FAKE_WORKER_LOG" || ! kill -0 "$parent" 2>/dev/null; do sleep 0.02; done
kill -9 "$parent" || true
wait "$parent" || true
first=$(ran)
journal=$KREGLAB_DATA/runs/$("$KREGLAB" show --json | jq -r .run)/journal.jsonl
jq -c '(if .event == "parent" then 3655 else 3600 end) as $earlier | .time as $time |
    .time = ($time[:19] + "Z" | fromdate - $earlier | todate)[:19] + $time[19:]' "$journal" >"$T/journal"
cp "$T/journal" "$journal"
is "a run that was killed is resumed" "$(status "$KREGLAB" resume)" 0
n=$(ran)
ok "$([ "$n" -gt "$first" ] && [ "$n" -le 13 ]; echo $?)" \
    "what it took before counts ($first cells ran, then $((n - first)))"
is "resume has nothing left" "$(status "$KREGLAB" resume)" 0
is "and runs nothing more" "$(ran)" "$n"
is "but --budget grants more" "$(status "$KREGLAB" resume --budget 2s)" 0
ok "$([ "$(ran)" -gt "$n" ]; echo $?)" "and it goes on"
export FAKE_WORKER_MS=0
has "and says what is open" "$T/out" '^settled 0 of 2 comparisons after .*; 2 open: 6.1.0-2-test mine/plain against 6.1.0-1'
is "the third kernel lacks what the recipe needs: it is run" \
    "$(FAKE_WORKER_PLAN='6.1.0-3*=skipped' status "$KREGLAB" run -j 1 --json "$T/matrix.yaml")" 0
ok "$("$SOURCE_ROOT/tests/cli/check-schema" events "$T/out" >"$T/check" 2>&1; echo $?)" "its events are as the schema says"
left=$(jq -s '[.[] | select(.event == "run-started" or .event == "cell-finished") | .left_ms]' "$T/out")
ok "$(echo "$left" | jq -e 'length > 20 and (map(. != null) | all) and .[0] > 0 and .[-1] < 100' >/dev/null; echo $?)" \
    "each tells the time left ($(echo "$left" | jq -c '[.[0], .[20], .[-1]]') ms)"
is "three skipped cells are enough" \
    "$("$KREGLAB" show --json | jq '[.cells[] | select(.state == "skipped")] | length')" 3
is "the rest is spared, with why" \
    "$(jq -r 'select(.event == "cell-spared" and .kernel == "6.1.0-3-test") | .text' "$T/out" | sort | uniq -c | sed 's/^ *//')" \
    "37 what it is compared with is skipped, or it is itself"
is "and the last event sums up" \
    "$(jq -r 'select(.event == "run-ended") | .text' "$T/out" | sed 's/after [0-9]*/after N/')" \
    "settled 1 of 2 comparisons after N of 120 runs; 1 not comparable"
is "--adaptive does without a matrix" \
    "$(status "$KREGLAB" run -k '6.1*' -r "$T/mine" -j 2 --adaptive -n 30)" 0
has "and spares, too" "$T/out" '[0-9]+ spared'
is "all crash, the second kernel in half of its runs otherwise" \
    "$(FAKE_WORKER_PLAN='6.1.0-2*[02468]=other-crash;*=crash' status "$KREGLAB" run -j 2 "$T/matrix.yaml")" 1
echo "# runs: $(runs_of 6.1.0-1-test) $(runs_of 6.1.0-2-test) $(runs_of 6.1.0-3-test)"
is "it goes on until the new crash is settled" \
    "$("$KREGLAB" compare latest --json | jq -c '.comparisons[] | select(.candidate.kernel == "6.1.0-2-test") | [.verdict, .settled]')" \
    '["new-crash",true]'
ok "$([ "$(runs_of 6.1.0-3-test)" -lt "$(runs_of 6.1.0-2-test)" ]; echo $?)" "the third, which has none, is spared before"
cat >"$T/bad.yaml" <<YAML
kernels: ["6.1*"]
recipes: ["$T/mine"]
adaptive:
  min: 9
  max: 3
YAML
is "max under min: status 2" "$(status "$KREGLAB" run "$T/bad.yaml")" 2
has "with its place" "$T/err" 'bad.yaml:5'
finish
