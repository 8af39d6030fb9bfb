/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-native-argv.h"

#include <string.h>

#include "lab-error.h"
#include "lab-json.h"

#define DIRECTORY "{dir}"

/* Options of libvirt's that have no argument; each other one has. */
static const char *const flags[] = {"-S",         "-nodefaults", "-no-user-config", "-no-shutdown",
                                    "-no-reboot", "-no-hpet",    "-no-acpi",        "-enable-kvm",
                                    "-nographic", NULL};

/* Left out: the lab says these itself, or has no use for them. */
static const char *const dropped[] = {"-S", "-no-shutdown", "-no-reboot", "-name", NULL};

typedef struct {
    const char *directory;
    json_t *argv, *ram; /* borrowed */
    gboolean sandboxed;
    GError **error;
} Parse;

static gboolean
unsupported(Parse *parse, const char *what, const char *value)
{
    g_set_error(parse->error, LAB_CONFIG_ERROR, LAB_ERROR_UNSUPPORTED,
                "libvirt's command line has a %s that kreglab does not know: %s", what, value);
    return FALSE;
}

static void
add(Parse *parse, const char *text)
{
    g_auto(GStrv) pieces = g_strsplit(text, parse->directory, -1);
    g_autofree char *joined = g_strjoinv(DIRECTORY, pieces);

    json_array_append_new(parse->argv, json_string(joined));
}

static gboolean
add_json(Parse *parse, const char *option, const json_t *value)
{
    g_autofree char *text = lab_json_line(value);

    add(parse, option);
    add(parse, text);
    return TRUE;
}

static gboolean
parse_object(Parse *parse, const char *value)
{
    g_autoptr(json_t) object = lab_json_parse(value, strlen(value), "-object", NULL);
    const char *type = object ? lab_json_string(object, "qom-type") : NULL;

    if (!type)
        return unsupported(parse, "-object", value);
    if (strcmp(type, "secret") == 0) /* libvirt's master key: nothing here is encrypted */
        return TRUE;
    if (strcmp(type, "memory-backend-ram") == 0) {
        gsize node = json_array_size(parse->ram);
        g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", LAB_NATIVE_FD_RAM + (int)node);

        if (node == LAB_NATIVE_MAX_RAM)
            return unsupported(parse, "number of NUMA nodes", value);
        json_array_append(parse->ram, lab_json_member(object, "size"));
        json_object_set_new(object, "qom-type", json_string("memory-backend-file"));
        json_object_set_new(object, "mem-path", json_string(path));
    }
    return add_json(parse, "-object", object);
}

static gboolean
parse_chardev(Parse *parse, const char *value)
{
    static const struct {
        const char *id, *end;
        int fd;
    } known[] = {
        {"socket,id=charmonitor,", "", LAB_NATIVE_FD_MONITOR},
        {"socket,id=charserial0,", "/con", LAB_NATIVE_FD_CONSOLE},
        {"socket,id=charchannel0,", "/agent", LAB_NATIVE_FD_AGENT},
        {"socket,id=charchannel1,", "/dump", LAB_NATIVE_FD_DUMP},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(known); i++) {
        if (g_str_has_prefix(value, known[i].id) && g_str_has_suffix(value, known[i].end)) {
            g_autofree char *own = g_strdup_printf("%sfd=%d", known[i].id, known[i].fd);

            add(parse, "-chardev");
            add(parse, own);
            return TRUE;
        }
    }
    return unsupported(parse, "-chardev", value);
}

/* For an interface of type 'user' the line has a tap whose descriptor only libvirt could open. */
static gboolean
parse_netdev(Parse *parse, const char *value)
{
    g_autoptr(json_t) netdev = lab_json_parse(value, strlen(value), "-netdev", NULL);
    g_autoptr(json_t) own = NULL;

    if (!netdev || !lab_json_string(netdev, "id"))
        return unsupported(parse, "-netdev", value);
    own = json_pack("{s:s, s:O}", "type", "user", "id", lab_json_member(netdev, "id"));
    return add_json(parse, "-netdev", own);
}

static gboolean
parse_option(Parse *parse, const char *option, const char *value)
{
    if (g_strv_contains(dropped, option))
        return TRUE;
    if (value && strcmp(option, "-object") == 0)
        return parse_object(parse, value);
    if (value && strcmp(option, "-chardev") == 0)
        return parse_chardev(parse, value);
    if (value && strcmp(option, "-netdev") == 0)
        return parse_netdev(parse, value);
    /* Always there by these names: clones have others' contents behind them. */
    if (value && strcmp(option, "-kernel") == 0)
        value = DIRECTORY "/kernel";
    else if (value && strcmp(option, "-initrd") == 0)
        value = DIRECTORY "/initramfs";
    parse->sandboxed = parse->sandboxed || strcmp(option, "-sandbox") == 0;
    add(parse, option);
    if (value)
        add(parse, value);
    return TRUE;
}

static gboolean
parse_words(Parse *parse, char **words)
{
    while (*words && **words != '/') /* NAME=VALUE for the environment, then the program */
        words++;
    if (!*words)
        return unsupported(parse, "beginning", "(no program)");
    add(parse, *words++);
    while (*words) {
        const char *option = *words++;
        const char *value = NULL;

        if (*option != '-')
            return unsupported(parse, "word", option);
        if (!g_strv_contains(flags, option)) {
            if (!*words)
                return unsupported(parse, "last option", option);
            value = *words++;
        }
        if (!parse_option(parse, option, value))
            return FALSE;
    }
    if (json_array_size(parse->ram) == 0)
        return unsupported(parse, "memory", "(no memory-backend-ram)");
    /* A reset or power-off stops the guest with an event, as libvirt has it set in its guests. */
    add(parse, "-action");
    add(parse, "reboot=shutdown,shutdown=pause,panic=pause");
    if (!parse->sandboxed) {
        add(parse, "-sandbox");
        add(parse, "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
    }
    return TRUE;
}

json_t *
lab_native_argv_parse(const char *native, const char *directory, GError **error)
{
    g_auto(GStrv) words = NULL;
    g_autoptr(json_t) command = json_pack("{s:[], s:[]}", "argv", "ram");
    g_autoptr(GError) garbled = NULL;
    Parse parse = {.directory = directory,
                   .argv = lab_json_member(command, "argv"),
                   .ram = lab_json_member(command, "ram"),
                   .error = error};

    if (!g_shell_parse_argv(native, NULL, &words, &garbled)) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_UNSUPPORTED,
                    "reading libvirt's command line: %s", garbled->message);
        return NULL;
    }
    return parse_words(&parse, words) ? g_steal_pointer(&command) : NULL;
}

static char *
with_share(const char *value, gboolean share)
{
    g_autoptr(json_t) object = lab_json_parse(value, strlen(value), "-object", NULL);

    if (g_strcmp0(object ? lab_json_string(object, "qom-type") : NULL, "memory-backend-file") != 0)
        return g_strdup(value);
    json_object_set_new(object, "share", json_boolean(share));
    return lab_json_line(object);
}

char **
lab_native_argv_make(const json_t *command, const char *directory, gboolean clone)
{
    g_auto(GStrv) words = lab_json_to_strv(lab_json_member(command, "argv"));
    g_autoptr(GStrvBuilder) argv = g_strv_builder_new();
    g_autofree char *name = g_strconcat(directory, "/", NULL);

    for (char **word = words; *word; word++) {
        gboolean object = word > words && strcmp(word[-1], "-object") == 0;
        g_autofree char *own = object ? with_share(*word, !clone) : g_strdup(*word);
        g_auto(GStrv) pieces = g_strsplit(own, DIRECTORY, -1);
        g_autofree char *joined = g_strjoinv(directory, pieces);

        g_strv_builder_add(argv, joined);
    }
    g_strv_builder_add_many(argv, "-name", name, NULL);
    if (clone)
        g_strv_builder_add_many(argv, "-incoming", "defer", NULL);
    return g_strv_builder_end(argv);
}
