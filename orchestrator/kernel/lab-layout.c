/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-layout.h"

#include <string.h>

#include "lab-error.h"
#include "lab-kernel.h"

gboolean
lab_layout_is_module(const char *name)
{
    return g_str_has_suffix(name, ".ko") || g_str_has_suffix(name, ".ko.xz") ||
           g_str_has_suffix(name, ".ko.gz") || g_str_has_suffix(name, ".ko.zst");
}

/* Remembers the release, or holds it against the one that is known. */
static gboolean
note_release(LabLayout *layout, const char *release, GError **error)
{
    if (!lab_kernel_id_is_sane(release)) {
        g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED,
                    "'%.100s' is no kernel release kreglab can use", release);
        return FALSE;
    }
    if (!layout->release)
        layout->release = g_strdup(release);
    if (strcmp(layout->release, release) == 0)
        return TRUE;
    g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_EXISTS,
                "files of two kernels, '%s' and '%s': add each kernel by a command of its own",
                layout->release, release);
    return FALSE;
}

/* "boot/NAME-RELEASE". */
static char *
place_boot(LabLayout *layout, const char *name, GError **error)
{
    static const struct {
        const char *prefix, *place;
        gboolean image;
    } files[] = {
        {"vmlinuz-", "vmlinuz", TRUE},
        {"bzImage-", "vmlinuz", TRUE},
        {"config-", "config", FALSE},
        {"System.map-", "System.map", FALSE},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
        if (!g_str_has_prefix(name, files[i].prefix))
            continue;
        if (!note_release(layout, name + strlen(files[i].prefix), error))
            return NULL;
        layout->has_image |= files[i].image;
        return g_strdup(files[i].place);
    }
    return NULL;
}

/* "lib/modules/RELEASE/NAME", NAME being what follows the release. */
static char *
place_below_modules(LabLayout *layout, const char *name)
{
    static const char *const indexes[] = {"modules.builtin", "modules.builtin.modinfo",
                                          "modules.order", NULL};

    if (strcmp(name, "vmlinuz") == 0) {
        layout->has_image = TRUE;
        return g_strdup("vmlinuz");
    }
    if (strcmp(name, "config") == 0 || strcmp(name, "System.map") == 0)
        return g_strdup(name);
    if (g_strv_contains(indexes, name) || lab_layout_is_module(name))
        return g_strconcat("modules/", name, NULL);
    return NULL;
}

static char *
place_modules(LabLayout *layout, const char *rest, GError **error)
{
    const char *slash = strchr(rest, '/');
    g_autofree char *release = NULL;
    g_autofree char *place = NULL;

    if (!slash || g_str_has_prefix(slash, "/build/") || g_str_has_prefix(slash, "/source/"))
        return NULL;
    release = g_strndup(rest, (gsize)(slash - rest));
    place = place_below_modules(layout, slash + 1);
    if (place && !note_release(layout, release, error))
        return NULL;
    return g_steal_pointer(&place);
}

/* usr/lib/debug/boot/vmlinux-RELEASE (Debian, Ubuntu),
 * usr/lib/debug/[usr/]lib/modules/RELEASE/vmlinux (rpm's debuginfo). */
static char *
place_debug(LabLayout *layout, const char *rest, GError **error)
{
    g_auto(GStrv) parts = NULL;

    if (!layout->want_debug)
        return NULL;
    if (g_str_has_prefix(rest, "usr/"))
        rest += strlen("usr/");
    parts = g_strsplit(rest, "/", -1);
    if (g_strv_length(parts) == 2 && strcmp(parts[0], "boot") == 0 &&
        g_str_has_prefix(parts[1], "vmlinux-"))
        return note_release(layout, parts[1] + strlen("vmlinux-"), error)
                   ? g_strdup("debug/vmlinux")
                   : NULL;
    if (g_strv_length(parts) == 4 && strcmp(parts[0], "lib") == 0 &&
        strcmp(parts[1], "modules") == 0 && strcmp(parts[3], "vmlinux") == 0)
        return note_release(layout, parts[2], error) ? g_strdup("debug/vmlinux") : NULL;
    return NULL;
}

static gboolean
is_headers_path(const char *path)
{
    return g_str_has_prefix(path, "usr/src/") || g_str_has_prefix(path, "usr/lib/linux-kbuild-");
}

static gboolean
is_changelog(const char *path)
{
    return g_str_has_prefix(path, "usr/share/doc/linux-") &&
           (g_str_has_suffix(path, "/changelog.Debian.gz") ||
            g_str_has_suffix(path, "/changelog.gz"));
}

char *
lab_layout_place(LabLayout *layout, const char *path, mode_t type, GError **error)
{
    if (is_headers_path(path)) {
        layout->has_headers |= type == S_IFREG;
        return g_strconcat("headers/", path, NULL);
    }
    if (type != S_IFREG)
        return NULL;
    if (g_str_has_prefix(path, "boot/"))
        return place_boot(layout, path + strlen("boot/"), error);
    if (g_str_has_prefix(path, "lib/modules/"))
        return place_modules(layout, path + strlen("lib/modules/"), error);
    if (g_str_has_prefix(path, "usr/lib/modules/"))
        return place_modules(layout, path + strlen("usr/lib/modules/"), error);
    if (g_str_has_prefix(path, "usr/lib/debug/"))
        return place_debug(layout, path + strlen("usr/lib/debug/"), error);
    if (is_changelog(path) && !layout->has_changelog) {
        layout->has_changelog = TRUE;
        return g_strdup("changelog.gz");
    }
    return NULL;
}
