/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory cgroups come and go with partly unmapped huge pages charged to them, while kswapd and
 * reclaim of the cgroups split what waits in their queues. See README.md.
 *
 * Kernel interfaces used: Documentation/admin-guide/cgroup-v1/memory.rst, cgroup-v2.rst,
 * mm/transhuge.rst, /proc/vmstat; sg.c has those of SCSI.
 */
#include "common.h"
#include "sg.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_WORKERS 64
#define CHURN_US    3000000
#define PIPE_PAGES  16 /* what a pipe takes */
#define PATIENCE_US 45000000

static struct {
    unsigned int workers; /* each has one cgroup at a time */
    unsigned int pages;   /* huge pages of a cgroup */
    unsigned int seconds; /* where the lab says no duration */
    unsigned long min_deferred, min_split, min_sg;
    bool sg;
} options = {3, 16, 30, 100, 50, 50, false};

static const char *const counters[] = {"thp_deferred_split_page", "thp_split_page",
                                       "thp_fault_alloc", "pgscan_kswapd", "pswpout"};
#define COUNTERS (sizeof counters / sizeof *counters)
static long before[COUNTERS];
static struct shared *shared;

/* The hierarchy with the memory controller: v2, or v1 where the memory controller has its own. */
static char root[64];
static bool v2;

uint64_t
now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

void
die(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, ": %s\n", strerror(errno));
    exit(2);
}

/* The value of a line "NAME VALUE" or "NAME: VALUE", or -1. */
static long
counter(const char *path, const char *name)
{
    char line[128];
    long value = -1;
    size_t length = strlen(name);
    FILE *file = fopen(path, "re");

    while (file && value < 0 && fgets(line, sizeof line, file))
        if (strncmp(line, name, length) == 0 && (line[length] == ' ' || line[length] == ':'))
            value = strtol(line + length + 1, NULL, 10);
    if (file)
        fclose(file);
    return value;
}

/* A counter of /proc/vmstat; kernels before 4.8 count kswapd's scans for each zone. -1: absent. */
static long
vmstat(const char *name)
{
    char zone[64];
    long sum = counter("/proc/vmstat", name), part;
    static const char *const zones[] = {"dma", "dma32", "normal", "movable"};

    if (sum >= 0)
        return sum;
    for (size_t i = 0; i < sizeof zones / sizeof *zones; i++) {
        snprintf(zone, sizeof zone, "%s_%s", name, zones[i]);
        part = counter("/proc/vmstat", zone);
        if (part >= 0)
            sum = (sum < 0 ? 0 : sum) + part;
    }
    return sum;
}

static bool
write_text(const char *folder, const char *name, const char *text)
{
    char path[192];
    int fd;
    bool good;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        close(fd);
    return good;
}

static bool
exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static bool
find_hierarchy(void)
{
    if (!exists("/sys/fs/cgroup/cgroup.controllers") && !exists("/sys/fs/cgroup/memory/tasks")) {
        mkdir("/tmp/cgroup", 0755);
        if (mount_cgroup("/tmp/cgroup", &v2)) {
            snprintf(root, sizeof root, "/tmp/cgroup");
            return !v2 || write_text(root, "cgroup.subtree_control", "+memory");
        }
        return false;
    }
    v2 = exists("/sys/fs/cgroup/cgroup.controllers");
    snprintf(root, sizeof root, v2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory");
    return !v2 || write_text(root, "cgroup.subtree_control", "+memory");
}

/* Swap on the guest's disk: without it anonymous pages are on no list that reclaim looks at. */
static long
swap_on(const char *disk)
{
    static char header[4096];
    int fd = open(disk, O_RDWR | O_CLOEXEC);
    off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
    uint32_t info[2] = {1, (uint32_t)(size / 4096) - 1}; /* version, last page: mm/swapfile.c */

    if (fd < 0 || size < 16 * 4096)
        return 0;
    memcpy(header + 1024, info, sizeof info);
    memcpy(header + 4086, "SWAPSPACE2", 10);
    if (pwrite(fd, header, sizeof header, 0) != sizeof header || fsync(fd) < 0)
        die("%s", disk);
    close(fd);
    return swap_add(disk) ? (long)(size >> 20) : 0;
}

/* Maps huge pages and takes a part out of each: they wait in the queue to be split. A pipe, if one
 * is given, gets a small page of each before: while it has that, the huge page cannot be split. */
static char *
map_partly(unsigned int pages, unsigned int round, int pipe)
{
    char *map = mmap(NULL, (pages + 1) * HUGE, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    char *region = (char *)(((uintptr_t)map + HUGE - 1) & ~(HUGE - 1));

    if (map == MAP_FAILED)
        die("mapping %u huge pages", pages);
    madvise(region, pages * HUGE, MADV_HUGEPAGE);
    for (unsigned int i = 0; i < pages && !shared->stop; i++) {
        char *page = region + i * HUGE;
        struct iovec last = {page + HUGE - 4096, 4096};

        for (size_t offset = 0; offset < HUGE; offset += 4096)
            page[offset] = (char)(round + i);
        if (pipe >= 0)
            vmsplice(pipe, &last, 1, SPLICE_F_NONBLOCK); /* full: then it may be split */
        if (i % 2)
            munmap(page + HUGE / 4, HUGE / 2);
        else
            madvise(page + (i * 7 % 256) * 4096, 64 * 4096, MADV_DONTNEED);
    }
    return region;
}

/* Huge pages that nobody maps any more stay in the queue for what a pipe has of them, and are all
 * freed when it is closed, whatever walks the queue meanwhile. */
static void
free_queued(unsigned int round)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        die("pipe");
    munmap(map_partly(PIPE_PAGES, round, ends[1]), PIPE_PAGES * HUGE);
    usleep(1000);
    close(ends[0]);
    close(ends[1]);
}

/* In the child: fills the queue of its cgroup; then exits in it, or leaves it with its pages. */
static void __attribute__((noreturn)) tenant(const char *folder, unsigned int round)
{
    char *region;

    if (!write_text(folder, v2 ? "cgroup.procs" : "tasks", "0"))
        die("joining %s", folder);
    region = map_partly(options.pages, round, -1);
    shared->filled++;
    if (options.sg)
        sg_reads(shared, region, options.pages);
    if (round % 3 == 1)
        for (uint64_t end = now_us() + CHURN_US; now_us() < end && !shared->stop;)
            free_queued(round);
    if (round % 3 == 2) {
        /* The cgroup goes while its pages stay, or (v1) move along. */
        write_text(root, v2 ? "cgroup.procs" : "tasks", "0");
        rmdir(folder);
        usleep(100000);
    }
    _exit(0);
}

static void
reclaim(const char *folder, unsigned int round)
{
    bool done;

    if (!v2)
        done = write_text(folder, "memory.force_empty", "0");
    else if (round % 2)
        done = write_text(folder, "memory.reclaim", "16M"); /* 5.19 and later; EAGAIN: less */
    else
        done = write_text(folder, "memory.high", "8M");
    if (done || errno == EAGAIN)
        shared->reclaims++;
}

/* Has all shrinkers run for each cgroup while the child lives: reclaim of a cgroup would do the
 * same, but throttles the child (v2) and swaps it out. */
static void
shrink_beside(pid_t child)
{
    siginfo_t info;

    do {
        info.si_pid = 0;
        if (write_text("/proc/sys/vm", "drop_caches", "2"))
            shared->shrinks++;
    } while (waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
             info.si_pid == 0 && !shared->stop);
}

/* One cgroup after the other: made, filled, reclaimed from, removed. */
static void __attribute__((noreturn)) worker(unsigned int index)
{
    for (unsigned int round = index; !shared->stop; round++) {
        char folder[96];
        unsigned long filled = shared->filled;
        pid_t child;

        snprintf(folder, sizeof folder, "%s/kreglab-%u-%u", root, index, round);
        if (mkdir(folder, 0755) < 0)
            die("%s", folder);
        if (!v2 && round % 2)
            write_text(folder, "memory.move_charge_at_immigrate", "1");
        child = fork();
        if (child < 0)
            die("fork");
        if (child == 0)
            tenant(folder, round);
        for (int i = 0; i < 100 && shared->filled == filled && !shared->stop; i++)
            usleep(10000);
        if (round % 3 == 1)
            shrink_beside(child);
        else
            reclaim(folder, round);
        waitpid(child, NULL, 0);
        for (int i = 0; i < 50 && rmdir(folder) < 0 && errno == EBUSY; i++)
            usleep(10000);
        shared->cgroups++;
    }
    exit(0);
}

/* Takes memory until kswapd has scanned a good deal, gives it back, and again. */
static void __attribute__((noreturn)) hog(void)
{
    const size_t chunk = 4ul << 20;

    while (!shared->stop) {
        long start = vmstat("pgscan_kswapd");
        size_t taken = 0, size;
        char *map;

        size = (size_t)(counter("/proc/meminfo", "MemAvailable") +
                        counter("/proc/meminfo", "SwapFree") / 4) *
               1024;
        map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);
        if (map == MAP_FAILED)
            die("mapping %zu bytes", size);
        madvise(map, size, MADV_NOHUGEPAGE);
        while (taken + chunk <= size && !shared->stop &&
               vmstat("pgscan_kswapd") - start < options.pages * 1024l) {
            memset(map + taken, 0x42, chunk);
            taken += chunk;
        }
        munmap(map, size);
        shared->hogs++;
        usleep(300000); /* the queues fill again */
    }
    exit(0);
}

static bool
tell(void)
{
    long delta[COUNTERS];
    bool reached;

    for (size_t i = 0; i < COUNTERS; i++) {
        delta[i] = before[i] < 0 ? 0 : vmstat(counters[i]) - before[i];
        metric(counters[i], (double)delta[i]);
    }
    metric("cgroups", (double)shared->cgroups);
    metric("reclaims", (double)shared->reclaims);
    metric("shrinks", (double)shared->shrinks);
    metric("sg_reads", (double)shared->sg_reads);
    metric("sg_errors", (double)shared->sg_errors);
    reached = delta[0] >= (long)options.min_deferred && delta[1] >= (long)options.min_split &&
              delta[3] > 0 && shared->reclaims > 0 && shared->shrinks > 0 &&
              (!options.sg || shared->sg_reads >= options.min_sg);
    metric("reached", reached ? 1 : 0);
    return reached;
}

void
metric(const char *name, double value)
{
    printf("@metric %s %.10g\n", name, value);
    fflush(stdout);
}

static void
parse(int argc, char **argv)
{
    static const struct option table[] = {
        {"workers", required_argument, NULL, 'w'},
        {"pages", required_argument, NULL, 'p'},
        {"seconds", required_argument, NULL, 'n'},
        {"sg", no_argument, NULL, 'g'},
        {"min-deferred", required_argument, NULL, 'd'},
        {"min-split", required_argument, NULL, 's'},
        {NULL, 0, NULL, 0},
    };
    int c;

    while ((c = getopt_long(argc, argv, "", table, NULL)) != -1) {
        unsigned long value = optarg ? strtoul(optarg, NULL, 10) : 0;

        if (c == 'w')
            options.workers = (unsigned int)value;
        else if (c == 'p')
            options.pages = (unsigned int)value;
        else if (c == 'n')
            options.seconds = (unsigned int)value;
        else if (c == 'g')
            options.sg = true;
        else if (c == 'd')
            options.min_deferred = value;
        else if (c == 's')
            options.min_split = value;
        else
            exit(2);
    }
    if (options.workers < 1 || options.workers > MAX_WORKERS || options.pages < 2) {
        fprintf(stderr, "--workers 1 to %d, --pages at least 2\n", MAX_WORKERS);
        exit(2);
    }
}

static pid_t
start(unsigned int index)
{
    pid_t pid = fork();

    if (pid < 0)
        die("fork");
    if (pid > 0)
        return pid;
    if (index > 0)
        worker(index);
    write_text("/proc/self", "oom_score_adj", "1000"); /* what gives way, if anything has to */
    hog();
}

int
main(int argc, char **argv)
{
    const char *duration = getenv("KREGLAB_DURATION");
    pid_t children[MAX_WORKERS + 1];
    bool bad = false, reached = false;
    uint64_t end;

    parse(argc, argv);
    end = now_us() + (duration ? strtoull(duration, NULL, 10) : options.seconds) * 1000000ull;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED || !find_hierarchy())
        die("finding the memory controller of cgroups");
    printf("cgroup %s at %s\n", v2 ? "v2" : "v1", root);
    metric("swap_mb", (double)swap_on("/dev/vda"));
    if (options.sg && !sg_find())
        die("no SCSI generic device under /dev/sg0");
    write_text("/proc/sys/vm", "drop_caches", "4"); /* no line in the log for each (3.15 on) */
    for (size_t i = 0; i < COUNTERS; i++)
        before[i] = vmstat(counters[i]);
    for (unsigned int i = 0; i <= options.workers; i++)
        children[i] = start(i);
    /* On a slow host somewhat longer, if the condition is not reached. */
    while (now_us() < end || (now_us() < end + PATIENCE_US && !reached)) {
        sleep(1);
        reached = tell();
        if (waitpid(children[0], NULL, WNOHANG) == children[0])
            children[0] = start(0); /* killed for memory: another one */
    }
    shared->stop = true;
    kill(children[0], SIGKILL);
    waitpid(children[0], NULL, 0);
    for (unsigned int i = 1; i <= options.workers; i++) {
        int status = 0;

        bad = waitpid(children[i], &status, 0) < 0 || status != 0 || bad;
    }
    if (!tell())
        printf("not reached: %s\n", before[0] < 0 ? "this kernel has no deferred split queue (4.5)"
                                                  : "too few queued, split or scanned pages");
    return bad ? 2 : 0;
}
