#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The incidents' recipes on a kernel without their defects: one cell each, side by side, has to get to the
# recipe's condition and pass. That they crash a kernel with the defect the zoo shows (../zoo).
set -eu
# shellcheck source=tests/cli/tap.sh
. "${SOURCE_ROOT:?}/tests/cli/tap.sh"
# shellcheck source=tests/vm/starved.sh
. "$SOURCE_ROOT/tests/vm/starved.sh"
unset KREGLAB_WORKER

if ! ls "${KREGLAB_TEST_DATA:-/nonexistent}"/data/kernels/*/kernel.json >/dev/null 2>&1; then
    skip "the incidents' recipes" "no kernels: ./bootstrap test fetches them and sets KREGLAB_TEST_DATA"
    finish
    exit
fi
mkdir -p "$KREGLAB_DATA"
ln -s "$KREGLAB_TEST_DATA/data/kernels" "$KREGLAB_DATA/kernels"
export KREGLAB_CACHE=$KREGLAB_TEST_DATA/cache
recipes=(page-frag-alloc thp-anon-vma)
cores=$(nproc)

arguments=()
for recipe in "${recipes[@]}"; do
    arguments+=(-r "$recipe")
done
is "the recipes' cells run as expected" \
    "$(run_cells -j "$((cores > 4 ? 4 : cores))" -k '6.1.*' --variant default "${arguments[@]}")" 0
sed 's/^/# /' "$T/err" | tr -d '\r' | tail -40
"$KREGLAB" report latest --format json >"$T/report.json"
jq -r '.cells[] | select(.unexpected == true) | .id' "$T/report.json" | while read -r id; do
    tail -n 20 "$KREGLAB_DATA"/runs/*/cells/"$id"/stressor.log | sed "s/^/# $id: /"
done
for recipe in "${recipes[@]}"; do
    is "$recipe reaches its condition and passes" \
        "$(jq -rc --arg r "$recipe" '[.cells[] | select(.recipe == $r) | [.outcome, .reached.held]]' \
            "$T/report.json")" '[["pass",true]]'
done
finish
