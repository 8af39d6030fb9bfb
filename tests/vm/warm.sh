#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Cells from clones of a booted guest: the same outcomes and evidence as cells that boot, also when
# workers die, when two runs share a template, and when a recording of one is played.
set -eu
# shellcheck source=tests/cli/tap.sh
. "${SOURCE_ROOT:?}/tests/cli/tap.sh"
unset KREGLAB_WORKER

if ! ls "${KREGLAB_TEST_DATA:-/nonexistent}"/data/kernels/6.1.*/kernel.json >/dev/null 2>&1; then
    skip "warm cells" "no kernel 6.1: ./bootstrap test fetches it and sets KREGLAB_TEST_DATA"
    finish
    exit
fi
mkdir -p "$KREGLAB_DATA"
ln -s "$KREGLAB_TEST_DATA/data/kernels" "$KREGLAB_DATA/kernels"
cp -r "$SOURCE_ROOT/tests/vm/recipes" "$KREGLAB_DATA/recipes"

# matrix NAME REPEAT VARIANTS RECIPE…: one template for all cells of a shape.
matrix() {
    local name=$1 repeat=$2 variants=$3
    shift 3
    printf 'kernels: ["6.1.*"]\nvariants: [%s]\ntemplates: 1\nrepeat: %s\nrecipes:\n' \
        "$variants" "$repeat" >"$T/$name.yaml"
    printf '  - "%s"\n' "$@" >>"$T/$name.yaml"
}

# facts RUN JQ: of all its results, sorted, without doubles.
facts() {
    cat "$KREGLAB_DATA/runs/$1/cells"/*/result.json | jq -rc "$2" | sort -u
}

# await COMMAND…: until it ends well, or the run in the background is over.
await() {
    while ! "$@" >/dev/null 2>&1 && kill -0 "$parent" 2>/dev/null; do sleep 0.02; done
}

is_being_made() {
    ls -d "$KREGLAB_CACHE"/templates/*.part-*
}

newest() {
    "$KREGLAB" list --json | jq -r '.runs[0].id'
}

same='[.recipe, .outcome, .crash.title, .dump.method, .dump.check.makedumpfile]'
matrix both 3 default,cpu0 true sysrq-panic hung-task
is "warm: exit status 0" "$(status "$KREGLAB" run -j 1 "$T/both.yaml")" 0
warm=$(newest)
is "all cells were clones" "$(facts "$warm" .facts.warm)" true
is "of one template a shape" "$(facts "$warm" '[.recipe, .facts.template]' | wc -l)" 3
is "cold: exit status 0" "$(status "$KREGLAB" run -j 1 --cold -n 1 "$T/both.yaml")" 0
cold=$(newest)
is "all cells booted, and say why" "$(facts "$cold" '[.facts.warm, .facts.cold_why]')" \
    '[false,"the run is cold"]'
is "outcome, title and dump are the same" "$(facts "$warm" "$same")" "$(facts "$cold" "$same")"
for dir in "$KREGLAB_DATA/runs/$warm"/cells/*; do
    has "the boot is part of the evidence" "$dir/dmesg.txt" 'Linux version 6.1'
    break
done

cell=$(basename "$(grep -l '"recipe": "sysrq-panic"' "$KREGLAB_DATA/runs/$warm"/cells/*/result.json |
    head -n 1 | xargs dirname)")
is "a warm cell is recorded" "$(status "$KREGLAB" record --dump "$warm/$cell" "$T/recording")" 0
is "and played" "$(status "$KREGLAB" run -k '6.1.*' -r sysrq-panic --variant cpu0 \
    --replay "$T/recording")" 0
is "with the same result" "$(facts "$(newest)" '[.outcome, .crash.title, .facts.warm]')" \
    "$(facts "$warm" 'select(.recipe == "sysrq-panic") | [.outcome, .crash.title, .facts.warm]')"

# The worker is killed while it makes a template, then while clones run.
rm -rf "$KREGLAB_CACHE/templates"
matrix many 12 default true
"$KREGLAB" run -j 1 "$T/many.yaml" >"$T/many.out" 2>&1 &
parent=$!
await is_being_made
pkill -9 -P "$parent" -f 'kreglab-worker cells'
await grep -q '^\[3/' "$T/many.out"
pkill -9 -P "$parent" -f 'kreglab-worker cells' || true
wait "$parent" && ended=0 || ended=$?
is "a run whose workers were killed ends well" "$ended" 0
is "every cell has its result" "$(facts "$(newest)" .outcome)" pass
is "those whose worker was killed booted, the others are clones" \
    "$(facts "$(newest)" '[.facts.warm, .facts.cold_why]')" \
    "$(printf '%s\n' "[false,\"its last attempt failed for the lab's reasons\"]" '[true,null]')"
is "nothing is left of them" \
    "$("$REAL_WORKER" clean --dry-run 3>&1 >/dev/null | jq -c '[.guests, .alive]')" '[0,0]'

# The parent is killed while a clone runs: its worker and QEMU end by themselves, the template is
# what it was, and the run goes on with the cells that have no result.
clones() { # the processes that have the template's memory
    grep -lsF "$KREGLAB_CACHE/templates" /proc/[0-9]*/maps || true # some process ended meanwhile
}

a_clone_runs() {
    [ -n "$(clones)" ]
}

sums() {
    find "$1" -name "$2" -type f -exec sha256sum {} + | sort
}

sums "$KREGLAB_CACHE/templates" '*' >"$T/template.before"
"$KREGLAB" run -j 1 "$T/many.yaml" >"$T/killed.out" 2>&1 &
parent=$!
await grep -q '^\[3/' "$T/killed.out"
await a_clone_runs
kill -9 "$parent" && killed=yes || killed=no
wait "$parent" 2>/dev/null || true
is "the parent was killed with the run under way" "$killed" yes
run=$(newest)
for _ in $(seq 100); do
    a_clone_runs || [ "$("$REAL_WORKER" clean --dry-run 3>&1 >/dev/null | jq .alive)" != 0 ] || break
    sleep 0.1
done
is "no QEMU outlives it" "$(clones | wc -l)" 0
sums "$KREGLAB_DATA/runs/$run/cells" result.json >"$T/results.before"
left=$(wc -l <"$T/results.before")
ok "$([ "$left" -ge 3 ] && [ "$left" -lt 12 ] && echo 0 || echo 1)" \
    "some cells had their results, some had not ($left of 12)"
is "resume finishes the run" "$(status "$KREGLAB" resume -j 1 "$run")" 0
sums "$KREGLAB_DATA/runs/$run/cells" result.json >"$T/results.after"
is "every cell has its result once" "$(wc -l <"$T/results.after")" 12
is "all are clones that passed" "$(facts "$run" '[.outcome, .facts.warm]')" '["pass",true]'
is "what was there is as it was" "$(comm -23 "$T/results.before" "$T/results.after")" ''
sums "$KREGLAB_CACHE/templates" '*' >"$T/template.after"
is "and so is the template" "$(diff "$T/template.before" "$T/template.after")" ''
is "nothing is left running" \
    "$("$REAL_WORKER" clean --dry-run 3>&1 >/dev/null | jq -c '[.guests, .alive]')" '[0,0]'

# Two runs at once, one template: made once, cloned by both.
rm -rf "$KREGLAB_CACHE/templates"
matrix few 4 default true
"$KREGLAB" run -j 1 "$T/few.yaml" >"$T/one.out" 2>&1 &
one=$!
"$KREGLAB" run -j 1 "$T/few.yaml" >"$T/two.out" 2>&1 &
two=$!
wait "$one" && ended=0 || ended=$?
is "one of two runs at once" "$ended" 0
wait "$two" && ended=0 || ended=$?
is "the other of them" "$ended" 0
is "they shared the template" \
    "$("$KREGLAB" list --json | jq -r '.runs[:2][].id' | while read -r id; do
        facts "$id" '[.outcome, (.facts.template | type)]'
    done | sort -u)" '["pass","string"]'
is "and it was made once" "$(find "$KREGLAB_CACHE/templates" -name template.json | wc -l)" 1
finish
