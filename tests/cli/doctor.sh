#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# doctor: what is missing has its fix, what is broken gives status 3.
set -eu
# shellcheck source=tests/cli/tap.sh
. "${SOURCE_ROOT:?}/tests/cli/tap.sh"

code=$(status "$KREGLAB" doctor --json)
cp "$T/out" "$T/json"
is "can_run is what the status says" "$(jq -r .can_run "$T/json")" \
    "$([ "$code" = 0 ] && echo true || echo false)"
is "each finding that asks for something has a detail" \
    "$(jq '[.checks[] | select(.detail == null or .detail == "")] | length' "$T/json")" 0
is "an empty store has its fix" \
    "$(jq -r '.checks[] | select(.check == "kernels") | .fix' "$T/json" | grep -c 'kreglab kernel add')" 1
is "what is missing has a fix" \
    "$(jq '[.checks[] | select(.health == "missing" and .fix == null)] | length' "$T/json")" 0

mkdir "$T/empty"
is "without any program: status 3" "$(PATH=$T/empty status "$KREGLAB" doctor)" 3
has "QEMU is missed" "$T/out" "^broken +qemu"
has "with the command that installs it" "$T/out" 'fix: apt-get install qemu-system-x86'
has "and the end says so" "$T/out" '^no cell can run here yet$'
is "without the worker: status 3" "$(KREGLAB_WORKER=/nonexistent status "$KREGLAB" doctor)" 3
has "it is named" "$T/out" "^broken +worker +'/nonexistent'"

mkdir -p "$KREGLAB_DATA/runs/.new-20200101-000000-abcd-1"
status "$KREGLAB" doctor >/dev/null
has "a half-made run is seen" "$T/out" '1 half-made run'
status "$KREGLAB" doctor --clean >/dev/null
ok "$([ ! -e "$KREGLAB_DATA/runs/.new-20200101-000000-abcd-1" ]; echo $?)" "--clean removes it"
finish
