/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The stressor of ksm-migrate against a made-up kernel: its clock, its KSM and its migration are
 * this file's, so that a host that changes its speed in the middle is the same every time.
 */
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static guint64 clock_us;

static int
fake_clock(clockid_t id G_GNUC_UNUSED, struct timespec *ts)
{
    clock_us++;
    ts->tv_sec = (time_t)(clock_us / 1000000);
    ts->tv_nsec = (long)(clock_us % 1000000) * 1000;
    return 0;
}

/* A file of the kernel's forgets what it was. */
static int
fake_open(const char *path, int flags)
{
    return open(path, flags & O_WRONLY ? flags | O_TRUNC : flags);
}

static long fake_syscall(long number, ...);
static int fake_usleep(guint64 us);
static int fake_madvise(void *address, size_t length, int advice);
int stressor_main(int argc, char **argv);

#define KSM                                         "ksm/"
#define HUNG_TASK                                   "hung_task_"
#define clock_gettime(id, ts)                       fake_clock(id, ts)
#define open(path, flags)                           fake_open(path, flags)
#define usleep(us)                                  fake_usleep(us)
#define syscall(...)                                fake_syscall(__VA_ARGS__)
#define madvise(address, length, advice)            fake_madvise(address, length, advice)
#define pthread_create(thread, attr, run, argument) (*(thread) = 0, (void)(run), 0)
#define pthread_join(thread, result)                ((void)(thread))
#define main                                        stressor_main
#include "../../recipes/ksm-migrate/ksm-migrate.c"
#undef main

static struct {
    double us_per_sharer;
    double slower;     /* so many times slower while others have the host */
    unsigned int busy; /* so many moves long */
    unsigned int done;
    int node;
} host;

static void
put_number(const char *path, long value)
{
    g_autofree char *text = g_strdup_printf("%ld\n", value);

    g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

/* ksmd: all that was filled is merged a moment later. */
static int
fake_usleep(guint64 us)
{
    clock_us += us;
    put_number(KSM "pages_sharing", (long)filled - 1);
    return 0;
}

static int
fake_madvise(void *address G_GNUC_UNUSED, size_t length G_GNUC_UNUSED, int advice G_GNUC_UNUSED)
{
    return 0;
}

/* khungtaskd: a wait of twice its timeout is reported for sure. */
static void
watch_tasks(double waited_us)
{
    if (read_number(HUNG_TASK "panic") == 1 &&
        waited_us >= 2e6 * (double)read_number(HUNG_TASK "timeout_secs")) {
        printf("Kernel panic - not syncing: hung_task: blocked tasks\n");
        exit(0);
    }
}

static long
fake_syscall(long number, ...)
{
    int *nodes, *status;
    double us = host.us_per_sharer * (double)filled;
    va_list args;

    g_assert_cmpint(number, ==, SYS_move_pages);
    va_start(args, number);
    (void)va_arg(args, int);
    (void)va_arg(args, unsigned long);
    (void)va_arg(args, void **);
    nodes = va_arg(args, int *);
    status = va_arg(args, int *);
    va_end(args);
    *status = host.node;
    if (!nodes)
        return 0;
    if (read_number(KSM "max_page_sharing") < (long)filled)
        us = host.us_per_sharer * (double)read_number(KSM "max_page_sharing");
    if (host.done++ < host.busy)
        us *= host.slower;
    clock_us += (guint64)us;
    worst_stall_us = (uint64_t)us;
    watch_tasks(us);
    *status = host.node = *nodes;
    return 0;
}

static char *directory;

static const struct {
    const char *path;
    long value;
} files[] = {
    {KSM "max_page_sharing", 100000000},
    {KSM "pages_shared", 1},
    {KSM "pages_sharing", 0},
    {KSM "run", 0},
    {HUNG_TASK "panic", 0},
    {HUNG_TASK "timeout_secs", 120},
};

/* Also where the made-up kernel has panicked. */
static void
remove_files(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(files); i++)
        g_unlink(files[i].path);
    g_rmdir("ksm");
    g_rmdir(directory);
}

/* 2000 sharers, 20 000 at most, 1 s to a hung task. */
static void G_GNUC_NORETURN
run_stressor(long cap)
{
    static const char *const argv[] = {
        "ksm-migrate",    "--sharers", "2000", "--max-sharers", "20000", "--capped-sharers", "1000",
        "--timeout-secs", "1",         NULL};
    int status;

    directory = g_dir_make_tmp("kreglab-ksm-XXXXXX", NULL);
    g_assert_nonnull(directory);
    g_assert_no_errno(chdir(directory));
    g_assert_no_errno(g_mkdir("ksm", 0700));
    atexit(remove_files);
    for (gsize i = 0; i < G_N_ELEMENTS(files); i++)
        put_number(files[i].path, files[i].value);
    put_number(KSM "max_page_sharing", cap);
    g_setenv("KREGLAB_DURATION", "180", TRUE);
    status = stressor_main(G_N_ELEMENTS(argv) - 1, (char **)argv);
    g_assert_cmpint(read_number(HUNG_TASK "panic"), ==, 0);
    g_assert_cmpint(read_number(HUNG_TASK "timeout_secs"), ==, 120);
    exit(status);
}

typedef struct {
    double us_per_sharer, slower;
    unsigned int busy;
    long cap;
    const char *says;
    gboolean panics;
} Case;

static const Case steady = {1700, 1, 0, 100000000, "*sharers 2000*stall_ms 3*reached 1*", TRUE};
/* The neighbour's end makes each move 3.6 times faster: 2000 sharers are no second any more. */
static const Case faster = {
    470, 3.6, 3, 100000000, "*sharers 2000*reached 1*stall_ms 94*sharers 4000*", TRUE};
/* So fast that no number of sharers is enough: nobody may take that for a kernel that is well. */
static const Case too_fast = {30,
                              60,
                              3,
                              100000000,
                              "*reached 1*sharers 20000*reached 0*"
                              "not reached: 20000 of 20000*done*",
                              FALSE};
static const Case capped = {100, 1, 0, 256, "*sharers 1000*stall_ms 25.6*reached 1*done*", FALSE};

static void
test_case(gconstpointer data)
{
    const Case *one = data;

    if (g_test_subprocess()) {
        host.us_per_sharer = one->us_per_sharer;
        host.slower = one->slower;
        host.busy = one->busy;
        run_stressor(one->cap);
    }
    g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
    g_test_trap_assert_passed();
    g_test_trap_assert_stdout(one->says);
    if (one->panics)
        g_test_trap_assert_stdout("*Kernel panic*");
    else
        g_test_trap_assert_stdout_unmatched("*Kernel panic*");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/ksm-migrate/steady", &steady, test_case);
    g_test_add_data_func("/ksm-migrate/host gets faster", &faster, test_case);
    g_test_add_data_func("/ksm-migrate/host is too fast", &too_fast, test_case);
    g_test_add_data_func("/ksm-migrate/capped", &capped, test_case);
    return g_test_run();
}
