#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# signature: compressed and damaged files, several files, vmcores, garbage, how it ends.
set -eu
# shellcheck source=tests/cli/tap.sh
. "${SOURCE_ROOT:?}/tests/cli/tap.sh"

golden=$SOURCE_ROOT/tests/golden/crash
log=$golden/hung-task.log
title="INFO: task hung in iterate_bdevs"

# --- compressed ---
for tool in gzip bzip2 xz zstd; do
    if ! command -v "$tool" >/dev/null; then
        skip "$tool" "$tool is not installed"
        continue
    fi
    "$tool" -c <"$log" >"$T/log.$tool"
    is "$tool" "$("$KREGLAB" signature "$T/log.$tool")" "$T/log.$tool	$title"
    is "$tool from a pipe" "$("$KREGLAB" signature - <"$T/log.$tool")" "-	$title"
done
{ gzip -c <"$log"; gzip -c <"$log"; } >"$T/two.gz"
is "two members in one file" "$("$KREGLAB" signature "$T/two.gz" --json | jq '.reports | length > 1')" true

# A log cut off in compression is read as far as it goes, and told.
for _ in $(seq 400); do cat "$log"; done | gzip -1 -c >"$T/long.gz"
size=$(stat -c %s "$T/long.gz")
head -c $((size / 2)) "$T/long.gz" >"$T/cut.gz"
is "cut off: status 2" "$(status "$KREGLAB" signature "$T/cut.gz")" 2
is "named all the same" "$(cat "$T/out")" "$T/cut.gz	$title"
has "and told" "$T/err" 'damaged or cut off'
{ head -c 20 "$T/long.gz"; head -c 3000 /dev/urandom; } >"$T/bad.gz"
is "damaged from the first bytes: status 2" "$(status "$KREGLAB" signature "$T/bad.gz")" 2
printf '\037\213\010garbage that is no gzip stream at all, only its magic' >"$T/magic"
is "only the magic of gzip: a log without a crash" "$(status "$KREGLAB" signature "$T/magic")" 0

# A bomb is a long log without a crash.
head -c 300000000 /dev/zero | gzip -1 -c >"$T/bomb.gz"
is "a bomb: status 0" "$(status "$KREGLAB" signature "$T/bomb.gz")" 0
is "no title" "$(cat "$T/out")" "$T/bomb.gz	"

# --- several files ---
is "an error does not keep the others from it: status 2" \
    "$(status "$KREGLAB" signature "$log" "$T/none" "$T" "$golden/null-deref.log")" 2
is "all that can be read are named" "$(cut -f 2 "$T/out")" "$title
$("$KREGLAB" signature "$golden/null-deref.log" | cut -f 2)"
has "what cannot is told" "$T/err" "none': No such file"
has "a directory too" "$T/err" 'Is a directory'

# --- JSON ---
is "one object a line and file" "$("$KREGLAB" signature --json "$log" "$log" | wc -l)" 2
is "the keys" "$("$KREGLAB" signature --json "$log" | jq -r 'keys_unsorted | join(" ")')" \
    "file title alternatives type corrupted confidence release reports k0 k1 k2"
is "keys of a report" "$("$KREGLAB" signature --json "$log" | jq -r '.reports[0] |
    [has("title", "type", "frames", "line_first", "line_last", "interleaved", "truncated")] | all')" true
is "keys of a frame" "$("$KREGLAB" signature --json "$log" | jq -r '.reports[0].frames[0] | keys | join(" ")')" \
    "function module reliable stack"
is "no crash: null and none" "$(echo fine | "$KREGLAB" signature --json - | jq -c '[.title, .type, .confidence, .k0]')" \
    '[null,null,"none",null]'
is "interleaved: low" "$("$KREGLAB" signature --json "$SOURCE_ROOT/tests/golden/crash-input/second-stamp.log" |
    jq -r .confidence)" low

# --- dumps and garbage ---
printf 'KDUMP   \0\0\0\0and nothing that a dump would have, only so many bytes' >"$T/vmcore"
is "a damaged vmcore: status 2" "$(status "$KREGLAB" signature "$T/vmcore")" 2
is "a vmcore from a pipe: status 2" "$("$KREGLAB" signature - <"$T/vmcore" 2>"$T/err" >/dev/null || echo $?)" 2
has "with what to do" "$T/err" 'name the file'
is "a program is a file without a crash" "$(status "$KREGLAB" signature "$FAKE_WORKER")" 0
tar -cf "$T/logs.tar" -C "$golden" hung-task.log
is "a tar archive: status 0" "$(status "$KREGLAB" signature "$T/logs.tar")" 0
is "an empty file" "$("$KREGLAB" signature /dev/null)" "/dev/null	"
is "CR only" "$(printf 'a\rb\rc' | "$KREGLAB" signature -)" "-	"
finish
