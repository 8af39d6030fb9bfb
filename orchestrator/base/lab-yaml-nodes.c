/* SPDX-License-Identifier: GPL-2.0-or-later */
/* YAML text to nodes with positions, through libyaml's events. The text is hostile. */
#include <string.h>
#include <yaml.h>

#include "lab-yaml.h"

#define MAX_DEPTH 16
#define MAX_NODES 200000

typedef struct {
    LabYaml *yaml;
    yaml_parser_t parser;
    guint nodes;
    gboolean failed;
} Reader;

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(yaml_event_t, yaml_event_delete)

void
lab_yaml_node_free(LabYamlNode *node)
{
    if (!node)
        return;
    for (guint i = 0; node->children && i < node->children->len; i++)
        lab_yaml_node_free(node->children->pdata[i]);
    g_clear_pointer(&node->children, g_ptr_array_unref);
    g_free(node->text);
    g_free(node);
}

static LabYamlNode *
fail(Reader *reader, const yaml_mark_t *mark, const char *text)
{
    if (!reader->failed)
        lab_yaml_problem_at(reader->yaml, (guint)mark->line + 1, (guint)mark->column + 1, "", "%s",
                            text);
    reader->failed = TRUE;
    return NULL;
}

static gboolean
next(Reader *reader, yaml_event_t *event)
{
    const yaml_parser_t *parser = &reader->parser;
    g_autofree char *text = NULL;

    memset(event, 0, sizeof(*event));
    if (yaml_parser_parse(&reader->parser, event))
        return TRUE;
    text = g_strdup_printf("no YAML: %s%s%s", parser->problem ? parser->problem : "out of memory",
                           parser->context ? ", " : "", parser->context ? parser->context : "");
    fail(reader, parser->error == YAML_READER_ERROR ? &parser->mark : &parser->problem_mark, text);
    return FALSE;
}

static LabYamlNode *
new_node(LabYamlKind kind, const yaml_event_t *event)
{
    LabYamlNode *node = g_new0(LabYamlNode, 1);

    node->kind = kind;
    node->line = (guint)event->start_mark.line + 1;
    node->column = (guint)event->start_mark.column + 1;
    if (kind != LAB_YAML_SCALAR)
        node->children = g_ptr_array_new();
    return node;
}

static LabYamlNode *read_node(Reader *reader, const yaml_event_t *event, int depth);

static LabYamlNode *
read_children(Reader *reader, LabYamlNode *parent, yaml_event_type_t end, int depth)
{
    g_autoptr(LabYamlNode) node = parent;

    for (;;) {
        g_auto(yaml_event_t) event;
        LabYamlNode *child;

        if (!next(reader, &event))
            return NULL;
        if (event.type == end)
            return g_steal_pointer(&node);
        child = read_node(reader, &event, depth + 1);
        if (!child)
            return NULL;
        g_ptr_array_add(node->children, child);
    }
}

static LabYamlNode *
read_scalar(Reader *reader, const yaml_event_t *event)
{
    LabYamlNode *node;

    if (event->data.scalar.tag || event->data.scalar.anchor)
        return fail(reader, &event->start_mark, "anchors and tags are not allowed");
    node = new_node(LAB_YAML_SCALAR, event);
    node->text = g_strndup((const char *)event->data.scalar.value, event->data.scalar.length);
    node->length = event->data.scalar.length;
    node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    return node;
}

/* NULL: failed. */
static LabYamlNode *
read_node(Reader *reader, const yaml_event_t *event, int depth)
{
    if (depth > MAX_DEPTH)
        return fail(reader, &event->start_mark, "nested too deeply");
    if (++reader->nodes > MAX_NODES)
        return fail(reader, &event->start_mark, "too many values");
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return read_scalar(reader, event);
    case YAML_SEQUENCE_START_EVENT:
        if (event->data.sequence_start.tag || event->data.sequence_start.anchor)
            return fail(reader, &event->start_mark, "anchors and tags are not allowed");
        return read_children(reader, new_node(LAB_YAML_LIST, event), YAML_SEQUENCE_END_EVENT,
                             depth);
    case YAML_MAPPING_START_EVENT:
        if (event->data.mapping_start.tag || event->data.mapping_start.anchor)
            return fail(reader, &event->start_mark, "anchors and tags are not allowed");
        return read_children(reader, new_node(LAB_YAML_MAPPING, event), YAML_MAPPING_END_EVENT,
                             depth);
    case YAML_ALIAS_EVENT:
        return fail(reader, &event->start_mark, "aliases are not allowed: write the value out");
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        break;
    }
    return fail(reader, &event->start_mark, "a value was expected");
}

static gboolean
skip(Reader *reader, yaml_event_type_t type, const char *otherwise)
{
    g_auto(yaml_event_t) event;

    if (!next(reader, &event))
        return FALSE;
    if (event.type == type)
        return TRUE;
    fail(reader, &event.start_mark, otherwise);
    return FALSE;
}

static LabYamlNode *
read_document(Reader *reader)
{
    g_autoptr(LabYamlNode) root = NULL;
    g_auto(yaml_event_t) event = {0};

    if (!skip(reader, YAML_STREAM_START_EVENT, "no YAML") ||
        !skip(reader, YAML_DOCUMENT_START_EVENT, "the file is empty") || !next(reader, &event))
        return NULL;
    root = read_node(reader, &event, 0);
    if (!root || !skip(reader, YAML_DOCUMENT_END_EVENT, "no YAML") ||
        !skip(reader, YAML_STREAM_END_EVENT, "more than one document"))
        return NULL;
    return g_steal_pointer(&root);
}

LabYamlNode *
lab_yaml_read_nodes(LabYaml *yaml, const char *text, gsize length)
{
    Reader reader = {.yaml = yaml};
    const yaml_mark_t start = {0};
    LabYamlNode *root;

    if (length > LAB_YAML_MAX_BYTES)
        return fail(&reader, &start, "larger than 1 MiB");
    if (!yaml_parser_initialize(&reader.parser))
        return fail(&reader, &start, "out of memory");
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, length);
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    root = read_document(&reader);
    yaml_parser_delete(&reader.parser);
    return root;
}
