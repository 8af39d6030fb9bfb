#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# TAP: crash(8) opens the vmcores of the kernels in tests/kernels.debug, from kdump and from the
# host. 5.10 and 6.1 have to be opened; of a later one the result names crash's version and error.
set -eu
# shellcheck source=tests/cli/tap.sh
. "${SOURCE_ROOT:?}/tests/cli/tap.sh"
unset KREGLAB_WORKER
store=${KREGLAB_TEST_DATA:-}/data/kernels
export KREGLAB_CACHE=${KREGLAB_TEST_DATA:-}/cache

if [ ! -d "$store" ]; then
    echo '1..0 # SKIP no kernels: KREGLAB_TEST_DATA names the store; ./bootstrap test fetches them'
    exit 0
fi
if ! command -v crash >/dev/null; then
    echo '1..0 # SKIP crash(8) is not installed; ./bootstrap test --with-debug installs it'
    exit 0
fi
mkdir "$KREGLAB_DATA"
ln -s "$store" "$KREGLAB_DATA/kernels"
version=$(crash --version | sed -n 's/^crash //p')
kernels=$("$KREGLAB" kernel list --json)

# kernel_of SOURCE…: the id of the stored kernel with symbols that came from one of these.
kernel_of()
{
    local source id
    for source in "$@"; do
        for id in $(jq -r --arg s "$source" '.kernels[] | select(.source == $s) | .id' \
            <<<"$kernels"); do
            if [ -f "$store/$id/debug/vmlinux" ]; then
                echo "$id"
                return
            fi
        done
    done
}

# panics ID OPTION…: the directory of a cell in which that kernel panicked.
panics()
{
    local id=$1
    shift
    timeout 560 "$KREGLAB" run --kernel "$id" --recipe sysrq-panic --variant cpu0 --jobs 1 \
        --retries 1 --keep-dumps all "$@" >"$T/out" 2>&1 </dev/null || true
    sed 's/^/# /' "$T/out" >&2
    echo "$KREGLAB_DATA/runs/$(sed -n '1s/^run //p' "$T/out")/cells"/*
}

# opened WHAT ID CELL: crash, asked by hand, tells of the panic.
opened()
{
    local what=$1 id=$2 cell=$3
    printf 'sys\nbt\nlog\nquit\n' |
        timeout 280 crash -s --no_crashrc "$store/$id/debug/vmlinux" "$cell/vmcore" \
            >"$T/crash" 2>&1 || true
    has "$what: sys names the release" "$T/crash" "^ +RELEASE: $id\$"
    has "$what: and the panic" "$T/crash" '^ +PANIC: "Kernel panic - not syncing: sysrq triggered crash"'
    has "$what: bt shows a task's stack" "$T/crash" '^PID: [0-9]+ +TASK: [0-9a-f]{16} '
    has "$what: that panicked" "$T/crash" '^ #[0-9]+ \[[0-9a-f]{16}\] panic at '
    has "$what: on request" "$T/crash" '^ *#[0-9]+ \[[0-9a-f]{16}\] sysrq_handle_crash at '
    has "$what: log begins with the banner" "$T/crash" "^\[ +0\.0+\] Linux version $id "
    has "$what: and ends with the panic" "$T/crash" \
        '^\[ *[0-9.]+\] Kernel panic - not syncing: sysrq triggered crash'
    has "$what: the lab kept the stack" "$cell/bt.txt" 'sysrq_handle_crash at '
}

# judged WHAT ID CELL METHOD
judged()
{
    local what=$1 id=$2 cell=$3 method=$4 verdict
    jq -r .dump.method "$cell/result.json" >"$T/method"
    has "$what: the dump's method" "$T/method" "^$method\$"
    is "$what: makedumpfile reads it" \
        "$(jq -r .dump.check.makedumpfile "$cell/result.json")" ok
    is "$what: crash's version is kept" \
        "$(jq -r .dump.check.crash_version "$cell/result.json")" "$version"
    verdict=$(jq -r .dump.check.crash "$cell/result.json")
    case $id in
    5.10.* | 6.1.*) is "$what: crash(8) opens it" "$verdict" ok ;;
    *)
        # A later crash may open it: then all of the rest has to hold, too.
        if [ "$verdict" != ok ]; then
            printf '%s\n' "$verdict" >"$T/verdict"
            has "$what: crash's version and error are the reason" "$T/verdict" \
                "^crash ${version//./\\.}: .{8,}"
            echo "# $verdict"
            return
        fi
        ;;
    esac
    opened "$what" "$id" "$cell"
}

# tried SERIES: what `kreglab support` says of crash(8) there.
tried()
{
    "$KREGLAB" support --json | jq -r --arg s "$1" '.series[] | select(.series == $s) | .crash.works'
}

while read -r -a sources; do
    id=$(kernel_of "${sources[@]}")
    if [ -z "$id" ]; then
        skip "crash(8) on ${sources[0]}" \
            'no kernel with symbols: its -dbg package could not be fetched, ./bootstrap says why'
        continue
    fi
    judged "$id, kdump" "$id" "$(panics "$id")" kdump
    case $id in
    5.10.* | 6.1.*)
        judged "$id, host" "$id" "$(panics "$id" --no-kdump)" 'host-(elf|kdump-zlib)'
        series=$(cut -d. -f1,2 <<<"$id")
        is "support counts $series" "$(tried "$series")" yes
        ;;
    esac
    "$KREGLAB" doctor --json >"$T/doctor" || true
    pairing=$(jq -r '.. | objects | select(.check? == "crash") | .detail' "$T/doctor")
    printf '%s\n' "$pairing" >"$T/pairing"
    has "doctor knows the pairing with $id" "$T/pairing" \
        "; ${id//[.+]/.}: (opens|does not open) \([0-9]+ of [0-9]+ here\)"
done < <(sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$SOURCE_ROOT/tests/kernels.debug")
is 'support says of 4.19 that it was not run' \
    "$("$KREGLAB" support --json | jq -r '.series[] | select(.series == "4.19") | .status')" \
    'prepared, not run'
finish
