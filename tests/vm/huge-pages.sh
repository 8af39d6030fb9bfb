#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The recipes on huge pages run clean on a kernel without the bug, and reach what the incident is
# about. Short copies of them: a verdict on a kernel takes longer (each one's README).
set -eu
# shellcheck source=tests/cli/tap.sh
. "${SOURCE_ROOT:?}/tests/cli/tap.sh"
# shellcheck source=tests/vm/starved.sh
. "$SOURCE_ROOT/tests/vm/starved.sh"
unset KREGLAB_WORKER

if ! ls "${KREGLAB_TEST_DATA:-/nonexistent}"/data/kernels/*/kernel.json >/dev/null 2>&1; then
    skip "recipes on huge pages" "no kernels: ./bootstrap test fetches them and sets KREGLAB_TEST_DATA"
    finish
    exit
fi
mkdir -p "$KREGLAB_DATA/recipes"
ln -s "$KREGLAB_TEST_DATA/data/kernels" "$KREGLAB_DATA/kernels"
export KREGLAB_CACHE=$KREGLAB_TEST_DATA/cache

# short RECIPE ARGUMENTS: a copy called short-RECIPE that runs for 15 s with these arguments.
short() {
    local copy=$KREGLAB_DATA/recipes/short-$1
    cp -r "$SOURCE_ROOT/recipes/$1" "$copy"
    sed -i -e "s/^name: .*/name: short-$1/" -e 's/^  duration: .*/  duration: 15s/' \
        -e "s/^  args: .*/  args: [$2]/" "$copy/recipe.yaml"
}

short thp-split-softlockup '--min-splits, "10", --min-calls, "2000"'
short thp-deferred-split '--min-deferred, "16", --min-split, "8"'

is "both pass" "$(run_cells -j 1 -k '6.1.*' --variant default \
    -r short-thp-split-softlockup -r short-thp-deferred-split)" 0
sed 's/^/# /' "$T/err" | tr -d '\r' | tail -n 20
"$KREGLAB" report latest --format json >"$T/report.json"
for recipe in thp-split-softlockup thp-deferred-split; do
    id=$(jq -r --arg r "short-$recipe" '.cells[] | select(.recipe == $r) | .id' "$T/report.json")
    result=$(find "$KREGLAB_DATA/runs/" -path "*/$id/result.json")
    is "$recipe passes" "$(jq -r .outcome "$result")" pass
    is "$recipe reached its condition" "$(jq .reached.held "$result")" true
    is "$recipe split huge pages" "$(jq '.metrics.thp_split_page >= 8' "$result")" true
done
finish
