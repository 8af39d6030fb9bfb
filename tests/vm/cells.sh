#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Whole cells on real kernels, from the command line to the report: each class of crash with its
# vmcore, and each row of the truth table that a real guest can show.
set -eu
# shellcheck source=tests/cli/tap.sh
. "${SOURCE_ROOT:?}/tests/cli/tap.sh"
# shellcheck source=tests/vm/starved.sh
. "$SOURCE_ROOT/tests/vm/starved.sh"
# shellcheck source=tests/vm/stacks.sh
. "$SOURCE_ROOT/tests/vm/stacks.sh"
unset KREGLAB_WORKER

if ! ls "${KREGLAB_TEST_DATA:-/nonexistent}"/data/kernels/*/kernel.json >/dev/null 2>&1; then
    skip "whole cells" "no kernels: ./bootstrap test fetches them and sets KREGLAB_TEST_DATA"
    finish
    exit
fi
mkdir -p "$KREGLAB_DATA"
ln -s "$KREGLAB_TEST_DATA/data/kernels" "$KREGLAB_DATA/kernels"
cp -r "$SOURCE_ROOT/tests/vm/recipes" "$KREGLAB_DATA/recipes"
export KREGLAB_CACHE=$KREGLAB_TEST_DATA/cache
cores=$(nproc)
jobs=$((cores > 4 ? 4 : cores))

# cell RELEASE-PREFIX RECIPE VARIANT JQ: what JQ says of that cell of the last report.
cell() {
    jq -rc --arg k "$1" --arg r "$2" --arg v "$3" \
        ".cells[] | select((.kernel | startswith(\$k)) and .recipe == \$r and .variant == \$v) | $4" \
        "$T/report.json"
}

# run TEXT STATUS ARGUMENT…: runs cells; their report is $T/report.json.
run() {
    local text=$1 wanted=$2
    shift 2
    is "$text: exit status $wanted" "$(run_cells -j "$jobs" "$@")" "$wanted"
    sed 's/^/# /' "$T/err" | tr -d '\r' | tail -40
    "$KREGLAB" report latest --format json >"$T/report.json"
    # What an unexpected cell's stressor said.
    jq -r '.cells[] | select(.unexpected == true) | .id' "$T/report.json" | while read -r id; do
        tail -n 20 "$KREGLAB_DATA"/runs/*/cells/"$id"/stressor.log | sed "s/^/# $id: /"
    done
}

# said: what the last report says, without its folds.
said() {
    "$KREGLAB" report latest --format text | tr -s ' \n' ' '
}

# dmesg_of VMCORE: its log as $T/dmesg. makedumpfile leaves a file that is there.
dmesg_of() {
    rm -f "$T/dmesg"
    makedumpfile --dump-dmesg "$1" "$T/dmesg" >/dev/null 2>&1 || true
}

# crashed RELEASE-PREFIX RECIPE VARIANT TITLE-PATTERN: a crash with that title and an in-guest dump.
crashed() {
    local what="$1 $2/$3" title
    is "$what crashes" "$(cell "$1" "$2" "$3" .outcome)" crash
    title=$(cell "$1" "$2" "$3" .title)
    # shellcheck disable=SC2254 # the pattern is one
    case $title in
    $4) ok 0 "$what is '$4'" ;;
    *) ok 1 "$what is '$4', not '$title'" ;;
    esac
    is "$what has a vmcore by kdump" "$(cell "$1" "$2" "$3" '[.dump.method, .dump.size_bytes > 1000000]')" \
        '["kdump",true]'
    core=$(find "$KREGLAB_DATA/runs/" -path "*/$(cell "$1" "$2" "$3" .id)/vmcore")
    dmesg_of "$core"
    has "$what: makedumpfile reads the panic in it" "$T/dmesg" 'Kernel panic - not syncing'
    stacks_agree "$what" "$core" "$T/dmesg"
    is "$what: the vmcore is its owner's only" "$(stat -c %a "$core")" 600
}

run "every recipe on every kernel" 0 --keep-dumps all "$SOURCE_ROOT/tests/vm/cells.matrix.yaml"
for k in 5.10 6.1. 6.12; do
    is "$k true passes" "$(cell $k true default .outcome)" pass
    is "$k stress passes" "$(cell $k stress default .outcome)" pass
    crashed $k sysrq-panic cpu0 'kernel panic: sysrq triggered crash'
    crashed $k sysrq-panic cpu1 'kernel panic: sysrq triggered crash'
    crashed $k soft-lockup default 'BUG: soft lockup in lab_softlockup_*'
    crashed $k hung-task default 'INFO: task hung in lab_hungtask_*'
    crashed $k oom-panic default 'kernel panic: Out of memory*'
done

run "no capture kernel" 0 -k '6.1.*' -r sysrq-panic --variant cpu0 --no-kdump
is "the dump is taken from the host" \
    "$(cell 6.1. sysrq-panic cpu0 '.dump.method | startswith("host-")')" true
core=$(find "$KREGLAB_DATA/runs/" -path "*/$(cell 6.1. sysrq-panic cpu0 .id)/vmcore" -newer "$T/report.json" -o \
    -path "*/$(cell 6.1. sysrq-panic cpu0 .id)/vmcore" | tail -n 1)
dmesg_of "$core"
has "makedumpfile reads the panic in it" "$T/dmesg" 'Kernel panic - not syncing: sysrq triggered crash'
stacks_agree "6.1, from the host" "$core" "$T/dmesg"

run "the rows of the truth table" 0 -k '6.1.*' -r silent-hang -r survived-warning -r reset \
    -r broken-module -r failing
is "a silent hang is a hang" "$(cell 6.1. silent-hang default .outcome)" hang
dir=$KREGLAB_DATA/runs/$(jq -r .run "$T/report.json")/cells/$(cell 6.1. silent-hang default .id)
has "its registers were taken" "$dir/hang.txt" 'RIP='
has "the NMI made it panic, as its vmcore says" "$dir/vmcore.dmesg.txt" "Kernel panic - not syncing: NMI"
is "and leave a vmcore" "$(cell 6.1. silent-hang default '.dump.size_bytes > 1000000')" true
is "a WARNING that is survived is a crash" "$(cell 6.1. survived-warning default .outcome)" crash
is "and is told to be survived" \
    "$(jq .survived "$KREGLAB_DATA/runs/$(jq -r .run "$T/report.json")/cells/$(cell 6.1. survived-warning default .id)/result.json")" \
    true
is "a reset is a lost guest" "$(cell 6.1. reset default .outcome)" lost
is "a module that does not build is skipped" "$(cell 6.1. broken-module default .state)" skipped
is "a stressor's status 7 is a failure" "$(cell 6.1. failing status .outcome)" fail

run "hotfixes" 0 -k '6.1.*' -r hotfix
is "without its hotfix the kernel fails" "$(cell 6.1. hotfix stock .outcome)" fail
is "with a live patch it passes" "$(cell 6.1. hotfix livepatch .outcome)" pass
hotfix=$(jq -c .facts.hotfix "$KREGLAB_DATA/runs/$(jq -r .run "$T/report.json")/cells/$(cell 6.1. hotfix livepatch .id)/result.json")
is "its state is in the result" \
    "$(jq -c '[.module, .loaded, .livepatch.enabled, .livepatch.in_transition]' <<<"$hotfix")" \
    '["kreglab_livepatch",true,true,false]'
"$KREGLAB" show "latest/$(cell 6.1. hotfix livepatch .id)" >"$T/out"
has "and shown" "$T/out" 'hotfix +kreglab_livepatch.ko: loaded, live patch in force after'
"$KREGLAB" report latest --format html --output "$T/report.html"
has "also in the report" "$T/report.html" 'kreglab_livepatch.ko'
has "which says that it may fix, after one run" <(said) 'inconclusive .*livepatch may fix stock'
is "a hotfix that refuses to load is skipped" "$(cell 6.1. hotfix refusing .state)" skipped
has "with its words" <(jq -r .why "$KREGLAB_DATA"/runs/*/cells/"$(cell 6.1. hotfix refusing .id)"/result.json) \
    'hotfix: .*No such device'
is "one that does not build is skipped" "$(cell 6.1. hotfix broken .state)" skipped
is "one that is not there for this kernel is skipped" "$(cell 6.1. hotfix prebuilt .state)" skipped

run "the real defect" 0 -k '6.1.*' -r ksm-migrate --variant cap-lifted --variant default-cap
crashed 6.1. ksm-migrate cap-lifted 'INFO: task hung in *'
is "the default cap passes" "$(cell 6.1. ksm-migrate default-cap .outcome)" pass
has "the report says that it may fix, after one run" <(said) \
    'inconclusive .*default-cap may fix cap-lifted.*stall_ms'
is "nothing is left running" "$(pgrep -cf "$KREGLAB_DATA" || true)" 0
finish
