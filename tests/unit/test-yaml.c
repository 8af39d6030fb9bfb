/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The YAML loader on a small table: messages, positions, limits, and the way back to text. */
#include <stddef.h>
#include <string.h>

#include "lab-error.h"
#include "lab-json.h"
#include "lab-schema.h"
#include "lab-yaml.h"

typedef struct {
    char *name;
    int count;
} Item;

typedef struct {
    char *name;
    char *text;
    char *color;
    gboolean on;
    int cpus;
    double ratio;
    guint64 memory_bytes;
    gint64 time_ms;
    char **words;
    guint64 *sizes;
    Item item;
    Item *maybe;
    GPtrArray *items;
} Sample;

static const char *const colors[] = {"red", "green", "blue", NULL};

static const LabField item_fields[] = {
    {"name", LAB_FIELD_STRING, offsetof(Item, name), "a name", .required = TRUE},
    {"count", LAB_FIELD_INT, offsetof(Item, count), "how many", .min = 1, .max = 10},
    {NULL},
};
static const LabSchema item_table = {"item", sizeof(Item), item_fields, NULL};

/* A group: keys of the text, fields of the outer struct. */
static const LabField group_fields[] = {
    {"cpus", LAB_FIELD_INT, offsetof(Sample, cpus), "CPUs", .fallback = "1", .min = 1, .max = 8},
    {"memory", LAB_FIELD_SIZE, offsetof(Sample, memory_bytes), "memory", .fallback = "512M",
     .min = 1 << 20, .max = 1099511627776.0},
    {NULL},
};
static const LabSchema group_table = {"group", 0, group_fields, NULL};

static const LabField sample_fields[] = {
    {"name", LAB_FIELD_STRING, offsetof(Sample, name), "a name", .required = TRUE, .form = "[a-z]+",
     .form_help = "a name of [a-z]"},
    {"text", LAB_FIELD_TEXT, offsetof(Sample, text), "lines"},
    {"color", LAB_FIELD_STRING, offsetof(Sample, color), "a colour", .choices = colors},
    {"on", LAB_FIELD_BOOL, offsetof(Sample, on), "a switch"},
    {"group", LAB_FIELD_STRUCT, 0, "a group", .schema = &group_table},
    {"ratio", LAB_FIELD_DOUBLE, offsetof(Sample, ratio), "a ratio", .fallback = "inf", .min = -10,
     .max = 10},
    {"time", LAB_FIELD_DURATION, offsetof(Sample, time_ms), "a time", .fallback = "90s"},
    {"words", LAB_FIELD_STRINGS, offsetof(Sample, words), "words"},
    {"sizes", LAB_FIELD_SIZES, offsetof(Sample, sizes), "sizes", .min = 1, .max = 1099511627776.0},
    {"item", LAB_FIELD_STRUCT, offsetof(Sample, item), "an item", .schema = &item_table},
    {"maybe", LAB_FIELD_POINTER, offsetof(Sample, maybe), "an item", .schema = &item_table},
    {"items", LAB_FIELD_LIST, offsetof(Sample, items), "items", .schema = &item_table},
    {NULL},
};
static const LabSchema sample_table = {"sample", sizeof(Sample), sample_fields, NULL};

static gboolean
load(const char *text, gssize length, Sample *sample, GError **error)
{
    g_autoptr(LabYaml) yaml = lab_yaml_new("f.yaml");

    memset(sample, 0, sizeof(*sample));
    lab_yaml_load(yaml, text, length < 0 ? strlen(text) : (gsize)length, &sample_table, sample);
    return lab_yaml_finish(yaml, error);
}

static void
test_loads(void)
{
    Sample s;
    g_autoptr(GError) error = NULL;

    load("name: abc\n"
         "text: |\n  one\n  two\n"
         "color: green\n"
         "on: true\n"
         "group:\n  cpus: 4\n  memory: 1G\n"
         "ratio: -1.5\n"
         "time: 500ms\n"
         "words: [a, \"b c\", 7]\n"
         "sizes: [1M, 2M]\n"
         "item: {name: x, count: 3}\n"
         "maybe: {name: z}\n"
         "items:\n  - name: p\n  - {name: q, count: 2}\n",
         -1, &s, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(s.name, ==, "abc");
    g_assert_cmpstr(s.text, ==, "one\ntwo\n");
    g_assert_cmpstr(s.color, ==, "green");
    g_assert_true(s.on);
    g_assert_cmpint(s.cpus, ==, 4);
    g_assert_cmpuint(s.memory_bytes, ==, 1 << 30);
    g_assert_cmpfloat_with_epsilon(s.ratio, -1.5, 1e-9);
    g_assert_cmpint(s.time_ms, ==, 500);
    g_assert_cmpuint(g_strv_length(s.words), ==, 3);
    g_assert_cmpstr(s.words[1], ==, "b c");
    g_assert_cmpuint(s.sizes[1], ==, 2 << 20);
    g_assert_cmpuint(s.sizes[2], ==, 0);
    g_assert_cmpstr(s.item.name, ==, "x");
    g_assert_cmpstr(s.maybe->name, ==, "z");
    g_assert_cmpuint(s.items->len, ==, 2);
    g_assert_cmpint(((Item *)s.items->pdata[1])->count, ==, 2);
    lab_schema_clear(&sample_table, &s);
}

static void
test_defaults(void)
{
    Sample s;
    g_autoptr(GError) error = NULL;

    load("name: abc\nwords: []\ngroup: {}\n", -1, &s, &error);
    g_assert_no_error(error);
    g_assert_cmpint(s.cpus, ==, 1);
    g_assert_cmpuint(s.memory_bytes, ==, 512 << 20);
    g_assert_cmpint(s.time_ms, ==, 90000);
    g_assert_nonnull(s.words);
    g_assert_null(s.words[0]);
    g_assert_null(s.sizes);
    g_assert_null(s.maybe);
    g_assert_cmpuint(s.items->len, ==, 0);
    lab_schema_clear(&sample_table, &s);
}

static const struct {
    const char *text;
    const char *message;
} mistakes[] = {
    {"", "f.yaml:1:1: the file is empty"},
    {"# nothing\n", "f.yaml:2:1: the file is empty"},
    {"[a]\n", "f.yaml:1:1: expected keys: name, text, color, on, group, ratio, time, words, sizes, "
              "item, maybe, items"},
    {"name: abc\nnaem: x\n",
     "f.yaml:2:1: naem: unknown key: did you mean 'name'? (allowed: name, text, color, on, group, "
     "ratio, time, words, sizes, item, maybe, items)"},
    {"name: abc\nzzzz: x\n",
     "f.yaml:2:1: zzzz: unknown key: expected one of name, text, color, on, "
     "group, ratio, time, words, sizes, item, maybe, items"},
    {"color: red\n", "f.yaml:1:1: name: missing (a name): expected a name of [a-z]"},
    {"name: abc\nname: d\n", "f.yaml:2:1: name: given twice: it is in line 1 already"},
    {"name: ABC\n", "f.yaml:1:7: name: 'ABC': expected a name of [a-z]"},
    {"name:\n", "f.yaml:1:6: name: no value: expected a name of [a-z]"},
    {"name: ~\n", "f.yaml:1:7: name: no value: expected a name of [a-z]"},
    {"name: abc\ncolor: gren\n",
     "f.yaml:2:8: color: 'gren': expected one of red, green, blue: did you mean 'green'?"},
    {"name: abc\ncolor: [red]\n",
     "f.yaml:2:8: color: expected one of red, green, blue, not a list"},
    {"name: abc\non: yes\n", "f.yaml:2:5: on: 'yes': expected true or false"},
    {"name: abc\ngroup: 4\n", "f.yaml:2:8: group: expected keys: cpus, memory"},
    {"name: abc\ngroup:\n  cpus: 0\n",
     "f.yaml:3:9: group.cpus: '0': expected a whole number, from 1 to 8"},
    {"name: abc\ngroup:\n  cpus: 010x\n",
     "f.yaml:3:9: group.cpus: '010x': expected a whole number, from 1 to 8"},
    {"name: abc\ngroup:\n  cpus: 99999999999999999999\n",
     "f.yaml:3:9: group.cpus: '99999999999999999999': expected a whole number, from 1 to 8"},
    {"name: abc\ngroup:\n  memory: 512\n",
     "f.yaml:3:11: group.memory: '512': expected a size with its unit, such as 512M or 2G, from "
     "1.0 MiB to 1.0 TiB"},
    {"name: abc\nratio: .nan\n", "f.yaml:2:8: ratio: '.nan': expected a number, from -10 to 10"},
    {"name: abc\nratio: inf\n", "f.yaml:2:8: ratio: 'inf': expected a number, from -10 to 10"},
    {"name: abc\ntime: 90\n",
     "f.yaml:2:7: time: '90': expected a time with its unit, such as 500ms, 90s or 10m"},
    {"name: abc\nwords: a\n", "f.yaml:2:8: words: 'a': expected a list of texts"},
    {"name: abc\nwords: [a, [b]]\n", "f.yaml:2:12: words[1]: expected a text, not a list"},
    {"name: abc\nwords: [\"\"]\n", "f.yaml:2:9: words[0]: '': expected a text"},
    {"name: abc\nwords: [\"a\\0b\"]\n", "f.yaml:2:9: words[0]: control characters are not allowed"},
    {"name: abc\nwords: [\"a\\eb\"]\n", "f.yaml:2:9: words[0]: control characters are not allowed"},
    {"name: abc\nsizes: [1M, big]\n",
     "f.yaml:2:13: sizes[1]: 'big': expected a size with its unit, such as 512M or 2G, from "
     "1 byte to 1.0 TiB"},
    {"name: abc\nitem: {count: 1}\n", "f.yaml:2:7: item.name: missing (a name): expected a text"},
    {"name: abc\nitems:\n  - name: p\n    cout: 1\n",
     "f.yaml:4:5: items[0].cout: unknown key: did you mean 'count'? (allowed: name, count)"},
    {"name: abc\nitems: {name: p}\n",
     "f.yaml:2:8: items: expected a list, each with keys: name, count, not a mapping"},
    {"name: abc\nitems: [p]\n", "f.yaml:2:9: items[0]: expected keys: name, count"},
    {"name: &a abc\n", "f.yaml:1:7: anchors and tags are not allowed"},
    {"name: abc\ntext: *a\n", "f.yaml:2:7: aliases are not allowed: write the value out"},
    {"name: !!str abc\n", "f.yaml:1:7: anchors and tags are not allowed"},
    {"name: abc\n---\nname: d\n", "f.yaml:2:1: more than one document"},
    {"name: abc\n? [a]\n: b\n", "f.yaml:2:3: a key has to be a word"},
    {"name: abc\n  text: x\n", "f.yaml:2:7: no YAML: mapping values are not allowed in this "
                               "context"},
    {"name: \"abc\n",
     "f.yaml:2:1: no YAML: found unexpected end of stream, while scanning a quoted "
     "scalar"},
    {"name: abc\n\tcolor: red\n",
     "f.yaml:2:1: no YAML: found a tab character that violates indentation, "
     "while scanning a plain scalar"},
    /* All at once, in the order of the text. */
    {"color: rd\nnames: abc\ngroup: {cpus: 9, x: 1}\n",
     "f.yaml:1:1: name: missing (a name): expected a name of [a-z]\n"
     "f.yaml:1:8: color: 'rd': expected one of red, green, blue: did you mean 'red'?\n"
     "f.yaml:2:1: names: unknown key: did you mean 'name'? (allowed: name, text, color, on, group, "
     "ratio, time, words, sizes, item, maybe, items)\n"
     "f.yaml:3:15: group.cpus: '9': expected a whole number, from 1 to 8\n"
     "f.yaml:3:18: group.x: unknown key: expected one of cpus, memory"},
};

static void
test_mistakes(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(mistakes); i++) {
        g_autoptr(GError) error = NULL;
        Sample s;

        g_assert_false(load(mistakes[i].text, -1, &s, &error));
        g_assert_error(error, LAB_CONFIG_ERROR, LAB_ERROR_FAILED);
        if (strcmp(error->message, mistakes[i].message) != 0)
            g_printerr("%s\n--- says:\n%s\n--- not:\n%s\n", mistakes[i].text, error->message,
                       mistakes[i].message);
        g_assert_cmpstr(error->message, ==, mistakes[i].message);
    }
}

static void
assert_refused(const char *text, gssize length, const char *part)
{
    g_autoptr(GError) error = NULL;
    Sample s;

    g_assert_false(load(text, length, &s, &error));
    if (!strstr(error->message, part))
        g_error("'%s' does not say '%s'", error->message, part);
}

static void
test_limits(void)
{
    g_autoptr(GString) deep = g_string_new("words: ");
    g_autoptr(GString) many = g_string_new("name: abc\n");
    g_autofree char *large = g_strnfill((2 << 20) - 1, '#');

    for (int i = 0; i < 100000; i++)
        g_string_append_c(deep, '[');
    assert_refused(deep->str, -1, "nested too deeply");
    assert_refused(large, -1, "larger than 1 MiB");
    assert_refused("name: a\0b\n", 10, "no YAML");
    assert_refused("name: \xff\xfe\n", -1, "no YAML");
    for (int i = 0; i < 200; i++)
        g_string_append_printf(many, "x%d: 1\n", i);
    assert_refused(many->str, -1, "f.yaml: and 150 more");
}

/* What is written is read back as the same value. */
static void
test_write(void)
{
    Sample s, again;
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    g_autoptr(json_t) json = NULL;
    g_autoptr(json_t) json_again = NULL;

    load("name: abc\n"
         "text: \"a \\\"b\\\"\\n\\tc: # d\"\n"
         "group: {memory: 1048577B}\n"
         "words: [\"- x\", \"true\", \"~\", \"1\", \"a: b\", \"é\"]\n"
         "sizes: [1M]\n"
         "maybe: {name: \"#\"}\n"
         "items: [{name: p, count: 1}, {name: q}]\n",
         -1, &s, &error);
    g_assert_no_error(error);
    text = lab_yaml_write(&sample_table, &s);
    load(text, -1, &again, &error);
    g_assert_no_error(error);
    json = lab_schema_to_json(&sample_table, &s);
    json_again = lab_schema_to_json(&sample_table, &again);
    g_assert_true(json_equal(json, json_again));
    lab_schema_clear(&sample_table, &s);
    lab_schema_clear(&sample_table, &again);
}

/* A template names every key of the table, and so does the help. */
static void
test_template_and_help(void)
{
    static const char *const values[] = {"name=abc", "group.cpus=2", NULL};
    g_autofree char *text = lab_yaml_template(&sample_table, values);
    g_autofree char *help = lab_yaml_help(&sample_table);
    g_autoptr(GError) error = NULL;
    Sample s;

    load(text, -1, &s, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(s.name, ==, "abc");
    g_assert_cmpint(s.cpus, ==, 2);
    g_assert_null(s.color);
    for (const LabField *field = sample_fields; field->key; field++) {
        g_autofree char *key = g_strconcat(field->key, ":", NULL);

        g_assert_nonnull(strstr(text, key));
        g_assert_nonnull(strstr(help, key));
    }
    lab_schema_clear(&sample_table, &s);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/yaml/loads", test_loads);
    g_test_add_func("/yaml/defaults", test_defaults);
    g_test_add_func("/yaml/mistakes", test_mistakes);
    g_test_add_func("/yaml/limits", test_limits);
    g_test_add_func("/yaml/write", test_write);
    g_test_add_func("/yaml/template-and-help", test_template_and_help);
    return g_test_run();
}
