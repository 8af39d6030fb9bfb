/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-closure.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-proc.h"

static const struct {
    const char *program, *package;
} packages[] = {
    {"busybox", "busybox-static"},
    {"kexec", "kexec-tools"},
};

char *
lab_closure_find(const char *tool, GError **error)
{
    static const char *const places[] = {"/usr/bin", "/usr/sbin", "/bin", "/sbin"};
    const char *package = tool;
    char *found;

    if (strchr(tool, '/')) {
        if (g_file_test(tool, G_FILE_TEST_IS_REGULAR))
            return g_strdup(tool);
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND, "there is no program '%s'", tool);
        return NULL;
    }
    found = g_find_program_in_path(tool);
    for (gsize i = 0; !found && i < G_N_ELEMENTS(places); i++) {
        found = g_build_filename(places[i], tool, NULL);
        if (!g_file_test(found, G_FILE_TEST_IS_REGULAR))
            g_clear_pointer(&found, g_free);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(packages); i++)
        if (strcmp(packages[i].program, tool) == 0)
            package = packages[i].package;
    if (!found)
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND,
                    "the guest needs '%s', which this host does not have: install the package '%s'",
                    tool, package);
    return found;
}

static void
file_free(gpointer data)
{
    LabClosureFile *file = data;

    g_free(file->path);
    g_free(file->source);
    g_free(file);
}

static void
add_file(GPtrArray *files, char *path, const char *source)
{
    LabClosureFile *file = g_new0(LabClosureFile, 1);

    file->path = path;
    file->source = g_strdup(source);
    g_ptr_array_add(files, file);
}

/* The guest has usr-merged directories: /lib64/x and /usr/lib64/x are the same, /usr/… is stored.
 */
static char *
merged_path(const char *path)
{
    return g_str_has_prefix(path, "/usr/") ? g_strdup(path) : g_strconcat("/usr", path, NULL);
}

/* PT_INTERP of a 64-bit program in *interpreter, NULL there when it has none. */
static gboolean
read_interpreter(const char *source, char **interpreter, GError **error)
{
    LAB_AUTO_FD fd = open(source, O_RDONLY | O_CLOEXEC);
    Elf64_Ehdr header;
    Elf64_Phdr segment;
    char text[256];

    *interpreter = NULL;
    if (fd < 0)
        return lab_error_set_errno(error, errno, "reading '%s'", source);
    if (pread(fd, &header, sizeof header, 0) != sizeof header ||
        memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
        header.e_phentsize != sizeof segment)
        return TRUE;
    for (guint i = 0; i < header.e_phnum && i < 256; i++) {
        if (pread(fd, &segment, sizeof segment, (off_t)(header.e_phoff + i * sizeof segment)) !=
            sizeof segment)
            break;
        if (segment.p_type != PT_INTERP || segment.p_filesz < 2 || segment.p_filesz > sizeof text)
            continue;
        if (pread(fd, text, segment.p_filesz, (off_t)segment.p_offset) !=
                (ssize_t)segment.p_filesz ||
            text[segment.p_filesz - 1] != '\0' || text[0] != '/')
            break;
        *interpreter = g_strdup(text);
        return TRUE;
    }
    return TRUE;
}

/* "\tlibz.so.1 => /lib/…/libz.so.1 (0x…)": library names to files, in *libraries. */
static gboolean
list_libraries(const char *interpreter, const char *source, GHashTable *libraries, GError **error)
{
    const char *argv[] = {interpreter, "--list", source, NULL};
    /* What the user preloads or prefers is none of the guest's business. */
    const char *env[] = {"LD_PRELOAD=", "LD_LIBRARY_PATH=", "LC_ALL=C", NULL};
    LabProcOptions options = {.env = env, .timeout_ms = 30000};
    g_auto(LabProcResult) result = {0};
    g_auto(GStrv) lines = NULL;

    if (!lab_proc_check(argv, &options, &result, error)) {
        g_prefix_error(error, "libraries of '%s': ", source);
        return FALSE;
    }
    lines = g_strsplit(result.output, "\n", -1);
    for (char **line = lines; *line; line++) {
        char *arrow = strstr(*line, " => ");
        char *end = arrow ? g_strrstr(arrow, " (0x") : NULL;

        if (!arrow)
            continue;
        *arrow = '\0';
        if (!end) {
            g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_NOT_FOUND,
                        "'%s' needs the library '%s', which this host does not have", source,
                        g_strstrip(*line));
            return FALSE;
        }
        *end = '\0';
        g_hash_table_replace(libraries, g_strdup(g_strstrip(*line)), g_strdup(arrow + 4));
    }
    return TRUE;
}

GPtrArray *
lab_closure_read(const char *source, GError **error)
{
    g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(file_free);
    g_autoptr(GHashTable)
        libraries = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autofree char *base = g_path_get_basename(source);
    g_autofree char *interpreter = NULL;
    g_autofree char *directory = NULL;
    g_autoptr(GList) names = NULL;
    const char *libc;

    if (!read_interpreter(source, &interpreter, error))
        return NULL;
    add_file(files, g_build_filename("/usr/bin", base, NULL), source);
    if (!interpreter)
        return g_steal_pointer(&files);
    if (!list_libraries(interpreter, source, libraries, error))
        return NULL;
    add_file(files, merged_path(interpreter), interpreter);
    /* All beside libc: there the loader looks without the host's ld.so.cache. */
    libc = g_hash_table_lookup(libraries, "libc.so.6");
    directory = libc ? g_path_get_dirname(libc) : g_strdup("/usr/lib");
    names = g_list_sort(g_hash_table_get_keys(libraries), (GCompareFunc)strcmp);
    for (GList *l = names; l; l = l->next) {
        g_autofree char *name = g_path_get_basename(l->data);
        g_autofree char *path = g_build_filename(directory, name, NULL);

        add_file(files, merged_path(path), g_hash_table_lookup(libraries, l->data));
    }
    return g_steal_pointer(&files);
}
