#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# list, reindex and show: order, JSON, a lost or damaged index.
set -eu
# shellcheck source=tests/cli/tap.sh
. "${SOURCE_ROOT:?}/tests/cli/tap.sh"

is "no runs yet: status 0" "$(status "$KREGLAB" list)" 0
is "and an empty list" "$("$KREGLAB" list --json | jq -c .runs)" '[]'
ids=()
for _ in 1 2 3 4; do
    ids=("$(make_run 6.1 true 2)" "${ids[@]}")
    sleep 0.01
done
FAKE_WORKER_PLAN='*/2=crash' status "$KREGLAB" resume "${ids[1]}" >/dev/null
is "newest first" "$("$KREGLAB" list --json | jq -r '.runs[].id')" "$(printf '%s\n' "${ids[@]}")"
is "the table too" "$("$KREGLAB" list | awk 'NR > 1 { print $1 }')" "$(printf '%s\n' "${ids[@]}")"
is "counts and states" \
    "$("$KREGLAB" list --json | jq -c '.runs[1] | [.cells, .done, .state, .unexpected, .infra]')" \
    '[2,2,"done",1,0]'
is "one that was not driven" "$("$KREGLAB" list --json | jq -r '.runs[0].state')" stopped
is "--number" "$("$KREGLAB" list -n 1 --json | jq -r '.runs[].id')" "${ids[0]}"
"$KREGLAB" list --json >"$T/before"
crashed=$("$KREGLAB" list --json --signature 'Kernel panic*' | jq -r '.cells[] | .run + "/" + .cell')
is "--signature finds the cell of a title" "$(wc -l <<<"$crashed") ${crashed%%/*}" "1 ${ids[1]}"
k0=$("$KREGLAB" list --json --signature 'Kernel panic*' | jq -r '.cells[0].k0')
is "and of a K0" "$("$KREGLAB" list --signature "$k0" | awk 'NR > 1 { print $1 }')" "$crashed"
"$KREGLAB" list --signature v1:0000 >"$T/out" 2>"$T/err"
has "a search that finds nothing says so" "$T/err" "no cell crashed like 'v1:0000'"
is "nothing of another" "$("$KREGLAB" list --signature v1:0000 --json | jq -c .cells)" '[]'
rm -f "$KREGLAB_DATA"/index.sqlite*
"$KREGLAB" list --json >"$T/after"
ok "$(cmp -s "$T/before" "$T/after"; echo $?)" "the index can be thrown away"
printf 'rubbish that is no database at all, but long enough' >"$KREGLAB_DATA/index.sqlite"
rm -f "$KREGLAB_DATA"/index.sqlite-*
"$KREGLAB" list --json >"$T/after" 2>"$T/err"
ok "$(cmp -s "$T/before" "$T/after"; echo $?)" "a damaged one is made again"
has "with a warning" "$T/err" 'damaged'
is "reindex" "$("$KREGLAB" reindex)" '4 runs'
rm "$KREGLAB_DATA/runs/${ids[2]}/run.json"
is "a damaged run is left out" "$("$KREGLAB" reindex 2>"$T/err")" '3 runs'
has "and warned of" "$T/err" "${ids[2]}"
is "latest" "$("$KREGLAB" show --json latest | jq -r .run)" "${ids[0]}"
is "show --json has the cells" \
    "$("$KREGLAB" show --json "${ids[1]}" | jq -c '[.cells[] | .outcome]')" '["pass","crash"]'
sed -i 's/"schema_version": 1/"schema_version": 9/' "$KREGLAB_DATA/runs/${ids[3]}/run.json"
is "a run of a newer kreglab: status 2" "$(status "$KREGLAB" show "${ids[3]}")" 2
has "with a word" "$T/err" 'newer kreglab'
finish
