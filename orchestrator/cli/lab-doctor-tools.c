/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Programs and libraries. Package names are Debian's. */
#include <ctype.h>
#include <string.h>

#include "lab-crash-pairs.h"
#include "lab-doctor.h"
#include "lab-json.h"
#include "lab-kernel.h"
#include "lab-log.h"
#include "lab-proc.h"

#define INSTALL "apt-get install "

/* The first line that argv prints, or NULL. */
static char *
first_line_of(const char *program, const char *argument)
{
    const char *argv[] = {program, argument, NULL};
    LabProcOptions options = {.merge = TRUE, .timeout_ms = 20000};
    g_auto(LabProcResult) result = {0};
    char *line;

    if (!lab_proc_run(argv, &options, &result, NULL) || result.status >= 126)
        return NULL;
    line = lab_text_clean(g_strstrip(result.output), -1, TRUE);
    *strchrnul(line, '\n') = '\0';
    return line;
}

static LabFinding
program(const char *name, const char *argument, const char *package, LabHealth without)
{
    char *line = first_line_of(name, argument);

    if (line)
        return lab_finding(LAB_HEALTH_OK, line, NULL);
    return lab_finding(without, g_strdup_printf("'%s' is not there", name),
                       g_strconcat(INSTALL, package, NULL));
}

static LabFinding
check_worker(const LabDoctor *doctor)
{
    g_autofree char *line = first_line_of(doctor->paths->worker, "--version");

    if (line)
        return lab_finding(LAB_HEALTH_OK, g_steal_pointer(&line), NULL);
    return lab_finding(LAB_HEALTH_BROKEN,
                       g_strdup_printf("'%s' cannot be run", doctor->paths->worker),
                       g_strdup("build or install kreglab completely"));
}

static LabFinding
check_agent(const LabDoctor *doctor)
{
    if (g_file_test(doctor->paths->agent, G_FILE_TEST_IS_EXECUTABLE))
        return lab_finding(LAB_HEALTH_OK, g_strdup(doctor->paths->agent), NULL);
    return lab_finding(LAB_HEALTH_BROKEN,
                       g_strdup_printf("'%s' is not there", doctor->paths->agent),
                       g_strdup("build or install kreglab completely"));
}

static LabFinding
check_qemu(const LabDoctor *doctor)
{
    const char *given = g_getenv("KREGLAB_QEMU");

    return program(given ? given : "qemu-system-x86_64", "--version",
                   "qemu-system-x86 qemu-utils seabios", LAB_HEALTH_BROKEN);
}

static LabFinding
check_libvirt(const LabDoctor *doctor)
{
    const json_t *libvirt = lab_json_member(doctor->probe, "libvirt");
    const char *error = lab_json_string(libvirt, "error");

    if (doctor->no_probe || error)
        return lab_finding(LAB_HEALTH_BROKEN, g_strdup(error ? error : doctor->no_probe),
                           g_strdup(INSTALL "libvirt-daemon libvirt-daemon-system"));
    return lab_finding(
        LAB_HEALTH_OK,
        g_strdup_printf("%s, embedded driver, sees QEMU %s", lab_json_string(libvirt, "version"),
                        lab_json_string(lab_json_member(doctor->probe, "qemu"), "version")),
        NULL);
}

static LabFinding
check_qemu_user(const LabDoctor *doctor)
{
    const json_t *user = lab_json_member(doctor->probe, "qemu_user");
    const char *error = lab_json_string(user, "error");
    const char *name = lab_json_string(user, "name");

    if (doctor->no_probe || error)
        return lab_finding(LAB_HEALTH_BROKEN, g_strdup(error ? error : doctor->no_probe),
                           g_strdup(INSTALL "libvirt-daemon-system"));
    return lab_finding(
        LAB_HEALTH_OK,
        name ? g_strdup_printf("QEMU runs as '%s'", name) : g_strdup("QEMU runs as you"), NULL);
}

static LabFinding
check_busybox(const LabDoctor *doctor)
{
    LabFinding finding = program("busybox", "--help", "busybox-static", LAB_HEALTH_BROKEN);
    g_autofree char *path = g_find_program_in_path("busybox");
    const char *argv[] = {"ldd", path, NULL};
    g_auto(LabProcResult) result = {0};

    if (finding.health != LAB_HEALTH_OK || !path || !lab_proc_run(argv, NULL, &result, NULL) ||
        result.status != 0)
        return finding;
    g_free(finding.detail);
    return lab_finding(LAB_HEALTH_BROKEN, g_strdup_printf("'%s' is not a static program", path),
                       g_strdup(INSTALL "busybox-static"));
}

/* "lzo\tenabled" lines of makedumpfile -v tell what the package was built with; zlib always is. */
static LabFinding
check_makedumpfile(const LabDoctor *doctor)
{
    const char *argv[] = {"makedumpfile", "-v", NULL};
    LabProcOptions options = {.merge = TRUE, .timeout_ms = 20000};
    g_auto(LabProcResult) result = {0};
    g_autoptr(GString) has = g_string_new("zlib");
    g_auto(GStrv) lines = NULL;

    if (!lab_proc_run(argv, &options, &result, NULL))
        return lab_finding(LAB_HEALTH_MISSING, g_strdup("'makedumpfile' is not there: no dumps"),
                           g_strdup(INSTALL "makedumpfile"));
    lines = g_strsplit(g_strchomp(result.output), "\n", -1);
    for (char **line = lines; *line; line++) {
        const char *space = strpbrk(*line, " \t");

        if (line != lines && space && strstr(space, "enabled"))
            g_string_append_printf(has, ", %.*s", (int)(space - *line), *line);
    }
    *strchrnul(lines[0], '(') = '\0';
    return lab_finding(LAB_HEALTH_OK,
                       g_strdup_printf("%s; compresses with %s", g_strchomp(lines[0]), has->str),
                       NULL);
}

static void
add_pairing(GString *text, const LabCrashPairs *pairs, const char *version, const LabKernel *kernel)
{
    g_autofree char *series = lab_series_of(kernel->release);
    g_autofree char *debug = g_build_filename(kernel->directory, "debug", "vmlinux", NULL);
    LabPair pair = lab_crash_pairs_find(pairs, version, series);
    guint opened, tried;

    lab_crash_pairs_seen(pairs, version, series, &opened, &tried);
    g_string_append_printf(text, "; %s: %s", kernel->release, lab_pair_text(pair));
    if (tried > 0)
        g_string_append_printf(text, " (%u of %u here)", opened, tried);
    if (!g_file_test(debug, G_FILE_TEST_EXISTS))
        g_string_append(text, " (no debug vmlinux)");
}

static LabFinding
check_crash(const LabDoctor *doctor)
{
    g_autofree char *line = first_line_of("crash", "--version");
    g_autoptr(LabCrashPairs) pairs = NULL;
    g_autoptr(GString) text = NULL;
    const char *version;

    if (!line)
        return lab_finding(LAB_HEALTH_MISSING,
                           g_strdup("'crash' is not there: vmcores are not opened with it"),
                           g_strdup(INSTALL "crash"));
    version = strrchr(line, ' ') ? strrchr(line, ' ') + 1 : line;
    pairs = lab_crash_pairs_new(doctor->paths->data);
    text = g_string_new(line);
    for (guint i = 0; i < doctor->kernels->len; i++)
        add_pairing(text, pairs, version, doctor->kernels->pdata[i]);
    return lab_finding(LAB_HEALTH_OK, g_string_free(g_steal_pointer(&text), FALSE), NULL);
}

static LabFinding
check_stress_ng(const LabDoctor *doctor)
{
    return program("stress-ng", "--version", "stress-ng", LAB_HEALTH_MISSING);
}

static LabFinding
check_compiler(const LabDoctor *doctor)
{
    return program("gcc", "--version", "gcc make libc6-dev", LAB_HEALTH_MISSING);
}

static LabFinding
check_depmod(const LabDoctor *doctor)
{
    return program("depmod", "--version", "kmod", LAB_HEALTH_BROKEN);
}

static LabFinding
check_kexec(const LabDoctor *doctor)
{
    return program("kexec", "--version", "kexec-tools", LAB_HEALTH_MISSING);
}

static LabFinding
check_libguestfs(const LabDoctor *doctor)
{
    LabFinding finding = program("guestfish", "--version", "libguestfs-tools", LAB_HEALTH_NOTE);

    if (finding.health != LAB_HEALTH_OK) {
        g_free(finding.detail);
        finding.detail = g_strdup("not there; only disk images of others need it");
    }
    return finding;
}

const LabCheck lab_doctor_tool_checks[] = {
    {"worker", "the part that touches kernels and guests", check_worker},
    {"agent", "the program that is init in the guests", check_agent},
    {"qemu", "guests", check_qemu},
    {"libvirt", "starts and watches QEMU", check_libvirt},
    {"qemu-user", "who QEMU runs as", check_qemu_user},
    {"busybox", "the shell in the guests", check_busybox},
    {"depmod", "taking kernels in", check_depmod},
    {"kexec", "capture kernels without kexec_file_load(2)", check_kexec},
    {"makedumpfile", "vmcores", check_makedumpfile},
    {"crash", "opening vmcores", check_crash},
    {"compiler", "stressors and modules", check_compiler},
    {"stress-ng", "generic load", check_stress_ng},
    {"libguestfs", "disk images of distributions", check_libguestfs},
    {NULL},
};
