/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a template depends on. */
#include "lab-template-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lab-accel.h"
#include "lab-domain.h"
#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-qemu.h"

/* The host's TSC is measured anew by each worker, and comes out some kHz higher or lower. */
#define TSC_OPTION   "tsc_early_khz="
#define TSC_STEP_KHZ 20000

static char *
identity(const struct stat *st)
{
    return g_strdup_printf("%llu:%llu:%lld:%lld.%09ld:%lld.%09ld", (unsigned long long)st->st_dev,
                           (unsigned long long)st->st_ino, (long long)st->st_size,
                           (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
                           (long long)st->st_ctim.tv_sec, st->st_ctim.tv_nsec);
}

/* Of the file's bytes, remembered for the file as it is. Borrowed. */
static const char *
digest_of(const char *path, GError **error)
{
    static GHashTable *known;
    LAB_AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
    g_autofree char *key = NULL;
    char *digest;
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0) {
        lab_error_set_errno(error, errno, "opening '%s'", path);
        return NULL;
    }
    if (!known)
        known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    key = identity(&st);
    digest = g_hash_table_lookup(known, key);
    if (!digest) {
        digest = lab_fd_sha256(fd, path, error);
        if (digest)
            g_hash_table_insert(known, g_steal_pointer(&key), digest);
    }
    return digest;
}

static char *
stable_cmdline(const char *cmdline)
{
    g_auto(GStrv) words = g_strsplit(cmdline, " ", -1);

    for (char **word = words; *word; word++) {
        guint64 khz;

        if (!g_str_has_prefix(*word, TSC_OPTION))
            continue;
        khz = g_ascii_strtoull(*word + strlen(TSC_OPTION), NULL, 10);
        g_free(*word);
        *word = g_strdup_printf(TSC_OPTION "~%" G_GUINT64_FORMAT,
                                (khz + TSC_STEP_KHZ / 2) / TSC_STEP_KHZ * TSC_STEP_KHZ);
    }
    return g_strjoinv(" ", words);
}

static gboolean
can_be_saved(const LabCell *cell, GError **error)
{
    const char *why = cell->replay        ? "it is a recorded guest"
                      : cell->connect_uri ? "its libvirt is not the embedded one"
                                          : NULL;

    if (!why)
        return TRUE;
    g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_UNSUPPORTED, "a guest without a template: %s",
                why);
    return FALSE;
}

json_t *
lab_template_inputs(const LabGuestConfig *config, guint index, GError **error)
{
    const LabCell *cell = config->cell;
    const char *accelerator = cell->accelerator;
    g_autofree char *cmdline = stable_cmdline(config->cmdline);
    g_autofree char *qemu = lab_qemu_binary();
    g_autoptr(json_t) whole = NULL;
    const char *kernel, *initramfs;
    json_t *inputs;

    if (!can_be_saved(cell, error))
        return NULL;
    if (!accelerator || strcmp(accelerator, "auto") == 0)
        accelerator = lab_accel_probe(config, error);
    kernel = accelerator ? digest_of(config->kernel, error) : NULL;
    initramfs = kernel ? digest_of(config->initramfs, error) : NULL;
    if (!initramfs)
        return NULL;
    whole = lab_cell_to_json(cell);
    inputs = json_pack("{s:s, s:i, s:s, s:s, s:O, s:s, s:s}", "kreglab", KREGLAB_VERSION, "schema",
                       LAB_TEMPLATE_SCHEMA, "kernel", kernel, "initramfs", initramfs, "shape",
                       lab_json_member(whole, "guest"), "accelerator", accelerator, "qemu", qemu);
    json_object_set_new(inputs, "cmdline", lab_json_text(cmdline));
    json_object_set_new(
        inputs, "cpu_model",
        lab_json_text(lab_domain_cpu_model(&cell->guest, strcmp(accelerator, "kvm") == 0)));
    json_object_set_new(inputs, "index", json_integer(index));
    return inputs;
}

/* What lab_template_refuse() left for the key. */
static gboolean
not_refused(const char *cache_directory, const char *key, GError **error)
{
    g_autofree char *path = g_strdup_printf("%s/templates/%s.cold", cache_directory, key);
    g_autofree char *why = lab_file_read(AT_FDCWD, path, 4096, NULL, NULL);

    if (!why)
        return TRUE;
    g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_UNSUPPORTED, "%s", g_strchomp(why));
    return FALSE;
}

char *
lab_template_key(const LabGuestConfig *config, guint index, GError **error)
{
    g_autoptr(json_t) inputs = lab_template_inputs(config, index, error);
    g_autofree char *line = inputs ? lab_json_line(inputs) : NULL;
    g_autofree char *key = NULL;

    if (!line)
        return NULL;
    key = g_compute_checksum_for_string(G_CHECKSUM_SHA256, line, -1);
    return not_refused(config->cache_directory, key, error) ? g_steal_pointer(&key) : NULL;
}
