#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# TAP: tests/fuzz/driver.c notices a target that dies. test-driver.sh TARGET
set -eu
target=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
ulimit -c 0
number=0
check()
{
    number=$((number + 1))
    if [ "$2" = "$3" ]; then
        echo "ok $number $1"
    else
        echo "not ok $number $1"
        echo "# wanted '$3', got '$2'"
        failed=1
    fi
}
# status COMMAND…: its exit status.
status()
{
    local code=0
    "$@" >out 2>&1 || code=$?
    echo "$code"
}
failed=0
echo 1..7
mkdir empty seeds deadly
check 'an empty corpus fails' "$(status "$target" empty 10)" 1
printf 'boom' >seeds/a
printf 'zzzz' >seeds/b
check 'harmless seeds alone pass' "$(status "$target" seeds 0)" 0
check 'both subtests are printed' "$(grep -c '^ok ' out)" 2
check 'the mutations find the defect' "$(status "$target" seeds 20000)" 134
check 'the input that killed it is left' "$(status "$target" "crash-$(basename "$target")")" 134
printf 'b\033xx' >deadly/a
check 'a deadly seed fails' "$(status "$target" deadly 0)" 134
check 'it is not said to have passed' "$(grep -c '^ok ' out)" 0
exit $failed
