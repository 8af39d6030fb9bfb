/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's clock. An emulated guest reads the host's TSC but measures its frequency against an
 * emulated timer; where the host is busy in that moment it ends up with a clock that runs many
 * times too fast (seen: 289 MHz for 2594), and every watchdog in it barks. A kernel that takes
 * tsc_early_khz= is told the frequency instead (Documentation/admin-guide/kernel-parameters.txt).
 */
#include "lab-life.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <x86intrin.h>

#include "lab-file.h"

#define SAMPLE_NS (20 * 1000 * 1000)

static gint64
raw_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
    return (gint64)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* The TSC and the time at one moment: of several readings the one that nothing came between. */
static void
read_both(guint64 *tsc, gint64 *ns)
{
    gint64 best = G_MAXINT64;

    for (int i = 0; i < 16; i++) {
        gint64 before = raw_ns();
        guint64 now = __rdtsc();
        gint64 after = raw_ns();

        if (after - before < best) {
            best = after - before;
            *tsc = now;
            *ns = before + best / 2;
        }
    }
}

/* kHz of the host's TSC, or 0 where the host itself does not trust it. */
static guint64
host_tsc_khz(void)
{
    g_autofree char *source =
        lab_file_read(AT_FDCWD, "/sys/devices/system/clocksource/clocksource0/current_clocksource",
                      64, NULL, NULL);
    guint64 tsc_from, tsc_to;
    gint64 ns_from, ns_to;

    if (!source || (!g_str_has_prefix(source, "tsc") && !g_str_has_prefix(source, "kvm-clock")))
        return 0;
    read_both(&tsc_from, &ns_from);
    g_usleep(SAMPLE_NS / 1000);
    read_both(&tsc_to, &ns_to);
    return (tsc_to - tsc_from) * 1000000 / (guint64)(ns_to - ns_from);
}

/* Does the kernel take the parameter? Its name stands in the uncompressed image. */
static gboolean
kernel_takes_it(const LabKernel *kernel)
{
    static const char name[] = "tsc_early_khz";
    g_autofree char *path = g_build_filename(kernel->directory, "vmlinux", NULL);
    g_autoptr(GMappedFile) image = g_mapped_file_new(path, FALSE, NULL);

    return image && memmem(g_mapped_file_get_contents(image), g_mapped_file_get_length(image), name,
                           sizeof name) != NULL;
}

char *
lab_life_clock_options(const LabKernel *kernel)
{
    guint64 khz = kernel_takes_it(kernel) ? host_tsc_khz() : 0;

    if (khz == 0)
        return g_strdup("");
    return g_strdup_printf(" tsc=reliable tsc_early_khz=%" G_GUINT64_FORMAT, khz);
}
