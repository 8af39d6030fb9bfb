#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The reports of a run that looks like the demo's, against golden ones. LAB_TEST_REGENERATE=1
# rewrites those; read the difference before committing it.
set -eu
# shellcheck source=tests/cli/tap.sh
. "${SOURCE_ROOT:?}/tests/cli/tap.sh"

golden=$SOURCE_ROOT/tests/golden/report
check=$SOURCE_ROOT/tests/cli/check-schema
"$golden/make-run" "$KREGLAB_DATA"
run=20260102-030405-d3a0
version=$("$KREGLAB" --version | awk '{ print $2 }')
dir=$KREGLAB_DATA/runs/$run

for format in text json html markdown junit ktap kcidb; do
    is "$format: status 0" "$(status "$KREGLAB" report latest --format "$format")" 0
    sed "s|$KREGLAB_DATA|DATA|g;s|\b${version//./\\.}\b|VERSION|g" "$T/out" >"$T/report.$format"
    if [ "${LAB_TEST_REGENERATE:-}" = 1 ]; then
        cp "$T/report.$format" "$golden/report.$format"
    fi
    ok "$(diff -u "$golden/report.$format" "$T/report.$format" >"$T/diff"; echo $?)" "$format as before"
    sed -n 's/^/#   /;1,30p' "$T/diff"
done

# --- JSON ---
"$KREGLAB" report "$run" --format json >"$T/report.json"
ok "$("$check" report "$T/report.json" >"$T/err" 2>&1; echo $?)" "the JSON report fits its schema"
sed 's/^/#   /' "$T/err"
ok "$("$check" result "$dir"/cells/*/result.json >/dev/null 2>&1; echo $?)" "results fit theirs"
ok "$("$check" cell "$dir/cells.jsonl" >/dev/null 2>&1; echo $?)" "cells fit theirs"
jq 'del(.cells[3].dump.method)' "$T/report.json" >"$T/broken.json"
is "a report without a dump's method does not" "$(status "$check" report "$T/broken.json")" 1
jq '.cells[0].outcome = null' "$T/report.json" >"$T/broken.json"
is "nor one whose cell ran without an outcome" "$(status "$check" report "$T/broken.json")" 1
is "every cell is there, in running order" \
    "$(jq -r '.cells[].id' "$T/report.json" | tr '\n' ' ')" \
    "$(jq -r '.id' "$dir/cells.jsonl" | tr '\n' ' ')"
is "dump paths lead to files" \
    "$(jq -r '.cells[].dump.path // empty' "$T/report.json" | xargs ls | wc -l)" 12
is "a dump that was removed has no path" \
    "$(jq -c '[.cells[] | select(.dump.removed) | .dump.path]' "$T/report.json")" '[null]'
is "crashes are groups across kernels" \
    "$(jq -c '[.crashes[] | .cells | length]' "$T/report.json")" '[3,3,2,2,2,1,1]'
is "each of several cells with its reason" \
    "$(jq '[.crashes[] | select((.cells | length) > 1 and (.why | length) == 0)] | length' "$T/report.json")" 0
is "two hangs of a recipe are told apart" \
    "$(jq -r '.crashes[6].apart[] | select(.crash == 4) | .verdict' "$T/report.json")" inconclusive
is "comparisons say why two crashes are one" \
    "$(jq -r '[.comparisons[] | select(.verdict == "still-same-crash") | .crash.why | startswith("same place and same callers")] |
        all' "$T/report.json")" true
is "infra, skipped and missing count apart" \
    "$(jq -c '.counts | [.ran, .infra, .skipped, .missing, .unexpected]' "$T/report.json")" \
    '[21,1,1,1,1]'
is "one run of each does not prove that the second variant fixes the first" \
    "$(jq -c '.comparisons[] | select(.kind == "variants" and (.kernel | startswith("6.1."))) |
        [.verdict, .leaning, .more_runs]' "$T/report.json")" '["inconclusive","fixed",3]'

# --- text ---
has "text: what was removed" "$T/report.text" 'removed by keep policy$'
has "what came before" "$T/report.text" '^      before  WARNING in lab_w$'
has "the harmless apart" "$T/report.text" '^      before  out of memory in lab_f \(harmless by itself\)$'
has "flags in words" "$T/report.text" '^      flags   two CPUs wrote at once; cut off, or lines were dropped$'
has "the other log" "$T/report.text" "^      but     the console shows 'WARNING in lab_w'\$"

# --- for other systems ---
ok "$("$check" kcidb-5.3 "$T/report.kcidb" >"$T/err" 2>&1; echo $?)" "KCIDB: fits the published schema"
sed 's/^/#   /' "$T/err"
is "the lab's own failures are MISS, what the kernel lacks SKIP" \
    "$(jq -r '.tests[] | select(.misc.state != "ran") | .misc.state + " " + .status' "$T/report.kcidb" | sort |
        tr '\n' ' ')" 'infra MISS missing MISS skipped SKIP '
is "a crash is FAIL, also an expected one" \
    "$(jq -r '[.tests[] | select(.misc.outcome == "crash") | .status] | unique[]' "$T/report.kcidb")" FAIL
is "no commit is made up" "$(grep -c git_commit "$T/report.kcidb")" 0
is "each crash is an issue, each cell with one an incident" \
    "$(jq -c '[(.issues | length), (.incidents | length), ([.issues[].id] | unique | length)]' "$T/report.kcidb")" '[7,14,7]'
jq '.tests[0].status = "CRASH"' "$T/report.kcidb" >"$T/broken.json"
is "another status does not fit" "$(status "$check" kcidb-5.3 "$T/broken.json")" 1
jq '(.tests[] | select(.start_time) | .start_time) |= sub("T"; " ")' "$T/report.kcidb" >"$T/broken.json"
is "nor does another form of time" "$(status "$check" kcidb-5.3 "$T/broken.json")" 1
jq '.checkouts[0].id = "kreglab"' "$T/report.kcidb" >"$T/broken.json"
is "nor an id without its origin" "$(status "$check" kcidb-5.3 "$T/broken.json")" 1
jq '.builds[0].comment = null' "$T/report.kcidb" >"$T/broken.json"
is "nor null" "$(status "$check" kcidb-5.3 "$T/broken.json")" 1
is "what is referred to is there" "$(jq -c '
    [([.builds[].checkout_id] - [.checkouts[].id]), ([.tests[].build_id] - [.builds[].id]),
     ([.incidents[].test_id] - [.tests[].id]), ([.incidents[].issue_id] - [.issues[].id])] | add' "$T/report.kcidb")" '[]'
python3 - "$T/report.junit" >"$T/out" <<'EOP'
import sys
import xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
cases = list(root.iter("testcase"))
for kind in ("failure", "error", "skipped"):
    print(kind, sum(case.find(kind) is not None for case in cases), end=" ")
print(root.get("failures"), root.get("errors"), root.get("skipped"), root.get("tests"))
print(len(cases), len({case.get("name") for case in cases}))
print([case.find("failure").get("message") for case in cases if case.find("failure") is not None])
EOP
is "JUnit: one unexpected crash fails, infra and missing are errors" "$(sed -n 1p "$T/out")" \
    'failure 1 error 2 skipped 1 1 2 1 24'
is "names are unique" "$(sed -n 2p "$T/out")" '24 24'
has "guest text is escaped" "$T/report.junit" 'message="crash: WARNING in &lt;script&gt;'
is "KTAP: a plan a kernel, and all of it" "$(grep -cE '^  (not )?ok ' "$T/report.ktap")" 24
has "expected crashes" "$T/report.ktap" '^  ok 3 sysrq-panic/cpu0 run 1 # XFAIL crash: kernel panic: sysrq'
has "the lab's failures" "$T/report.ktap" '^  not ok 6 oom-panic/default run 1 # ERROR infra: '
has "what the kernel lacks" "$T/report.ktap" '^  ok 5 hung-task/default run 1 # SKIP skipped: '
has "an unexpected crash" "$T/report.ktap" '^  not ok 2 stress/default run 1$'
# shellcheck disable=SC2016
is "Markdown: no markup of a guest's" "$(sed '/^```/,/^```/d' "$T/report.markdown" | grep -v '`' | grep -cE '(^|[^\\])<script')" 0
for file in x.md:'# demo' x.xml:'<.xml' x.ktap:'KTAP version 1' x.kcidb.json:'{'; do
    "$KREGLAB" report latest -o "$T/${file%%:*}"
    has "the file's name decides: ${file%%:*}" "$T/${file%%:*}" "^${file#*:}"
done
is "an end that stands for no format: status 2" "$(status "$KREGLAB" report latest -o "$T/x.foo")" 2
has "it says which do" "$T/err" "x.foo'.* \.txt.*\.html.*\.json.*\.md.*\.xml.*\.ktap.*\.kcidb\.json.*--format"
ok "$([ ! -e "$T/x.foo" ]; echo $?)" "and writes nothing"
is "unless --format says it" "$(status "$KREGLAB" report latest -f ktap -o "$T/x.foo")" 0
has "then the name does not matter" "$T/x.foo" '^KTAP version 1'
is "a dot in the directory is no end" \
    "$(mkdir "$T/a.b" && status "$KREGLAB" report latest -o "$T/a.b/x" && head -c 4 "$T/a.b/x")" "0
run "
has "x.kcidb.json is no plain JSON report" "$T/x.kcidb.json" '"checkouts"'

# --- HTML ---
is "--output writes a file" "$(status "$KREGLAB" report latest -o "$dir/report.html")" 0
ok "$(cmp -s "$dir/report.html" <("$KREGLAB" report latest -f html); echo $?)" "in the run directory: as on stdout"
has "links to evidence are relative" "$dir/report.html" 'href="cells/[0-9a-f]{12}/vmcore"'
"$KREGLAB" report latest -o "$T/elsewhere.html"
has "elsewhere they are not" "$T/elsewhere.html" "href=\"$dir/cells/[0-9a-f]{12}/vmcore\""
is "nothing is loaded from anywhere" "$(grep -cE 'src=|url\(|unsafe-|@import|https?://|<script|<link|<iframe' "$dir/report.html")" 0
is "guest text is escaped" "$(grep -c '<script\|evil<b>' "$dir/report.html")" 0
has "and shown" "$dir/report.html" 'WARNING in &lt;script&gt;alert'
is "no control characters" "$(LC_ALL=C grep -cP '[\x00-\x08\x0b-\x1f\x7f]|\xe2\x80\xae' "$dir/report.html")" 0
ok "$(python3 "$golden/check-html" "$dir/report.html" "$dir" >"$T/err" 2>&1; echo $?)" \
    "tags nest, links lead somewhere, tables have headings"
sed 's/^/#   /' "$T/err"

# --- many cells: what ended alike stands in one place, with a few examples, and nothing is lost ---
big=$("${MAKE_RECORDED_RUN:?}" --cells 17500 --logs "$SOURCE_ROOT/tests/golden/crash" "$T/big")
KREGLAB_DATA=$T/big "$KREGLAB" report "$big" -o "$T/big/big.html"
KREGLAB_DATA=$T/big "$KREGLAB" report "$big" -f json >"$T/big.json"
python3 - "$T/big/big.html" "$T/big.json" >"$T/out" <<'EOP'
import collections
import json
import re
import sys
page = open(sys.argv[1], encoding="utf-8").read()
cells = json.load(open(sys.argv[2], encoding="utf-8"))["cells"]
ids = set(re.findall(' id="([^"]+)"', page))
print(sum(part not in ids for part in re.findall('href="#([^"]+)"', page)), len(page) < 12e6)

# What the matrix says of an entry, against the cells themselves.
def entry(cell):
    return (cell["kernel"], cell["recipe"], cell["variant"])
def kind(cell):
    return (*entry(cell), cell["outcome"] or cell["state"], cell["title"], cell["unexpected"])
total = collections.Counter(map(entry, cells))
kinds = collections.Counter(map(kind, cells))
matrix = page[page.index('<table class="matrix">'):page.index("</table>", page.index('<table class="matrix">'))]
said = collections.Counter(re.findall(r"</span> ([a-z-]+ \d+ of \d+)</span>", matrix))
others = collections.Counter(entry(cell) for cell in cells if cell["outcome"] != "pass")
meant = collections.Counter(f"{one[3]} {n} of {total[one[:3]]}" for one, n in kinds.items()
                            if others[one[:3]] > 3 or one[3] == "pass")
print(sum((said - meant).values()), sum((meant - said).values()))

# The details: the first three of each kind that is no plain pass; the JSON report has the same ones whole.
seen, wanted = collections.Counter(), set()
for cell in cells:
    seen[kind(cell)] += 1
    if seen[kind(cell)] <= 3 and (cell["outcome"] != "pass" or cell["unexpected"]):
        wanted.add(cell["id"])
detailed = set(re.findall('<details id="c-([0-9a-f]+)"', page))
whole = {cell["id"] for cell in cells if not cell.get("short")}
print(len(wanted) > 300, detailed == wanted, whole == wanted)
plain = sum(cell["outcome"] == "pass" and not cell["unexpected"] for cell in cells)
print(f"<strong>{plain} cells</strong> passed as expected" in page,
      f"<strong>{len(cells) - plain - len(wanted)} more cells</strong> that did not simply pass" in page)
lines = re.findall(r"</span> (?:infra|skipped|missing)</span>(?: (\d+) cells)?</td><td>", page)
ranks = ["regressed", "new-crash", "still-different-crash", "rate-changed", "fixed"]
def lists(text):
    return [[ranks.index(one) for one in re.findall('<li class="v-([a-z-]+)"', part)]
            for part in re.findall('<ul class="sentences">.*?</ul>', text, re.S)]
worst_first = lists(page)
settled = lists(re.sub(r"<details><summary>\d+ more that could be chance<.*?</details>", "", page, flags=re.S))
tallied = [[int(n) for n in re.findall(r"</span> (\d+) [a-z-]+</span>", part)]
           for part in re.findall('<p class="tally">.*?</p>', page, re.S)]
print(sum(int(n or 1) for n in lines) == sum(cell["state"] != "ran" for cell in cells), len(lines) < 400)
print(all(part == sorted(part) for part in worst_first), len(set(sum(worst_first, []))) > 2,
      list(map(sum, tallied)) == [len(part) for part in settled if len(part) > 12] != [])
EOP
is "no link leads nowhere, and the page can be read" "$(sed -n 1p "$T/out")" '0 True'
is "the matrix counts each kind of end" "$(sed -n 2p "$T/out")" '0 0'
is "examples of each have details, and are whole in JSON" "$(sed -n 3p "$T/out")" 'True True True'
is "the others are counted" "$(sed -n 4p "$T/out")" 'True True'
is "cells that are not judged, too" "$(sed -n 5p "$T/out")" 'True True'
is "the worst is told first, and how many there are of each" "$(sed -n 6p "$T/out")" 'True True True'
has "and it is said where they are" "$T/big/big.html" "kreglab show $big/CELL"

# --- text ---
is "no colours into a pipe" "$("$KREGLAB" report latest | LC_ALL=C grep -c "$(printf '\033')" || true)" 0
if command -v script >/dev/null; then
    script -qec "$KREGLAB report latest" /dev/null >"$T/tty" </dev/null
    is "colours on a terminal" "$(LC_ALL=C grep -q "$(printf '\033\\[31m')" "$T/tty" && echo yes)" yes
    NO_COLOR=1 script -qec "$KREGLAB report latest" /dev/null >"$T/tty" </dev/null
    is "none with NO_COLOR" "$(LC_ALL=C grep -c "$(printf '\033\\[3')" "$T/tty" || true)" 0
else
    skip "colours on a terminal" "script(1) is not installed"
fi

# --- kernels against another one, two runs, mistakes ---
"$KREGLAB" report latest -f json --baseline 6.12.57+deb12-amd64 >"$T/other.json"
is "another baseline turns the regression round" \
    "$(jq -r '.comparisons[] | select(.recipe == "stress" and (.candidate.kernel |
        startswith("5.10"))) | .leaning' "$T/other.json")" fixed
is "a baseline that is not there: status 2" "$(status "$KREGLAB" report latest --baseline 9.9)" 2
has "with what there is" "$T/err" '5\.10\.0-40-amd64'
is "a run that is not there: status 2" "$(status "$KREGLAB" report 1999)" 2
is "an unknown format: status 2" "$(status "$KREGLAB" report latest --format pdf)" 2
is "compare ends with 0 when nothing is certain" "$(status "$KREGLAB" compare latest)" 0
has "and says what it may be" "$T/out" '^inconclusive +stress/default.* may regress from'
has "and what would settle it" "$T/out" '; 3 more runs of each that go the same way would settle it$'
is "a run against itself: status 0" "$(status "$KREGLAB" compare latest "$run" --json)" 0
is "nothing is fixed in it" "$(jq '[.comparisons[] | select(.verdict == "fixed")] | length' "$T/out")" 0
is "and all crashes are the same" "$(jq '[.comparisons[] | select(.verdict == "still-same-crash")] | length' "$T/out")" 14

# --- signature ---
log=$SOURCE_ROOT/tests/golden/crash/hung-task.log
is "signature" "$("$KREGLAB" signature "$log")" "$log	INFO: task hung in iterate_bdevs"
is "from stdin" "$("$KREGLAB" signature - <"$log")" "-	INFO: task hung in iterate_bdevs"
is "as JSON" "$("$KREGLAB" signature --json "$log" | jq -r '.type, .k0')" "hung-task
$(jq -r .signature.k0 "${log%.log}.json")"
is "no crash: no title" "$(printf 'all is well\n' | "$KREGLAB" signature -)" "-	"
is "no crash: null" "$(printf 'all is well\n' | "$KREGLAB" signature --json - | jq .title)" null
: >"$T/a	b"
is "a tab in a name is escaped" "$("$KREGLAB" signature "$T/a	b")" "$T/a\\tb	"
is "no such file: status 2" "$(status "$KREGLAB" signature "$T/none")" 2
head -c 3000000 /dev/urandom >"$T/noise"
is "noise: status 0" "$(status "$KREGLAB" signature --json "$T/noise")" 0
has "a dump that was removed" "$dir/report.html" 'no: removed by keep policy'
has "what was reported before" "$dir/report.html" '<h4>Reported before</h4>'
has "why crashes are one" "$dir/report.html" '<h4>Why these are one crash</h4>'
# A file that somebody took away is no file either.
rm "$(jq -r '[.cells[].dump.path // empty][0]' "$T/report.json")"
is "a dump that is gone has no path" \
    "$("$KREGLAB" report "$run" --format json | jq '[.cells[] | select(.dump.removed)] | length')" 2
finish
