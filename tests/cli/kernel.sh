#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kernel add, list, show, remove: the whole way from the command line through the worker.
set -eu
# shellcheck source=tests/cli/tap.sh
. "${SOURCE_ROOT:?}/tests/cli/tap.sh"
export KREGLAB_WORKER=${REAL_WORKER:?}
release=6.1.0-9-test

# package KIND RELEASE NAME: prints its path.
package() {
    "${MAKE_PACKAGE:?}" "$1" "$2" "$T/$3"
    echo "$T/$3"
}

# An empty answer of a fake rpm keeps the machine's own rpm and its keys out of the test.
mkdir "$T/bin"
cat >"$T/bin/rpmkeys" <<'EOF'
#!/bin/sh
[ -n "${RPMKEYS_SAYS:-}" ] && echo "    $RPMKEYS_SAYS"
exit 1
EOF
chmod +x "$T/bin/rpmkeys"
PATH=$T/bin:$PATH

is "no kernels yet: status 0" "$(status "$KREGLAB" kernel list)" 0
is "and an empty list" "$("$KREGLAB" kernel list --json | jq -c .kernels)" '[]'
deb=$(package deb $release image.deb)
is "add prints the id" "$("$KREGLAB" kernel add "$deb" 2>"$T/err")" $release
has "and tells what it does" "$T/err" '^unpacking image.deb$'
is "quietly with -q" "$("$KREGLAB" kernel add -q "$deb" 2>&1)" $release
is "twice the same is one kernel" "$("$KREGLAB" kernel list --json | jq '.kernels | length')" 1
is "what is kept of it" \
    "$("$KREGLAB" kernel show --json 6.1 |
        jq -c '[.release, .package, .package_version, .verification, .has_modules, .has_pvh]')" \
    '["6.1.0-9-test","linux-image-6.1.0-9-test","1.0-1","unverified",true,true]'
is "options that matter" \
    "$("$KREGLAB" kernel show --json 6.1 | jq -c '.config | [.SMP, .KEXEC, .KASAN, .KSM]')" \
    '["y","y","n","n"]'
"$KREGLAB" kernel show 6.1 >"$T/out"
has "also for people" "$T/out" 'KEXEC=y'
has "how it was checked" "$T/out" '^origin: +unverified'
dir=$KREGLAB_DATA/kernels/$release
ok "$([ -s "$dir/modules/kernel/lib/hello.ko" ]; echo $?)" "modules are unpacked"
ok "$([ -e "$dir/modules/modules.dep" ]; echo $?)" "and indexed"
ok "$(cmp -s "$dir/vmlinux" <(package vmlinux $release v >/dev/null; cat "$T/v"); echo $?)" \
    "vmlinux is unpacked"

sum=$(sha256sum "$deb" | cut -d' ' -f1)
"$KREGLAB" kernel add -q --sha256 "$sum" "$deb" >/dev/null
is "a checksum pins" "$("$KREGLAB" kernel list --json | jq -r '.kernels[].verification')" pinned
is "a wrong one: status 2" "$(status "$KREGLAB" kernel add --sha256 "${sum//[0-4]/5}" "$deb")" 2
has "with a word" "$T/err" 'another file or was damaged'

rpm=$(package rpm 3.10.0-1.el7 kernel.rpm)
is "an rpm" "$("$KREGLAB" kernel add -q "$rpm" 2>"$T/err")" 3.10.0-1.el7
is "is unverified without a key" \
    "$("$KREGLAB" kernel show --json 3.10 | jq -r .verification)" unverified
"$KREGLAB" kernel remove -q 3.10
RPMKEYS_SAYS='Header V4 RSA/SHA256 Signature, key ID 8483c65d: OK' "$KREGLAB" kernel add -q "$rpm" >/dev/null
is "with a signature it is verified" \
    "$("$KREGLAB" kernel show --json 3.10 | jq -r '.verification + ": " + .verified_by')" \
    'verified: rpm signature, key 8483c65d'
is "a wrong digest: status 2" \
    "$(RPMKEYS_SAYS='Payload SHA256 digest: BAD' status "$KREGLAB" kernel add "$rpm")" 2
has "with a word" "$T/err" 'changed or damaged'

mkdir "$T/several"
cp "$(package new-deb 7.0.1 n.deb)" "$(package no-image 7.0.1 m.deb)" "$T/several"
is "several packages are one kernel" "$("$KREGLAB" kernel add -q "$T/several")" 7.0.1
is "with modules" "$("$KREGLAB" kernel show --json 7.0.1 | jq .has_modules)" true
is "a bare image, named" \
    "$("$KREGLAB" kernel add -q --name mine "$(package image 5.4.0-x bzImage)")" mine
is "has its release" "$("$KREGLAB" kernel show --json mine | jq -r .release)" 5.4.0-x
mkdir -p "$T/tree/arch/x86/boot" "$T/tree/fs" "$T/modules/kernel"
echo CONFIG_SMP=y >"$T/tree/.config"
touch "$T/tree/Makefile"
is "a build tree without an image: status 2" "$(status "$KREGLAB" kernel add "$T/tree")" 2
has "with the cure" "$T/err" 'run make there first'
package image 5.9.0-t tree/arch/x86/boot/bzImage >/dev/null
package module 5.9.0-t tree/fs/hello.ko.xz >/dev/null
is "a build tree" "$("$KREGLAB" kernel add -q "$T/tree")" 5.9.0-t
is "with modules, and as its own headers" \
    "$("$KREGLAB" kernel show --json 5.9 | jq -c '[.has_modules, .has_headers, .format]')" \
    '[true,true,"tree"]'
"$KREGLAB" kernel remove -q 5.9
package module 5.9.1-t modules/kernel/hello.ko.xz >/dev/null
is "an image with a modules directory" \
    "$("$KREGLAB" kernel add -q "$(package image 5.9.1-t bare)" "$T/modules")" 5.9.1-t
is "has its modules" "$("$KREGLAB" kernel show --json 5.9 | jq .has_modules)" true
"$KREGLAB" kernel remove -q 5.9
is "another of that name: status 2" \
    "$(status "$KREGLAB" kernel add --name mine "$(package image 5.5.0-x other)")" 2
has "with a word" "$T/err" 'another kernel of the name'
is "lists in version order" \
    "$("$KREGLAB" kernel list --json | jq -c '[.kernels[].release]')" \
    '["3.10.0-1.el7","5.4.0-x","6.1.0-9-test","7.0.1"]'

url=file://$deb
"$KREGLAB" kernel remove -q $release
"$KREGLAB" kernel add -q "$url#sha256=$sum" >/dev/null
is "a URL with a checksum is pinned" \
    "$("$KREGLAB" kernel show --json 6.1 | jq -r .verification)" pinned
is "an absent one: status 3" "$(status "$KREGLAB" kernel add "file://$T/absent.deb")" 3

before=$("$KREGLAB" kernel list)
is "a hostile package: status 2" \
    "$(status "$KREGLAB" kernel add "$(package hostile 8.0.0 h.deb)")" 2
has "with the path" "$T/err" "boot/../../escaped': '..'"
ok "$([ ! -e "$KREGLAB_DATA/escaped" ]; echo $?)" "nothing escaped"
is "no image: status 2" "$(status "$KREGLAB" kernel add "$(package no-image 8.0.0 x.deb)")" 2
has "with the cure" "$T/err" 'name the package that has it'
head -c 1000 "$deb" >"$T/cut.deb"
is "a cut one: status 2" "$(status "$KREGLAB" kernel add "$T/cut.deb")" 2
is "a text: status 2" "$(status "$KREGLAB" kernel add "$0")" 2
is "nothing there: status 2" "$(status "$KREGLAB" kernel add "$T/absent")" 2
is "a suite without a package: status 2" "$(status "$KREGLAB" kernel add debian:bookworm)" 2
has "with the form" "$T/err" 'debian:SUITE/PACKAGE'
is "no source: status 2" "$(status "$KREGLAB" kernel add)" 2
is "none of them changed the store" "$("$KREGLAB" kernel list)" "$before"
is "or left anything behind" "$(find "$KREGLAB_DATA/kernels" -maxdepth 1 -name '.stage-*' | wc -l)" 0

mkdir "$KREGLAB_DATA/kernels/.stage-1-0"
touch "$KREGLAB_DATA/kernels/.stage-1-0/.lock"
"$KREGLAB" kernel add -q "$deb" >/dev/null
ok "$([ ! -e "$KREGLAB_DATA/kernels/.stage-1-0" ]; echo $?)" \
    "the stage of an intake that was killed goes away"
echo '{' >"$KREGLAB_DATA/kernels/mine/kernel.json"
is "a damaged entry is left out" \
    "$("$KREGLAB" kernel list --json 2>"$T/err" | jq '.kernels | length')" 3
has "with a warning" "$T/err" "kernel 'mine' is left out"
is "remove it" "$(status "$KREGLAB" kernel remove mine)" 0
is "remove by pattern" "$(status "$KREGLAB" kernel remove '*')" 0
is "the store is empty" "$("$KREGLAB" kernel list)" ''
is "remove what is not there: status 2" "$(status "$KREGLAB" kernel remove 9)" 2
is "no worker: status 3" "$(KREGLAB_WORKER=$T/absent status "$KREGLAB" kernel add "$deb")" 3
finish
