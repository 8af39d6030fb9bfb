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
#include "lab-json.h"
#include "lab-log.h"

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

/* One measurement for as long as the host runs: the command line, and with it the key of a booted
 * guest that is cloned, has to be the same in all cells. */
static guint64
known_tsc_khz(const char *cache_directory)
{
    g_autofree char *boot_id =
        lab_file_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 64, NULL, NULL);
    LAB_AUTO_FD cache = lab_dir_make(AT_FDCWD, cache_directory, 0700, NULL);
    g_autoptr(json_t) known = NULL;
    g_autoptr(GError) error = NULL;
    guint64 khz;

    if (!boot_id || cache < 0)
        return host_tsc_khz();
    g_strchomp(boot_id);
    known = lab_json_read(cache, "host-tsc.json", 1, NULL);
    if (g_strcmp0(lab_json_string(known, "boot_id"), boot_id) == 0)
        return (guint64)lab_json_int(known, "khz", 0);
    khz = host_tsc_khz();
    json_decref(known);
    known =
        json_pack("{s:i,s:s,s:I}", "schema_version", 1, "boot_id", boot_id, "khz", (json_int_t)khz);
    if (!lab_json_write(cache, "host-tsc.json", known, 0600, &error))
        lab_info("%s", error->message);
    return khz;
}

/* Does the kernel take the parameter? Its name stands in the uncompressed image, which is large:
 * looked up once a process. */
static gboolean
kernel_takes_it(const LabKernel *kernel)
{
    static const char name[] = "tsc_early_khz";
    static GHashTable *known; /* digest -> 1 or 2 */
    g_autofree char *path = g_build_filename(kernel->directory, "vmlinux", NULL);
    g_autoptr(GMappedFile) image = NULL;
    gboolean takes;
    int answer;

    if (!known)
        known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    answer = GPOINTER_TO_INT(g_hash_table_lookup(known, kernel->digest));
    if (answer != 0)
        return answer == 2;
    image = g_mapped_file_new(path, FALSE, NULL);
    takes = image && memmem(g_mapped_file_get_contents(image), g_mapped_file_get_length(image),
                            name, sizeof name) != NULL;
    g_hash_table_insert(known, g_strdup(kernel->digest), GINT_TO_POINTER(takes ? 2 : 1));
    return takes;
}

char *
lab_life_clock_options(const LabKernel *kernel, const char *cache_directory)
{
    guint64 khz = kernel_takes_it(kernel) ? known_tsc_khz(cache_directory) : 0;

    if (khz == 0)
        return g_strdup("");
    return g_strdup_printf(" tsc=reliable tsc_early_khz=%" G_GUINT64_FORMAT, khz);
}
