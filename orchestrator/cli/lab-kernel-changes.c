/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kernel changes A B: what B's changelog has above A's version. */
#include <stdio.h>
#include <string.h>

#include "lab-changelog.h"
#include "lab-error.h"
#include "lab-json.h"
#include "lab-kernel-verbs.h"

static const LabKernel *
find_one(const GPtrArray *all, const char *pattern, GError **error)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new();

    if (!lab_kernel_match(all, pattern, found, error))
        return NULL;
    if (found->len == 1)
        return found->pdata[0];
    lab_cli_usage(error, "'%s' names %u kernels: changes takes one and one", pattern, found->len);
    return NULL;
}

/* Why B's changelog does not tell what changed since A. */
static void
set_no_line(const LabKernel *a, const LabKernel *b, const GPtrArray *log_b, GError **error)
{
    g_autoptr(GPtrArray) log_a = lab_changelog_load(a, NULL);
    g_autoptr(GPtrArray) newer = g_ptr_array_new();
    const char *common = log_a ? lab_changelog_common(log_a, log_b) : NULL;

    if (log_a && lab_changelog_since(log_a, b, newer))
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_USAGE,
                    "'%s' is older than '%s': name the older one first", b->id, a->id);
    else
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_FAILED,
                    "'%s' and '%s' are not of one line: the changelog of '%s' does not have "
                    "version %s%s%s%s",
                    a->id, b->id, b->id, a->package_version ? a->package_version : "(unknown)",
                    common ? " (they parted after " : "", common ? common : "", common ? ")" : "");
}

static GRegex *
grep_regex(LabCli *cli, GError **error)
{
    const char *pattern = lab_cli_string(cli, "grep");
    g_autoptr(GError) local = NULL;
    GRegex *regex =
        g_regex_new(pattern ? pattern : "", G_REGEX_CASELESS | G_REGEX_OPTIMIZE, 0, &local);

    if (!regex)
        lab_cli_usage(error, "--grep: %s", local->message);
    return regex;
}

static json_t *
matching_items(const LabChange *change, const GRegex *regex)
{
    json_t *items = json_array();

    for (guint i = 0; i < change->items->len; i++)
        if (!regex || g_regex_match(regex, change->items->pdata[i], 0, NULL))
            json_array_append_new(items, lab_json_text(change->items->pdata[i]));
    return items;
}

static json_t *
entries_json(const GPtrArray *changes, const GRegex *regex)
{
    json_t *entries = json_array();

    for (guint i = 0; i < changes->len; i++) {
        const LabChange *change = changes->pdata[i];
        g_autoptr(json_t) items = matching_items(change, regex);

        if (json_array_size(items) > 0)
            json_array_append_new(entries, json_pack("{s:o, s:o, s:O}", "version",
                                                     lab_json_text(change->version), "date",
                                                     lab_json_text(change->date), "items", items));
    }
    return entries;
}

json_t *
lab_kernel_changes(const LabKernel *a, const LabKernel *b, const GRegex *regex, GError **error)
{
    g_autoptr(GPtrArray) log = lab_changelog_load(b, error);
    g_autoptr(GPtrArray) changes = g_ptr_array_new();

    if (!log)
        return NULL;
    if (!lab_changelog_since(log, a, changes)) {
        set_no_line(a, b, log, error);
        return NULL;
    }
    return entries_json(changes, regex);
}

void
lab_kernel_print_changes(const json_t *entries)
{
    size_t i, n;
    json_t *entry, *item;

    json_array_foreach (entries, i, entry) {
        const char *version = lab_json_string(entry, "version");
        const char *date = lab_json_string(entry, "date");

        lab_cli_print("%s%s%s%s\n", version ? version : "(no version)", date ? " (" : "",
                      date ? date : "", date ? ")" : "");
        json_array_foreach (lab_json_member(entry, "items"), n, item)
            lab_cli_print("  - %s\n", json_string_value(item));
    }
}

int
lab_kernel_cmd_changes(LabCli *cli, GError **error)
{
    g_autoptr(GPtrArray) all = lab_kernel_list(cli->paths->data, error);
    const LabKernel *a = all ? find_one(all, cli->args[0], error) : NULL;
    const LabKernel *b = a ? find_one(all, cli->args[1], error) : NULL;
    g_autoptr(GRegex) regex = b ? grep_regex(cli, error) : NULL;
    g_autoptr(json_t) entries = regex ? lab_kernel_changes(a, b, regex, error) : NULL;

    if (!entries)
        return LAB_EXIT_CONFIG;
    if (lab_cli_flag(cli, "json"))
        lab_cli_print_json(
            json_pack("{s:s, s:s, s:O}", "from", a->id, "to", b->id, "entries", entries));
    else
        lab_kernel_print_changes(entries);
    return LAB_EXIT_OK;
}
