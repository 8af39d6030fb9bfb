/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-changelog.h"

#include <fcntl.h>
#include <string.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-release.h"

/* Of one item; a longer one is not a change but something else. */
#define ITEM_MAX_BYTES 4096

static void
change_free(gpointer pointer)
{
    LabChange *change = pointer;

    g_free(change->version);
    g_free(change->date);
    g_ptr_array_unref(change->items);
    g_free(change);
}

typedef struct {
    GPtrArray *log;
    LabChange *change; /* the entry being read; borrowed */
    GString *item;     /* the item being read; empty: none */
    GRegex *deb, *rpm;
} Reader;

static void
end_item(Reader *reader)
{
    if (reader->item->len > 0 && reader->change)
        g_ptr_array_add(reader->change->items,
                        g_utf8_make_valid(reader->item->str, (gssize)reader->item->len));
    g_string_truncate(reader->item, 0);
}

static void
begin_change(Reader *reader, char *version, char *date)
{
    end_item(reader);
    reader->change = g_new0(LabChange, 1);
    reader->change->version = version;
    reader->change->date = date;
    reader->change->items = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(reader->log, reader->change);
}

/* "linux (6.1.170-1) bookworm; …". A signed package counts apart: linux-signed-amd64 (6.1.170+1) is
 * made of linux 6.1.170-1. */
static gboolean
take_deb_head(Reader *reader, const char *line)
{
    g_autoptr(GMatchInfo) info = NULL;
    g_autofree char *package = NULL;
    char *version, *plus;

    if (!g_regex_match(reader->deb, line, 0, &info))
        return FALSE;
    package = g_match_info_fetch(info, 1);
    version = g_match_info_fetch(info, 2);
    plus = strrchr(version, '+');
    if (g_str_has_prefix(package, "linux-signed") && plus && !strchr(version, '-'))
        *plus = '-';
    begin_change(reader, version, NULL);
    return TRUE;
}

/* "* Wed Mar 02 2022 Name <mail> [3.10.0-1160.62.1.el7]", or "- 4.19.90-2003.4" in the end. */
static gboolean
take_rpm_head(Reader *reader, const char *line)
{
    g_autoptr(GMatchInfo) info = NULL;
    char *version;

    if (!g_regex_match(reader->rpm, line, 0, &info))
        return FALSE;
    version = g_match_info_fetch(info, 2);
    if (version && !*version)
        g_clear_pointer(&version, g_free);
    begin_change(reader, version, g_match_info_fetch(info, 1));
    return TRUE;
}

static void
take_line(Reader *reader, const char *line)
{
    const char *text = line + strspn(line, " \t");
    gboolean bullet = (*text == '*' || *text == '-' || *text == '+') && text[1] == ' ';

    if (take_deb_head(reader, line) || take_rpm_head(reader, line) || !reader->change)
        return;
    if (g_str_has_prefix(line, " -- ")) {
        const char *date = strstr(line, ">  ");

        end_item(reader);
        g_free(reader->change->date);
        reader->change->date = date ? g_utf8_make_valid(date + 3, -1) : NULL;
        return;
    }
    if (!*text || bullet || (*text == '[' && line[0] == ' '))
        end_item(reader);
    if (!*text || (*text == '[' && reader->item->len == 0))
        return;
    if (bullet)
        text += 1 + strspn(text + 1, " ");
    if (reader->item->len > 0)
        g_string_append_c(reader->item, ' ');
    if (reader->item->len + strlen(text) < ITEM_MAX_BYTES)
        g_string_append(reader->item, text);
}

GPtrArray *
lab_changelog_parse(const char *text, gsize length)
{
    Reader reader = {
        .log = g_ptr_array_new_with_free_func(change_free),
        .item = g_string_new(NULL),
        .deb = g_regex_new("^([a-z0-9][a-z0-9.+-]*) \\(([0-9A-Za-z.+~:-]+)\\) ",
                           G_REGEX_OPTIMIZE | G_REGEX_RAW, 0, NULL),
        .rpm = g_regex_new("^\\* ((?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} +[0-9]{1,2} "
                           "[0-9]{4}) .*?(?:[\\[( -]([0-9][0-9A-Za-z._+~:]*-[0-9A-Za-z._+~]+)"
                           "[\\])]?)?\\s*$",
                           G_REGEX_OPTIMIZE | G_REGEX_RAW, 0, NULL),
    };
    const char *end = text + length;

    while (text < end) {
        const char *newline = memchr(text, '\n', (gsize)(end - text));
        gsize n = newline ? (gsize)(newline - text) : (gsize)(end - text);
        g_autofree char *line = g_strndup(text, MIN(n, ITEM_MAX_BYTES));

        take_line(&reader, g_strchomp(line));
        text += n + 1;
    }
    end_item(&reader);
    g_string_free(reader.item, TRUE);
    g_regex_unref(reader.deb);
    g_regex_unref(reader.rpm);
    return reader.log;
}

GPtrArray *
lab_changelog_load(const LabKernel *kernel, GError **error)
{
    g_autofree char *path = g_build_filename(kernel->directory, "changelog", NULL);
    g_autofree char *text = NULL;
    gsize length;

    if (!lab_file_exists(AT_FDCWD, path)) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND,
                    "kernel '%s' has no changelog: it was not taken in from a package that brings "
                    "one (add the package again)",
                    kernel->id);
        return NULL;
    }
    text = lab_file_read(AT_FDCWD, path, LAB_CHANGELOG_MAX_BYTES, &length, error);
    return text ? lab_changelog_parse(text, length) : NULL;
}

/* An rpm's changelog may leave the distribution's tag out: "4.19.90-2003.4" of
 * "4.19.90-2003.4.oe1". */
static gboolean
same_version(const char *entry, const char *version)
{
    gsize length = strlen(entry);

    return strncmp(version, entry, length) == 0 &&
           (!version[length] || (version[length] == '.' && g_ascii_isalpha(version[length + 1])));
}

gboolean
lab_changelog_since(const GPtrArray *log, const LabKernel *a, GPtrArray *found)
{
    g_autoptr(LabRelease) release = lab_release_new(a->release, a->version, a->package_version);
    const char *version = release->version ? release->version : a->package_version;

    for (guint i = 0; i < log->len; i++) {
        LabChange *change = log->pdata[i];

        if (version && change->version && same_version(change->version, version))
            return TRUE;
        g_ptr_array_add(found, change);
    }
    g_ptr_array_set_size(found, 0);
    return FALSE;
}

const char *
lab_changelog_common(const GPtrArray *a, const GPtrArray *b)
{
    g_autoptr(GHashTable) versions = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < b->len; i++)
        if (((LabChange *)b->pdata[i])->version)
            g_hash_table_add(versions, ((LabChange *)b->pdata[i])->version);
    for (guint i = 0; i < a->len; i++) {
        const LabChange *change = a->pdata[i];

        if (change->version && g_hash_table_contains(versions, change->version))
            return change->version;
    }
    return NULL;
}

const char *
lab_changelog_find(const GPtrArray *log, const char *subject, const LabChange **change)
{
    g_autofree char *escaped = g_regex_escape_string(subject, -1);
    g_autoptr(GRegex) regex = g_regex_new(escaped, G_REGEX_CASELESS | G_REGEX_OPTIMIZE, 0, NULL);

    for (guint i = 0; regex && i < log->len; i++) {
        LabChange *one = log->pdata[i];

        for (guint n = 0; n < one->items->len; n++) {
            if (!g_regex_match(regex, one->items->pdata[n], 0, NULL))
                continue;
            if (change)
                *change = one;
            return one->items->pdata[n];
        }
    }
    return NULL;
}
