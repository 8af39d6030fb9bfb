#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Bisections over real Debian kernels find a real change: vm.defrag_mode, which came with v6.15
# (commit e3aa7df331bc), once where every run shows it and once where half of the runs do. The
# kernels are fetched (50 MB each) and stay below KREGLAB_TEST_DATA/bisect.
set -eu
# shellcheck source=tests/cli/tap.sh
. "${SOURCE_ROOT:?}/tests/cli/tap.sh"
unset KREGLAB_WORKER

if [ -z "${KREGLAB_TEST_DATA:-}" ]; then
    skip "bisections" "KREGLAB_TEST_DATA is not set: './bootstrap test --with-zoo' does it"
    finish
    exit
fi
export KREGLAB_DATA=$KREGLAB_TEST_DATA/bisect KREGLAB_CACHE=$KREGLAB_TEST_DATA/cache
(umask 077 && mkdir -p "$KREGLAB_DATA")
rm -rf "$KREGLAB_DATA/runs" "$KREGLAB_DATA/bisects" "$KREGLAB_DATA/index.sqlite"*

# The oldest and the newest cloud kernel of each line that the archive has. What it does not have any
# more is told; eight have to be left.
for suite in bullseye bookworm trixie trixie-backports; do
    "$KREGLAB" kernel add -q "debian:$suite/linux-image-cloud-amd64" >/dev/null || true
    "$REAL_WORKER" kernel-list "$suite" cloud-amd64 3>"$T/list"
    jq -r '.packages[]' "$T/list" | sort -V |
        awk '{ split($0, v, /[-.+]/); line = v[3] "." v[4]; if (line != last) print; last = line }' |
        while read -r package; do
            "$KREGLAB" kernel add -q "debian:$suite/$package" >/dev/null </dev/null ||
                echo "# $package cannot be had"
        done
done
n=$("$KREGLAB" kernel list --json | jq '.kernels | length')
ok "$([ "$n" -ge 8 ]; echo $?)" "$n kernels, at least eight"
first=$("$KREGLAB" kernel list --json | jq -r '.kernels[0].id')
last=$("$KREGLAB" kernel list --json | jq -r '.kernels[-1].id')
for variant in always seldom; do
    is "$variant: found" "$(status "$KREGLAB" bisect --good "$first" --bad "$last" --json \
        --recipe "$SOURCE_ROOT/tests/zoo/recipes/defrag-mode" --variant "$variant")" 0
    sed 's/^/# /' "$T/err" | grep '\[[0-9]*\] ' || true
    jq -c 'select(.event == "bisection") | [.pair.good, .pair.bad, .pair.odds, .runs, .spent_ms]' \
        "$T/out" | sed 's/^/# /'
    good=$(jq -r 'select(.event == "bisection") | .pair.good' "$T/out")
    bad=$(jq -r 'select(.event == "bisection") | .pair.bad' "$T/out")
    ok "$([[ $good == 6.12.* && $bad == 6.1[6-9].* ]]; echo $?)" "$variant: between 6.12 and 6.16"
done
finish
