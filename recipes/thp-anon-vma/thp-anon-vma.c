/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Processes with anonymous huge pages that fork, exit, split, move and give back what they have
 * mapped, while others take the memory and kswapd walks the mappings. See README.md.
 *
 * Kernel interfaces used: Documentation/admin-guide/mm/transhuge.rst, swapon(2), mremap(2),
 * /proc/vmstat.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/swap.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE        4096ul
#define HUGE        (2ul << 20)
#define MAX_WORKERS 64
#define CHILDREN    2 /* of a worker; each shares its pages, and copies some */
#define DEEDS       40
#define PATIENCE_US (60 * 1000000ull)
#define HUGE_DIR    "/sys/kernel/mm/transparent_hugepage/"

static struct {
    unsigned int workers;
    unsigned int share_percent;    /* of memory: what all workers and their children may take */
    unsigned int pressure_percent; /* of memory: what is touched beside them, again and again */
    const char *swap;
} options = {4, 60, 85, NULL};

static uint64_t random_state;

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

static unsigned long
random_below(unsigned long limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned long)(random_state % limit);
}

/* The sum of the lines of /proc/vmstat whose names are, or (with a star at the end) begin with, one
 * of the names: they were parted by zones before v4.8. */
static uint64_t
vmstat(const char *const *names)
{
    FILE *file = fopen("/proc/vmstat", "re");
    unsigned long long value;
    char name[128];
    uint64_t sum = 0;

    while (file && fscanf(file, "%127s %llu", name, &value) == 2)
        for (int i = 0; names[i]; i++) {
            size_t length = strlen(names[i]);

            if (names[i][length - 1] == '*' ? strncmp(name, names[i], length - 1) == 0
                                            : strcmp(name, names[i]) == 0)
                sum += value;
        }
    if (file)
        fclose(file);
    return sum;
}

enum { FAULTS, SPLITS, COLLAPSES, SCANS, SWAPPED, FIGURES };

/* The least that counts as having been there. */
static const struct {
    const char *metric;
    const char *names[4];
    uint64_t least;
    bool huge; /* means nothing where there are no huge pages */
} figures[FIGURES] = {
    [FAULTS] = {"thp_faults", {"thp_fault_alloc"}, 100, true},
    [SPLITS] = {"thp_splits", {"thp_split", "thp_split_page", "thp_split_pmd"}, 100, true},
    [COLLAPSES] = {"thp_collapses", {"thp_collapse_alloc"}, 0, true},
    [SCANS] = {"kswapd_scans", {"pgscan_kswapd*"}, 10000, false},
    [SWAPPED] = {"swapped_out", {"pswpout"}, 1000, false},
};

static bool
huge_pages_are_off(void)
{
    char text[128];
    int fd = open(HUGE_DIR "enabled", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);

    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = '\0';
    return n <= 0 || strstr(text, "[never]");
}

/* Writes the header that mkswap(8) would, and swaps to it. */
static void
swap_to(const char *path)
{
    static union {
        char bytes[PAGE];
        struct {
            char boot[1024];
            uint32_t version, last_page, bad_pages;
        } header;
    } first;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);

    if (size < (off_t)(16 * PAGE))
        die("swapping to %s", path);
    first.header.version = 1;
    first.header.last_page = (uint32_t)((uint64_t)size / PAGE - 1);
    memcpy(first.bytes + PAGE - 10, "SWAPSPACE2", 10);
    if (pwrite(fd, first.bytes, PAGE, 0) != (ssize_t)PAGE || fsync(fd) < 0 || close(fd) < 0 ||
        swapon(path, 0) < 0)
        die("swapping to %s", path);
}

static pid_t
fork_mortal(void)
{
    pid_t pid = fork();

    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        random_state = (now_us() * 2654435761u + (uint64_t)getpid()) | 1;
    }
    return pid;
}

static void
write_pages(char *start, size_t length)
{
    for (size_t at = 0; at < length; at += PAGE)
        *(volatile uint64_t *)(start + at) = random_state + at;
}

static char *
map_huge(size_t length)
{
    char *address = mmap(NULL, length, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (address == MAP_FAILED)
        _exit(1);
    madvise(address, length, MADV_HUGEPAGE);
    return address;
}

static void
map_anew(char *at, size_t length)
{
    char *address;

    if (munmap(at, length) < 0)
        _exit(1);
    address = mmap(at, length, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    if (address == MAP_FAILED)
        _exit(1);
    madvise(address, length, MADV_HUGEPAGE);
}

/* One thing that makes a mapping of a huge page go away or turns it into mappings of its parts.
 * What cannot be undone ends the process: the next one is begun at once. */
static void
deed(char *base, size_t size, char *spare)
{
    size_t start = random_below(size / PAGE) * PAGE;
    size_t length = (1 + random_below(random_below(4) ? 64 : 1024)) * PAGE;
    char *at = base + start;

    if (length > size - start)
        length = size - start;
    switch (random_below(6)) {
    case 0:
        if (mprotect(at, length, PROT_READ) < 0 || mprotect(at, length, PROT_READ | PROT_WRITE) < 0)
            _exit(1);
        break;
    case 1:
        madvise(at, length, MADV_DONTNEED);
        break;
    case 2: /* away and back */
        if (mremap(at, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, spare) == MAP_FAILED ||
            mremap(spare, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, at) == MAP_FAILED)
            _exit(1);
        break;
    case 3:
        map_anew(at, length);
        break;
    case 4: /* whole huge pages again, for splits to come */
        at = base + random_below(size / HUGE) * HUGE;
        madvise(at, HUGE, MADV_DONTNEED);
        madvise(at, HUGE, MADV_HUGEPAGE);
        write_pages(at, HUGE);
        break;
    default:
        write_pages(at, length);
    }
}

static void
torment(char *base, size_t size, char *spare)
{
    for (int i = 0; i < DEEDS; i++)
        deed(base, size, spare);
}

/* A life: mappings, children that share them, and an end without cleaning up. */
static void __attribute__((noreturn)) live(size_t size)
{
    char *region = map_huge(size + HUGE);
    char *base = (char *)(((uintptr_t)region + HUGE - 1) & ~(HUGE - 1));
    char *spare = map_huge(size);

    write_pages(base, size);
    for (int i = 0; i < CHILDREN; i++)
        if (fork_mortal() == 0) {
            torment(base, size, spare);
            _exit(0);
        }
    torment(base, size, spare);
    /* Every other one leaves before its children, whose pages are then of an anon_vma of nobody's.
     */
    prctl(PR_SET_PDEATHSIG, 0);
    while (random_below(2) == 0 && wait(NULL) > 0)
        ;
    _exit(0);
}

/* Takes memory, says so, and then wants now this part of it and now that: what kswapd has written
 * out comes back, and something else has to go. */
static void __attribute__((noreturn)) press(size_t size, int said)
{
    size_t step = 64 * PAGE;
    char *base = mmap(NULL, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_POPULATE, -1, 0);

    if (base == MAP_FAILED)
        _exit(1);
    write_pages(base, size);
    if (said >= 0)
        close(said);
    for (;;) {
        write_pages(base + random_below(size / step) * step, step);
        usleep(2000);
    }
}

static pid_t
start_worker(size_t size)
{
    pid_t pid = fork_mortal();

    if (pid < 0)
        die("fork");
    if (pid == 0)
        live(size);
    return pid;
}

/* Returns when the memory is taken, if 'wait' is set. */
static pid_t
start_pressure(size_t size, bool wait)
{
    int ends[2] = {-1, -1};
    char end;
    pid_t pid;

    if (wait && pipe(ends) < 0)
        die("pipe");
    pid = fork_mortal();
    if (pid < 0)
        die("fork");
    if (pid == 0) {
        if (wait)
            close(ends[0]);
        press(size, ends[1]);
    }
    if (wait) {
        close(ends[1]);
        while (read(ends[0], &end, 1) < 0 && errno == EINTR)
            ;
        close(ends[0]);
    }
    return pid;
}

static bool
is_reached(const uint64_t *first, unsigned long lives, bool off, bool tell)
{
    bool reached = lives >= options.workers;

    for (int i = 0; i < FIGURES; i++) {
        uint64_t value = vmstat(figures[i].names) - first[i];

        if (tell)
            printf("@metric %s %llu\n", figures[i].metric, (unsigned long long)value);
        if (value >= figures[i].least || (figures[i].huge && off))
            continue;
        if (tell)
            printf("not reached: %s %llu, at least %llu wanted\n", figures[i].metric,
                   (unsigned long long)value, (unsigned long long)figures[i].least);
        reached = false;
    }
    return reached;
}

/* Until the time is over, and on a slow host somewhat longer if the condition is not reached. */
static void
run(uint64_t seconds, size_t worker_size, size_t pressure_size)
{
    pid_t workers[MAX_WORKERS], pressure;
    unsigned long lives = 0;
    uint64_t first[FIGURES], end;
    bool off = huge_pages_are_off();

    for (int i = 0; i < FIGURES; i++)
        first[i] = vmstat(figures[i].names);
    pressure = start_pressure(pressure_size, true);
    end = now_us() + seconds * 1000000;
    for (unsigned int i = 0; i < options.workers; i++)
        workers[i] = start_worker(worker_size);
    while (now_us() < end ||
           (now_us() < end + PATIENCE_US && !is_reached(first, lives, off, false))) {
        pid_t pid = waitpid(-1, NULL, WNOHANG);

        if (pid <= 0)
            usleep(10000);
        if (pid == pressure)
            pressure = start_pressure(pressure_size, false);
        for (unsigned int i = 0; pid > 0 && i < options.workers; i++)
            if (workers[i] == pid) {
                workers[i] = start_worker(worker_size);
                lives++;
            }
    }
    for (unsigned int i = 0; i < options.workers; i++)
        kill(workers[i], SIGKILL);
    kill(pressure, SIGKILL);
    while (wait(NULL) > 0)
        ;
    printf("@metric lives %lu\n@metric huge_pages %d\n", lives, !off);
    printf("@metric reached %d\n", is_reached(first, lives, off, true));
    fflush(stdout);
}

static void
parse(int argc, char **argv)
{
    static const struct option table[] = {
        {"workers", required_argument, NULL, 'w'},
        {"share-percent", required_argument, NULL, 's'},
        {"pressure-percent", required_argument, NULL, 'p'},
        {"swap", required_argument, NULL, 'd'},
        {NULL, 0, NULL, 0},
    };
    int c;

    while ((c = getopt_long(argc, argv, "", table, NULL)) != -1) {
        if (c == 'w')
            options.workers = (unsigned int)strtoul(optarg, NULL, 10);
        else if (c == 's')
            options.share_percent = (unsigned int)strtoul(optarg, NULL, 10);
        else if (c == 'p')
            options.pressure_percent = (unsigned int)strtoul(optarg, NULL, 10);
        else if (c == 'd')
            options.swap = optarg;
        else
            exit(2);
    }
    if (options.workers < 1 || options.workers > MAX_WORKERS) {
        errno = EINVAL;
        die("--workers (1 to %d)", MAX_WORKERS);
    }
}

int
main(int argc, char **argv)
{
    const char *duration = getenv("KREGLAB_DURATION");
    uint64_t memory = (uint64_t)sysconf(_SC_PHYS_PAGES) * PAGE;
    size_t worker_size, pressure_size;

    parse(argc, argv);
    random_state = now_us() | 1;
    if (options.swap)
        swap_to(options.swap);
    /* A child may in the end have copied all that it shared. */
    worker_size = memory / 100 * options.share_percent / options.workers / (CHILDREN + 1);
    worker_size = (worker_size < 2 * HUGE ? 2 * HUGE : worker_size) & ~(HUGE - 1);
    pressure_size = memory / 100 * options.pressure_percent & ~(64 * PAGE - 1);
    printf("%u workers of %zu MB, %zu MB touched beside them, huge pages %s\n", options.workers,
           worker_size >> 20, pressure_size >> 20, huge_pages_are_off() ? "off" : "on");
    fflush(stdout);
    run(duration ? strtoull(duration, NULL, 10) : 30, worker_size, pressure_size);
    return 0;
}
