#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kernel catalogue, add by its names (without network), and kernel changes.
set -eu
# shellcheck source=tests/cli/tap.sh
. "${SOURCE_ROOT:?}/tests/cli/tap.sh"
export KREGLAB_WORKER=${REAL_WORKER:?}
# No network: whatever is asked of, this proxy answers nothing.
export https_proxy=http://127.0.0.1:9 http_proxy=http://127.0.0.1:9 no_proxy=

is "the catalogue is read" "$(status "$KREGLAB" kernel catalogue)" 0
for name in el7-862.14.4 el7-1160.62.1 el7-1160.95.1 alinux2-19.1 ubuntu-4.4.0-47 openeuler-4.19 \
    openeuler-5.10 debian-5.10 debian-6.1 debian-6.12 debian-7; do
    has "it has $name" "$T/out" "^$name "
done
"$KREGLAB" kernel catalogue --json >"$T/all.json"
is "each has files and where they lie, or an archive's package" \
    "$(jq '[.kernels[] | select((.source // "") == "" and ((.files | length) == 0 or
        (.from | startswith("https://") | not)))] | length' "$T/all.json")" 0
is "each of another's packages names its release" \
    "$(jq -r '[.kernels[] | select(.files | length > 0) | . as $k | .files[] |
        select(contains($k.release) | not)] | length' "$T/all.json")" 0
is "an unknown name: status 2" "$(status "$KREGLAB" kernel catalogue el6-1)" 2
has "with a word" "$T/err" "the catalogue has no 'el6-1'"

# Each message: every file, its place, and a command that names them all.
for name in $(jq -r '.kernels[] | select(.files | length > 0) | .name' "$T/all.json"); do
    code=$(status timeout 60 "$KREGLAB" kernel add "$name")
    is "$name without network: status 3" "$code" 3
    jq -r --arg name "$name" '.kernels[] | select(.name == $name) |
        .from as $from | .debug_from as $debug |
        ((.files + .headers) | map("  " + $from + .) | .[]),
        (.debug | map("  " + $debug + .) | .[]),
        ("  kreglab kernel add " + ((.files + .headers) | join(" ")))' "$T/all.json" >"$T/wanted"
    is "$name: which files, where from, which command" \
        "$(grep -cxFf "$T/wanted" "$T/err")" "$(wc -l <"$T/wanted")"
done
"$KREGLAB" kernel catalogue debian-6.1 >"$T/out"
has "Debian's are apt's" "$T/out" '^  kreglab kernel add debian:bookworm/linux-image-cloud-amd64$'

# The command of the message works with the file at hand.
rpm=$("${MAKE_PACKAGE:?}" rpm 3.10.0-1160.62.1.el7.x86_64 \
    "$T/kernel-3.10.0-1160.62.1.el7.x86_64.rpm" && echo "$T/kernel-3.10.0-1160.62.1.el7.x86_64.rpm")
is "the files that were brought are taken" "$("$KREGLAB" kernel add -q "$rpm")" \
    3.10.0-1160.62.1.el7.x86_64
"$KREGLAB" kernel catalogue >"$T/out"
has "and the catalogue knows" "$T/out" '^el7-1160.62.1 .* yes '
(cd "$T" && : >el7-862.14.4 && status "$KREGLAB" kernel add el7-862.14.4 >"$T/code")
is "a file of that name goes before" "$(cat "$T/code")" 2

# entry RELEASE VERSION UNAME_V: a kernel of the store with the changelog of stdin.
entry() {
    mkdir -p "$KREGLAB_DATA/kernels/$1"
    jq -n --arg r "$1" --arg v "$2" --arg u "$3" '{schema_version: 1, id: $r, release: $r, version: $u,
        package: "kernel", package_version: $v, format: "deb", digest: ("0" * 64), source: "test",
        verification: "unverified", has_modules: false, has_pvh: false}' \
        >"$KREGLAB_DATA/kernels/$1/kernel.json"
    cat >"$KREGLAB_DATA/kernels/$1/changelog"
}

cat >"$T/deb.log" <<'EOL'
linux-signed-amd64 (6.1.9+1) bookworm; urgency=medium

  * Sign kernel from linux 6.1.9-1

  * New upstream stable update:
    https://www.kernel.org/pub/linux/kernel/v6.x/ChangeLog-6.1.9
    - mm: fix something that takes
      two lines to tell
    - net: something else

  [ A Person ]
  * mm: own patch

 -- A Person <a@example.org>  Mon, 01 Jan 2024 00:00:00 +0000

linux (6.1.8-1) bookworm; urgency=medium

  * mm: in both of 8 and 9

 -- A Person <a@example.org>  Sun, 31 Dec 2023 00:00:00 +0000
EOL
{ cat "$T/deb.log"; printf 'linux (6.1.7-1) bookworm; urgency=low\n\n  * old\n\n -- A <a@b>  x\n'; } |
    entry 6.1.0-9-amd64 6.1.9-1 'Debian 6.1.9-1'
printf 'linux (6.1.7-1) bookworm; urgency=low\n\n  * old\n\n -- A <a@b>  x\n' |
    entry 6.1.0-7-amd64 6.1.7-1 'Debian 6.1.7-1'
is "changes of Debian's line" \
    "$("$KREGLAB" kernel changes --json 6.1.0-7 6.1.0-9 | jq -c '[.entries[] | [.version, (.items | length)]]')" \
    '[["6.1.9-1",5],["6.1.8-1",1]]'
"$KREGLAB" kernel changes --grep '^MM:' 6.1.0-7 6.1.0-9 >"$T/out"
is "grepped" "$(grep -c '^  - ' "$T/out")" 3
has "long items are joined" "$T/out" '^  - mm: fix something that takes two lines to tell$'
has "the newest is that of the signed package" "$T/out" '^6\.1\.9-1 \(Mon, 01 Jan 2024'
is "turned round: status 2" "$(status "$KREGLAB" kernel changes 6.1.0-9 6.1.0-7)" 2
has "with a word" "$T/err" 'name the older one first'
is "a bad pattern: status 2" "$(status "$KREGLAB" kernel changes --grep '(' 6.1.0-7 6.1.0-9)" 2

printf '* Mon Mar 06 2023 A <a@b> [3.10.0-1160.88.1.el7]\n- mm: prevent page_frag_alloc() from corrupting the memory (A) [1]\n- x\n\n* Wed Mar 02 2022 A <a@b> [3.10.0-1160.62.1.el7]\n- y\n' |
    entry 3.10.0-1160.88.1.el7.x86_64 3.10.0-1160.88.1.el7 '#1 SMP'
is "changes of an rpm's line" \
    "$("$KREGLAB" kernel changes --grep page_frag --json 3.10.0-1160.62 3.10.0-1160.88 |
        jq -r '.entries[].items[]')" \
    'mm: prevent page_frag_alloc() from corrupting the memory (A) [1]'
is "two lines: status 2" "$(status "$KREGLAB" kernel changes 6.1.0-7 3.10.0-1160.88)" 2
has "with a word" "$T/err" 'are not of one line'
rm "$KREGLAB_DATA/kernels/6.1.0-9-amd64/changelog"
is "no changelog: status 2" "$(status "$KREGLAB" kernel changes 6.1.0-7 6.1.0-9)" 2
has "and what to do" "$T/err" 'has no changelog'
head -c 300000 /dev/urandom | entry 6.1.0-9-amd64 6.1.9-1 'Debian 6.1.9-1'
is "rubbish is no changelog of the line" "$(status "$KREGLAB" kernel changes 6.1.0-7 6.1.0-9)" 2
finish
