#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A full disk: one clear line, status 3, nothing lost; with room again, resume finishes.
set -eu
if [ "${1:-}" != inside ]; then
    # A small file system needs a mount; that needs a name space of our own.
    if unshare --mount --map-root-user true 2>/dev/null; then
        exec unshare --mount --map-root-user "$0" inside
    elif unshare --mount true 2>/dev/null; then
        exec unshare --mount "$0" inside
    fi
    echo "1..0 # SKIP no mount name space of our own can be made here"
    exit 0
fi
# shellcheck source=tests/cli/tap.sh
. "${SOURCE_ROOT:?}/tests/cli/tap.sh"
mkdir "$KREGLAB_DATA"
if ! mount -t tmpfs -o size=1m,mode=700 tmpfs "$KREGLAB_DATA" 2>"$T/err"; then
    echo "1..0 # SKIP no tmpfs can be mounted here: $(head -1 "$T/err")"
    exit 0
fi
trap 'umount "$KREGLAB_DATA"; rm -rf "$T"' EXIT

export FAKE_WORKER_PLAN='*=expected-crash'
run=$(make_run 5.10,6.1 a,b 60)
code=$(status "$KREGLAB" resume -j 2 --retries 0 "$run")
is "a full disk: status 3" "$code" 3
has "one line says so" "$T/err" 'error: .*No space left on device'
has "and how to go on" "$T/err" "kreglab resume $run"
before=$(results "$run")
ok "$([ "$before" -gt 3 ] && [ "$before" -lt 240 ]; echo $?)" "some cells were done ($before)"
mount -o remount,size=64m "$KREGLAB_DATA"
: >"$FAKE_WORKER_LOG"
is "with room again it finishes" "$(status "$KREGLAB" resume -j 2 "$run")" 0
is "every cell has its result" "$(results "$run")" 240
is "and only the missing ones were run" "$(grep -c '^result' "$FAKE_WORKER_LOG")" "$((240 - before))"
is "list agrees" "$("$KREGLAB" list --json | jq -c '.runs[0] | [.done, .state]')" '[240,"done"]'
finish
