/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Threads fstat(2) into a buffer on a huge page while another of the same process takes
 * MADV_NOHUGEPAGE and MADV_FREE to a part of it, which splits it under them. See README.md.
 *
 * Kernel interfaces used: madvise(2), Documentation/admin-guide/mm/transhuge.rst, /proc/vmstat.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE        4096ul
#define HUGE        (2ul << 20)
#define MAX_GROUPS  64
#define PATIENCE_US 45000000
#ifndef MADV_FREE
#define MADV_FREE 8
#endif

static struct {
    unsigned int groups;  /* processes, each with its own regions and splitter */
    unsigned int readers; /* threads of a group that fstat */
    unsigned int regions; /* huge pages of a group */
    unsigned long min_splits, min_calls;
    unsigned int seconds; /* where the lab says no duration */
} options = {2, 2, 4, 50, 20000, 30};

/* What the processes tell each other; in shared memory. */
struct shared {
    _Atomic unsigned long calls, rounds, failures;
    _Atomic uint64_t worst_us;
    atomic_bool stop, no_madv_free;
};

static struct shared *shared;
static char *region; /* of a group: options.regions huge pages */

static uint64_t
now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, ": %s\n", strerror(errno));
    exit(2);
}

/* A counter of /proc/vmstat, or -1 where the kernel has none of that name. */
static long
vmstat(const char *name)
{
    char line[128];
    long value = -1;
    size_t length = strlen(name);
    FILE *file = fopen("/proc/vmstat", "re");

    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, name, length) == 0 && line[length] == ' ')
            value = strtol(line + length, NULL, 10);
    if (file)
        fclose(file);
    return value;
}

/* Huge pages are off for everybody: the mitigation. */
static bool
huge_pages_never(void)
{
    char text[64] = "";
    int fd = open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

    if (fd >= 0)
        close(fd);
    return n <= 0 || strstr(text, "[never]");
}

static void
metric(const char *name, double value)
{
    printf("@metric %s %.10g\n", name, value);
    fflush(stdout);
}

static void
note_worst(uint64_t us)
{
    uint64_t worst = shared->worst_us;

    while (us > worst && !atomic_compare_exchange_weak(&shared->worst_us, &worst, us))
        ;
}

/* Where the incident's buffer lay: 1 MiB into the huge page. */
static struct stat *
buffer_of(unsigned int index)
{
    return (struct stat *)(void *)(region + index * HUGE + HUGE / 2);
}

/* All threads write to one address of a region, as in the incident; each has a file of its own. */
static void *
reader(void *data)
{
    unsigned int index = (unsigned int)(uintptr_t)data % options.regions;
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        die("/proc/self/exe");
    while (!shared->stop) {
        uint64_t start = now_us();

        for (int i = 0; i < 64; i++)
            if (fstat(fd, buffer_of(index)) < 0)
                shared->failures++;
        note_worst(now_us() - start);
        shared->calls += 64;
        index = (index + 1) % options.regions;
    }
    close(fd);
    return NULL;
}

static void
advise(char *address, size_t length, int advice)
{
    if (madvise(address, length, advice) == 0)
        return;
    if (advice == MADV_FREE && errno == EINVAL)
        shared->no_madv_free = true;
    else if (errno != EAGAIN && errno != ENOMEM && !(advice == MADV_HUGEPAGE && errno == EINVAL))
        die("madvise %d", advice);
}

/* What a collector of garbage does with a span that is partly unused. The part moves over the
 * page, so that in some rounds it holds the buffer. */
static void
split_one(char *page, unsigned long round)
{
    size_t length = (4ul << round % 7) * PAGE; /* 16 KiB to 1 MiB */
    size_t offset = round * 37 * PAGE % (HUGE - length);
    char *fresh;

    /* Anew: a page table that is there once keeps huge pages away, and only unmapping frees it. */
    fresh = mmap(page, HUGE, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    if (fresh != page)
        die("mapping a huge page anew");
    advise(page, HUGE, MADV_HUGEPAGE);
    /* Whoever touches it first, a reader or this, gets a huge page for it. */
    for (size_t i = 0; i < HUGE; i += PAGE * 16)
        *(volatile char *)(page + i) = 1;
    advise(page + offset, length, MADV_NOHUGEPAGE);
    advise(page + offset, length, MADV_FREE);
}

/* A group: one splitter, which is the main thread, and its readers. */
static void __attribute__((noreturn)) run_group(void)
{
    pthread_t thread;
    char *map = mmap(NULL, (options.regions + 1) * HUGE, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (map == MAP_FAILED)
        die("mapping %u huge pages", options.regions);
    region = (char *)(((uintptr_t)map + HUGE - 1) & ~(HUGE - 1));
    for (unsigned int i = 0; i < options.readers; i++)
        if (pthread_create(&thread, NULL, reader, (void *)(uintptr_t)i) != 0)
            die("starting a reader");
    for (unsigned long round = 0; !shared->stop; round++) {
        split_one(region + round % options.regions * HUGE, round / options.regions);
        shared->rounds++;
    }
    exit(0); /* with all threads */
}

static void
parse(int argc, char **argv)
{
    static const struct option table[] = {
        {"groups", required_argument, NULL, 'g'},
        {"readers", required_argument, NULL, 'r'},
        {"regions", required_argument, NULL, 'p'},
        {"min-splits", required_argument, NULL, 's'},
        {"min-calls", required_argument, NULL, 'c'},
        {"seconds", required_argument, NULL, 'n'},
        {NULL, 0, NULL, 0},
    };
    int c;

    while ((c = getopt_long(argc, argv, "", table, NULL)) != -1) {
        unsigned long value = optarg ? strtoul(optarg, NULL, 10) : 0;

        if (c == 'g')
            options.groups = (unsigned int)value;
        else if (c == 'r')
            options.readers = (unsigned int)value;
        else if (c == 'p')
            options.regions = (unsigned int)value;
        else if (c == 's')
            options.min_splits = value;
        else if (c == 'c')
            options.min_calls = value;
        else if (c == 'n')
            options.seconds = (unsigned int)value;
        else
            exit(2);
    }
    if (options.groups < 1 || options.groups > MAX_GROUPS || options.regions < 1) {
        fprintf(stderr, "--groups 1 to %d, --regions at least 1\n", MAX_GROUPS);
        exit(2);
    }
}

/* The metrics so far; 'true' when the condition of the incident is reached. */
static bool
tell(const long before[2])
{
    long splits = vmstat("thp_split_page"), faults = vmstat("thp_fault_alloc");
    bool never = huge_pages_never();
    bool calls = shared->calls >= options.min_calls;
    bool split = splits >= 0 && splits - before[0] >= (long)options.min_splits &&
                 faults - before[1] >= (long)options.min_splits;
    bool reached = calls && (never || (split && !shared->no_madv_free));

    metric("thp_split_page", splits < 0 ? 0 : (double)(splits - before[0]));
    metric("thp_fault_alloc", faults < 0 ? 0 : (double)(faults - before[1]));
    metric("fstat_calls", (double)shared->calls);
    metric("fstat_failures", (double)shared->failures);
    metric("rounds", (double)shared->rounds);
    metric("stall_max_ms", (double)shared->worst_us / 1e3);
    metric("reached", reached ? 1 : 0);
    return reached;
}

static void
explain(void)
{
    if (shared->no_madv_free)
        printf("not reached: this kernel has no MADV_FREE (it came with 4.5)\n");
    else if (vmstat("thp_split_page") < 0)
        printf("not reached: /proc/vmstat has no thp_split_page (it came with 4.5)\n");
    else
        printf("not reached: under %lu splits, huge pages or %lu calls: run it longer\n",
               options.min_splits, options.min_calls);
}

int
main(int argc, char **argv)
{
    const char *duration = getenv("KREGLAB_DURATION");
    const long before[2] = {vmstat("thp_split_page"), vmstat("thp_fault_alloc")};
    pid_t groups[MAX_GROUPS];
    uint64_t end;
    bool reached = false, bad = false;

    parse(argc, argv);
    end = now_us() + (duration ? strtoull(duration, NULL, 10) : options.seconds) * 1000000ull;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        die("shared memory");
    for (unsigned int i = 0; i < options.groups; i++) {
        groups[i] = fork();
        if (groups[i] < 0)
            die("fork");
        if (groups[i] == 0)
            run_group();
    }
    /* On a slow host somewhat longer, if the condition is not reached. */
    while (now_us() < end || (now_us() < end + PATIENCE_US && !reached)) {
        usleep(500000);
        reached = tell(before);
    }
    shared->stop = true;
    for (unsigned int i = 0; i < options.groups; i++) {
        int status = 0;

        bad = waitpid(groups[i], &status, 0) < 0 || status != 0 || bad;
    }
    reached = tell(before);
    if (!reached)
        explain();
    printf("%lu rounds, %lu calls\n", shared->rounds, shared->calls);
    return bad ? 2 : 0;
}
