#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# gate: runs whose results are made up, held against policies.
set -eu
# shellcheck source=tests/cli/tap.sh
. "${SOURCE_ROOT:?}/tests/cli/tap.sh"

# run RECIPE/VARIANT,… REPEAT: cells of the kernels old and new; their results come on stdin, a line
# each: KERNEL RECIPE REPETITIONS(jq) RESULT(json). Sets $run.
run() {
    local dir line id
    run=$("${MAKE_RUN:?}" "$KREGLAB_DATA" old,new "$1" "$2")
    dir=$KREGLAB_DATA/runs/$run
    while read -r kernel recipe which result; do
        while read -r line; do
            id=$(jq -r .id <<<"$line")
            mkdir -p "$dir/cells/$id"
            jq -n --argjson c "$line" --argjson r "$result" '{schema_version: 1, id: $c.id, run: "x",
                kernel: $c.kernel, release: $c.kernel, recipe: $c.recipe, variant: $c.variant,
                repetition: $c.repetition, state: "ran", survived: false, expected: null, crash: null,
                reached: null, metrics: {}, vmstat: {}, duration_ms: 1000, boot_ms: 500,
                time_to_crash_ms: null} + $r' >"$dir/cells/$id/result.json"
        done < <(jq -c "select(.kernel == \"$kernel\" and .recipe == \"$recipe\" and (.repetition | $which))" \
            "$dir/cells.jsonl")
    done
}
crash() {
    printf '{"outcome":"crash","expected":false,"time_to_crash_ms":700,"crash":{"type":"null-deref","title":"BUG: NULL pointer in %s","alternatives":[],"frames":[{"function":"%s","module":null,"reliable":true,"stack":"TASK"}],"signature":{"k0":"v1:%s","k1":"v1:%s","k2":null}}}' \
        "$1" "$1" "$2" "$2"
}
pass='{"outcome":"pass","expected":true}'
gate() { status "$KREGLAB" gate "$run" --policy "$T/policy.yaml"; }

echo 'baseline: old' >"$T/policy.yaml"
run good/v,shown/v 10 <<EOL
old good . $pass
new good . $pass
old shown . $(crash shown_bug 1111111111111111 | sed 's/"expected":false/"expected":true/')
new shown . $(crash shown_bug 1111111111111111 | sed 's/"expected":false/"expected":true/')
EOL
is "all passes, or fails as expected: go" "$(gate)" 0
sed 's/^/# /' "$T/out" "$T/err"
has "said at the top" "$T/out" "^GO: new after old \(run $run, 95 % sure\)$"
has "with how much that is worth" "$T/out" 'no failure in 10 runs: under 26 % of runs fail'
has "an expected failure speaks for it" "$T/out" '10 of 10 runs failed as the recipe expects it'
echo 'max_bad_percent: 10' >>"$T/policy.yaml"
is "a policy that wants more runs: not enough evidence" "$(gate)" 4
has "with how many" "$T/out" 'the policy asks for 10 %: 29 runs'
printf 'baseline: old\nrequire: [good, good/v, other/v]\n' >"$T/policy.yaml"
is "a required recipe that is missing is a hole" "$(gate)" 4
has "which is named" "$T/out" "requires 'other/v' on new, and the run has no cell of it"

run bad/v,good/v 10 <<EOL
old bad . $pass
old good . $pass
new bad .<=6 $(crash lab_frag 2222222222222222)
new bad .>6 $pass
new good . $pass
EOL
echo 'baseline: old' >"$T/policy.yaml"
is "a regression: no-go" "$(gate)" 1
has "what is against it comes first" <(sed -n '3,4p' "$T/out") '^  bad/v on new$'
has "with the crash" "$T/out" 'lab_frag'
cat >"$T/policy.yaml" <<'EOL'
baseline: old
waivers:
  - {signature: 22222222, owner: a@example.org, reason: "known, being fixed", expires: 2999-12-31}
  - {signature: 33333333, owner: b@example.org, reason: "never seen again", expires: 2999-12-31}
EOL
is "waived: go" "$(gate)" 0
has "by whom and why" "$T/out" 'waived by a@example.org until 2999-12-31: known, being fixed'
has "a waiver that nothing needed is named" "$T/out" '33333333 \(b@example.org, until 2999-12-31\)'
is "and in JSON" "$("$KREGLAB" gate "$run" --policy "$T/policy.yaml" --json |
    tee "$T/gate.json" | jq -c '[.verdict, (.unused_waivers | length), ([.findings[] | select(.waived)] | length)]')" \
    '["go",1,1]'
ok "$("$SOURCE_ROOT/tests/cli/check-schema" gate "$T/gate.json" >"$T/err" 2>&1; echo $?)" "which fits its schema"
sed 's/^/#   /' "$T/err"
sed -i '3s/2999/2001/' "$T/policy.yaml"
is "an expired waiver is a failure" "$(gate)" 1
has "for which somebody answers" "$T/out" 'waiver of 22222222 expired on 2001-12-31 \(a@example.org: known, being fixed\)'
printf 'baseline: old\nwaivers:\n  - {signature: 22222222, recipe: "ksm-*", owner: a, reason: b, expires: 2999-12-31}\n' \
    >"$T/policy.yaml"
is "a waiver for other recipes does not count" "$(gate)" 1

run same/v,few/v,gone/v,half/v 8 <<EOL
old same . $(crash old_bug 4444444444444444)
new same . $(crash old_bug 4444444444444444)
old few . $pass
new few .==1 $(crash rare_bug 5555555555555555)
new few .>1 $pass
old gone . $pass
new gone . {"state":"skipped","outcome":null,"why":"the kernel lacks CONFIG_KSM"}
old half . $pass
new half .<=6 $pass
EOL
echo 'baseline: old' >"$T/policy.yaml"
is "one crash in eight runs, and a skipped recipe: not enough evidence" "$(gate)" 4
has "for the one" "$T/out" '1 of 8 runs failed \(BUG: NULL pointer in rare_bug\)'
has "for the other" "$T/out" '8 skipped \(the kernel lacks CONFIG_KSM\)'
has "holes are shown" "$T/out" '^  half/v on new: 2 of 8 runs say nothing$'
has "a crash that the baseline has, too, is none of the roll-out's" "$T/out" 'as with the baseline: '
echo 'same_as_baseline: no-go' >>"$T/policy.yaml"
is "unless the policy says so" "$(gate)" 1
printf 'kernels: ["new*"]\nbaseline: old\nskipped: ignore\nconfidence: 80\n' >"$T/policy.yaml"
is "what is skipped can be left out" "$(gate >/dev/null; "$KREGLAB" gate "$run" -p "$T/policy.yaml" --json |
    jq -r '.findings[] | select(.recipe == "gone") | .verdict')" go
echo 'kernels: ["none*"]' >"$T/policy.yaml"
is "no kernel to judge: not enough evidence" "$(gate)" 4
printf 'kernels: ["new*", "none*"]\nbaseline: old\nskipped: ignore\nsame_as_baseline: go\n' >"$T/policy.yaml"
gate >/dev/null
has "a kernel that the run has not is a hole" "$T/out" "^  the policy judges 'none\*', and the run has no such kernel$"
run short/v 2 <<EOL
old short . $pass
new short . $pass
EOL
echo 'baseline: old' >"$T/policy.yaml"
is "few passes: not enough evidence" "$(gate)" 4
has "and how many would be" "$T/out" 'under 78 % of runs fail.*; 2 more runs of each would do$'
printf 'baseline: old\nkernels: [new, none]\nmax_bad_percent: 90\n' >"$T/policy.yaml"
is "an absent kernel alone keeps from a go" "$(gate)" 4

printf 'baseline: old\nkernels: [old]\n' >"$T/policy.yaml"
gate >/dev/null
has "a baseline that is judged itself comes after none" "$T/out" "^[A-Z ]*: old \(run $run, "
run=$("$MAKE_RUN" "$KREGLAB_DATA" old alone/v 2)
echo 'baseline: old' >"$T/policy.yaml"
is "a run of the baseline alone: not enough evidence" "$(gate)" 4
has "said at the top, too" "$T/out" '^NOT ENOUGH EVIDENCE: no kernel beside old '
has "and what to do" "$T/out" "run another with it, or name the one to judge in the policy's 'kernels'"
is "runs without a recipe in common" "$(status "$KREGLAB" compare "$run" \
    "$("$MAKE_RUN" "$KREGLAB_DATA" old,new other/v 2)" && tail -n 1 "$T/out")" "0
nothing to compare: no recipe and variant ran in both runs on one kernel"

printf 'confidence: 20\nwaivers:\n  - {signature: xyz, owner: a, reason: b, expires: 2026-02-30}\n' >"$T/policy.yaml"
is "a policy with mistakes: status 2" "$(gate)" 2
has "all of them at once" "$T/err" 'policy.yaml:1:13: confidence: .*from 50 to 99.9999'
has "with their places" "$T/err" "policy.yaml:3:17: waivers\[0\].signature: 'xyz'"
printf 'waivers:\n  - {signature: 22222222, owner: a, reason: b, expires: 2026-02-30}\n' >"$T/policy.yaml"
is "a day that is none: status 2" "$(gate)" 2
has "in words" "$T/err" "'2026-02-30' is no day of the calendar"
is "no policy: status 2" "$(status "$KREGLAB" gate "$run")" 2
is "help explains the keys" "$("$KREGLAB" help policy.yaml | grep -c '^ *\(confidence\|waivers\|expires\)')" 3
is "so it does without the file's ending" "$("$KREGLAB" help policy)" "$("$KREGLAB" help policy.yaml)"
finish
