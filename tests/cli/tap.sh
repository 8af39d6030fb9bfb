# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# For the shell tests: TAP, a directory that goes away, runs of the fake worker's cells.
# The environment has KREGLAB, FAKE_WORKER, MAKE_RUN and SOURCE_ROOT (see meson.build).

TAP_N=0
TAP_BAD=0
T=$(mktemp -d "${TMPDIR:-/tmp}/kreglab-cli-XXXXXX")
trap 'rm -rf "$T"' EXIT
export KREGLAB_DATA=$T/data KREGLAB_CACHE=$T/cache KREGLAB_WORKER=$FAKE_WORKER
export FAKE_WORKER_LOG=$T/worker.log FAKE_WORKER_PLAN='' FAKE_WORKER_MS=0
# Nobody's own settings.
export KREGLAB_CONFIG=$T/settings.yaml
echo '{}' >"$KREGLAB_CONFIG"
unset NO_COLOR

# ok STATUS TEXT: one test that passed when STATUS is 0.
ok() {
    TAP_N=$((TAP_N + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $TAP_N - $2"
    else
        echo "not ok $TAP_N - $2"
        TAP_BAD=$((TAP_BAD + 1))
    fi
}

# is TEXT GOT WANTED
is() {
    if [ "$2" = "$3" ]; then
        ok 0 "$1"
    else
        ok 1 "$1"
        printf '#   got: %s\n#   wanted: %s\n' "$2" "$3"
    fi
}

# has TEXT FILE PATTERN: the file has a line that matches.
has() {
    if grep -qE -- "$3" "$2"; then
        ok 0 "$1"
    else
        ok 1 "$1"
        sed 's/^/#   /' "$2" | head -20
    fi
}

skip() {
    TAP_N=$((TAP_N + 1))
    echo "ok $TAP_N - $1 # SKIP $2"
}

finish() {
    echo "1..$TAP_N"
    [ "$TAP_BAD" -eq 0 ]
}

# status COMMAND…: its exit status, output in $T/out and $T/err.
status() {
    local code=0
    "$@" >"$T/out" 2>"$T/err" </dev/null || code=$?
    echo "$code"
}

# make_run KERNELS RECIPES REPEAT: prints the run's id.
make_run() {
    "$MAKE_RUN" "$KREGLAB_DATA" "$1" "$2" "$3"
}

results() {
    find "$KREGLAB_DATA/runs/$1/cells" -path '*.attempt-*' -prune -o -name result.json -print | wc -l
}

# known_kernel RELEASE…: kernels that the store only describes.
known_kernel() {
    local release
    for release; do
        mkdir -p "$KREGLAB_DATA/kernels/$release"
        printf '{"schema_version":1,"id":"%s","release":"%s","format":"file","digest":"%s","source":"test","verification":"unverified"}\n' \
            "$release" "$release" "$release" >"$KREGLAB_DATA/kernels/$release/kernel.json"
    done
}

# plain_recipe: a recipe with the variant plain, in $T/mine; two_variants: one with other, too.
plain_recipe() {
    mkdir "$T/mine"
    cat >"$T/mine/recipe.yaml" <<YAML
summary: a recipe of the test
stressor:
  builtin: "true"
variants:
  - name: plain
    baseline: true
YAML
}

two_variants() {
    plain_recipe
    cat >>"$T/mine/recipe.yaml" <<YAML
  - name: other
    sysctl: ["vm.swappiness=1"]
YAML
}
