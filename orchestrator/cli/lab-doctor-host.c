/* SPDX-License-Identifier: GPL-2.0-or-later */
/* This host: accelerator, memory, space, directories, kernels, leftovers. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "lab-doctor.h"
#include "lab-error.h"
#include "lab-estimate.h"
#include "lab-file.h"
#include "lab-host.h"
#include "lab-json.h"
#include "lab-kernel.h"
#include "lab-units.h"
#include "lab-worker-call.h"

#define SPACE_WANTED     (2ull << 30)
#define MEMORY_WANTED    (1ull << 30)
#define CLEAN_TIMEOUT_MS 120000

static LabFinding
check_accelerator(const LabDoctor *doctor)
{
    const json_t *accelerator = lab_json_member(doctor->probe, "accelerator");
    const char *answer = lab_json_string(accelerator, "answer");
    const char *error = lab_json_string(accelerator, "error");

    if (doctor->no_probe || error)
        return lab_finding(LAB_HEALTH_BROKEN, g_strdup(error ? error : doctor->no_probe), NULL);
    if (g_strcmp0(answer, "kvm") == 0)
        return lab_finding(LAB_HEALTH_OK, g_strdup("KVM: a kernel of the store boots on it"), NULL);
    if (!answer)
        return lab_finding(
            LAB_HEALTH_NOTE,
            g_strdup("/dev/kvm opens; whether a kernel boots on it is not known yet"),
            g_strdup("add a kernel, then 'kreglab doctor' again"));
    return lab_finding(LAB_HEALTH_NOTE,
                       g_strdup(lab_json_bool(accelerator, "device", FALSE)
                                    ? "TCG: /dev/kvm opens, but no kernel boots on it"
                                    : "TCG: there is no usable /dev/kvm; about ten times slower"),
                       NULL);
}

static guint64
usable_bytes(void)
{
    LabHostMemory memory;

    lab_host_memory("", &memory);
    return lab_estimate_usable_bytes(memory.available_bytes);
}

static LabFinding
check_memory(const LabDoctor *doctor)
{
    guint64 bytes = usable_bytes();
    g_autofree char *size = lab_size_human(bytes);
    int jobs = lab_estimate_jobs(1, 512ull << 20);

    return lab_finding(bytes < MEMORY_WANTED ? LAB_HEALTH_BROKEN : LAB_HEALTH_OK,
                       g_strdup_printf("%s for guests, %u cores: %d cell%s of 512 MiB at once",
                                       size, g_get_num_processors(), jobs, jobs == 1 ? "" : "s"),
                       bytes < MEMORY_WANTED ? g_strdup("stop what takes the memory") : NULL);
}

/* The directory, or the nearest one above that is there. */
static char *
nearest(const char *path)
{
    char *dir = g_strdup(path);

    while (!g_file_test(dir, G_FILE_TEST_IS_DIR)) {
        char *up = g_path_get_dirname(dir);

        g_free(dir);
        dir = up;
    }
    return dir;
}

static LabFinding
check_directory(const char *path)
{
    g_autofree char *dir = nearest(path);
    g_autofree char *size = NULL;
    struct statvfs fs;
    struct stat st;
    guint64 bytes;

    if (statvfs(dir, &fs) < 0 || access(dir, W_OK) < 0)
        return lab_finding(LAB_HEALTH_BROKEN, g_strdup_printf("'%s': %s", dir, g_strerror(errno)),
                           g_strdup("choose another with --data, KREGLAB_DATA, KREGLAB_CACHE"));
    bytes = (guint64)fs.f_bavail * fs.f_frsize;
    size = lab_size_human(bytes);
    if (bytes < SPACE_WANTED)
        return lab_finding(LAB_HEALTH_BROKEN, g_strdup_printf("'%s': only %s free", path, size),
                           g_strdup("make room; 2 GiB is the least"));
    if (stat(path, &st) == 0 && (st.st_mode & 077) != 0)
        return lab_finding(LAB_HEALTH_NOTE,
                           g_strdup_printf("'%s': %s free; others can look into it, and vmcores "
                                           "hold memory",
                                           path, size),
                           g_strdup_printf("chmod 700 '%s'", path));
    return lab_finding(LAB_HEALTH_OK, g_strdup_printf("'%s': %s free", path, size), NULL);
}

static LabFinding
check_data(const LabDoctor *doctor)
{
    return check_directory(doctor->paths->data);
}

static LabFinding
check_cache(const LabDoctor *doctor)
{
    return check_directory(doctor->paths->cache);
}

static LabFinding
check_kernels(const LabDoctor *doctor)
{
    g_autoptr(GString) text = g_string_new(NULL);

    if (doctor->kernels->len == 0)
        return lab_finding(LAB_HEALTH_MISSING, g_strdup("the store is empty"),
                           g_strdup("kreglab kernel add debian:bookworm/linux-image-cloud-amd64"));
    for (guint i = 0; i < doctor->kernels->len; i++)
        g_string_append_printf(text, "%s%s", i > 0 ? ", " : "",
                               ((const LabKernel *)doctor->kernels->pdata[i])->release);
    return lab_finding(LAB_HEALTH_OK, g_string_free(g_steal_pointer(&text), FALSE), NULL);
}

static LabFinding
check_headers(const LabDoctor *doctor)
{
    g_autoptr(GString) without = g_string_new(NULL);

    for (guint i = 0; i < doctor->kernels->len; i++) {
        const LabKernel *kernel = doctor->kernels->pdata[i];
        g_autofree char *path = g_build_filename(kernel->directory, "headers.json", NULL);

        if (!g_file_test(path, G_FILE_TEST_EXISTS))
            g_string_append_printf(without, "%s%s", without->len > 0 ? ", " : "", kernel->release);
    }
    if (without->len == 0)
        return lab_finding(
            LAB_HEALTH_OK,
            g_strdup(doctor->kernels->len > 0 ? "each kernel has its headers" : "no kernels yet"),
            NULL);
    return lab_finding(
        LAB_HEALTH_MISSING,
        g_strdup_printf("none for %s: recipes with modules are skipped on them", without->str),
        g_strdup("kreglab kernel add the packages linux-headers-… too"));
}

/* Runs that died while they were made: .new-RUN-PID that nobody holds the lock of. */
static int
half_made_runs(const LabDoctor *doctor)
{
    g_autofree char *runs = g_build_filename(doctor->paths->data, "runs", NULL);
    g_autoptr(GDir) dir = g_dir_open(runs, 0, NULL);
    const char *name;
    int count = 0;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(runs, name, NULL);
        g_autofree char *lock = g_build_filename(path, "lock", NULL);
        LAB_AUTO_FD fd = -1;

        if (!g_str_has_prefix(name, ".new-"))
            continue;
        fd = open(lock, O_RDONLY | O_CLOEXEC);
        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0)
            continue;
        count++;
        if (doctor->clean)
            lab_path_remove(AT_FDCWD, path, NULL);
    }
    return count;
}

static LabFinding
check_leftovers(const LabDoctor *doctor)
{
    const char *look[] = {"clean", "--dry-run", NULL};
    const char *clean[] = {"clean", NULL};
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) event =
        lab_worker_call(doctor->paths, doctor->clean ? clean : look, CLEAN_TIMEOUT_MS, &error);
    int guests = (int)lab_json_int(event, "guests", 0);
    int directories = (int)lab_json_int(event, "directories", 0);
    int runs = half_made_runs(doctor);
    char *text;

    if (!event)
        return lab_finding(LAB_HEALTH_BROKEN, g_strdup(error->message), NULL);
    if (guests + directories + runs == 0)
        return lab_finding(LAB_HEALTH_OK,
                           g_strdup_printf("none; %d worker%s at work",
                                           (int)lab_json_int(event, "alive", 0),
                                           lab_json_int(event, "alive", 0) == 1 ? "" : "s"),
                           NULL);
    text = g_strdup_printf("%d guests, %d directories, %d half-made runs of processes that died%s",
                           guests, directories, runs, doctor->clean ? ": cleaned" : "");
    return lab_finding(doctor->clean ? LAB_HEALTH_OK : LAB_HEALTH_NOTE, text,
                       doctor->clean ? NULL : g_strdup("kreglab doctor --clean"));
}

const LabCheck lab_doctor_host_checks[] = {
    {"accelerator", "the speed of guests", check_accelerator},
    {"memory", "guests", check_memory},
    {"data", "kernels and runs", check_data},
    {"cache", "downloads and builds", check_cache},
    {"kernels", "what is tested", check_kernels},
    {"headers", "recipes with modules", check_headers},
    {"leftovers", "of dead workers", check_leftovers},
    {NULL},
};
