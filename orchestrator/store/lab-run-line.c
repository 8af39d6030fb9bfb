/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lines of cells.jsonl. Repetitions of a cell differ in id and repetition alone: their lines are
 * made of the first one's by putting those two in, and read by comparing the rest, so that 100 000
 * cells cost no 100 000 trips through a JSON parser. What does not look so takes the long way.
 */
#include <stdlib.h>
#include <string.h>

#include "lab-run-private.h"

#define ID_KEY         "\"id\":\""
#define REPETITION_KEY ",\"repetition\":"

/* Quotes within JSON strings are escaped, so the keys are found as keys only. */
gboolean
lab_cell_line_parse(LabCellLine *line, const char *text, gsize length)
{
    const char *end = text + length;
    const char *id = memmem(text, length, ID_KEY, strlen(ID_KEY));
    const char *quote, *repetition, *after;

    if (!id)
        return FALSE;
    id += strlen(ID_KEY);
    quote = memchr(id, '"', (gsize)(end - id));
    repetition = quote ? memmem(quote, (gsize)(end - quote), REPETITION_KEY, strlen(REPETITION_KEY))
                       : NULL;
    if (!repetition)
        return FALSE;
    repetition += strlen(REPETITION_KEY);
    for (after = repetition; after < end && g_ascii_isdigit(*after); after++)
        ;
    if (after == repetition || after == end || after - repetition > 9)
        return FALSE;
    *line = (LabCellLine){text,
                          length,
                          (gsize)(id - text),
                          (gsize)(quote - text),
                          (gsize)(repetition - text),
                          (gsize)(after - text)};
    return TRUE;
}

gboolean
lab_cell_line_is_like(const LabCellLine *a, const LabCellLine *b)
{
    gsize middle = a->repetition - a->id_end, tail = a->length - a->repetition_end;

    return a->id == b->id && middle == b->repetition - b->id_end &&
           tail == b->length - b->repetition_end && memcmp(a->text, b->text, a->id) == 0 &&
           memcmp(a->text + a->id_end, b->text + b->id_end, middle) == 0 &&
           memcmp(a->text + a->repetition_end, b->text + b->repetition_end, tail) == 0;
}

static guint
hash_bytes(guint hash, const char *bytes, gsize length)
{
    for (gsize i = 0; i < length; i++)
        hash = hash * 33 + (guchar)bytes[i];
    return hash;
}

guint
lab_cell_line_hash(const LabCellLine *line)
{
    guint hash = hash_bytes(5381, line->text, line->id);

    hash = hash_bytes(hash, line->text + line->id_end, line->repetition - line->id_end);
    return hash_bytes(hash, line->text + line->repetition_end, line->length - line->repetition_end);
}

void
lab_cell_line_append(GString *buffer, const LabCellLine *like, const char *id, int repetition)
{
    g_string_append_len(buffer, like->text, (gssize)like->id);
    g_string_append(buffer, id);
    g_string_append_len(buffer, like->text + like->id_end,
                        (gssize)(like->repetition - like->id_end));
    g_string_append_printf(buffer, "%d", repetition);
    g_string_append_len(buffer, like->text + like->repetition_end,
                        (gssize)(like->length - like->repetition_end));
    g_string_append_c(buffer, '\n');
}
