/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of thp-deferred-split share. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/swap.h>

#define HUGE (2ul << 20)

/* What the processes tell each other; in shared memory. */
struct shared {
    _Atomic unsigned long cgroups, filled, reclaims, shrinks, hogs, sg_reads, sg_errors;
    atomic_bool stop;
};

uint64_t now_us(void);
void metric(const char *name, double value);
void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* Mounts the hierarchy that the kernel has where nobody did: v2 first. */
static inline bool
mount_cgroup(const char *path, bool *v2)
{
    *v2 = mount("cgroup2", path, "cgroup2", 0, NULL) == 0;
    return *v2 || mount("cgroup", path, "cgroup", 0, "memory") == 0;
}

static inline bool
swap_add(const char *disk)
{
    return swapon(disk, 0) == 0;
}
