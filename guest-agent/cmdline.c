/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The capture kernel's command line. It is not the kernel under test: what would slow it down or
 * take its few megabytes goes, what makes its boot short comes.
 */
#include "agent.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* x86's COMMAND_LINE_SIZE is 2048; kexec adds elfcorehdr= and, the old call, memmap=. */
#define CMDLINE_MAX 1800

static const char *const dropped[] = {
    "crashkernel",
    "kreglab.mode",
    "BOOT_IMAGE",
    "nr_cpus",
    "maxcpus",
    "hugepages",
    "hugepagesz",
    "default_hugepagesz",
    "numa",
    "movablecore",
    "kernelcore",
    "mem",
    "isolcpus",
    "nohz_full",
    "rcu_nocbs",
    "panic",
    "softlockup_panic",
    "hung_task_panic",
    "hardlockup_panic",
    "unknown_nmi_panic",
    "panic_on_warn",
    "panic_on_oops",
    "oops",
    "nmi_watchdog",
    "slub_debug",
    "slab_debug",
    "page_poison",
    "page_owner",
    "debug_pagealloc",
    "init_on_alloc",
    "init_on_free",
    "kasan",
    "kasan.fault",
    "kfence.sample_interval",
    "mitigations",
    "transparent_hugepage",
    "irqpoll",
    "reset_devices",
    "disable_cpu_apicid",
    "cgroup_disable",
    "log_buf_len",
    "kaslr",
    "nokaslr",
};

/* irqpoll and reset_devices as distributions' kdump has them; panic=1: a capture kernel that fails
 * resets the machine, which the host sees at once. */
static const char added[] =
    "kreglab.mode=capture nr_cpus=1 maxcpus=1 irqpoll reset_devices panic=1 "
    "nokaslr mitigations=off cryptomgr.notests cgroup_disable=memory numa=off "
    "transparent_hugepage=never audit=0 loglevel=6";

static bool
is_dropped(const char *word, size_t length)
{
    size_t name = strcspn(word, "= ");

    if (name > length)
        name = length;
    for (size_t i = 0; i < sizeof dropped / sizeof dropped[0]; i++)
        if (strlen(dropped[i]) == name && strncmp(dropped[i], word, name) == 0)
            return true;
    return false;
}

/* The boot CPU's APIC id. A capture kernel that starts on another CPU must not wake it up again:
 * commit 151e0c7de616 ("x86, apic, kexec: add disable_cpu_apicid kernel parameter") (in v3.14). */
static long
boot_apicid(const char *cpuinfo)
{
    const char *line = cpuinfo ? strstr(cpuinfo, "initial apicid") : NULL;
    const char *colon = line ? strchr(line, ':') : NULL;

    return colon ? strtol(colon + 1, NULL, 10) : -1;
}

static bool
append_words(char *out, size_t size, const char *words, size_t length)
{
    size_t used = strlen(out);

    if (length == 0)
        return true;
    if (used + 1 + length + 1 > size)
        return false;
    if (used > 0)
        out[used++] = ' ';
    memcpy(out + used, words, length);
    out[used + length] = '\0';
    return true;
}

bool
capture_cmdline(const char *running, const char *cpuinfo, const char *append, char *out,
                size_t size)
{
    const char *p = running;
    char apicid[40];
    long id = boot_apicid(cpuinfo);

    if (size > CMDLINE_MAX)
        size = CMDLINE_MAX;
    out[0] = '\0';
    while (*p) {
        const char *start;
        bool quoted = false;

        while (isspace((unsigned char)*p))
            p++;
        start = p;
        for (; *p && (quoted || !isspace((unsigned char)*p)); p++)
            if (*p == '"')
                quoted = !quoted;
        if (p - start == 2 && strncmp(start, "--", 2) == 0)
            break; /* what follows is init's */
        if (!is_dropped(start, (size_t)(p - start)) &&
            !append_words(out, size, start, (size_t)(p - start)))
            return false;
    }
    if (!append_words(out, size, added, strlen(added)))
        return false;
    if (id >= 0) {
        snprintf(apicid, sizeof apicid, "disable_cpu_apicid=%ld", id);
        if (!append_words(out, size, apicid, strlen(apicid)))
            return false;
    }
    return !append || append_words(out, size, append, strlen(append));
}
