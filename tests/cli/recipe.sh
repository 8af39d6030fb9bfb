#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# recipe list, show, check and new; help of files.
set -eu
# shellcheck source=tests/cli/tap.sh
. "${SOURCE_ROOT:?}/tests/cli/tap.sh"

is "list ends with 0" "$(status "$KREGLAB" recipe list)" 0
has "it has the recipes that come along" "$T/out" '^true +default +The guest boots'
has "and marks the baseline" "$T/out" '^ksm-migrate +cap-lifted\*, default-cap'
"$KREGLAB" recipe list --json >"$T/json"
is "as JSON too" "$(jq -r '.[] | select(.name == "true") | .stressor.kind' "$T/json")" builtin

is "show by name" "$(status "$KREGLAB" recipe show ksm-migrate)" 0
has "says what it needs" "$T/out" '^needs: +CONFIG_KSM=y'
has "and what it expects" "$T/out" "crash '\*hung\*' of cap-lifted"
is "show by path" "$(status "$KREGLAB" recipe show "$SOURCE_ROOT/recipes/true")" 0
is "show --json has the digest" \
    "$("$KREGLAB" recipe show --json true | jq -r '.digest | length')" 64
is "an unknown recipe is a user's mistake" "$(status "$KREGLAB" recipe show ksm-migrat)" 2
has "that says which was meant" "$T/err" "did you mean 'ksm-migrate'\?"

is "new makes a folder" "$(cd "$T" && status "$KREGLAB" recipe new mine)" 0
is "and says where" "$(cat "$T/out")" ./mine/recipe.yaml
is "that is fine as it is" "$(status "$KREGLAB" recipe check "$T/mine")" 0
is "check says nothing on stdout then" "$(cat "$T/out")" ""
is "new does not write over one" "$(cd "$T" && status "$KREGLAB" recipe new mine)" 2
is "new --dir" "$(status "$KREGLAB" recipe new other --dir "$T/mine")" 0
is "a name that is none" "$(status "$KREGLAB" recipe new 'A b')" 2
has "says what a name is made of" "$T/err" '\[a-z0-9-\]'

mkdir "$T/bad"
printf 'summry: x\nstressor:\n  program: none.c\n  duration: 10\n' >"$T/bad/recipe.yaml"
is "check of a wrong one" "$(status "$KREGLAB" recipe check "$T/mine" "$T/bad")" 2
has "every mistake with its place" "$T/out" "^$T/bad/recipe.yaml:1:1: summary: missing"
has "and what was meant" "$T/out" "^$T/bad/recipe.yaml:1:1: summry: unknown key: did you mean 'summary'"
has "and what was expected" "$T/out" "^$T/bad/recipe.yaml:4:13: stressor.duration: '10': expected a time"
has "one line on stderr says how many" "$T/err" '1 of 2 recipes is wrong'
is "check of nothing" "$(status "$KREGLAB" recipe check "$T/nothing")" 2

mkdir -p "$KREGLAB_DATA/recipes/true"
printf 'summary: my own\nstressor: {builtin: "true"}\n' >"$KREGLAB_DATA/recipes/true/recipe.yaml"
has "an own recipe goes before" <("$KREGLAB" recipe list) '^true +default +my own'
printf 'summary: [\n' >"$KREGLAB_DATA/recipes/true/recipe.yaml"
is "a broken one does not end the list" "$(status "$KREGLAB" recipe list)" 0
has "but is warned of" "$T/err" 'warning: left out: .*true/recipe.yaml:2:1'

for file in recipe.yaml matrix.yaml; do
    is "help $file" "$(status "$KREGLAB" help $file)" 0
    has "it has the keys" "$T/out" '^  +cpus: NUMBER'
done
is "nothing else is explained" "$(status "$KREGLAB" help nothing.yaml)" 2

if [ -e /dev/full ]; then
    code=0
    "$KREGLAB" recipe list >/dev/full 2>"$T/err" || code=$?
    is "a full disk is no success" "$code" 3
fi
finish
