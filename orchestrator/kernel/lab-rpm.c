/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-rpm.h"

#include <string.h>

#include "lab-error.h"
#include "lab-kernel.h"

#define LEAD_BYTES  96
#define INTRO_BYTES 16
#define ENTRY_BYTES 16
/* rpm's own limits (lib/header.c): 64 K tags, 256 MiB of data. */
#define MAX_ENTRIES 0xffffu
#define MAX_STORE   (256u << 20)

enum {
    TAG_NAME = 1000,
    TAG_VERSION = 1001,
    TAG_RELEASE = 1002,
    TAG_EPOCH = 1003,
    TAG_CHANGELOG_TIME = 1080,
    TAG_CHANGELOG_NAME = 1081,
    TAG_CHANGELOG_TEXT = 1082,
};

enum { TYPE_INT32 = 4, TYPE_STRING = 6, TYPE_STRING_ARRAY = 8, TYPE_I18N_STRING = 9 };

void
lab_rpm_clear(LabRpm *rpm)
{
    g_clear_pointer(&rpm->name, g_free);
    g_clear_pointer(&rpm->version, g_free);
    g_clear_pointer(&rpm->changelog, g_free);
}

gboolean
lab_rpm_is(const void *data, gsize length)
{
    return length >= 4 && memcmp(data, "\xed\xab\xee\xdb", 4) == 0;
}

static guint32
get_u32(const guint8 *p)
{
    return (guint32)p[0] << 24 | (guint32)p[1] << 16 | (guint32)p[2] << 8 | p[3];
}

/* One header: its index and its store. */
typedef struct {
    const guint8 *index;
    guint32 entries;
    const guint8 *store;
    guint32 store_bytes;
    gsize size; /* all of it */
} Header;

static gboolean
read_header(const guint8 *p, gsize length, Header *header, GError **error)
{
    static const char magic[] = {(char)0x8e, (char)0xad, (char)0xe8, 1};
    guint64 size;

    if (length < INTRO_BYTES || memcmp(p, magic, 4) != 0) {
        g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED, "no rpm header where one belongs");
        return FALSE;
    }
    header->entries = get_u32(p + 8);
    header->store_bytes = get_u32(p + 12);
    size = INTRO_BYTES + (guint64)header->entries * ENTRY_BYTES + header->store_bytes;
    if (header->entries > MAX_ENTRIES || header->store_bytes > MAX_STORE || size > length) {
        g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED, "an rpm header is cut off");
        return FALSE;
    }
    header->index = p + INTRO_BYTES;
    header->store = header->index + (gsize)header->entries * ENTRY_BYTES;
    header->size = size;
    return TRUE;
}

/* Finds a tag of one of the types; *bytes is what the store has from its data on. */
static const guint8 *
find_tag(const Header *header, guint32 tag, guint32 type, guint32 *count, gsize *bytes)
{
    for (guint32 i = 0; i < header->entries; i++) {
        const guint8 *entry = header->index + (gsize)i * ENTRY_BYTES;
        guint32 found = get_u32(entry + 4);
        guint32 offset = get_u32(entry + 8);

        if (get_u32(entry) != tag || offset >= header->store_bytes)
            continue;
        if (found != type && !(type == TYPE_STRING && found == TYPE_I18N_STRING))
            continue;
        *count = get_u32(entry + 12);
        *bytes = header->store_bytes - offset;
        return header->store + offset;
    }
    return NULL;
}

/* The string at 'p' if it ends within 'bytes'. */
static const char *
bounded_string(const guint8 *p, gsize bytes)
{
    return memchr(p, '\0', bytes) ? (const char *)p : NULL;
}

static char *
get_string(const Header *header, guint32 tag)
{
    guint32 count;
    gsize bytes;
    const guint8 *p = find_tag(header, tag, TYPE_STRING, &count, &bytes);
    const char *text = p ? bounded_string(p, bytes) : NULL;

    return text ? g_utf8_make_valid(text, -1) : NULL;
}

static char *
get_version(const Header *header)
{
    g_autofree char *version = get_string(header, TAG_VERSION);
    g_autofree char *release = get_string(header, TAG_RELEASE);
    guint32 count;
    gsize bytes;
    const guint8 *epoch = find_tag(header, TAG_EPOCH, TYPE_INT32, &count, &bytes);

    if (!version || !release)
        return NULL;
    if (epoch && bytes >= 4)
        return g_strdup_printf("%u:%s-%s", get_u32(epoch), version, release);
    return g_strdup_printf("%s-%s", version, release);
}

/* The next string of an array; advances. NULL at its end. */
static const char *
next_string(const guint8 **p, gsize *bytes)
{
    const char *text = *p ? bounded_string(*p, *bytes) : NULL;
    gsize used;

    if (!text)
        return NULL;
    used = strlen(text) + 1;
    *p += used;
    *bytes -= used;
    return text;
}

static char *
get_changelog(const Header *header)
{
    guint32 count, names_count, texts_count;
    gsize bytes, names_bytes, texts_bytes;
    const guint8 *times = find_tag(header, TAG_CHANGELOG_TIME, TYPE_INT32, &count, &bytes);
    const guint8 *names =
        find_tag(header, TAG_CHANGELOG_NAME, TYPE_STRING_ARRAY, &names_count, &names_bytes);
    const guint8 *texts =
        find_tag(header, TAG_CHANGELOG_TEXT, TYPE_STRING_ARRAY, &texts_count, &texts_bytes);
    g_autoptr(GString) log = g_string_new(NULL);

    if (!times || !names || !texts)
        return NULL;
    for (guint32 i = 0; i < count && bytes >= 4; i++, times += 4, bytes -= 4) {
        g_autoptr(GDateTime) date = g_date_time_new_from_unix_utc(get_u32(times));
        g_autofree char *day = date ? g_date_time_format(date, "%a %b %d %Y") : NULL;
        const char *name = next_string(&names, &names_bytes);
        const char *text = next_string(&texts, &texts_bytes);

        /* The newest stand first: what is too much is old. */
        if (!name || !text || log->len + strlen(name) + strlen(text) + 64 > LAB_CHANGELOG_MAX_BYTES)
            break;
        g_string_append_printf(log, "* %s %s\n%s\n\n", day ? day : "?", name, text);
    }
    return log->len > 0 ? g_utf8_make_valid(log->str, (gssize)log->len) : NULL;
}

gboolean
lab_rpm_read(const void *data, gsize length, LabRpm *rpm, GError **error)
{
    const guint8 *p = data;
    Header header;
    gsize start;

    memset(rpm, 0, sizeof *rpm);
    if (!lab_rpm_is(data, length) || length < LEAD_BYTES) {
        g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED, "not an rpm package");
        return FALSE;
    }
    if (!read_header(p + LEAD_BYTES, length - LEAD_BYTES, &header, error))
        return FALSE;
    /* The signature is padded to eight bytes. */
    start = LEAD_BYTES + ((header.size + 7) & ~(gsize)7);
    if (start > length || !read_header(p + start, length - start, &header, error)) {
        if (error && !*error)
            g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED, "the package is cut off");
        return FALSE;
    }
    rpm->name = get_string(&header, TAG_NAME);
    rpm->version = get_version(&header);
    rpm->changelog = get_changelog(&header);
    return TRUE;
}

LabRpmSignature
lab_rpm_judge(const char *output, char **key)
{
    g_auto(GStrv) lines = g_strsplit(output, "\n", -1);
    LabRpmSignature result = LAB_RPM_UNSIGNED;

    *key = NULL;
    for (char **line = lines; *line; line++) {
        const char *id = strstr(*line, "ignature, key ID ");

        if (strstr(*line, ": BAD")) {
            g_clear_pointer(key, g_free);
            return LAB_RPM_BROKEN;
        }
        if (id && g_str_has_suffix(*line, ": OK")) {
            id += strlen("ignature, key ID ");
            g_free(*key);
            *key = g_strndup(id, strcspn(id, ":"));
            result = LAB_RPM_SIGNED;
        }
    }
    return result;
}
