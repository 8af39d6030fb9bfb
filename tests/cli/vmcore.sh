#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmcore on made-up dumps: text, JSON, dmesg, damage, a vmlinux of another kernel.
set -eu
# shellcheck source=tests/cli/tap.sh
. "${SOURCE_ROOT:?}/tests/cli/tap.sh"
check=$SOURCE_ROOT/tests/cli/check-schema

for words in elf 'elf no_note log_buf' 'zlib no_base' lzo snappy 'zstd flattened'; do
    # shellcheck disable=SC2086
    "${MAKE_CORE:?}" "$T/core" $words
    is "$words: status 0" "$(status "$KREGLAB" vmcore "$T/core")" 0
    has "$words: its release" "$T/out" 'release: 6\.1\.0-test  \[vmcoreinfo\]'
    has "$words: its panic" "$T/out" 'panic: Kernel panic - not syncing: Fatal exception  \[dmesg\]'
    has "$words: its task" "$T/out" 'panic task: victim \(PID 42\)  \[dmesg\]'
    has "$words: its title" "$T/out" \
        'signature: BUG: unable to handle kernel NULL pointer dereference in lab_crash'
    "$KREGLAB" vmcore --json "$T/core" >"$T/json"
    ok "$("$check" vmcore "$T/json" >&2; echo $?)" "$words: JSON as its schema says"
done

"$MAKE_CORE" "$T/core" zlib
has "taint in words" <("$KREGLAB" vmcore "$T/core") 'taint: 4608 WO: the kernel warned before'
is "registers" "$("$KREGLAB" vmcore --json "$T/core" |
    jq -c '[.registers[] | [.cpu, .pid, .registers.rip]]')" \
    '[[0,41,"0xffffffff80000100"],[1,42,"0xffffffff80000101"]]'
is "no log in JSON unless asked" "$("$KREGLAB" vmcore --json "$T/core" | jq 'has("dmesg")')" false
is "the log in JSON" \
    "$("$KREGLAB" vmcore --json --dmesg "$T/core" | jq -r .dmesg | grep panic)" \
    '[   14.814814][    C1] Kernel panic - not syncing: Fatal exception'
"$KREGLAB" vmcore --dmesg "$T/core" >"$T/dmesg"
is "the log alone" "$(wc -l <"$T/dmesg")" 9
has "with callers" "$T/dmesg" '^\[ +6\.172839\]\[ +T42\] BUG: kernel NULL'
is "its signature is the dump's" "$("$KREGLAB" signature --json "$T/dmesg" | jq -r .k0)" \
    "$("$KREGLAB" vmcore --json "$T/core" | jq -r .signature.k0)"

# Cut off and damaged: never a crash of the reader, and a word on what is missing.
size=$(stat -c %s "$T/core")
bad=0
for part in 1 2 3 4 5 6 7 8 9; do
    head -c $((size * part / 10)) "$T/core" >"$T/cut"
    code=$(status "$KREGLAB" vmcore --json "$T/cut")
    case $code in
    0) "$check" vmcore "$T/out" >&2 && jq -e '.file.damaged and (.missing | length > 0)' "$T/out" \
        >/dev/null || bad=$part ;;
    2) [ -s "$T/err" ] || bad=$part ;;
    *) bad=$part ;;
    esac
done
is "cut off at each tenth" "$bad" 0
head -c 25000 "$T/core" >"$T/cut"
has "what is missing, in words" <("$KREGLAB" vmcore "$T/cut") 'memory: the file is cut off'
has "what is left" <("$KREGLAB" vmcore "$T/cut") 'release: 6.1.0-test'
echo "no dump at all" >"$T/text"
is "no dump: status 2" "$(status "$KREGLAB" vmcore "$T/text")" 2
has "and why" "$T/err" "no dump of a known format"
is "no file: status 2" "$(status "$KREGLAB" vmcore "$T/absent")" 2
is "a directory: status 2" "$(status "$KREGLAB" vmcore "$T")" 2

printf '\177ELF\2\1\1%057d Linux version 6.1.0-other (a@b) #1 SMP TEST' 0 >"$T/vmlinux"
is "another kernel's vmlinux: status 2" \
    "$(status "$KREGLAB" vmcore --vmlinux "$T/vmlinux" "$T/core")" 2
has "and why" "$T/err" 'it is of 6.1.0-other, the dump of 6.1.0-test'
finish
