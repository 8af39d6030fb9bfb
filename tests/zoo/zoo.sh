#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The recipes are worth something when they crash a kernel that has the defect and leave the same
# kernel without it alone. So a Debian source kernel is built twice, as it is and with one
# incident's defect put back (RECIPE-VERSION.patch), and the recipe runs on both, ten times.
#
# The first run compiles for 5 to 30 minutes a kernel; later ones find the kernels where they were
# left, below KREGLAB_TEST_DATA/zoo. KREGLAB_ZOO_REPEAT sets how often (default 10).
set -eu
# shellcheck source=tests/cli/tap.sh
. "${SOURCE_ROOT:?}/tests/cli/tap.sh"
unset KREGLAB_WORKER
repeat=${KREGLAB_ZOO_REPEAT:-10}
here=$SOURCE_ROOT/tests/zoo

if [ -z "${KREGLAB_TEST_DATA:-}" ]; then
    skip "the zoo" "KREGLAB_TEST_DATA is not set: './bootstrap test --with-zoo' does it"
    finish
    exit
fi
export KREGLAB_DATA=$KREGLAB_TEST_DATA/zoo KREGLAB_CACHE=$KREGLAB_TEST_DATA/cache
(umask 077 && mkdir -p "$KREGLAB_DATA")
# Runs of earlier tests would only take space.
rm -rf "$KREGLAB_DATA/runs" "$KREGLAB_DATA/index.sqlite"*

# build NAME ARGUMENT…: the kernel, from the store or anew; how long it took is told. One of that
# name that was built from something else, such as an older source package, makes room.
build() {
    local name=$1 start=$SECONDS code
    shift
    code=$(status "$KREGLAB" kernel build --name "$name" "$@")
    if [ "$code" -ne 0 ] && grep -q 'another kernel of the name' "$T/err"; then
        "$KREGLAB" kernel remove -q "$name"
        code=$(status "$KREGLAB" kernel build --name "$name" "$@")
    fi
    ok "$code" "$name builds"
    tail -n 3 "$T/err" | sed 's/^/# /'
    echo "# $name: $((SECONDS - start)) s"
}

# of KERNEL JQ: what JQ says of the list of its cells.
of() {
    jq -rc --arg k "$1" "[.cells[] | select(.kernel == \$k)] | $2" "$T/report.json"
}

# incident RECIPE SOURCE TITLE [CONFIG-FRAGMENT]: builds both kernels, runs the recipe, judges.
incident() {
    local recipe=$1 source=$2 title=$3 version=${2##*linux-source-} config=() fixed broken crashes
    fixed=zoo-$version-fixed broken=zoo-$version-$recipe

    if [ $# -gt 3 ]; then config=(--config "$here/$4"); fi
    build "$fixed" --source "$source" "${config[@]}"
    build "$broken" --source "$source" "${config[@]}" --patch "$here/$recipe-$version.patch" \
        --defect "$recipe"
    status "$KREGLAB" run -k "$broken" -k "$fixed" -r "$recipe" \
        --variant default -n "$repeat" >"$T/status"
    sed 's/^/# /' "$T/err" | tr -d '\r' | tail -n $((2 * repeat + 5))
    "$KREGLAB" report latest --baseline "$broken" --format json >"$T/report.json"
    is "$recipe: all of it is expected" "$(cat "$T/status")" 0
    crashes=$(of "$broken" "map(select(.outcome == \"crash\" and (.title | test(\"$title\"))
        and .time_to_crash_ms <= 60000)) | length")
    echo "# $recipe: $crashes of $repeat runs crash the broken kernel within 60 s:" \
        "$(of "$broken" 'map(.time_to_crash_ms) | "\(min) to \(max) ms"')"
    ok "$([ $((crashes * 10)) -ge $((repeat * 9)) ]; echo $?)" \
        "$recipe crashes the broken kernel as the incident says, in 9 of 10 runs"
    is "$recipe reaches its condition on the fixed one and passes, each time" \
        "$(of "$fixed" 'map(select(.outcome == "pass" and .reached.held)) | length')" "$repeat"
    is "$recipe: the verdict is 'fixed'" \
        "$(jq -rc --arg r "$recipe" '[.comparisons[] | select(.kind == "kernels" and .recipe == $r) | .verdict] | unique' \
            "$T/report.json")" '["fixed"]'
}

incident page-frag-alloc debian:bookworm/linux-source-6.1 '^BUG: Bad page state'
# Debian's 5.10 with its preemption lets others run in the loop of faults that is the defect.
incident thp-split-softlockup debian:bullseye/linux-source-5.10 '^BUG: soft lockup in newfstat' \
    preempt-none.config
incident thp-deferred-split debian:bullseye/linux-source-5.10 ' in deferred_split_scan$' \
    preempt-none.config
finish
