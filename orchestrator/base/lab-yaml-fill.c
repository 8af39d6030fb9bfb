/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libcyaml's part. It loads into slots, one a field in the order of the table, with a schema made
 * from the table; the slots are then turned into the fields of the struct. So a size may be a text
 * in YAML and a number in C, and a key in a group may be a field of the outer struct.
 */
#include <cyaml/cyaml.h>
#include <string.h>

#include "lab-units.h"
#include "lab-yaml.h"

#define AT(type, value, field) (*(type *)((char *)(value) + (field)->offset))

typedef struct {
    void *data; /* char *, char ** or slots */
    guint64 count;
} Slot;

static const cyaml_schema_value_t text_entry = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 0, CYAML_UNLIMITED),
};

static gsize
count_fields(const LabSchema *schema)
{
    gsize n = 0;

    while (schema->fields[n].key)
        n++;
    return n;
}

static const cyaml_schema_field_t *make_fields(const LabSchema *schema, GPtrArray *pool);

static cyaml_schema_value_t
make_value(const LabField *field, GPtrArray *pool)
{
    cyaml_schema_value_t value = {.flags = CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL};
    cyaml_schema_value_t *entry;

    switch (field->type) {
    case LAB_FIELD_STRUCT:
    case LAB_FIELD_POINTER:
        value.type = CYAML_MAPPING;
        value.data_size = (uint32_t)(count_fields(field->schema) * sizeof(Slot));
        value.mapping.fields = make_fields(field->schema, pool);
        break;
    case LAB_FIELD_LIST:
        entry = g_new0(cyaml_schema_value_t, 1);
        g_ptr_array_add(pool, entry);
        entry->type = CYAML_MAPPING;
        entry->data_size = (uint32_t)(count_fields(field->schema) * sizeof(Slot));
        entry->mapping.fields = make_fields(field->schema, pool);
        value.type = CYAML_SEQUENCE;
        value.data_size = entry->data_size;
        value.sequence.entry = entry;
        value.sequence.max = CYAML_UNLIMITED;
        break;
    case LAB_FIELD_STRINGS:
    case LAB_FIELD_SIZES:
        value.type = CYAML_SEQUENCE;
        value.data_size = sizeof(char *);
        value.sequence.entry = &text_entry;
        value.sequence.max = CYAML_UNLIMITED;
        break;
    CASE_LAB_FIELD_SCALAR:
        value.type = CYAML_STRING;
        value.data_size = sizeof(char);
        value.string.max = CYAML_UNLIMITED;
        break;
    }
    return value;
}

static const cyaml_schema_field_t *
make_fields(const LabSchema *schema, GPtrArray *pool)
{
    gsize n = count_fields(schema);
    cyaml_schema_field_t *fields = g_new0(cyaml_schema_field_t, n + 1);

    g_ptr_array_add(pool, fields);
    for (gsize i = 0; i < n; i++) {
        /* cyaml_schema_field_t has const members. */
        cyaml_schema_field_t field = {
            .key = schema->fields[i].key,
            .data_offset = (uint32_t)(i * sizeof(Slot) + G_STRUCT_OFFSET(Slot, data)),
            .count_offset = (uint32_t)(i * sizeof(Slot) + G_STRUCT_OFFSET(Slot, count)),
            .count_size = sizeof(guint64),
            .value = make_value(&schema->fields[i], pool),
        };

        memcpy(&fields[i], &field, sizeof(field));
    }
    return fields;
}

static void take_slots(const LabSchema *schema, void *value, const Slot *slots);

static char **
take_strings(const Slot *slot)
{
    char **strings = g_new0(char *, slot->count + 1);

    for (guint64 i = 0; i < slot->count; i++)
        strings[i] = g_strdup(((char **)slot->data)[i]);
    return strings;
}

static guint64 *
take_sizes(const Slot *slot)
{
    guint64 *sizes = slot->count > 0 ? g_new0(guint64, slot->count + 1) : NULL;

    for (guint64 i = 0; i < slot->count; i++)
        lab_size_parse(((char **)slot->data)[i], &sizes[i]);
    return sizes;
}

static void
take_list(const LabField *field, GPtrArray *list, const Slot *slot)
{
    gsize n = count_fields(field->schema);

    for (guint64 i = 0; i < slot->count; i++) {
        void *element = lab_schema_new(field->schema);

        take_slots(field->schema, element, (const Slot *)slot->data + i * n);
        g_ptr_array_add(list, element);
    }
}

/* The text was checked before: conversions cannot fail. */
static void
take_slot(const LabField *field, void *value, const Slot *slot)
{
    switch (field->type) {
    case LAB_FIELD_STRINGS:
        g_strfreev(AT(char **, value, field));
        AT(char **, value, field) = take_strings(slot);
        break;
    case LAB_FIELD_SIZES:
        AT(guint64 *, value, field) = take_sizes(slot);
        break;
    case LAB_FIELD_STRUCT:
        take_slots(field->schema, &AT(char, value, field), slot->data);
        break;
    case LAB_FIELD_POINTER:
        AT(void *, value, field) = lab_schema_new(field->schema);
        take_slots(field->schema, AT(void *, value, field), slot->data);
        break;
    case LAB_FIELD_LIST:
        take_list(field, AT(GPtrArray *, value, field), slot);
        break;
    CASE_LAB_FIELD_SCALAR:
        lab_field_parse(field, value, slot->data);
        break;
    }
}

static void
take_slots(const LabSchema *schema, void *value, const Slot *slots)
{
    for (gsize i = 0; schema->fields[i].key; i++) {
        const LabField *field = &schema->fields[i];

        if (slots[i].data)
            take_slot(field, value, &slots[i]);
    }
}

static void
collect_log(cyaml_log_t level, void *context, const char *format, va_list args)
{
    GString *text = context;

    /* The first line says what is wrong; the lines after it are a backtrace of keys. */
    if (text->len == 0)
        g_string_append_vprintf(text, format, args);
}

gboolean
lab_yaml_fill(const char *text, gsize length, const LabSchema *schema, void *value, char **message)
{
    g_autoptr(GPtrArray) pool = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GString) log = g_string_new(NULL);
    cyaml_config_t config = {
        .log_fn = collect_log,
        .log_ctx = log,
        .log_level = CYAML_LOG_ERROR,
        .mem_fn = cyaml_mem,
        .flags = CYAML_CFG_NO_ALIAS,
    };
    cyaml_schema_value_t top = {
        .type = CYAML_MAPPING,
        .flags = CYAML_FLAG_POINTER,
        .data_size = (uint32_t)(count_fields(schema) * sizeof(Slot)),
        .mapping = {.fields = make_fields(schema, pool)},
    };
    cyaml_data_t *slots = NULL;
    cyaml_err_t status;

    status = cyaml_load_data((const uint8_t *)text, length, &config, &top, &slots, NULL);
    if (status != CYAML_OK) {
        g_strchomp(log->str);
        *message = g_strdup_printf("libcyaml: %s", *log->str ? log->str : cyaml_strerror(status));
        return FALSE;
    }
    lab_schema_init(schema, value);
    take_slots(schema, value, slots);
    cyaml_free(&config, &top, slots, 0);
    return TRUE;
}
