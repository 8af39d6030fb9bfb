/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The reader of dumps, from the file's first byte to the summary: any bytes. */
#include <sys/mman.h>
#include <unistd.h>

#include "lab-core-summary.h"
#include "lab-core.h"
#include "lab-file.h"
#include "lab-json.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    LabCoreSummaryOptions options = {.all_tasks = TRUE, .dmesg = TRUE};
    LAB_AUTO_FD fd = memfd_create("core", MFD_CLOEXEC);
    g_autoptr(LabCore) core = NULL;
    g_autoptr(json_t) summary = NULL;
    char path[32];

    g_assert(fd >= 0 && write(fd, data, size) == (gssize)size);
    g_snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    core = lab_core_open(path, NULL);
    if (!core)
        return 0;
    summary = lab_core_summary(core, &options, NULL);
    g_assert(json_is_object(summary));
    return 0;
}
