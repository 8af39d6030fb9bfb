#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# TAP: what ./bootstrap says and asks of apt, with a fake apt.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin"
number=0 failed=0

ok()
{
    number=$((number + 1))
    if [ "$2" = 0 ]; then
        echo "ok $number $1"
    else
        echo "not ok $number $1"
        sed 's/^/# /' "$work/out"
        failed=1
    fi
}
# expect WHAT COMMAND…: the command holds.
expect()
{
    local what=$1 status=0
    shift
    "$@" || status=1
    ok "$what" $status
}
fake()
{
    printf '#!/bin/sh\n%s\n' "$2" >"$work/bin/$1"
    chmod +x "$work/bin/$1"
}
# run ARGUMENT…: bootstrap with the fakes; its output in out, its status in $code.
run()
{
    code=0
    PATH=$work/bin:$PATH WORK=$work "$top/bootstrap" "$@" >"$work/out" 2>&1 || code=$?
}
says() { grep -Eq -- "$1" "$work/out"; }
last_line_is() { [ "$(tail -n 1 "$work/out")" = "$1" ]; }
ended_with() { [ "$code" = "$1" ]; }

echo 1..20
# shellcheck disable=SC2016
fake apt-get 'echo "apt-get $*" >>"$WORK/calls"; echo "frontend=$DEBIAN_FRONTEND" >>"$WORK/calls"'
fake dpkg-query 'echo installed'

run
expect 'without a verb it shows its usage' says '^  ./bootstrap deps'
expect 'and ends with 2' ended_with 2
run frobnicate
expect 'an unknown verb ends with 2' ended_with 2
run build --asan
expect 'an option of another verb is named' says "'--asan' is no option of 'build'"
expect 'and ends with 2' ended_with 2
run --help
expect '--help ends with 0' ended_with 0

run deps
expect 'with everything installed deps succeeds' ended_with 0
expect 'and apt is left alone' test ! -e "$work/calls"

fake id 'echo 0'
fake dpkg-query 'case $* in *makedumpfile*) exit 1;; *) echo installed;; esac'
run deps
expect 'a missing package is installed' grep -q 'install makedumpfile$' "$work/calls"
expect 'without what it only recommends' grep -q -- '--no-install-recommends' "$work/calls"
expect 'and without questions' grep -q 'frontend=noninteractive' "$work/calls"
expect 'the lists are fetched first' grep -q 'update$' "$work/calls"
etc_left_alone() { ! grep -Eq 'Dir|/etc' "$work/calls"; }
expect "and the machine's apt configuration is not touched" etc_left_alone

fake apt-get 'case $* in *update) exit 0;; *) echo "E: no such luck"; exit 100;; esac'
run deps
expect 'a package that cannot be installed is named' says 'could not install: makedumpfile'
expect "apt's own words are shown" says 'E: no such luck'
expect 'and it ends with 1' ended_with 1

fake apt-get 'exit 100'
run test
expect 'lists that cannot be fetched are reported with a cure' says 'check the network'
expect 'a test run that could not start counts as one failure' \
    last_line_is '0 passed, 1 failed, 0 skipped'

fake id 'echo 1000'
fake sudo 'exit 1'
run deps
expect 'a sudo that asks is reported with the packages' \
    says 'sudo wants a password: makedumpfile'
expect 'and it ends with 1' ended_with 1
exit $failed
