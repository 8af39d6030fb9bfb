#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kernel build: a source tree whose Makefile does in no time what a kernel's does in minutes.
set -eu
# shellcheck source=tests/cli/tap.sh
. "${SOURCE_ROOT:?}/tests/cli/tap.sh"
export KREGLAB_WORKER=${REAL_WORKER:?}

# The tools are looked for and not used: the tree's own Makefile does it all.
mkdir "$T/bin"
for tool in flex bison bc cpio; do
    printf '#!/bin/sh\nexit 1\n' >"$T/bin/$tool"
    chmod +x "$T/bin/$tool"
done
# One that runs what it is given, as ccache does; and no pahole.
printf '#!/bin/sh\nexec "$@"\n' >"$T/bin/ccache"
chmod +x "$T/bin/ccache"
PATH=$T/bin:$PATH

src=$T/linux
mkdir -p "$src/arch/x86/boot" "$src/arch/x86/include/asm" "$src/include/linux" "$src/scripts/mod" \
    "$src/mm" "$src/.git"
touch "$src/Kbuild" "$src/arch/x86/Kconfig" "$src/arch/x86/Makefile" "$src/.git/index" \
    "$src/include/linux/mm.h" "$src/scripts/mod/modpost.c" "$src/stale.o"
printf 'int answer = 42;\n' >"$src/mm/answer.c"
cat >"$src/Makefile" <<'EOM'
# FOO is an option that this "kernel" has, BAR is none.
mrproper:
	@echo "  CLEAN   ."
	rm -f .config
allnoconfig:
	grep -E '^CONFIG_(FOO|DEBUG|SMP|LOCALVERSION)' $(KCONFIG_ALLCONFIG) > .config
kernelrelease:
	@sed -n 's/^CONFIG_LOCALVERSION="\(.*\)"/6.1.9\1/p' .config
bzImage:
	@echo "  CC      mm/answer.o"
	@echo "with $(CC)"
	@grep -q 42 mm/answer.c || { echo "mm/answer.c:1:5: error: no answer"; false; }
	mkdir -p arch/x86/boot && $(MAKE_PACKAGE) image 6.1.9`sed -n 's/^CONFIG_LOCALVERSION="\(.*\)"/\1/p' .config` arch/x86/boot/bzImage
modules:
	echo 0x0 >Module.symvers
EOM

is "the tree builds" \
    "$("$KREGLAB" kernel build --source "$src" --name mine 2>"$T/err")" mine
has "told while it goes" "$T/err" '^compiling 6.1.9-mine \(log: .*/builds/mine.log\)'
sed "s/^/# /" "$T/err"
json=$("$KREGLAB" kernel show --json mine)
is "the name ends its release" "$(jq -r .release <<<"$json")" 6.1.9-mine
is "modules can be built against it" "$(jq .has_headers <<<"$json")" true
is "it is a user's own source: unverified" "$(jq -r .verification <<<"$json")" unverified
is "what went in is kept" \
    "$(jq -c '[.build.source, (.build.source_sha256 | length), .build.base[0].name, .build.patches]' <<<"$json")" \
    "[\"$src\",64,\"guest.config\",[]]"
is "and how long the steps took" "$(jq -c '.build.duration_ms | keys' <<<"$json")" \
    '["configure","make","source","store","unpack"]'
dir=$KREGLAB_DATA/kernels/mine
has "make's words are kept" "$dir/build.log" 'CC      mm/answer.o'
has "ccache is used" "$dir/build.log" '^with ccache gcc'
headers=$dir/headers/usr/src/linux-headers-6.1.9-mine
is "headers have what modules need, and no sources" \
    "$(cd "$headers" && find . -type f | LC_ALL=C sort | tr '\n' ' ')" \
    './.config ./Kbuild ./Makefile ./Module.symvers ./arch/x86/Makefile ./include/linux/mm.h ./scripts/mod/modpost.c '
"$KREGLAB" kernel show mine >"$T/out"
has "shown for people" "$T/out" '^built here: +with gcc .*, in [0-9]+ s'
ok "$([ ! -e "$src/.config" ] && [ -e "$src/stale.o" ]; echo $?)" "the source itself is not changed"
is "no work directory is left" "$(find "$KREGLAB_CACHE/builds" -maxdepth 1 -name '.work-*' | wc -l)" 0

cat >"$T/fix.patch" <<'EOM'
--- a/mm/answer.c
+++ b/mm/answer.c
@@ -1 +1 @@
-int answer = 42;
+int answer = 1042;
EOM
sed s/1042/43/ "$T/fix.patch" >"$T/breaking.patch"
sed s/42/40/ "$T/fix.patch" >"$T/other.patch"
before=$(stat -c %Y.%i "$dir/kernel.json")
is "the same again is the same" "$("$KREGLAB" kernel build -q --source "$src" --name mine)" mine
is "and nothing was built" "$(stat -c %Y.%i "$dir/kernel.json")" "$before"
touch "$src/more.o" "$src/.git/more"
is "git's and a build's files do not count" \
    "$("$KREGLAB" kernel build -q --source "$src" --name mine; stat -c %Y.%i "$dir/kernel.json")" \
    "mine
$before"
is "a defect that is put back is a recipe's" \
    "$(status "$KREGLAB" kernel build --source "$src" --patch "$T/fix.patch" --defect no-such --name x)" 2
has "which is said" "$T/err" "no recipe 'no-such'"
is "and a patch puts it back" \
    "$(status "$KREGLAB" kernel build --source "$src" --defect page-frag-alloc --name x)" 2
is "a kernel with a defect put back is affected" \
    "$("$KREGLAB" kernel build -q --source "$src" --patch "$T/fix.patch" --defect page-frag-alloc --name bad
        "$KREGLAB" advise --json bad | jq -r '.recipes[] | select(.recipe == "page-frag-alloc") | .applies')" \
    "bad
affected"
is "which is kept" "$("$KREGLAB" kernel show --json bad | jq -c .defects)" '["page-frag-alloc"]'
is "and the others of its release are not" \
    "$("$KREGLAB" advise --json mine | jq -r '.recipes[] | select(.recipe == "page-frag-alloc") | .applies')" \
    "not affected"
"$KREGLAB" kernel remove -q bad
is "another build of the name: status 2" \
    "$(status "$KREGLAB" kernel build --source "$src" --patch "$T/fix.patch" --name mine)" 2
has "with the cure" "$T/err" 'kernel remove mine'
is "with a patch" \
    "$("$KREGLAB" kernel build -q --source "$src" --patch "$T/fix.patch" --name patched)" patched
is "its digest is kept" \
    "$("$KREGLAB" kernel show --json patched | jq -r '.build.patches[0] | .name + " " + .sha256')" \
    "fix.patch $(sha256sum "$T/fix.patch" | cut -d' ' -f1)"
"$KREGLAB" kernel list >"$T/out"
has "and the list names it" "$T/out" '^patched .*linux \+ fix.patch'
is "a patch that does not apply: status 2" \
    "$(status "$KREGLAB" kernel build --source "$src" --patch "$T/other.patch" --name x)" 2
has "with the hunk" "$T/err" "other.patch' does not apply to .*Hunk #1 FAILED"
is "a source that does not build: status 2" \
    "$(status "$KREGLAB" kernel build --source "$src" --patch "$T/breaking.patch" --name x)" 2
has "with the compiler's first error" "$T/err" 'does not build: mm/answer.c:1:5: error: no answer'
has "and the log, which is there" "$KREGLAB_CACHE/builds/x.log" 'error: no answer'

printf 'CONFIG_FOO=y\nCONFIG_BAR=y\n# CONFIG_SMP is not set\n' >"$T/my.config"
"$KREGLAB" kernel build -q --source "$src" --config "$T/my.config" --name foo >/dev/null 2>"$T/err"
has "a fragment counts" "$KREGLAB_DATA/kernels/foo/config" '^CONFIG_FOO=y'
has "what it cannot have is told" "$T/err" "my.config' asks for CONFIG_BAR=y, and the configuration does not have it"
is "and kept" "$("$KREGLAB" kernel show --json foo | jq -c .build.not_held)" '["CONFIG_BAR=y"]'

is "a fragment that is not there: status 2" \
    "$(status "$KREGLAB" kernel build --source "$src" --config "$T/no" --name x)" 2
is "no source tree: status 2" "$(status "$KREGLAB" kernel build --source "$T" --name x)" 2
has "with the forms" "$T/err" 'debian:SUITE/linux-source-X'
is "another package: status 2" \
    "$(status "$KREGLAB" kernel build --source debian:bookworm/bash --name x)" 2
is "no name: status 2" "$(status "$KREGLAB" kernel build --source "$src")" 2
is "a bad name: status 2" "$(status "$KREGLAB" kernel build --source "$src" --name ../x)" 2
mkdir "$T/few"
for tool in make gcc ld sed perl patch; do
    ln -s "$(command -v $tool)" "$T/few/$tool"
done
is "tools that are missing: status 3" \
    "$(PATH=$T/few status "$KREGLAB" kernel build --source "$src" --name x)" 3
has "with all of their packages" "$T/err" "needs flex, bison, bc, cpio.*apt-get install flex bison bc cpio"
is "nothing else is in the store" \
    "$("$KREGLAB" kernel list --json | jq -c '[.kernels[].id] | sort')" '["foo","mine","patched"]'
finish
