#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# support counts what real results say, and doctor's pairing of crash(8) with kernels comes of them.
set -eu
# shellcheck source=tests/cli/tap.sh
. "${SOURCE_ROOT:?}/tests/cli/tap.sh"

run=$(make_run 4.19.0-1-test,5.10.0-1-test,6.1.0-2-test,6.12.3-test a/x 2)
status "$KREGLAB" resume "$run" >/dev/null

# change RELEASE REPETITION FILTER: edits that cell's result.
change() {
    local file
    for file in "$KREGLAB_DATA/runs/$run"/cells/*/result.json; do
        if [ "$(jq -r '"\(.release) \(.repetition)"' "$file")" = "$1 $2" ]; then
            jq "$3" "$file" >"$T/changed"
            cp "$T/changed" "$file"
        fi
    done
}
# says SERIES COLUMN
says() {
    "$KREGLAB" support --json |
        jq -c --arg s "$1" ".series[] | select(.series == \$s) | .$2"
}

is "what no guest ran for counts nothing" \
    "$("$KREGLAB" support --json | jq -c '[.series[] | .cells] | add')" 0
real='.facts.accelerator = "tcg"'
frames='[{"function":"panic","module":null,"reliable":true,"stack":"task"}]'
change 5.10.0-1-test 1 "$real | .outcome = \"crash\" | .crash.frames = $frames
    | .dump = {method: \"kdump\", check: {crash: \"ok\", crash_version: \"8.0.2\"}}"
change 5.10.0-1-test 2 "$real | .outcome = \"crash\"
    | .dump = {method: \"host-kdump-zlib\", why_not: \"deadline\", check: {crash: null}}"
change 6.1.0-2-test 1 "$real | .outcome = \"crash\"
    | .crash.frames = [{\"function\":\"0xffffffff81000000\",\"reliable\":true}]
    | .dump = {method: null, why_not: \"not-possible\", detail: \"from the host: no space\"}"
change 6.1.0-2-test 2 "$real | .outcome = \"boot-failure\" | .why = \"no init\" | .dump = null"
change 6.12.3-test 1 "$real | .outcome = \"crash\" | .facts.module_build = {built: true}
    | .dump = {method: \"kdump\", check: {crash: \"crash 8.0.2: page excluded\", crash_version: \"8.0.2\"}}"
is "kdump once, and once too late" \
    "$(says 5.10 'kdump | [.works, .yes, .no, .why_not]')" '["yes",1,1,"deadline"]'
is "then the host's dump" "$(says 5.10 'host_dump | [.works, .yes]')" '["yes",1]'
is "crash(8) opened one, of those it was tried on" "$(says 5.10 'crash | [.yes, .no]')" '[1,0]'
is "the stack has names" "$(says 5.10 stacks.works)" '"yes"'
is "kdump that nobody asked for is no failure" "$(says 6.1 kdump.works)" '"not run"'
is "a host dump that failed is one" "$(says 6.1 'host_dump | [.works, .why_not]')" \
    '["no","from the host: no space"]'
is "addresses are no names" "$(says 6.1 stacks.works)" '"no"'
is "one of two boots failed" "$(says 6.1 'boot | [.works, .yes, .no, .why_not]')" \
    '["yes",1,1,"no init"]'
is "a built module" "$(says 6.12 module_build.works)" '"yes"'
is "crash's words are the reason" "$(says 6.12 'crash | [.works, .why_not]')" \
    '["no","crash 8.0.2: page excluded"]'
"$KREGLAB" support >"$T/out"
has "the table names the reason" "$T/out" '^6\.12, crash: crash 8\.0\.2: page excluded$'
is "series without a run say so" \
    "$(awk '/prepared, not run/ { print $1 }' "$T/out" | xargs)" '3.10 4.4 4.19'

known_kernel 4.19.0-1-test 5.10.0-1-test 6.1.0-2-test 6.12.3-test 6.18.4-test
mkdir "$T/bin"
# pairing VERSION: what doctor says with that crash(8).
pairing() {
    # As the real one does it: an empty line first.
    printf '#!/bin/sh\nprintf "\\ncrash %s\\nCopyright\\n"\n' "$1" >"$T/bin/crash"
    chmod +x "$T/bin/crash"
    PATH=$T/bin:$PATH "$KREGLAB" doctor --json 2>/dev/null |
        jq -r '.checks[] | select(.check == "crash") | .detail' >"$T/pairing"
}
pairing 8.0.2
has "seen here" "$T/pairing" '; 5\.10\.0-1-test: opens \(1 of 1 here\) \(no debug vmlinux\);'
has "measured, but not here" "$T/pairing" '; 6\.1\.0-2-test: opens \(no debug vmlinux\);'
has "older than one that it opens" "$T/pairing" '; 4\.19\.0-1-test: should open'
has "not opened here" "$T/pairing" '; 6\.12\.3-test: does not open \(0 of 1 here\)'
has "newer than that" "$T/pairing" '; 6\.18\.4-test: too new'
change 6.12.3-test 2 "$real | .dump = {method: \"kdump\", check: {crash: \"ok\", crash_version: \"8.0.2\"}}"
pairing 8.0.2
has "a run here outdoes what was measured elsewhere" "$T/pairing" \
    '; 6\.12\.3-test: opens \(1 of 2 here\)'
pairing 9.9
has "nothing is claimed of a version that was not tried" "$T/pairing" \
    '; 6\.1\.0-2-test: not tried'
finish
