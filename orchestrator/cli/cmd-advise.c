/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "lab-advice.h"
#include "lab-cli.h"
#include "lab-crash-source.h"
#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-kernel-verbs.h"
#include "lab-log.h"
#include "lab-plan.h"

static const LabOption options[] = {
    {"json", 0, LAB_OPTION_FLAG, NULL, "print JSON"},
    {NULL},
};

/* What is asked about. */
typedef struct {
    LabCrashLog *log;
    GPtrArray *kernels;      /* all of the store */
    const LabKernel *kernel; /* the store's of that release; borrowed from 'kernels'; or NULL */
    LabRelease *release;     /* or NULL */
    GPtrArray *changelog;    /* or NULL */
    LabCatalogue *catalogue; /* or NULL */
    const LabCatalogueEntry *entry;
} Subject;

static void
subject_clear(Subject *subject)
{
    g_clear_pointer(&subject->log, lab_crash_log_free);
    g_clear_pointer(&subject->kernels, g_ptr_array_unref);
    g_clear_pointer(&subject->release, lab_release_free);
    g_clear_pointer(&subject->changelog, g_ptr_array_unref);
    g_clear_pointer(&subject->catalogue, lab_catalogue_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Subject, subject_clear)

static const LabKernel *
kernel_of_release(const GPtrArray *kernels, const char *release)
{
    for (guint i = 0; i < kernels->len; i++) {
        const LabKernel *kernel = kernels->pdata[i];

        if (strcmp(kernel->release, release) == 0 || strcmp(kernel->id, release) == 0)
            return kernel;
    }
    return NULL;
}

/* A kernel of the store by its name, else a release by its form. */
static gboolean
find_by_name(Subject *subject, const char *name, char **release, GError **error)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new();
    g_autoptr(GError) local = NULL;

    subject->kernel = kernel_of_release(subject->kernels, name);
    if (!subject->kernel && lab_kernel_match(subject->kernels, name, found, &local) &&
        found->len == 1)
        subject->kernel = found->pdata[0];
    if (subject->kernel)
        *release = g_strdup(subject->kernel->release);
    else if (subject->entry)
        *release = g_strdup(subject->entry->release);
    if (!*release && g_regex_match_simple("(^|-)[0-9]+\\.[0-9]+", name, 0, 0))
        *release = g_strdup(name);
    if (*release)
        return TRUE;
    g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND,
                "'%s' is no file, no kernel of the store and no release (such as "
                "3.10.0-1160.62.1.el7.x86_64)",
                name);
    return FALSE;
}

static gboolean
read_subject(LabCli *cli, Subject *subject, GError **error)
{
    const char *name = cli->args[0];
    g_autofree char *release = NULL;

    subject->kernels = lab_kernel_list(cli->paths->data, error);
    if (!subject->kernels)
        return FALSE;
    subject->catalogue = lab_kernel_catalogue(cli->paths, NULL);
    if (strcmp(name, "-") == 0 || g_file_test(name, G_FILE_TEST_IS_REGULAR)) {
        subject->log = lab_crash_file_read(name, error);
        if (!subject->log)
            return FALSE;
        release = g_strdup(subject->log->release);
        if (release)
            subject->kernel = kernel_of_release(subject->kernels, release);
    } else {
        subject->entry = subject->catalogue ? lab_catalogue_find(subject->catalogue, name) : NULL;
        if (!find_by_name(subject, name, &release, error))
            return FALSE;
    }
    if (release && subject->catalogue)
        subject->entry = lab_catalogue_find(subject->catalogue, release);
    if (subject->kernel)
        subject->changelog = lab_changelog_load(subject->kernel, NULL);
    if (release)
        subject->release =
            lab_release_new(release, subject->kernel ? subject->kernel->version : NULL,
                            subject->kernel ? subject->kernel->package_version : NULL);
    return TRUE;
}

/* The commands that show it here, the kernel's first where it is not in the store. */
static char **
reproduce(const Subject *subject, const LabRecipe *recipe)
{
    g_autoptr(GPtrArray) commands = g_ptr_array_new();
    const char *release = subject->release ? subject->release->release : NULL;
    g_autofree char *quoted = release ? g_shell_quote(release) : NULL;

    if (!subject->kernel && subject->entry)
        g_ptr_array_add(commands,
                        g_strdup_printf("kreglab kernel add --headers %s", subject->entry->name));
    else if (!subject->kernel)
        g_ptr_array_add(commands, g_strdup("kreglab kernel add FILE…"));
    if (subject->kernel)
        g_ptr_array_add(commands, g_strdup_printf("kreglab run -k %s -r %s", subject->kernel->id,
                                                  recipe->name));
    else
        g_ptr_array_add(commands, g_strdup_printf("kreglab run -k %s -r %s",
                                                  release ? quoted : "KERNEL", recipe->name));
    g_ptr_array_add(commands, NULL);
    return (char **)g_ptr_array_free(g_steal_pointer(&commands), FALSE);
}

static json_t *
mitigations_json(const LabRecipe *recipe)
{
    json_t *array = json_array();

    for (guint i = 0; i < recipe->variants->len; i++) {
        const LabVariant *variant = recipe->variants->pdata[i];

        if (variant->mitigation)
            json_array_append_new(array,
                                  json_pack("{s:o, s:o}", "variant", lab_json_text(variant->name),
                                            "text", lab_json_text(variant->mitigation)));
    }
    return array;
}

static json_t *
advice_json(const Subject *subject, const LabAdvice *advice)
{
    const LabAffected *entry = advice->entry;
    g_autofree char *range = entry ? lab_affected_range(entry) : NULL;
    g_auto(GStrv) commands = reproduce(subject, advice->recipe);
    json_t *json = json_object();

    json_object_set_new(json, "recipe", lab_json_text(advice->recipe->name));
    json_object_set_new(json, "summary", lab_json_text(advice->recipe->summary));
    json_object_set_new(json, "applies", lab_json_text(lab_applies_name(advice->applies)));
    json_object_set_new(json, "why", lab_json_text(advice->why));
    json_object_set_new(json, "meets", lab_json_text(lab_meets_name(advice->meets)));
    json_object_set_new(json, "met", lab_json_text(advice->met));
    json_object_set_new(json, "family",
                        lab_json_text(entry ? lab_family_name(lab_affected_family(entry)) : NULL));
    json_object_set_new(json, "range", lab_json_text(range));
    json_object_set_new(json, "fixed", lab_json_text(entry ? entry->fixed : NULL));
    json_object_set_new(json, "commit", lab_json_text(entry ? entry->commit : NULL));
    json_object_set_new(json, "source", lab_json_text(entry ? entry->source : NULL));
    json_object_set_new(json, "changelog",
                        advice->change ? json_pack("{s:o, s:o}", "version",
                                                   lab_json_text(advice->change_version), "item",
                                                   lab_json_text(advice->change))
                                       : json_null());
    json_object_set_new(json, "mitigations", mitigations_json(advice->recipe));
    json_object_set_new(json, "reproduce", lab_json_from_strv((const char *const *)commands));
    return json;
}

static void
print_json(const Subject *subject, const GPtrArray *advice)
{
    const LabRelease *release = subject->release;
    json_t *recipes = json_array();
    json_t *log = json_null();

    if (subject->log)
        log = json_pack("{s:o, s:s, s:o}", "title",
                        lab_json_text(subject->log->cause ? subject->log->cause->title : NULL),
                        "confidence", lab_crash_log_confidence(subject->log), "k0",
                        lab_json_text(subject->log->k0));
    for (guint i = 0; i < advice->len; i++)
        json_array_append_new(recipes, advice_json(subject, advice->pdata[i]));
    lab_cli_print_json(json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "release",
                                 lab_json_text(release ? release->release : NULL), "family",
                                 lab_json_text(release ? lab_family_name(release->family) : NULL),
                                 "version", lab_json_text(release ? release->version : NULL),
                                 "kernel",
                                 lab_json_text(subject->kernel ? subject->kernel->id : NULL), "log",
                                 log, "recipes", recipes));
}

static void
print_line(const char *name, const char *text)
{
    if (text)
        lab_cli_print("  %-13s%s\n", name, text);
}

static void
print_fix(const LabAdvice *advice)
{
    const LabAffected *entry = advice->entry;
    const char *fixed = entry ? entry->fixed ? entry->fixed : entry->before : NULL;

    if (fixed)
        lab_cli_print("  %-13s%s %s\n", "fixed in:", lab_family_name(lab_affected_family(entry)),
                      fixed);
    else if (advice->applies == LAB_APPLIES_YES)
        print_line("fixed in:", "no version that is known");
    print_line("fix:", entry ? entry->commit : NULL);
    print_line("says:", entry ? entry->source : NULL);
}

static void
print_mitigations(const LabRecipe *recipe)
{
    gboolean first = TRUE;

    for (guint i = 0; i < recipe->variants->len; i++) {
        const LabVariant *variant = recipe->variants->pdata[i];

        if (!variant->mitigation)
            continue;
        lab_cli_print("  %-13s%s (variant '%s')\n", first ? "mitigation:" : "", variant->mitigation,
                      variant->name);
        first = FALSE;
    }
}

static void
print_advice(const Subject *subject, const LabAdvice *advice)
{
    g_auto(GStrv) commands = reproduce(subject, advice->recipe);

    lab_cli_print("\n%s: %s%s\n", advice->recipe->name, lab_applies_name(advice->applies),
                  advice->meets ? ", and the log shows it" : "");
    print_line("what:", advice->recipe->summary);
    if (advice->meets)
        lab_cli_print("  %-13s%s '%s' is the incident's\n", "log:", lab_meets_name(advice->meets),
                      advice->met);
    print_line("why:", advice->why);
    if (advice->change)
        lab_cli_print("  %-13s%s: %s\n",
                      "changelog:", advice->change_version ? advice->change_version : "?",
                      advice->change);
    print_fix(advice);
    if (advice->applies != LAB_APPLIES_NO || advice->meets)
        print_mitigations(advice->recipe);
    for (char **command = commands; *command; command++)
        print_line(command == commands ? "reproduce:" : "", *command);
}

static void
print_head(const Subject *subject)
{
    const LabRelease *release = subject->release;

    if (release)
        lab_cli_print("%s: %s%s%s%s\n", release->release, lab_family_name(release->family),
                      release->version ? ", version " : "",
                      release->version ? release->version : "",
                      subject->kernel ? ", in the store" : "");
    else
        lab_cli_print("The log names no release.\n");
    if (subject->log)
        lab_cli_print("The log shows %s%s%s.\n", subject->log->cause ? "'" : "no crash",
                      subject->log->cause ? subject->log->cause->title : "",
                      subject->log->cause ? "'" : "");
}

static void
print_text(const Subject *subject, const GPtrArray *advice)
{
    guint told = 0;

    print_head(subject);
    for (guint i = 0; i < advice->len; i++) {
        const LabAdvice *one = advice->pdata[i];

        if (one->applies == LAB_APPLIES_NO && !one->meets)
            continue;
        print_advice(subject, one);
        told++;
    }
    if (told < advice->len)
        lab_cli_print("\nNot affected:\n");
    for (guint i = 0; i < advice->len; i++) {
        const LabAdvice *one = advice->pdata[i];

        if (one->applies == LAB_APPLIES_NO && !one->meets)
            lab_cli_print("  %s: %s%s%s%s\n", one->recipe->name, one->why, one->change ? " (" : "",
                          one->change ? one->change : "", one->change ? ")" : "");
    }
    if (advice->len == 0)
        lab_cli_print("No recipe names kernels that have its bug.\n");
}

static int
cmd_advise(LabCli *cli, GError **error)
{
    g_auto(Subject) subject = {0};
    g_autoptr(GPtrArray) recipes = NULL;
    g_autoptr(GPtrArray) advice = NULL;

    if (!read_subject(cli, &subject, error))
        return LAB_EXIT_CONFIG;
    recipes = lab_plan_recipes(cli->paths, error);
    if (!recipes)
        return LAB_EXIT_CONFIG;
    advice =
        lab_advice_new(recipes, subject.kernel, subject.release, subject.changelog, subject.log);
    if (lab_cli_flag(cli, "json"))
        print_json(&subject, advice);
    else
        print_text(&subject, advice);
    return LAB_EXIT_OK;
}

const LabVerb lab_verb_advise = {
    .name = "advise",
    .summary = "say which recipes' incidents concern a kernel, and what helps",
    .synopsis = "RELEASE|KERNEL|LOG",
    .description =
        "RELEASE is what uname -r says, or a name of the catalogue; KERNEL a kernel of "
        "the store, whose changelog is read too; LOG a console log, dmesg or vmcore: its "
        "release counts, and the recipe whose incident its crash looks like comes first.",
    .min_args = 1,
    .max_args = 1,
    .options = {options},
    .hints = {LAB_HINT_ADVISE},
    .run = cmd_advise,
};
