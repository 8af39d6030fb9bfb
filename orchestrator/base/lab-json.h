/* SPDX-License-Identifier: GPL-2.0-or-later */
/* jansson, with the lab's errors and limits. JSON files carry "schema_version". */
#pragma once

#include <glib.h>
#include <jansson.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_t, json_decref)

#define LAB_JSON_MAX_BYTES (64u << 20)

/* Reads dirfd/name. 'schema_version' > 0: the object has to carry that version or an older one;
 * newer data is LAB_DATA_ERROR/NEWER. Owned by the caller; NULL on error. */
json_t *lab_json_read(int dirfd, const char *name, int schema_version, GError **error);

/* Parses text (need not end in NUL); nesting over 64 is refused. 'what' names it in errors. */
json_t *lab_json_parse(const char *text, gsize length, const char *what, GError **error);

/* Writes 'value' (borrowed) atomically, indented, keys in the order they were set. */
gboolean
lab_json_write(int dirfd, const char *name, const json_t *value, mode_t mode, GError **error);

/* One line without a newline; free with g_free. Invalid UTF-8 never reaches it: see
 * lab_json_text. */
char *lab_json_line(const json_t *value);

/* A JSON string from foreign bytes: invalid UTF-8 becomes U+FFFD; NULL gives JSON null. */
json_t *lab_json_text(const char *text);

/* Members of an object; the default when absent or of another type. Strings are borrowed. */
const char *lab_json_string(const json_t *object, const char *key);
gint64 lab_json_int(const json_t *object, const char *key, gint64 otherwise);
double lab_json_double(const json_t *object, const char *key, double otherwise);
gboolean lab_json_bool(const json_t *object, const char *key, gboolean otherwise);
json_t *lab_json_member(const json_t *object, const char *key); /* borrowed, NULL */

/* Arrays of strings <-> GStrv (NULL-terminated; empty array for NULL). */
json_t *lab_json_from_strv(const char *const *strv);
char **lab_json_to_strv(const json_t *array); /* never NULL; g_strfreev */
