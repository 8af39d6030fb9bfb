#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# compare: runs with planted regressions, fixes, flakes, failures of the lab and changed crashes get
# the right verdicts, one by one: between kernels of one run, and between runs of one kernel each.
set -eu
# shellcheck source=tests/cli/tap.sh
. "${SOURCE_ROOT:?}/tests/cli/tap.sh"

"$SOURCE_ROOT/tests/golden/verdicts/make-run" "$KREGLAB_DATA" >"$T/planted"
both=20260103-030405-0001 old=20260103-030406-00aa new=20260103-030407-00bb
check=$SOURCE_ROOT/tests/cli/check-schema

# of FILE RECIPE EXPRESSION
of() {
    jq -rc --arg r "$2" ".comparisons[] | select(.recipe == \$r) | $3" "$1"
}

is "kernels of one run: status 1, something got worse" "$(status "$KREGLAB" compare --json $both)" 1
cp "$T/out" "$T/kernels.json"
is "the baseline may be a glob" \
    "$(status "$KREGLAB" compare --json -b '*31*' $both && jq -r '[.comparisons[].baseline.kernel] | unique[]' "$T/out")" \
    '1
6.1.0-31-lab'
is "that means one kernel: status 2" "$(status "$KREGLAB" compare -b 6.1 $both)" 2
has "else it says which there are" "$T/err" "'6.1' may mean several .*: 6.1.0-30-lab, 6.1.0-31-lab"
is "two runs: status 1" "$(status "$KREGLAB" compare --json $old $new)" 1
cp "$T/out" "$T/runs.json"
is "which are named" "$(jq -c '.runs' "$T/kernels.json" "$T/runs.json" | xargs)" "[$both] [$old,$new]"
ok "$("$check" compare "$T/kernels.json" "$T/runs.json" >"$T/err" 2>&1; echo $?)" "both fit the schema"
sed 's/^/#   /' "$T/err"
for how in kernels runs; do
    jq -r '.comparisons[] | "\(.recipe) \(.verdict) \(.settled) \(.worse) \(.leaning | tojson)"' "$T/$how.json" |
        sort >"$T/$how.said"
    while read -r recipe verdict rest; do
        is "$recipe, between $how: $verdict" "$(grep "^$recipe " "$T/$how.said")" "$recipe $verdict $rest"
    done <"$T/planted"
    is "nothing else is said between $how" "$(wc -l <"$T/$how.said")" "$(wc -l <"$T/planted")"
done

"$KREGLAB" compare $both $old >"$T/out" 2>&1 || true
is "what only one run has is one line" \
    "$(grep -c '^not-comparable  *only the first run has .* on 6.1.0-31-lab.* and [0-9]* more' "$T/out")" 1
is "and only that" "$(grep -c 'no such cell' "$T/out" || true)" 0
is "a sentence that needs no statistics" "$(of "$T/kernels.json" fix-of-a-race .why)" \
    "0 of 59 runs: with 95 % confidence under 5 % of runs crash; the baseline crashed in 38 of 40"
is "what would settle it" "$(of "$T/kernels.json" too-few '[.more_runs > 0, (.why | endswith("would settle it"))]')" \
    '[true,true]'
is "why it cannot be compared" "$(of "$T/kernels.json" skipped .why)" \
    'the candidate was skipped: lacks CONFIG_LAB=y'
is "the reason is the lab" "$(of "$T/kernels.json" infra .why)" \
    'the lab failed on the candidate: QEMU ended by itself'
is "the new crash has its title" "$(of "$T/kernels.json" new-crash .new_crash.titles)" '["WARNING in lab_q"]'
is "and its runs" "$(of "$T/kernels.json" new-crash .new_crash.title_runs)" '[8]'
has "the sentence tells the old from the new" <(of "$T/kernels.json" new-crash .sentence) \
    "lab_. \(20 of 20\) → the old crash \(12 of 20\), and new: 'WARNING in lab_q' in 8 runs"
"$KREGLAB" report $both -f html >"$T/page.html"
ok "$(grep -F '<th scope="row">new-crash<' "$T/page.html" | grep -qF '<span class="dim">new:</span> &apos;WARNING in lab_q&apos; in 8 runs'; echo $?)" \
    "the page's row, too"
for format in markdown text; do
    "$KREGLAB" report $both -f $format | tr '\n' ' ' | tr -s ' ' | tr -d "\\\\" >"$T/page"
    has "$format, too" "$T/page" "and new: 'WARNING in lab_q' in 8 runs"
done
# What the lab failed on is no run: shares are of those that say something.
"$KREGLAB" report $both -f text >"$T/matrix"
has "text: shares of runs that were made" "$T/matrix" '^  mostly-infra/default +✓ pass 19/19 +✗ crash 1/1$'
has "none where there are none" "$T/matrix" '^  infra/default +✓ pass 20/20 +# infra$'
# What chance may explain is not among what a reader has to know.
python3 - "$T/page.html" "$T/kernels.json" >"$T/out" <<'EOP'
import json
import re
import sys
page = open(sys.argv[1], encoding="utf-8").read()
told = ("regressed", "new-crash", "still-different-crash", "rate-changed", "fixed")
told = [one for one in json.load(open(sys.argv[2]))["comparisons"] if one["verdict"] in told]
first, folded = re.findall('<ul class="sentences">(.*?)</ul>', page, re.S)
summary = re.search("<summary>(\\d+) more that could be chance</summary>", page)
print(sorted(re.findall("</span> ([a-z-]+)/default", first)) == sorted(one["recipe"] for one in told if one["settled"]),
      sorted(re.findall("</span> ([a-z-]+)/default", folded)) == sorted(one["recipe"] for one in told if not one["settled"]),
      summary.group(1) == str(folded.count("<li")), 0 < folded.count("<li") < first.count("<li"))
EOP
is "the page tells what is settled first, and folds away what may be chance" "$(cat "$T/out")" "True True True True"
has "crashes that come later are said to" <(of "$T/kernels.json" later .why) 'crashes come later: after 4'
is "Fisher's exact test is there" "$(of "$T/kernels.json" steady .tests.fisher_exact.two_sided)" 1
is "so are the intervals" "$(of "$T/kernels.json" fix '.candidate.share.bound * 1000 | floor')" 139
is "and the metrics" "$(of "$T/kernels.json" steady '.metrics[0] | [.name, .test, .q > 0.05]')" \
    '["stall_ms","rank-sum",true]'

is "text: status 1" "$(status "$KREGLAB" compare $old $new)" 1
has "the kernels of both are named" "$T/out" '^fixed +fix/default: 6.1.0-31-lab of the second run fixes 6.1.0-30-lab'
has "how it came about" "$T/out" "^a difference counts where chance alone would show one in at most 5 % of cases \(95 % confidence; Fisher's exact test"
is "surer: fewer verdicts" \
    "$("$KREGLAB" compare --json --confidence 99.9999 $both | jq '[.comparisons[] | select(.verdict == "fixed")] | length')" 2
is "a run against itself: status 0" "$(status "$KREGLAB" compare $both $both)" 0
is "half sure is too little" "$(status "$KREGLAB" compare -c 30 $both)" 2
has "says what is allowed" "$T/err" 'between 50 and 99.9999'
is "reports say the same" \
    "$("$KREGLAB" report $both -f json | jq -c '[.comparisons[] | [.recipe, .verdict]] | sort')" \
    "$(jq -c '[.comparisons[] | [.recipe, .verdict]] | sort' "$T/kernels.json")"
finish
