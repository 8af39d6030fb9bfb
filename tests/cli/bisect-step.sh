#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# git bisect run with kreglab bisect-step: a repository whose commits carry recorded guests, and one
# whose commits build a small tree. The real worker, git and builds; no QEMU.
set -eu
# shellcheck source=tests/cli/tap.sh
. "${SOURCE_ROOT:?}/tests/cli/tap.sh"
export KREGLAB_WORKER=${REAL_WORKER:?}
GOLDEN=$SOURCE_ROOT/tests/golden/replay
export GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@example.org GIT_COMMITTER_NAME=t \
    GIT_COMMITTER_EMAIL=t@example.org GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null

if ! command -v git >/dev/null; then
    skip "git bisect run" "git is not installed"
    finish
    exit
fi
release=6.1.0-56-cloud-amd64
known_kernel "$release"

step() {
    "$KREGLAB" bisect-step -q --recipe true "$@"
}
is "a pass each time: 0" "$(status step "$release" --replay "$GOLDEN/true-6.1" --rate 50%)" 0
is "as often as the odds ask" "$("$KREGLAB" list --json | jq '[.runs[].done] | add')" 5
is "a crash: 1" "$(status step "$release" --replay "$GOLDEN/sysrq-panic-6.1")" 1
is "the crash that is looked for: 1" \
    "$(status step "$release" --replay "$GOLDEN/sysrq-panic-6.1" --title '*sysrq*')" 1
is "only other crashes: 125" \
    "$(status step "$release" --replay "$GOLDEN/sysrq-panic-6.1" --title '*KASAN*')" 125
mkdir "$T/needs"
printf 'summary: needs what no kernel has\nneeds:\n  modules: [no-such-module]\nstressor:\n  builtin: "true"\n' \
    >"$T/needs/recipe.yaml"
is "a recipe that is skipped: 125" "$(status "$KREGLAB" bisect-step -q -r "$T/needs" "$release" \
    --replay "$GOLDEN/true-6.1")" 125
is "a guest that says nothing: 125" "$(mkdir "$T/empty" && status step "$release" \
    --replay "$T/empty" --retries 0)" 125
is "no such kernel: 130" "$(status step 9.9)" 130
is "no such recipe: 130" "$(status "$KREGLAB" bisect-step -r nope "$release")" 130
is "no such option: 130" "$(status step --nope "$release")" 130
is "no share: 130" "$(status step --rate x "$release")" 130
is "no kernel source: 130" "$(cd "$T" && status step)" 130
is "no such fragment: 130" "$(status step --source "$T" --config "$T/none")" 130

# Ten commits: the recorded guest crashes from the seventh on; the fourth has none.
repo=$T/guests
git init -q "$repo"
for n in 1 2 3 4 5 6 7 8 9 10; do
    rm -rf "$repo/guest"
    mkdir "$repo/guest"
    echo "$n" >"$repo/number"
    if [ "$n" -ge 7 ]; then
        cp "$GOLDEN/sysrq-panic-6.1"/* "$repo/guest/"
    elif [ "$n" -ne 4 ]; then
        cp "$GOLDEN/true-6.1"/* "$repo/guest/"
    fi
    git -C "$repo" add -A
    git -C "$repo" commit -qm "commit $n"
    git -C "$repo" tag "c$n"
done
git -C "$repo" bisect start c10 c1 >/dev/null 2>&1
is "git bisect run ends well" "$(cd "$repo" && status git bisect run \
    "$KREGLAB" bisect-step -q -r true "$release" --replay guest --rate 90% --retries 0)" 0
has "at the commit" "$T/out" 'is the first bad commit'
is "which is the right one" "$(git -C "$repo" rev-parse refs/bisect/bad)" \
    "$(git -C "$repo" rev-parse c7)"
git -C "$repo" bisect reset >/dev/null 2>&1
git -C "$repo" bisect start c10 c1 >/dev/null 2>&1
code=$(cd "$repo" && status git bisect run "$KREGLAB" bisect-step -q -r tru "$release" --replay guest)
ok "$([ "$code" -ne 0 ]; echo $?)" "a mistake of the command line stops git"
is "which has judged nothing" "$(git -C "$repo" bisect log | grep -c '^git bisect \(good\|bad\|skip\)' || true)" 0
git -C "$repo" bisect reset >/dev/null 2>&1

# Commits that are built: the third does not compile, the fifth has the change.
mkdir "$T/bin"
for tool in flex bison bc cpio; do
    printf '#!/bin/sh\nexit 1\n' >"$T/bin/$tool"
    chmod +x "$T/bin/$tool"
done
PATH=$T/bin:$PATH
src=$T/linux
git init -q "$src"
mkdir -p "$src/arch/x86/boot" "$src/arch/x86/include/asm" "$src/include/linux" "$src/scripts/mod"
touch "$src/Kbuild" "$src/arch/x86/Kconfig" "$src/arch/x86/Makefile" "$src/include/linux/mm.h" \
    "$src/scripts/mod/modpost.c" "$src/arch/x86/boot/.keep" "$src/arch/x86/include/asm/.keep"
cat >"$src/Makefile" <<'EOM'
mrproper:
	rm -f .config
allnoconfig:
	grep -E '^CONFIG_LOCALVERSION' $(KCONFIG_ALLCONFIG) > .config
kernelrelease:
	@sed -n 's/^CONFIG_LOCALVERSION="\(.*\)"/6.1.9\1/p' .config
bzImage:
	@! grep -q broken state || { echo "state:1:1: error: broken"; false; }
	mkdir -p arch/x86/boot && $(MAKE_PACKAGE) image 6.1.9`sed -n 's/^CONFIG_LOCALVERSION="\(.*\)"/\1/p' .config` arch/x86/boot/bzImage
modules:
	echo 0x0 >Module.symvers
EOM
guest=(true true broken true sysrq-panic sysrq-panic)
for n in 0 1 2 3 4 5; do
    echo "${guest[$n]} $n" >"$src/state"
    rm -rf "$src/guest"
    mkdir "$src/guest"
    [ "${guest[$n]}" = broken ] || cp "$GOLDEN/${guest[$n]}-6.1"/* "$src/guest/"
    git -C "$src" add -A
    git -C "$src" commit -qm "${guest[$n]} $n"
    git -C "$src" tag "b$n"
done
git -C "$src" bisect start b5 b0 >/dev/null 2>&1
is "a tree is built at each commit" "$(cd "$src" && status git bisect run \
    "$KREGLAB" bisect-step -r true --replay guest --rate 99% -j 1)" 0
is "and the change found" "$(git -C "$src" rev-parse refs/bisect/bad)" "$(git -C "$src" rev-parse b4)"
sed 's/^/# /' "$T/err" | tail -20
git -C "$src" bisect reset >/dev/null 2>&1
is "a commit that does not build: 125" "$(cd "$src" && git checkout -q b2 && status step --replay guest)" 125
is "kernels are named for their commits" \
    "$("$KREGLAB" kernel list --json | jq -r '.kernels[].id' | grep -c '^bisect-[0-9a-f]\{12\}$')" \
    "$(find "$KREGLAB_DATA/kernels" -maxdepth 1 -name "bisect-*" | wc -l)"
finish
