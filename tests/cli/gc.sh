#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kreglab gc: budgets, what stays, what is in use, two runs at once, and kill -9 in the middle.
set -eu
# shellcheck source=tests/cli/tap.sh
. "${SOURCE_ROOT:?}/tests/cli/tap.sh"
export KREGLAB_CONFIG=$T/config.yaml
echo '{}' >"$KREGLAB_CONFIG"

# finished RECIPE: a run of two cells with a vmcore each; prints its id.
finished() {
    local run
    run=$(make_run 6.1 "$1" 2)
    FAKE_WORKER_PLAN='*=expected-crash' "$KREGLAB" resume -q --jobs 1 "$run" >"$T/out" 2>&1 || true
    echo "$run"
}
# age PATH DAYS: everything in it is so old.
age() {
    find "$1" -exec touch -h -d "$2 days ago" {} +
}
freed() {
    jq -r '[.freed[].name] | sort | join(" ")' "$T/out"
}

old=$(finished a)
pinned=$(finished b)
origin=$(finished c)
new=$(finished d)
cell=$(basename "$(find "$KREGLAB_DATA/runs/$origin/cells" -name '*[0-9a-f]' -type d | head -1)")
echo "guest: {replay: $KREGLAB_DATA/runs/$origin/cells/$cell}" >"$KREGLAB_DATA/runs/$new/matrix.yaml"
is "--pin: status 0" "$(status "$KREGLAB" gc --pin "$pinned")" 0
for run in "$old" "$pinned" "$origin"; do age "$KREGLAB_DATA/runs/$run" 100; done

is "--dry-run: status 0" "$(status "$KREGLAB" gc --dry-run --json --kind runs --max-age 90d)" 0
is "it names the old run alone" "$(freed)" "$old"
is "and says why others stay" \
    "$(jq -r '[.kept[] | .kept] | sort | join(", ")' "$T/out")" "pinned, referenced by $new"
ok "$([ -d "$KREGLAB_DATA/runs/$old" ]; echo $?)" "and removes nothing"
cat >"$KREGLAB_CONFIG" <<YAML
gc:
  runs: {max_age: 90d}
YAML
is "by the settings: status 0" "$(status "$KREGLAB" gc)" 0
has "it tells what it removed" "$T/out" "^removed runs $old \(.*, age\)\$"
is "the old run is gone, the others are there" \
    "$(find "$KREGLAB_DATA/runs" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort | xargs)" \
    "$(printf '%s\n' "$pinned" "$origin" "$new" | sort | xargs)"
is "the list knows" "$("$KREGLAB" list --json | jq '.runs | length')" 3
echo '{}' >"$KREGLAB_CONFIG"

is "a budget of size takes vmcores of runs that are not kept" \
    "$(status "$KREGLAB" gc --json --kind vmcores --max-size 1B)" 0
is "one dump was left in the new run, and it goes" "$(jq -r '.kinds.vmcores.freed' "$T/out")" 1
ok "$([ -e "$(find "$KREGLAB_DATA/runs/$pinned" -name vmcore | head -1)" ]; echo $?)" \
    "a pinned run keeps its own"
has "the journal has a word" "$KREGLAB_DATA/runs/$new/journal.jsonl" '"why":"kreglab gc"'
status "$KREGLAB" gc --unpin "$pinned" >/dev/null
is "unpinned, it goes as well" \
    "$(status "$KREGLAB" gc --json --kind runs --max-age 90d; freed)" "0
$pinned"

# Caches: the oldest go first; templates by their lock.
for n in 1 2 3; do
    mkdir -p "$KREGLAB_CACHE/downloads/item$n"
    head -c 1000000 /dev/zero | tr '\0' "$n" >"$KREGLAB_CACHE/downloads/item$n/file"
    age "$KREGLAB_CACHE/downloads/item$n" $((10 - n))
done
for key in aaaa bbbb; do
    mkdir -p "$KREGLAB_CACHE/templates/$key"
    echo ram >"$KREGLAB_CACHE/templates/$key/ram0"
    touch -d '60 days ago' "$KREGLAB_CACHE/templates/$key.lock"
done
status "$KREGLAB" gc --json --kind downloads --max-size 1500K >/dev/null
is "the oldest downloads go until the rest fits" "$(freed)" "item1 item2"
exec 8<"$KREGLAB_CACHE/templates/aaaa.lock"
flock -s 8
status "$KREGLAB" gc --json --kind templates >/dev/null
is "a template in use stays, the other goes" "$(freed); $(cd "$KREGLAB_CACHE/templates" && echo *)" \
    "bbbb; aaaa aaaa.lock bbbb.lock"
is "and the reason is told" "$(jq -r '.kept[0].kept' "$T/out")" "in use"
exec 8<&-
exec 9>"$KREGLAB_CACHE/.in-use.lock"
flock -s 9
status "$KREGLAB" gc --json --kind downloads --max-age 1d >/dev/null
is "while a worker lives the caches are left alone" "$(freed)" ""
exec 9>&-
is "an unknown kind: status 2" "$(status "$KREGLAB" gc --kind dust)" 2
is "a run that is not there: status 2" "$(status "$KREGLAB" gc --pin 1999)" 2

# A run that is driven.
live=$(make_run 6.1 slow 1)
FAKE_WORKER_PLAN='*=slow' "$KREGLAB" resume -q "$live" >/dev/null 2>&1 &
parent=$!
for _ in $(seq 200); do
    grep -q 'slow' "$KREGLAB_DATA/runs/$live/journal.jsonl" 2>/dev/null && break
    find "$KREGLAB_DATA/runs/$live/cells" -name console.log | grep -q . && break
    sleep 0.05
done
status "$KREGLAB" gc --json --kind runs --max-size 1B >/dev/null
ok "$([ -d "$KREGLAB_DATA/runs/$live" ]; echo $?)" "a run that is driven stays"
kill -TERM "$parent"
wait "$parent" || true

# Killed at any moment: what is there is whole, what went is gone, and the next one ends it.
for n in $(seq 40); do
    run=20200101-000000-$(printf '%04x' "$n")
    cp -a "$KREGLAB_DATA/runs/$live" "$KREGLAB_DATA/runs/$run"
    sed -i "s/$live/$run/" "$KREGLAB_DATA/runs/$run/run.json"
    for i in $(seq 20); do mkdir -p "$KREGLAB_DATA/runs/$run/cells/$i/deep"; done
done
files=$(find "$KREGLAB_DATA/runs/20200101-000000-0001" | wc -l)
kills=0
for _ in $(seq 10); do
    "$KREGLAB" gc --kind runs --max-size 1B >/dev/null 2>&1 &
    pid=$!
    sleep "0.0$((RANDOM % 60 + 10))"
    if kill -9 "$pid" 2>/dev/null; then kills=$((kills + 1)); fi
    wait "$pid" 2>/dev/null || true
    for run in "$KREGLAB_DATA"/runs/20200101-*; do
        [ -d "$run" ] || continue
        [ "$(find "$run" -not -name lock | wc -l)" -ge $((files - 1)) ] || echo "half $run" >>"$T/half"
    done
done
echo "# $kills were killed"
ok "$([ ! -e "$T/half" ]; echo $?)" "killed at random moments, no run is half there"
status "$KREGLAB" gc --json --kind runs --max-size 1B >/dev/null
ok "$([ ! -e "$KREGLAB_DATA/.trash" ] && ! ls -d "$KREGLAB_DATA"/runs/20200101-* >/dev/null 2>&1; echo $?)" \
    "the next one leaves nothing of them"

# Two runs of recorded guests and a gc that takes all it may, again and again, at once.
unset KREGLAB_WORKER
GOLDEN=$SOURCE_ROOT/tests/golden/replay
release=6.1.0-56-cloud-amd64
known_kernel "$release"
"$KREGLAB" run -k 6.1.0 -r true --replay "$GOLDEN/true-6.1" --repeat 6 -j 1 >"$T/one" 2>&1 &
one=$!
"$KREGLAB" run -k 6.1.0 -r true --replay "$GOLDEN/true-6.1" --repeat 6 -j 1 >"$T/two" 2>&1 &
two=$!
rounds=0
bad=0
while kill -0 "$one" 2>/dev/null || kill -0 "$two" 2>/dev/null; do
    "$KREGLAB" gc --kind initramfs --kind programs --kind vmcores --max-age 1ms --max-size 1B \
        >/dev/null 2>"$T/err" || bad=$((bad + 1))
    rounds=$((rounds + 1))
done
code=0
wait "$one" || code=$?
wait "$two" || code=$?
echo "# $rounds rounds of gc beside them"
is "two runs at once, gc beside them: all cells pass" "$code $bad" "0 0"
is "and both are whole" "$("$KREGLAB" list --json | jq -c '[.runs[0,1].done]')" '[6,6]'
finish
