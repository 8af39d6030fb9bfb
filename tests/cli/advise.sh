#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# advise: a release, a kernel of the store, a log; recipes of the test's own beside the shipped ones.
set -eu
# shellcheck source=tests/cli/tap.sh
. "${SOURCE_ROOT:?}/tests/cli/tap.sh"

recipe=$KREGLAB_DATA/recipes/lab-frag
mkdir -p "$recipe"
cat >"$recipe/recipe.yaml" <<'EOL'
summary: A made-up incident
origin:
  functions: [lab_frag_alloc]
stressor:
  builtin: "true"
detectors:
  - kind: pattern
    pattern: "BUG: Bad page state in process lab"
affected:
  - {family: el7, fixed: 3.10.0-1160.86.1.el7, source: "an advisory"}
  - {family: ubuntu, seen: 4.4.0-47.68, before: "4.13"}
  - family: upstream
    from: "5.11"
    fixed: "6.0"
    commit: "0123456789ab (\"mm: keep lab_frag_alloc() from corrupting memory\") (in v6.0)"
variants:
  - name: default
    baseline: true
  - name: off
    mitigation: turn it off
EOL

# one WHAT FILTER: what the advice on lab-frag says.
one() {
    "$KREGLAB" advise --json "$1" | jq -c ".recipes[] | select(.recipe == \"lab-frag\") | $2"
}

is "an affected el7" "$(one 3.10.0-1160.62.1.el7.x86_64 '[.applies, .family, .fixed]')" \
    '["affected","el7","3.10.0-1160.86.1.el7"]'
is "a fixed el7" "$(one 3.10.0-1160.95.1.el7.x86_64 .applies)" '"not affected"'
is "a name of the catalogue" "$(one el7-1160.62.1 .applies)" '"affected"'
is "a package's name" "$(one kernel-3.10.0-1160.62.1.el7.x86_64.rpm .applies)" '"affected"'
is "seen with it" "$(one 4.4.0-47-generic .applies)" '"affected"'
is "later: unknown" "$(one 4.4.0-48-generic .applies)" '"unknown"'
is "a base that has the fix" "$(one 6.8.0-51-generic .applies)" '"not affected"'
is "upstream" "$(one 5.15.1 '[.applies, .range]')" '["affected","from 5.11, before 6.0"]'
is "another distribution's" "$(one 5.14.0-70.el9.x86_64 .applies)" '"unknown"'
"$KREGLAB" advise 3.10.0-1160.62.1.el7.x86_64 >"$T/out"
has "why" "$T/out" "^  why: .*3\.10\.0-1160\.62\.1\.el7 lies in el7's range \(before 3\.10\.0-1160\.86\.1\.el7\)$"
has "what fixes it" "$T/out" '^  fixed in: +el7 3\.10\.0-1160\.86\.1\.el7$'
has "who says so" "$T/out" '^  says: +an advisory$'
has "what mitigates it" "$T/out" "^  mitigation: +turn it off \(variant 'off'\)$"
has "where the kernel is from" "$T/out" '^  reproduce: +kreglab kernel add --headers el7-1160\.62\.1$'
has "and how it is shown" "$T/out" 'kreglab run -k .*1160\.62\.1.* -r lab-frag$'
"$KREGLAB" advise 6.6.0-28.0.0.34.oe2403.x86_64 >"$T/out"
has "not affected: in one line" "$T/out" '^  lab-frag: it is made from 6\.6\.0, which has upstream'

# A kernel of the store: the package's version, and its changelog, which goes over the range.
kernel=$KREGLAB_DATA/kernels/5.15.0-3-amd64
mkdir -p "$kernel"
jq -n '{schema_version: 1, id: "5.15.0-3-amd64", release: "5.15.0-3-amd64", version: "Debian 5.15.15-2",
    package: "linux-image", package_version: "5.15.15-2", format: "deb", digest: ("0" * 64),
    source: "test", verification: "unverified", has_modules: false, has_pvh: false}' >"$kernel/kernel.json"
is "a kernel of the store" "$(one 5.15.0-3 .applies)" '"affected"'
printf 'linux (5.15.15-2) sid; urgency=medium\n\n  * mm: keep lab_frag_alloc() from\n    corrupting memory\n\n -- A <a@b>  x\n' \
    >"$kernel/changelog"
is "whose changelog has the fix" "$(one 5.15.0-3 '[.applies, .changelog.version]')" \
    '["not affected","5.15.15-2"]'
is "its command names it" "$(one 5.15.0-3 '.reproduce')" '["kreglab run -k 5.15.0-3-amd64 -r lab-frag"]'

# Logs.
log=$T/console.log
cat >"$log" <<'EOL'
[   10.000000] Linux version 3.10.0-1160.62.1.el7.x86_64 (a@b) (gcc) #1 SMP Tue Apr 5 16:57:59 UTC 2022
[  100.000000] BUG: unable to handle kernel NULL pointer dereference at 0000000000000008
[  100.000001] IP: [<ffffffff811d0b8f>] lab_frag_alloc+0xf/0x40
[  100.000002] Oops: 0000 [#1] SMP
[  100.000003] CPU: 0 PID: 1 Comm: init Not tainted 3.10.0-1160.62.1.el7.x86_64 #1
[  100.000004] RIP: 0010:[<ffffffff811d0b8f>]  [<ffffffff811d0b8f>] lab_frag_alloc+0xf/0x40
[  100.000005] Call Trace:
[  100.000006]  [<ffffffff811d0c00>] some_caller+0x10/0x20
[  100.000007] ---[ end trace 0000000000000000 ]---
EOL
is "a log: its release and its crash" \
    "$("$KREGLAB" advise --json "$log" | jq -c '[.release, .family, .recipes[0].recipe,
        .recipes[0].meets, .recipes[0].met, .recipes[0].applies]')" \
    '["3.10.0-1160.62.1.el7.x86_64","el7","lab-frag","function","lab_frag_alloc","affected"]'
gzip -k "$log"
is "compressed, the same" "$("$KREGLAB" advise --json "$log.gz" | jq -r '.recipes[0].met')" lab_frag_alloc
is "from stdin" "$("$KREGLAB" advise --json - <"$log" | jq -r '.recipes[0].met')" lab_frag_alloc
sed -i 's/1160\.62\.1/1160.95.1/' "$log"
is "a fixed release that shows it all the same is told first" \
    "$("$KREGLAB" advise --json "$log" | jq -c '.recipes[0] | [.recipe, .applies]')" \
    '["lab-frag","not affected"]'
echo "nothing happened" >"$T/quiet.log"
is "a log of nothing: status 0" "$(status "$KREGLAB" advise "$T/quiet.log")" 0
has "with a word" "$T/out" 'names no release'
is "what is neither: status 2" "$(status "$KREGLAB" advise nonsense)" 2
has "with a word" "$T/err" 'no file, no kernel of the store and no release'
head -c 100000 /dev/urandom >"$T/noise"
is "noise: status 0" "$(status "$KREGLAB" advise "$T/noise")" 0

# The incidents: each one's release, with the neighbours that its range parts it from.
while read -r release recipe applies; do
    is "$release and $recipe" \
        "$("$KREGLAB" advise --json "$release" |
            jq -r --arg r "$recipe" '.recipes[] | select(.recipe == $r) | .applies')" "${applies//-/ }"
done <<'EOL'
3.10.0-1160.62.1.el7.x86_64 page-frag-alloc affected
3.10.0-1160.86.1.el7.x86_64 page-frag-alloc not-affected
3.10.0-862.14.4.el7.x86_64 thp-anon-vma affected
3.10.0-1160.62.1.el7.x86_64 thp-anon-vma unknown
4.19.91-19.1.al7.x86_64 thp-split-softlockup affected
4.19.91-23.al7.x86_64 thp-split-softlockup affected
4.19.91-24.al7.x86_64 thp-split-softlockup not-affected
5.10.46 thp-split-softlockup affected
5.10.47 thp-split-softlockup not-affected
4.19.91 thp-split-softlockup unknown
4.4.0-47-generic ksm-migrate affected
4.15.0-20-generic ksm-migrate not-affected
4.19.90-2003.4.0.0036.oe1.x86_64 ksm-migrate not-affected
EOL

# Their texts, where they are at hand: the incident's own recipe comes first.
while read -r file recipe; do
    text=$(dirname "$SOURCE_ROOT")/shared/seeds/$file
    if [ ! -e "$text" ]; then
        skip "the recipe of $file" "the text is not at hand"
        continue
    fi
    is "the recipe of $file" \
        "$("$KREGLAB" advise --json "$text" | jq -r '.recipes[0] | .recipe + " " + (.meets != null | tostring)')" \
        "$recipe true"
done <<'EOL'
centos7-page-frag-alloc.txt page-frag-alloc
el7-862-down-read-trylock.txt thp-anon-vma
alinux2-thp-split-softlockup.txt thp-split-softlockup
ubuntu-4.4-ksm-lockup.txt ksm-migrate
openeuler-deferred-split-scan.txt thp-deferred-split
EOL
finish
