#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# compare --beside: two kernels of the store that differ in known ways, and results that are made up.
set -eu
# shellcheck source=tests/cli/tap.sh
. "${SOURCE_ROOT:?}/tests/cli/tap.sh"

run=$("${MAKE_RUN:?}" "$KREGLAB_DATA" 6.1.1-1,6.1.1-2 frag/v 2)
dir=$KREGLAB_DATA/runs/$run
# The cells know where their kernels are, and what the recipe needs.
jq -c --arg d "$KREGLAB_DATA/kernels/" '.kernel_directory = $d + .kernel | .needs_config = ["CONFIG_KSM=y"] | .setup.sysctl = ["vm/b=1"]' \
    "$dir/cells.jsonl" >"$T/cells" && cp "$T/cells" "$dir/cells.jsonl"
for n in 1 2; do
    kernel=$KREGLAB_DATA/kernels/6.1.1-$n
    mkdir -p "$kernel"
    printf '{"schema_version":1,"id":"6.1.1-%s","release":"6.1.1-%s","digest":"%s","package_version":"6.1.%s-1"}\n' \
        $n $n $n $n >"$kernel/kernel.json"
done
printf 'CONFIG_ABC=y\nCONFIG_KSM=y\nCONFIG_SAME=m\n' >"$KREGLAB_DATA/kernels/6.1.1-1/config"
printf '# CONFIG_KSM is not set\nCONFIG_SAME=m\nCONFIG_XYZ=128\n' >"$KREGLAB_DATA/kernels/6.1.1-2/config"
cat >"$KREGLAB_DATA/kernels/6.1.1-2/changelog" <<'EOL'
linux (6.1.2-1) sid; urgency=medium

  * net: something else
  * mm: take lab_outer() apart
  * mm: prevent lab_frag_alloc() from corrupting memory
  * mm: lab_frag_allocator is another one
  * mm/lab/fragile: not the crash's file, nor is frag.cc
  * mm/lab/outer: the file of another frame, as a decoded trace has it
  * mm/lab/frag: the crash's file without its function

 -- A <a@b>  Mon, 01 Jan 2026 00:00:00 +0000

linux (6.1.1-1) sid; urgency=medium

  * mm: lab_frag_alloc() is older than both

 -- A <a@b>  Mon, 01 Dec 2025 00:00:00 +0000
EOL
while read -r line; do
    id=$(jq -r .id <<<"$line")
    n=$(jq -r '.kernel[-1:]' <<<"$line")
    mkdir -p "$dir/cells/$id"
    crash=null outcome=pass
    if [ "$n" = 1 ]; then
        outcome=crash
        crash='{"type":"null-deref","title":"BUG: NULL pointer in lab_frag_alloc","alternatives":[],"line_first":1,"line_last":2,"reports":[],"attributes":{"source":"/build/linux-lab/mm/lab/frag.c:12"},"frames":[{"function":"lab_frag_alloc","module":null,"reliable":true,"stack":null},{"function":"lab_outer","module":null,"reliable":true,"stack":null,"source":"mm/lab/outer.c:77"}],"signature":{"k0":"v1:1111111111111111","k1":"v1:1111111111111111","k2":null}}'
    fi
    jq -n --argjson c "$line" --argjson crash "$crash" --arg outcome $outcome --argjson n "$n" '{schema_version: 1,
        id: $c.id, run: "x", kernel: $c.kernel, release: $c.kernel, recipe: $c.recipe, variant: $c.variant,
        repetition: $c.repetition, state: "ran", outcome: $outcome, survived: false, expected: null, crash: $crash,
        reached: null, metrics: {}, vmstat: {}, duration_ms: 1000, boot_ms: (if $n == 2 then 80 else 500 end), time_to_crash_ms: null,
        memory: [[600, 100000 + $n]], setup: [{set: "vm.a=1", ok: ($n == 1), error: (if $n == 1 then null else "No such file" end)}],
        environment: {file: "environment.json", why_not: null, changed: (if $n == 2 then {"vm.c": "9"} else {} end)},
        facts: ({cmdline: ("console=ttyS0 tsc_early_khz=\($n) " + (if $n == 2 then "quiet" else "debug" end))} +
            (if $n == 2 then {warm: true, template_boot_ms: 1000} else {} end))}' \
        >"$dir/cells/$id/result.json"
    # Some differ by kernel, some by run, and some are further apart than the runs of one kernel.
    jq -n --argjson n "$n" --argjson r "$(jq .repetition <<<"$line")" '{schema_version: 1,
        modules: ({m_same: 4096} + if $n == 1 then {m_old: 1} else {m_new: 1} end),
        taints: (if $n == 2 then {m_new: "OE"} else {} end),
        values: ({"vm.a": "\($n)", "vm.b": "\($n - 1)", "vm.c": "8", "kernel.same": "1", "kernel.noise": "\($n + $r)",
            "kernel.range": "\(100 + 12 * $n + 10 * $r)", "kernel.apart": "\(100 * $n + $r)", "fs.file-max": "\(29000 + 2000 * $n)",
            "net.ipv4.conf.all.x": "\($n)", "net.ipv4.conf.default.x": "\($n)"}
            + if $n == 1 then {"kernel.gone": "0"} else {"kernel.new": ""} end), left_out: 0}' \
        >"$dir/cells/$id/environment.json"
    if [ "$n" = 2 ]; then
        printf '@+500 [    1.0] WARNING: CPU: 0 PID: 1 at mm/x.c:1 lab_new_warning+0x1/0x2\n@+500 [    1.0] CPU: 0 PID: 1 Comm: init Not tainted 6.1.1-2 #1\n@+500 [    1.0] RIP: 0010:lab_new_warning+0x1/0x2\n@+500 [    1.0] Call Trace:\n@+500 [    1.0]  lab_caller+0x1/0x2\n@+500 [    1.0] ---[ end trace 0000000000000000 ]---\n@+501 [    1.1] BUG: kernel NULL pointer dereference, address: 0\n@+501 [    1.1] RIP: 0010:lab_z+0x1/0x2\n' \
            >"$dir/cells/$id/console.log"
    fi
done <"$dir/cells.jsonl"

"$KREGLAB" compare "$run" --beside --json >"$T/out.json" || true
of() { jq -c ".beside[0] | $1" "$T/out.json"; }
is "one a comparison" "$(jq '(.beside | length) == (.comparisons | length)' "$T/out.json")" true
ok "$("$SOURCE_ROOT/tests/cli/check-schema" compare "$T/out.json" >"$T/err" 2>&1; echo $?)" "it fits the schema"
sed 's/^/#   /' "$T/err"
is "configuration: what the recipe needs first" "$(of '[.config[] | [.option, .baseline, .candidate, .needed]]')" \
    '[["CONFIG_KSM","y","n",true],["CONFIG_ABC","y","n",false],["CONFIG_XYZ","n","128",false]]'
is "words of the command line, without the host's clock" "$(of .cmdline)" '{"baseline":["debug"],"candidate":["quiet"]}'
is "settings and what became of them" "$(of .settings)" '[{"set":"vm.a=1","baseline":"ok","candidate":"No such file"}]'
is "modules that only one side has, with their taints" "$(of .modules)" '{"baseline":["m_old"],"candidate":["m_new (OE)"]}'
is "settings: the recipe's, those beside it, others, those of one side; limits that follow memory last" \
    "$(of '[.values[] | .name]')" \
    '["vm.b","vm.a","vm.c","kernel.apart","net.ipv4.conf.all.x","kernel.gone","kernel.new","fs.file-max"]'
is "which is which" "$(of '[.values[] | select(.needed or .memory) | .name]')" '["vm.b","fs.file-max"]'
is "with what each side's runs had" "$(of '[.values[] | select(.name | test("apart|gone|vm.c")) | [.baseline, .candidate]]')" \
    '[[["8"],["9"]],[["101","102"],["201","202"]],[["0"],[null]]]'
is "new warnings as titles" "$(of '.warnings.candidate | map(select(test("lab_new_warning"))) | length')" 1
is "boot time, a clone's from its template, and memory" "$(of '[.boot_ms.baseline, .boot_ms.candidate, .memory_kb.candidate]')" '[500,1000,100002]'
is "the changelog's entries that name the stack, its top first" \
    "$(of '[.changelog.entries, [.changelog.named[] | .names]]')" '[7,["lab_frag_alloc","mm/lab/frag.c","lab_outer","mm/lab/outer.c"]]'
is "with the version" "$(of '.changelog.named[0] | [.version, .item]')" \
    '["6.1.2-1","mm: prevent lab_frag_alloc() from corrupting memory"]'
"$KREGLAB" compare "$run" --beside >"$T/out" || true
has "for people" "$T/out" '^    config +CONFIG_KSM y → n \(needed\)$'
has "settings" "$T/out" '^    sysctl +vm\.b 0 → 1 \(set by the recipe\)$'
has "of which runs had more than one" "$T/out" '^    sysctl +kernel\.apart 101 or 102 → 201 or 202$'
has "those of one side by name" "$T/out" '^    sysctl gone +kernel\.gone$'
has "limits that follow memory are counted" "$T/out" '^    sysctl +1 limits that follow the memory moved a little$'
has "modules" "$T/out" '^    module +\+ m_new \(OE\)$'
has "the fix is found as by hand" "$T/out" '^    changelog +6.1.2-1: mm: prevent lab_frag_alloc\(\)'

# --- in the reports ---
"$KREGLAB" report "$run" --format json >"$T/report.json"
ok "$("$SOURCE_ROOT/tests/cli/check-schema" report "$T/report.json" >"$T/err" 2>&1; echo $?)" "the report fits the schema"
sed 's/^/#   /' "$T/err"
is "JSON has the same" "$(jq -S '.comparisons[0].beside' "$T/report.json")" "$(jq -S '.beside[0]' "$T/out.json")"
"$KREGLAB" report "$run" >"$T/out"
has "text: what the recipe needs first" "$T/out" '^ {4}config        CONFIG_KSM y → n \(needed\), CONFIG_ABC y → n, CONFIG_XYZ n → 1…$'
has "text: the setting of the recipe" "$T/out" '^ {4}sysctl +vm\.b 0 → 1 \(set by the recipe\)$'
has "text: a change that names the stack" "$T/out" '^ {4}changelog     6\.1\.2-1: mm: prevent lab_frag_alloc\(\) '
is "text: five lines, of one screen's width" \
    "$(grep -cE '^ {4}(config|setting|sysctl|changelog|command line|warnings|boot|free memory) ' "$T/out") $(grep -E '^ {4}[a-z ]+  ' "$T/out" |
        LC_ALL=C.UTF-8 grep -cE '^.{81}')" "5 0"
"$KREGLAB" report "$run" --format markdown >"$T/out"
has "Markdown: below the verdict, escaped" "$T/out" '^  - config: CONFIG\\_KSM y → n \(needed\), CONFIG\\_ABC y → n, CONFIG\\_XYZ n → 128$'
"$KREGLAB" report "$run" --format html >"$T/out"
has "HTML: settings" "$T/out" '<li><span class="dim">sysctl:</span> kernel\.apart 101 or 102 → 201 or 202'
has "HTML: a list to open" "$T/out" '<details><summary>What changed beside it</summary>$'
is "HTML: everything but a number that hardly moved" "$(grep -cE '<li><span class="dim">(config|setting|changelog|command line|warnings|boot|free memory):' "$T/out")" \
    "$(jq '.comparisons[0].beside | [.config, .settings, .changelog.named, .cmdline.baseline, .cmdline.candidate,
        .warnings.baseline, .warnings.candidate, [.boot_ms]] | map(length) | add' "$T/report.json")"
many=$("$MAKE_RUN" "$KREGLAB_DATA" 6.1.1-1,6.1.1-2 "$(seq -s, -f 'frag%.0f/v' 60)" 1)
jq -r '[.id, .kernel, .recipe] | @tsv' "$KREGLAB_DATA/runs/$many/cells.jsonl" >"$T/many"
while read -r id kernel recipe; do
    like=$(grep -l "\"kernel\": \"$kernel\"" "$dir"/cells/*/result.json | head -n 1)
    mkdir -p "$KREGLAB_DATA/runs/$many/cells/$id"
    sed "s/\"id\": \"[^\"]*\"/\"id\": \"$id\"/;s/\"recipe\": \"frag\"/\"recipe\": \"$recipe\"/;s/\"repetition\": 2/\"repetition\": 1/" \
        "$like" >"$KREGLAB_DATA/runs/$many/cells/$id/result.json"
done <"$T/many"
is "a large run: fifty of them" "$("$KREGLAB" report "$many" --format json | jq -c '[(.comparisons | length),
    ([.comparisons[] | select(.beside)] | length)]')" '[60,50]'
for result in "$dir"/cells/*/result.json; do
    jq 'if .kernel == "6.1.1-1" then del(.environment) else . end' "$result" >"$T/old" && cp "$T/old" "$result"
done
is "results of an older kreglab: not recorded, which is no difference" \
    "$("$KREGLAB" compare "$run" --beside --json | jq -c '.beside[0] | [.modules, .values, .missing]')" \
    '[null,null,["loaded modules and settings were not recorded (baseline)"]]'
rm -r "$KREGLAB_DATA/kernels/6.1.1-1"
is "what is gone is named" "$("$KREGLAB" compare "$run" --beside --json | jq -c '.beside[0] | [.config, .missing]')" \
    "[null,[\"a kernel's configuration\",\"loaded modules and settings were not recorded (baseline)\"]]"
is "without --beside nothing is read" "$("$KREGLAB" compare "$run" --json | jq .beside)" null
finish
