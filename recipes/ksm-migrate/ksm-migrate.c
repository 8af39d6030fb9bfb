/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Merges very many pages into one KSM page, moves it between two NUMA nodes and measures how long
 * readers of it wait. See README.md.
 *
 * Kernel interfaces used: Documentation/admin-guide/mm/ksm.rst, move_pages(2), migrate_pages(2),
 * madvise(2).
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PAGE             4096ul
#define MPOL_MF_MOVE_ALL (1 << 2) /* pages that others map too; needs CAP_SYS_NICE */
#ifndef KSM                       /* the lab's tests run this without a kernel */
#define KSM       "/sys/kernel/mm/ksm/"
#define HUNG_TASK "/proc/sys/kernel/hung_task_"
#endif
#define KEEP_FREE_KB (160 * 1024) /* what filling leaves to ksmd, page tables and the agent */
#define ENOUGH_MOVES 10
/* A held page is tried again this often. */
#define TRIES_PER_MOVE 20

static struct {
    unsigned long sharers, max_sharers;
    unsigned long capped_sharers; /* see README.md: merging under a cap is quadratic */
    unsigned int timeout_secs;
    unsigned int seconds; /* of moving under hung_task_panic */
    bool numad;           /* migrate_pages(2), too */
    bool no_ksm;          /* nothing is merged */
} options = {200000, 2306920, 100000, 1, 15, false, false};

static char *region;
static _Atomic unsigned long filled; /* pages that readers may touch */
static _Atomic uint64_t worst_stall_us;
static atomic_bool stop;
static atomic_bool growing; /* readers would only take the CPU from ksmd */

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

/* The number in a file of /sys or /proc, or -1. */
static long
read_number(const char *path)
{
    char text[64];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return -1;
    text[n] = '\0';
    return strtol(text, NULL, 10);
}

static void
write_number(const char *path, long value)
{
    char text[32];
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    int length = snprintf(text, sizeof text, "%ld", value);

    if (fd < 0 || write(fd, text, (size_t)length) != length)
        fprintf(stderr, "%s=%ld: %s\n", path, value, strerror(errno));
    if (fd >= 0)
        close(fd);
}

static long
free_kb(void)
{
    char line[128];
    long value = 0;
    FILE *file = fopen("/proc/meminfo", "re");

    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "MemFree: %ld", &value) == 1)
            break;
    if (file)
        fclose(file);
    return value;
}

static void
metric(const char *name, double value)
{
    printf("@metric %s %.10g\n", name, value);
    fflush(stdout);
}

/* Reads addresses all over the region for ever and keeps the longest wait. */
static void *
reader(void *unused __attribute__((unused)))
{
    unsigned long state = 88172645463325252ul;

    while (!stop) {
        unsigned long pages = filled;
        uint64_t start = now_us(), wait;

        if (pages == 0 || growing) {
            usleep(1000);
            continue;
        }
        for (int i = 0; i < 64; i++) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (void)*(volatile char *)(region + state % pages * PAGE);
        }
        wait = now_us() - start;
        if (wait > worst_stall_us)
            worst_stall_us = wait;
    }
    return NULL;
}

/* Fills up to 'target' pages with one content, as fast as ksmd makes room. */
static void
fill(unsigned long target, uint64_t deadline_us)
{
    unsigned long pages = filled;

    while (pages < target && now_us() < deadline_us) {
        unsigned long step = 4096;

        while (free_kb() < KEEP_FREE_KB) {
            if (now_us() > deadline_us)
                return;
            usleep(20000);
        }
        if (step > target - pages)
            step = target - pages;
        for (unsigned long i = 0; i < step; i++)
            memset(region + (pages + i) * PAGE, 0x5a, PAGE);
        pages += step;
        filled = pages;
    }
}

/* Waits until ksmd has merged all that was filled, or makes no more progress: the last pages may
 * stay apart, and a starved host may stop ksmd for a long while before them. */
static long
wait_merged(unsigned long target, uint64_t deadline_us)
{
    long last = -1;
    uint64_t progress = now_us();

    for (;;) {
        long sharing = read_number(KSM "pages_sharing") + read_number(KSM "pages_shared");

        if (sharing >= (long)target || now_us() > deadline_us)
            return sharing;
        if (sharing != last)
            progress = now_us();
        else if (now_us() - progress > (sharing >= (long)(target * 99 / 100) ? 5 : 40) * 1000000u)
            return sharing;
        last = sharing;
        usleep(50000);
    }
}

static long
merge(unsigned long target, uint64_t deadline_us)
{
    uint64_t start = now_us();
    long merged;

    write_number(KSM "run", options.no_ksm ? 2 : 1);
    fill(target, deadline_us);
    if (options.no_ksm) {
        metric("sharers", (double)read_number(KSM "pages_sharing"));
        return (long)filled;
    }
    merged = wait_merged(target, deadline_us);
    /* A scan that is under way holds references, and a page with references does not move. */
    write_number(KSM "run", 0);
    printf("%ld of %lu pages merged into %ld in %.1f s\n", merged, target,
           read_number(KSM "pages_shared"), (double)(now_us() - start) / 1e6);
    metric("sharers", (double)merged);
    metric("shared_pages", (double)read_number(KSM "pages_shared"));
    return merged;
}

static long
grow(unsigned long target, uint64_t deadline_us)
{
    long merged;

    growing = true;
    merged = merge(target, deadline_us);
    /* What ksmd had no time for is the end of the region; it would only fill the nodes. */
    if (!options.no_ksm && merged >= 0 && (unsigned long)merged < filled) {
        unsigned long pages = filled;

        filled = (unsigned long)merged;
        madvise(region + filled * PAGE, (pages - filled) * PAGE, MADV_DONTNEED);
    }
    growing = false;
    return merged;
}

/* Moves the page below 'address' to the node where it is not. Microseconds, or 0 if it stayed. */
static uint64_t
move_once(void *address)
{
    void *pages[] = {address};
    int status = -1, node;
    uint64_t start;

    (void)*(volatile char *)address; /* present again where NUMA balancing took it away */
    if (syscall(SYS_move_pages, 0, 1ul, pages, (int *)NULL, &status, 0) < 0)
        die("move_pages: asking for the node");
    if (status < 0) {
        fprintf(stderr, "move_pages: node unknown: %s\n", strerror(-status));
        return 0;
    }
    node = status == 0 ? 1 : 0;
    start = now_us();
    if (syscall(SYS_move_pages, 0, 1ul, pages, &node, &status, MPOL_MF_MOVE_ALL) < 0)
        die("move_pages to node %d", node);
    if (status != node) {
        fprintf(stderr, "move_pages: %s\n", status < 0 ? strerror(-status) : "page stayed");
        return 0;
    }
    return now_us() - start;
}

#define MAX_SAMPLES 4096

static unsigned long middle; /* the page that is moved: an index */
static unsigned int moves;
static double stalls_ms[MAX_SAMPLES], moves_ms[MAX_SAMPLES];

static int
compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double
median(const double *values, unsigned int count)
{
    static double sorted[MAX_SAMPLES];

    if (count == 0)
        return 0;
    memcpy(sorted, values, count * sizeof *values);
    qsort(sorted, count, sizeof *sorted, compare_doubles);
    return sorted[count / 2];
}

/* Moves a page in the middle 'times' times; the reader's longest wait goes with each move. A page
 * that somebody holds for a moment (a reader in migration_entry_wait) stays, and is tried again.
 * What counts is the median: a busy host makes single waits of any length. Fewer times, but once,
 * where 'until_us' comes first. Returns the median of these moves in ms; the metrics are of all
 * moves since sharers were added last. */
static double
measure(int times, uint64_t until_us)
{
    static double worst_ms;
    double these_ms[MAX_SAMPLES];
    unsigned int count, these = 0;

    for (int tries = times * TRIES_PER_MOVE; times > 0 && tries > 0; tries--) {
        uint64_t us;

        worst_stall_us = 0;
        us = move_once(region + middle * PAGE);
        usleep(20000); /* the reader notes its wait after it */
        if (now_us() > until_us && (us > 0 || moves > 0))
            times = us > 0 ? 1 : 0;
        if (us == 0)
            continue;
        times--;
        moves_ms[moves % MAX_SAMPLES] = (double)us / 1e3;
        stalls_ms[moves % MAX_SAMPLES] = these_ms[these++] = (double)worst_stall_us / 1e3;
        moves++;
        if ((double)worst_stall_us / 1e3 > worst_ms)
            worst_ms = (double)worst_stall_us / 1e3;
    }
    count = moves < MAX_SAMPLES ? moves : MAX_SAMPLES;
    metric("migrations", moves);
    metric("migrate_ms", median(moves_ms, count));
    metric("stall_max_ms", worst_ms);
    metric("stall_ms", median(stalls_ms, count));
    return these > 0 ? median(these_ms, these) : median(stalls_ms, count);
}

/* Several copies (one a node, or pages that ksmd passed over): takes the one of a few pages that is
 * longest on its way, which has the most sharers. */
static void
choose_page(bool capped)
{
    static const unsigned int parts[] = {4, 1, 2, 6, 7}; /* of eight; the middle first */
    uint64_t longest = 0;

    middle = filled / 2;
    if (capped || read_number(KSM "pages_shared") <= 1)
        return;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        unsigned long index = filled / 8 * parts[i];
        uint64_t us = move_once(region + index * PAGE);

        if (us > longest) {
            longest = us;
            middle = index;
        }
    }
}

/* Moves all pages of this process from one node to the other, as numad does. In ms, or -1. */
static double
migrate_all(int from, int to)
{
    unsigned long old = 1ul << from, new = 1ul << to;
    uint64_t start = now_us();
    long left = syscall(SYS_migrate_pages, 0, 8 * sizeof old + 1, &old, &new);

    if (left < 0)
        die("migrate_pages from node %d to %d", from, to);
    if (left > 0)
        fprintf(stderr, "migrate_pages: %ld pages stayed\n", left);
    return (double)(now_us() - start) / 1e3;
}

/* There and back again, with the readers' longest wait; before any panic is allowed. */
static void
measure_numad(void)
{
    double longest = 0, worst_ms;

    worst_stall_us = 0;
    for (int i = 0; i < 2; i++) {
        double ms = migrate_all(i, 1 - i);

        longest = ms > longest ? ms : longest;
    }
    usleep(20000);
    worst_ms = (double)worst_stall_us / 1e3;
    metric("migrate_pages_ms", longest);
    metric("migrate_pages_stall_ms", worst_ms);
}

static void
parse(int argc, char **argv)
{
    static const struct option table[] = {
        {"sharers", required_argument, NULL, 's'},
        {"capped-sharers", required_argument, NULL, 'c'},
        {"max-sharers", required_argument, NULL, 'm'},
        {"timeout-secs", required_argument, NULL, 't'},
        {"seconds", required_argument, NULL, 'n'},
        {"numad", no_argument, NULL, 'a'},
        {"no-ksm", no_argument, NULL, 'o'},
        {NULL, 0, NULL, 0},
    };
    int c;

    while ((c = getopt_long(argc, argv, "", table, NULL)) != -1) {
        if (c == 's')
            options.sharers = strtoul(optarg, NULL, 10);
        else if (c == 'c')
            options.capped_sharers = strtoul(optarg, NULL, 10);
        else if (c == 'm')
            options.max_sharers = strtoul(optarg, NULL, 10);
        else if (c == 't')
            options.timeout_secs = (unsigned int)strtoul(optarg, NULL, 10);
        else if (c == 'n')
            options.seconds = (unsigned int)strtoul(optarg, NULL, 10);
        else if (c == 'a')
            options.numad = true;
        else if (c == 'o')
            options.no_ksm = true;
        else
            exit(2);
    }
    if (options.max_sharers < options.sharers)
        options.max_sharers = options.sharers;
}

/* Sharers until the stall is well over the timeout: a hung task is reported between one and two
 * times its timeout. How many that takes is the machine's: a few times more are tried until it
 * does. Returns the stall in milliseconds. */
static double
scale(unsigned long *sharers, double stall_ms, uint64_t deadline_us)
{
    double wanted_ms = options.timeout_secs * 2500.0;

    while (stall_ms < wanted_ms && *sharers < options.max_sharers && now_us() < deadline_us) {
        double factor = stall_ms > 1 ? wanted_ms * 1.1 / stall_ms : 2;

        *sharers = (unsigned long)((double)*sharers * (factor > 2 ? 2 : factor));
        if (*sharers > options.max_sharers)
            *sharers = options.max_sharers;
        grow(*sharers, deadline_us);
        choose_page(false);
        moves = 0; /* fewer sharers' stalls do not count any more */
        stall_ms = measure(3, deadline_us);
    }
    return stall_ms;
}

/* Where no long stall is expected, another task's wait of a second on a busy host is none either:
 * the metric has the finer limit. */
#define CAPPED_PATIENCE 5

static void
hung_task(long timeout_secs, bool panics)
{
    if (!panics) /* first of all: what is only reported would count as a crash, too */
        write_number(HUNG_TASK "timeout_secs", timeout_secs);
    write_number(HUNG_TASK "panic", panics);
    if (panics)
        write_number(HUNG_TASK "timeout_secs", timeout_secs);
}

/* Moves the page on under hung_task_panic. A host that got faster since the sharers were counted,
 * as another guest of it came to its end, makes the same walk shorter than the timeout: then
 * sharers are added, and the time begins anew. Returns the last stall in milliseconds. */
static double
provoke(unsigned long *sharers, bool capped, uint64_t deadline_us)
{
    long timeout_secs = options.timeout_secs * (capped ? CAPPED_PATIENCE : 1);
    long quiet_secs = read_number(HUNG_TASK "timeout_secs");
    uint64_t end = now_us() + options.seconds * 1000000ull;
    double stall_ms = 0;

    hung_task(timeout_secs, true);
    while (now_us() < end) {
        stall_ms = measure(5, end);
        if (options.numad && now_us() < end)
            measure_numad();
        if (!capped && stall_ms < options.timeout_secs * 2000.0 && *sharers < options.max_sharers &&
            now_us() < deadline_us) {
            hung_task(quiet_secs, false);
            stall_ms = scale(sharers, stall_ms, deadline_us);
            end = now_us() + options.seconds * 1000000ull;
            hung_task(timeout_secs, true);
        }
    }
    hung_task(quiet_secs, false);
    return stall_ms;
}

static void
map_region(void)
{
    region = mmap(NULL, options.max_sharers * PAGE, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (region == MAP_FAILED)
        die("mapping %lu pages", options.max_sharers);
    madvise(region, options.max_sharers * PAGE, MADV_NOHUGEPAGE);
    if (madvise(region, options.max_sharers * PAGE, MADV_MERGEABLE) < 0)
        die("MADV_MERGEABLE (is CONFIG_KSM set?)");
}

static void
tell_reached(bool reached, long merged, unsigned long sharers, double stall_ms)
{
    metric("reached", reached ? 1 : 0);
    if (!reached)
        printf("not reached: %ld of %lu pages merged, %u moves, median stall %.1f ms\n", merged,
               sharers, moves, stall_ms);
}

int
main(int argc, char **argv)
{
    uint64_t start = now_us(), deadline_us, filled_by_us;
    const char *duration = getenv("KREGLAB_DURATION");
    unsigned long sharers;
    pthread_t thread;
    double stall_ms, timeout_ms;
    long cap, merged;
    bool capped, reached;

    parse(argc, argv);
    timeout_ms = options.timeout_secs * 1000.0;
    deadline_us = start + (duration ? strtoull(duration, NULL, 10) : 180) * 1000000ull -
                  options.seconds * 1000000ull;
    cap = read_number(KSM "max_page_sharing");
    /* Without KSM each page has one mapping: a cap of the smallest kind. */
    capped = options.no_ksm || (cap >= 0 && (unsigned long)cap < options.sharers);
    sharers = capped ? options.capped_sharers : options.sharers;
    printf("max_page_sharing %ld\n", cap);
    write_number(HUNG_TASK "panic", 0);
    map_region();
    /* Many sharers take long to move: numad's, which are all there from the start, leave time. */
    filled_by_us = options.numad ? start + (deadline_us - start) * 2 / 3 : deadline_us;
    merged = grow(sharers, filled_by_us);
    if (pthread_create(&thread, NULL, reader, NULL) != 0)
        die("starting the reader");
    choose_page(capped);
    stall_ms = measure(capped ? ENOUGH_MOVES : 3, capped ? UINT64_MAX : filled_by_us);
    if (!capped)
        stall_ms = scale(&sharers, stall_ms, filled_by_us);
    if (options.numad)
        measure_numad();
    reached = capped ? merged >= (long)(sharers * 95 / 100) && moves >= ENOUGH_MOVES
                     : stall_ms > timeout_ms;
    tell_reached(reached, merged, sharers, stall_ms);
    stall_ms = provoke(&sharers, capped, deadline_us);
    /* No panic: what counts is how long readers waited while there could have been one. */
    if (!capped)
        tell_reached(stall_ms > timeout_ms, (long)filled, sharers, stall_ms);
    stop = true;
    pthread_join(thread, NULL);
    printf("done after %.1f s\n", (double)(now_us() - start) / 1e6);
    return 0;
}
