#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Modules for kernels that this machine's tools are too old or too new for. Headers whose Makefile
# says what it was asked for stand in for a kernel's, scripts for mmdebstrap and unshare.
set -eu
# shellcheck source=tests/cli/tap.sh
. "${SOURCE_ROOT:?}/tests/cli/tap.sh"

mkdir "$T/bin" "$T/src"
printf 'int hello;\n' >"$T/src/hello.c"
cat >"$T/bin/mmdebstrap" <<'EOM'
#!/bin/sh
echo "$@" >>"$T/made"
for last; do case $last in */.*.new) mkdir -p "$last" ;; esac; done
EOM
# What runs in a root: make, which finds the root's name in its environment.
cat >"$T/bin/unshare" <<'EOM'
#!/bin/sh
while [ "$1" != enter ]; do shift; done
root=$2
shift 4
exec env ROOT="$root" "$@"
EOM
chmod +x "$T/bin/"*
PATH=$T/bin:$PATH
export T

# kernel RELEASE SOURCE COMPILER: headers whose Makefile comes on stdin.
kernel() {
    local dir=$KREGLAB_DATA/kernels/$1
    mkdir -p "$dir/headers/usr/src/kernels/$1/include/linux"
    printf '{"schema_version":1,"id":"%s","release":"%s","digest":"%s","source":"%s"}\n' \
        "$1" "$1" "$1" "$2" >"$dir/kernel.json"
    printf '{"schema_version":1,"build":"headers/usr/src/kernels/%s","compiler":%s}\n' \
        "$1" "$3" >"$dir/headers.json"
    cat >"$dir/headers/usr/src/kernels/$1/Makefile"
}

# build RELEASE JQ
build() {
    printf '{"kernel":"%s","source":"%s"}' "$1" "$T/src" |
        "${REAL_WORKER:?}" module-build 3>"$T/event" 2>"$T/err" || true
    jq -rc "$2" "$T/event"
}
log() { jq -r .log "$T/event"; }

# A lab that may not be asked for Debian's archive makes no root: apt's settings are made up.
mkdir -p "$KREGLAB_CACHE/apt/trixie"
touch "$KREGLAB_CACHE/apt/trixie/updated" "$KREGLAB_CACHE/apt/trixie/sources.list"

kernel 3.10.0-9.el7.x86_64 kernel.rpm null <<'EOM'
modules:
	@echo "CC=$(CC) KCFLAGS=$(KCFLAGS) PLUGINS=$(CONFIG_GCC_PLUGINS)"
	cp $(M)/Kbuild $(M)/hello.ko
	cat $(M)/kreglab-shims/linux/compiler-gcc*.h
EOM
el7=$KREGLAB_DATA/kernels/3.10.0-9.el7.x86_64/headers/usr/src/kernels/3.10.0-9.el7.x86_64
echo '#include gcc_header(__GNUC__)' >"$el7/include/linux/compiler-gcc.h"
touch "$el7/include/linux/compiler-gcc4.h"
is "el7's layout builds" "$(build 3.10.0 '[.built, .why]')" '[true,null]'
has "an old kernel's compiler is told to make no PIE" "$(log)" 'CC=gcc -fno-pie KCFLAGS=-fcf-protection=none -Wno-error'
has "and finds the header of its version" "$(log)" 'include <linux/compiler-gcc4.h>'
has "below the module's own directory" "$(log)" 'KCFLAGS=.* -I/.*/kreglab-shims'
is "it is built once" "$(build 3.10.0 '[.cached, .compiler]')" '[true,"gcc"]'

kernel 6.1.0-9-amd64 debian:bookworm/linux-image-amd64 "\"$(basename "$(readlink -f "$(command -v gcc)")" | sed 's/.*\(gcc-[0-9]*\)$/\1/')\"" <<'EOM'
modules:
	@echo "told CC: $(origin CC) KCFLAGS=$(KCFLAGS)."
	cp $(M)/Kbuild $(M)/hello.ko
EOM
is "a kernel whose compiler is here builds" "$(build 6.1.0 .built)" true
has "and needs no shims, but to forget where it was built" "$(log)" \
    "told CC: default KCFLAGS=-fmacro-prefix-map=$KREGLAB_CACHE/modules/.work-[^ /]*/=\.$"

kernel 7.0.1+deb13-amd64 debian:trixie-backports/linux-image-amd64 '"gcc-99"' <<'EOM'
modules:
	@test -n "$(ROOT)" || { echo "scripts/mod/modpost: /lib/libc.so.6: version \`GLIBC_2.99' not found (required by modpost)"; false; }
	echo "in $(ROOT) $(KCFLAGS)"
	cp $(M)/Kbuild $(M)/hello.ko
EOM
is "tools that need another C library run in a root" "$(build 7.0.1 '[.built, .compiler]')" \
    '[true,"gcc-99 in a root of trixie-gcc-99"]'
has "of the kernel's own suite, with its compiler" "$T/made" 'include=gcc-99,.* trixie .*/roots/.trixie-gcc-99.new'
has "the log is the root's" "$(log)" '^in .*/roots/trixie-gcc-99 -fmacro-prefix-map=/.*/.work-.*/=$'
is "cached like any" "$(build 7.0.1 '[.cached, .compiler]')" '[true,"gcc-99 in a root of trixie-gcc-99"]'
echo 'int other;' >"$T/src/hello.c"
is "another source" "$(build 7.0.1 '[.built, .cached]')" '[true,false]'
is "finds the root" "$(wc -l <"$T/made")" 1

kernel 7.0.2+deb13-amd64 x '"gcc-99"' <<'EOM'
modules:
	@echo "$(M)/hello.c:1:1: error: unknown type name 'nit'"
	@false
EOM
is "an error of the sources is theirs" "$(build 7.0.2 '[.built, (.why | test("hello.c:1:1: error: unknown type name"))]')" \
    '[false,true]'
is "and no root's business" "$(wc -l <"$T/made")" 1

kernel 7.0.3-fc40 kernel.rpm null <<'EOM'
modules:
	@echo "objtool: version \`GLIBC_2.99' not found"; false
EOM
is "another distribution's is told apart" \
    "$(build 7.0.3 '[.built, (.why | test("need GLIBC_2.99, newer than this machine.s C library"))]')" '[false,true]'

kernel 6.1.0-10-amd64 debian:bookworm/linux-image-amd64 null <<'EOK'
modules:
	@echo tried >>$(T)/tries; echo "$(M)/hello.c:1:5: error: unknown type name 'hallo'"; false
EOK
is "a module that does not build says so" "$(build 6.1.0-10 '[.built, .cached, (.why | test("hello.c:1:5: error: unknown type name"))]')" \
    "[false,false,true]"
is "once: the next call knows it, with the compiler's words" \
    "$(build 6.1.0-10 '[.built, .cached, (.why | test("hello.c:1:5: error: unknown type name")), .compiler]'
        wc -l <"$T/tries")" \
    "[false,true,true,\"gcc\"]
1"
has "and its log" "$(log)" 'unknown type name'
printf 'int hello = 1;\n' >"$T/src/hello.c"
is "other sources are tried" "$(build 6.1.0-10 .cached; wc -l <"$T/tries")" "false
2"
finish
