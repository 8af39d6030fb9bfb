# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The stacks of a real dump, for tests that have one. Sourced behind tests/cli/tap.sh.

# plain_functions: without what compilers append, and from behind panic() on.
plain_functions() {
    sed -E 's/\.(cold|isra|constprop|part)(\.[0-9]+)?//g' | sed '0,/^panic$/d'
}

# console_trace DMESG: the functions of the panic's own trace, without guesses; the one that was
# interrupted is on the line of its registers.
console_trace() {
    local function='([A-Za-z_][A-Za-z0-9_.]*)\+0x[0-9a-f]+/0x[0-9a-f]+( \[[^]]*\])?$'

    sed -n '/Kernel panic - not syncing/,$p' "$1" | sed -n '/Call Trace:/,/Kernel Offset:/p' |
        sed -nE "s|^\[[^]]*\](\[[^]]*\])? +(RIP: 0010:)?$function|\3|p" | plain_functions
}

# dump_trace JSON: the same of the task that panicked, as the dump's own tables have it.
dump_trace() {
    jq -r '.facts.panic_task.value.pid as $pid | .stacks[] | select(.pid == $pid) | .frames[] |
        select(.reliable) | .function' "$1" | plain_functions
}

# stacks_agree WHAT VMCORE DMESG: the stack of the task that panicked is the one that the kernel
# printed, and every stack comes to its end.
stacks_agree() {
    local what=$1 begin end

    begin=$(date +%s%N)
    is "$what: vmcore reads it" "$(status "$KREGLAB" vmcore --json --all "$2")" 0
    end=$(date +%s%N)
    cp "$T/out" "$T/stacks.json"
    echo "# $what: $(jq '.stacks | length' "$T/stacks.json") stacks in $(((end - begin) / 1000000)) ms"
    console_trace "$3" >"$T/console.trace"
    dump_trace "$T/stacks.json" >"$T/dump.trace"
    ok "$([ -s "$T/console.trace" ] && echo 0 || echo 1)" "$what: the kernel printed its stack"
    is "$what: the dump's stack is the one that the kernel printed" \
        "$(tr '\n' ' ' <"$T/dump.trace")" "$(tr '\n' ' ' <"$T/console.trace")"
    is "$what: every stack comes to its end" \
        "$(jq -c '[.stacks[] | select(.complete | not) | .comm]' "$T/stacks.json")" '[]'
}
