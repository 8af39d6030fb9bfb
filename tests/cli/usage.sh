#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The command line itself: help, mistakes, completion. One table feeds all of them.
set -eu
# shellcheck source=tests/cli/tap.sh
. "${SOURCE_ROOT:?}/tests/cli/tap.sh"

# wrong PATTERN ARGUMENT…: ends with 2, one line of cause, one of help.
wrong() {
    local pattern=$1
    shift
    is "kreglab $* ends with 2" "$(status "$KREGLAB" "$@")" 2
    has "and says why" "$T/err" "^kreglab: error: $pattern"
    has "and where to look" "$T/err" "^kreglab: try 'kreglab .*--help'"
    is "nothing on stdout" "$(wc -c <"$T/out")" 0
}

wrong "no verb given"
wrong "unknown verb 'recip': did you mean 'recipe'\?" recip
wrong "unknown verb 'xyzzy': there are .*recipe" xyzzy
wrong "'recipe' needs a word after it" recipe
wrong "unknown recipe 'lst': did you mean 'list'\?" recipe lst
wrong "unknown option '--jsn': did you mean '--json'\?" recipe list --jsn
wrong "unknown option '-x'" recipe list -x
wrong "option '--json' takes no argument" recipe list --json=1
wrong "option '--data' lacks its argument DIR" recipe list --data
wrong "too few arguments: it takes RECIPE" recipe show
wrong "'b' is one argument too many" recipe show a b
wrong "no completion for 'tcsh'" completion tcsh

is "--version" "$("$KREGLAB" --version)" "kreglab $("$KREGLAB" --version | cut -d' ' -f2)"
is "--help ends with 0" "$(status "$KREGLAB" --help)" 0
has "--help lists the verbs" "$T/out" '^  recipe  '
has "--help lists the exit status" "$T/out" '2 wrong usage'
is "--help works behind a mistake's verb" "$(status "$KREGLAB" recipe show --help)" 0
has "and is that verb's" "$T/out" '^usage: kreglab recipe show'
is "help VERB is the same as VERB --help" "$("$KREGLAB" help recipe list)" "$("$KREGLAB" recipe list --help)"

# Every verb and word has a help that names each of its options.
"$KREGLAB" --dump-options >"$T/options"
tr '\t' '|' <"$T/options" >"$T/fields"
bad=0
while IFS='|' read -r verb option letter argument help; do
    [ -n "$verb" ] || continue
    # shellcheck disable=SC2086 # "recipe list" is two words
    "$KREGLAB" help $verb >"$T/help" 2>&1 || bad=1
    [ -z "$option" ] || grep -q -- "$option${argument:+ $argument}" "$T/help" || bad=1
    [ -z "$letter" ] || grep -q -- "$letter, $option" "$T/help" || bad=1
    [ -n "$help" ] || bad=1
    if [ "$bad" -ne 0 ]; then
        echo "# $verb $option"
        break
    fi
done <"$T/fields"
ok "$bad" "help names every option of every verb"
is "no verb has an option or a letter twice" \
    "$(cut -f1,2 "$T/options" | grep -- -- | sort | uniq -d)$(awk -F'\t' '$3 != "" {print $1 $3}' "$T/options" | sort | uniq -d)" ""
is "no letter of a verb hides a global one" \
    "$(awk -F'\t' '$1 == "" && $3 != "" {g[$3] = 1} $1 != "" && $3 in g {print}' "$T/options")" ""

# offers WANTED WORD…: what the last word may become.
offers() {
    local wanted=$1
    shift
    is "completing: $*" "$("$KREGLAB" __complete -- "$@" | sort | tr '\n' ' ')" "$wanted"
}
offers "recipe " reci
offers "check list new show " recipe ""
offers "--json " recipe list --j
offers "ksm-migrate " recipe show ksm
offers ":directory " recipe new x --dir ""
offers "" recipe show true ""
offers "" -- ""
mkdir -p "$KREGLAB_DATA/kernels/6.1.0-test" "$KREGLAB_DATA/kernels/half-made"
echo '{}' >"$KREGLAB_DATA/kernels/6.1.0-test/kernel.json"
run=$(make_run 6.1 quick 1)
"$KREGLAB" resume -q "$run" >/dev/null
cell=$(basename "$(find "$KREGLAB_DATA/runs/$run/cells" -mindepth 1 -maxdepth 1 | head -1)")
offers "$run latest " show ""
offers "$run/$cell " show "$run/"

# Who reads a run takes the latest one when none is named, and says so; a named one needs no word.
older=$run
sleep 0.01
run=$(make_run 6.1,6.6 quick 1)
"$KREGLAB" resume -q "$run" >/dev/null
printf 'kernels: ["6.6"]\n' >"$T/policy.yaml"
for verb in show report compare "gate --policy $T/policy.yaml"; do
    # shellcheck disable=SC2086 # words
    status "$KREGLAB" $verb >/dev/null
    is "$verb: takes the latest" "$(cat "$T/err")" "kreglab: run $run, the latest"
    cp "$T/out" "$T/unnamed"
    # shellcheck disable=SC2086 # words
    status "$KREGLAB" $verb "$run" >/dev/null
    ok "$(cmp "$T/out" "$T/unnamed" >&2; echo $?)" "$verb: as if it were named"
    is "$verb: then nothing on stderr" "$(cat "$T/err")" ""
    # shellcheck disable=SC2086 # words
    is "$verb -q: no word" "$("$KREGLAB" -q $verb 2>&1 >"$T/out")" ""
done
# Runs of one second stand in any order.
both=$(printf '%s\n' "$older" "$run" | sort | xargs)
offers "$both latest " compare "$run" ""
offers "$both latest " gate ""
wrong "'c' is one argument too many" compare a b c
"$KREGLAB" completion bash >"$T/completion"
cat >>"$T/completion" <<'END'
COMP_WORDS=(kreglab recipe show tru)
COMP_CWORD=3
_kreglab
echo "${COMPREPLY[*]}"
END
is "the bash script completes" "$(PATH=$(dirname "$KREGLAB"):$PATH bash "$T/completion")" true

finish
