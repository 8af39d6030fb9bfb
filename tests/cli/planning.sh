#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Planning 100 000 cells: 2 s of an ordinary processor and 200 MB at most, printed or made into a run, and a
# cell costs the same with fewer of them.
set -eu
# shellcheck source=tests/cli/tap.sh
. "${SOURCE_ROOT:?}/tests/cli/tap.sh"

for n in $(seq 10); do known_kernel "6.1.0-$n-test"; done
two_variants

# measure COMMAND…: its processor time in ms and its largest resident set in kB go to $T/cost.
measure() {
    python3 - "$T/cost" "$@" >"$T/out" 2>"$T/err" <<'PY' || true
import resource, subprocess, sys
subprocess.run(sys.argv[2:], stdin=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
open(sys.argv[1], "w").write("%d %d\n" % ((used.ru_utime + used.ru_stime) * 1000, used.ru_maxrss))
PY
    read -r MS KB <"$T/cost"
    echo "# $*: $MS ms, $KB kB" | sed "s|$T/||g"
}

# The limits are those of a processor that takes 200 ms for this loop; a slower one gets more, in
# proportion. In percent.
slowness=$(python3 - <<'PY'
import time
n, start = 0, time.process_time()
for i in range(3000000):
    n += i
print(max(100, round((time.process_time() - start) / 0.2 * 100)))
PY
)
echo "# the processor takes $slowness % of the time"

# within TEXT LIMIT_MS LIMIT_KB
within() {
    if [ -n "${SANITIZED:-}" ]; then
        skip "$1" "sanitizers cost time and memory"
    else
        ok "$([ $((MS * 100)) -le $(($2 * slowness)) ] && [ "$KB" -le "$3" ]; echo $?)" "$1"
    fi
}

plan=("$KREGLAB" run --kernel '*' --recipe "$T/mine")
measure "${plan[@]}" --dry-run --repeat 500
few=$MS
measure "${plan[@]}" --dry-run --repeat 5000
has "--dry-run lists 100 000 cells" "$T/out" '^100000 cells; '
within "within 2 s and 200 MB" 2000 204800
within "a cell costs what it does among 10 000" $((few * 13 * 100 / slowness)) 204800
measure "${plan[@]}" --dry-run --json --repeat 5000
is "--json has as many" "$(jq '.cells | length' "$T/out")" 100000
within "within 200 MB, too" 4000 204800
KREGLAB_WORKER=/nonexistent measure "${plan[@]}" --repeat 5000
is "a run of them is made" "$(wc -l <"$(echo "$KREGLAB_DATA"/runs/*/cells.jsonl)")" 100000
within "and taken up within 2 s and 200 MB" 2000 204800
is "every line is a cell with an id of its own" \
    "$(sed -n '1p;2p;5000p;5001p;$p' "$KREGLAB_DATA"/runs/*/cells.jsonl |
        jq -r '"\(.repetition) \(.variant)"' | xargs)" \
    '1 plain 2 plain 5000 plain 1 other 5000 other'
finish
