/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What this machine has to give: memory and cores, as they are now, within its control groups. */
#pragma once

#include <glib.h>

typedef struct {
    guint64 total_bytes;     /* what guests could ever have: the machine's or the group's limit */
    guint64 available_bytes; /* what can be had now without swapping anything out */
} LabHostMemory;

/* Reads 'root'/proc and 'root'/sys ("" for this machine; tests give a folder). Control groups of
 * both versions count with all their parents; what their page cache can give back is available
 * (Documentation/admin-guide/cgroup-v2.rst: memory.max, memory.current, memory.stat). */
void lab_host_memory(const char *root, LabHostMemory *memory);

/* Cores that this process may use: its affinity and its groups' cpu.max. At least 1. */
int lab_host_cpus(const char *root);

/* What a process has of memory that cannot be dropped and read again: anonymous and shared pages.
 * File pages (a template's RAM below a clone) are the page cache's, which MemAvailable counts as
 * available. 0: no such process. proc(5), VmRSS where the kernel does not tell them apart. */
guint64 lab_host_resident_bytes(const char *root, int pid);
