# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Cells on a host that others keep busy.

# only_starved: whether all cells of the last run that have no outcome lack it since the host starved
# their guests, and no other fault of the lab's is among them.
only_starved() {
    "$KREGLAB" report latest --format json | jq -e '[.cells[] | select(.state == "infra") | .why] |
        length > 0 and all(. != null and startswith("the host starved the guest"))' >/dev/null
}

# run_cells ARGUMENT…: 'kreglab run'; prints its exit status, and all that it said is $T/err. Who
# starves guests may be gone a minute later: then, at most twice, what the program advises is done.
run_cells() {
    local code
    code=$(status "$KREGLAB" run "$@")
    for _ in 1 2; do
        if [ "$code" != 3 ] || ! only_starved; then
            break
        fi
        cp "$T/err" "$T/starved"
        code=$(status "$KREGLAB" resume -j 1 --retry-infra latest)
        cat "$T/starved" "$T/err" >"$T/both"
        mv "$T/both" "$T/err"
    done
    echo "$code"
}
