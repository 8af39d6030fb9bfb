#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kreglab bisect: searches over kernels that are only described, by a worker that plays a plan.
set -eu
# shellcheck source=tests/cli/tap.sh
. "${SOURCE_ROOT:?}/tests/cli/tap.sh"

for n in 02 03 04 05 06 07 08 09 10 11 12 13; do known_kernel "6.1.0-$n-cloud-amd64"; done
known_kernel 6.1.0-08-amd64
two_variants
from9='6.1.0-09*=fail;6.1.0-1*=fail'
bisect() {
    "$KREGLAB" bisect --good 6.1.0-02 --bad 6.1.0-13 --recipe "$T/mine" -n 2 -j 2 "$@"
}
pair() {
    jq -rc 'select(.event == "bisection") | [.state, .pair.good, .pair.bad]' "$T/out"
}

is "--dry-run: status 0" "$(status bisect --dry-run)" 0
is "the row has the kernels of the ends' flavour" "$(grep -c 'in the store' "$T/out")" 12
has "and how many runs to expect" "$T/out" '^if it shows in 10 % of runs: about [0-9]+ runs'
ok "$([ ! -e "$KREGLAB_DATA/bisects" ] && [ ! -e "$KREGLAB_DATA/runs" ]; echo $?)" "nothing is made"

is "a change that always shows: status 0" "$(FAKE_WORKER_PLAN=$from9 status bisect)" 0
has "good" "$T/out" '^  good  6.1.0-08-cloud-amd64 +seen in 0 of'
has "bad" "$T/out" '^  bad   6.1.0-09-cloud-amd64 +seen in'
has "with the odds" "$T/out" 'odds that it is so: 9[89]\.[0-9] % \([0-9]+ to 1\)'
has "the steps are told" "$T/err" '\[2\] 6.1.0-.*seen in [0-9] of [0-9] runs'
has "and that there is no changelog" "$T/out" '^what changed, by the changelog: .*changelog'
is "steps are runs" "$("$KREGLAB" list --json | jq -r '.runs[0].title' | sed 's/ on .*//')" \
    'bisect: mine/plain'
is "--resume of one that has ended says it again" "$(status "$KREGLAB" bisect --resume --json)" 0
is "as JSON" "$(pair)" '["found","6.1.0-08-cloud-amd64","6.1.0-09-cloud-amd64"]'

is "the other way round: where it went away" \
    "$(FAKE_WORKER_PLAN=$from9 status "$KREGLAB" bisect --good 6.1.0-13 --bad 6.1.0-02 -r "$T/mine")" 4
is "it never showed in the bad one" "$(FAKE_WORKER_PLAN='6.1.0-0[2-5]*=fail' status "$KREGLAB" \
    bisect --good 6.1.0-13 --bad 6.1.0-02 -r "$T/mine" --json)" 0
is "is found as well" "$(pair)" '["found","6.1.0-06-cloud-amd64","6.1.0-05-cloud-amd64"]'

# Shown by one of four runs; with other crashes among them.
is "one run of four: status 0" \
    "$(FAKE_WORKER_PLAN='6.1.0-0[2-4]*=pass;*/3=crash' status bisect -n 4 -j 4 --json)" 0
is "the pair is right" "$(pair)" '["found","6.1.0-04-cloud-amd64","6.1.0-05-cloud-amd64"]'
ok "$(jq -e 'select(.event == "bisection") | .rate > 0.1 and .rate < 0.4' "$T/out" >/dev/null; echo $?)" \
    "the rate is found out"
is "other crashes say nothing" "$(FAKE_WORKER_PLAN="6.1.0-13*/2=crash;$from9" \
    status bisect --outcome fail --json)" 0
is "and are counted apart" "$(pair)$(jq -c 'select(.event == "bisection") | [.kernels[] | .other] | add > 0' "$T/out")" \
    '["found","6.1.0-08-cloud-amd64","6.1.0-09-cloud-amd64"]true'
is "a crash by its title" "$(FAKE_WORKER_PLAN='6.1.0-0[2-6]*=pass;*=crash' \
    status bisect --title '*sysrq triggered*' --json)" 0
is "is found" "$(pair)" '["found","6.1.0-06-cloud-amd64","6.1.0-07-cloud-amd64"]'

is "kernels that cannot be tested" \
    "$(FAKE_WORKER_PLAN="6.1.0-0[78]*=skipped;$from9" status bisect --json)" 0
is "make a range" "$(pair)$(jq -c 'select(.event == "bisection") | .pair.between' "$T/out")" \
    '["found","6.1.0-06-cloud-amd64","6.1.0-09-cloud-amd64"]["6.1.0-07-cloud-amd64","6.1.0-08-cloud-amd64"]'
is "the good kernel has it already: status 1" "$(FAKE_WORKER_PLAN='*=fail' status bisect --json)" 1
is "and it is said" "$(pair)" '["first-has-it",null,"6.1.0-02-cloud-amd64"]'
is "the bad kernel does not show it: status 4" "$(status bisect --rate 90% --json)" 4
is "and it is said" "$(jq -r 'select(.event == "bisection") | .state' "$T/out")" never-seen

# The lab at fault: nothing is dropped for its sake.
is "a lab that fails: status 3" \
    "$(FAKE_WORKER_PLAN="6.1.0-13*=fail;*=infra" status bisect --retries 0)" 3
has "with the way on" "$T/err" "the lab failed on 2 kernels.*--resume"
is "mended, it goes on: status 0" \
    "$(FAKE_WORKER_PLAN=$from9 status "$KREGLAB" bisect --resume --json)" 0
is "to the pair" "$(pair)" '["found","6.1.0-08-cloud-amd64","6.1.0-09-cloud-amd64"]'

is "a budget that is too small: status 4" \
    "$(FAKE_WORKER_PLAN=$from9 status bisect --budget 1ms --json)" 4
is "resumed with a larger one: status 0" \
    "$(FAKE_WORKER_PLAN=$from9 status "$KREGLAB" bisect --resume --budget 1h --json)" 0
is "it ends at the pair" "$(pair)" '["found","6.1.0-08-cloud-amd64","6.1.0-09-cloud-amd64"]'

# Killed at any moment, it goes on where it was.
rm -rf "$KREGLAB_DATA/runs" "$KREGLAB_DATA/bisects"
export FAKE_WORKER_PLAN=$from9 FAKE_WORKER_MS=60
is_there() {
    ls "$KREGLAB_DATA"/bisects/*/bisect.json >/dev/null 2>&1
}
for delay in 0.15 0.3 0.25; do
    if is_there; then
        "$KREGLAB" bisect --resume >"$T/out" 2>"$T/err" </dev/null &
    else
        bisect --json >"$T/out" 2>"$T/err" </dev/null &
    fi
    pid=$!
    until is_there || ! kill -0 "$pid" 2>/dev/null; do sleep 0.01; done
    sleep "$delay"
    pkill -9 -P "$pid" 2>/dev/null || true
    kill -9 "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
done
ok "$(is_there; echo $?)" "killed three times, its file is there"
# One that was killed at once left its directory; one that is killed is in its child until that execs.
mkdir "$KREGLAB_DATA/bisects/29991231-235959-0000"
lock=$(echo "$KREGLAB_DATA"/bisects/2*/lock)
flock "$lock" sleep 0.5 &
until ! flock --nonblock "$lock" true; do sleep 0.01; done
is "it goes on: status 0" "$(status "$KREGLAB" bisect --resume --json)" 0
is "to the pair" "$(pair)" '["found","6.1.0-08-cloud-amd64","6.1.0-09-cloud-amd64"]'
is "every run belongs to a step" \
    "$(find "$KREGLAB_DATA/runs" -mindepth 1 -maxdepth 1 -name '2*' | wc -l)" \
    "$(jq 'select(.event == "bisection") | .steps | length' "$T/out")"
is "one bisection" "$(find "$KREGLAB_DATA/bisects" -name bisect.json | wc -l)" 1
unset FAKE_WORKER_MS
export FAKE_WORKER_PLAN=''

# debian:SUITE: what is not in the store is fetched when it is its turn; one is gone.
cat >"$T/worker" <<SH
#!/bin/bash
case \$1 in
kernel-list)
    echo "{\"event\":\"packages\",\"packages\":[\$(printf '"linux-image-6.1.0-%s-cloud-amd64",' 02 05 08 09 11)\"linux-image-6.1.0-13-cloud-amd64\"]}" >&3 ;;
intake)
    package=\$(jq -r '.sources[0]')
    release=\${package#*linux-image-}
    [ "\$release" != 6.1.0-08-cloud-amd64 ] || exit 2
    mkdir -p "$KREGLAB_DATA/kernels/\$release"
    printf '{"schema_version":1,"id":"%s","release":"%s","format":"deb","digest":"%s","source":"x","verification":"verified"}\n' \
        "\$release" "\$release" "\$release" >"$KREGLAB_DATA/kernels/\$release/kernel.json"
    echo "{\"event\":\"kernel\",\"id\":\"\$release\",\"release\":\"\$release\"}" >&3 ;;
*) exec "$FAKE_WORKER" "\$@" ;;
esac
SH
chmod +x "$T/worker"
rm -rf "$KREGLAB_DATA/kernels"
known_kernel 6.1.0-02-cloud-amd64
known_kernel 6.1.0-13-cloud-amd64
is "a suite's kernels: status 0" "$(KREGLAB_WORKER=$T/worker FAKE_WORKER_PLAN=$from9 \
    status bisect --kernels debian:bookworm --json)" 0
sed 's/^/# /' "$T/err" | grep -E 'fetch|tested' || true
is "the pair is found around one that is gone" "$(pair)" \
    '["found","6.1.0-05-cloud-amd64","6.1.0-09-cloud-amd64"]'
is "not all were fetched" "$(test -e "$KREGLAB_DATA/kernels/6.1.0-05-cloud-amd64" && echo yes)" yes

is "no ends: status 2" "$(status "$KREGLAB" bisect -r "$T/mine")" 2
is "no recipe: status 2" "$(status "$KREGLAB" bisect --good 6.1.0-02 --bad 6.1.0-13)" 2
is "the same kernel twice: status 2" "$(status "$KREGLAB" bisect --good 6.1.0-02 --bad 6.1.0-02 -r "$T/mine")" 2
is "no share: status 2" "$(status bisect --rate 150%)" 2
is "no such bisection: status 2" "$(status "$KREGLAB" bisect --resume 1999)" 2
is "no such variant: status 2" "$(status bisect --variant none)" 2
finish
