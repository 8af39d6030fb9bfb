/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's log in a dump: records in log_buf (commit 7ff9554bb578 ("printk: convert byte-buffer
 * to variable-length record buffer") (in v3.5)) or the lockless ring (commit 896fbe20b4e2 ("printk:
 * use the lockless ringbuffer") (in v5.10)). The layouts come from vmcoreinfo; the bytes are the
 * dump's: what is read is bounded by what such a log can hold.
 */
#include <string.h>

#include "lab-core-private.h"
#include "lab-error.h"

#define MAX_TEXT       (32u << 20) /* of what is handed out */
#define MAX_BITS       26u
#define MAX_COUNT_BITS 20u
#define MAX_LOG_BUF    (1u << 30)
#define ID_BITS        62u
#define NO_DATA        1u
#define CALLER_CPU     0x80000000u
#define NS_PER_S       G_GUINT64_CONSTANT(1000000000)

typedef struct {
    LabCore *core;
    GString *text;
    gboolean callers;
    guint n, lost;
    gboolean shortened, has_callers;
} Log;

typedef struct {
    guint64 ts_nsec;
    guint32 caller;
    gboolean has_caller;
} Stamp;

/* ---- text ---- */

static void
append_prefix(const Log *log, const Stamp *stamp)
{
    g_string_append_printf(log->text, "[%5" G_GUINT64_FORMAT ".%06" G_GUINT64_FORMAT "]",
                           stamp->ts_nsec / NS_PER_S, stamp->ts_nsec % NS_PER_S / 1000);
    if (log->callers && stamp->has_caller) {
        char caller[16];

        g_snprintf(caller, sizeof caller, "%c%u", stamp->caller & CALLER_CPU ? 'C' : 'T',
                   stamp->caller & ~CALLER_CPU);
        g_string_append_printf(log->text, "[%6s]", caller);
    }
    g_string_append_c(log->text, ' ');
}

static void
append_record(Log *log, const Stamp *stamp, const guint8 *bytes, gsize length)
{
    gsize start = log->text->len, indent;

    append_prefix(log, stamp);
    indent = log->text->len - start;
    for (gsize i = 0; i < length; i++) {
        guint8 c = bytes[i];

        if (c == '\n' && log->callers) {
            g_string_append_c(log->text, '\n');
            append_prefix(log, stamp);
        } else if (c == '\n') {
            g_string_append_printf(log->text, "\n%*s", (int)indent, "");
        } else if ((c >= ' ' && c < 0x7f) || (c >= '\t' && c <= '\r')) {
            g_string_append_c(log->text, (char)c);
        } else {
            g_string_append_printf(log->text, "\\x%02x", c);
        }
    }
    g_string_append_c(log->text, '\n');
    log->n++;
    if (log->text->len > MAX_TEXT) {
        const char *newline = strchr(log->text->str + MAX_TEXT / 2, '\n');

        g_string_erase(log->text, 0, newline + 1 - log->text->str);
        log->shortened = TRUE;
    }
}

/* ---- the lockless ring ---- */

typedef struct {
    guint64 descs, infos, data;
    guint64 head_id, tail_id;
    guint count_bits, size_bits;
    guint64 size_desc, size_info;
    guint64 at_state, at_begin, at_next;
    guint64 at_ts, at_length, at_caller;
    guint64 left; /* bytes of text that the ring can still hold */
} Ring;

/* Each number is one of vmcoreinfo; small, or it is none. */
static gboolean
get_layout(LabCore *core, const char *kind, const char *const names[], guint64 *const values[],
           gsize n)
{
    for (gsize i = 0; i < n; i++) {
        gboolean ok = *kind == 'O' ? lab_core_offset(core, names[i], values[i])
                                   : lab_core_size(core, names[i], values[i]);

        if (!ok || *values[i] > 4096)
            return FALSE;
    }
    return TRUE;
}

static gboolean
read_ring(LabCore *core, Ring *ring)
{
    guint64 desc_ring = 0, data_ring = 0, count_bits = 0, descs = 0, infos = 0, head = 0, tail = 0;
    guint64 size_bits = 0, data = 0, state = 0, lpos = 0, begin = 0, next = 0, ts = 0, length = 0;
    guint64 caller = 0, prb, address, number;
    static const char *const offsets[] = {
        "printk_ringbuffer.desc_ring", "printk_ringbuffer.text_data_ring",
        "prb_desc_ring.count_bits",    "prb_desc_ring.descs",
        "prb_desc_ring.infos",         "prb_desc_ring.head_id",
        "prb_desc_ring.tail_id",       "prb_data_ring.size_bits",
        "prb_data_ring.data",          "prb_desc.state_var",
        "prb_desc.text_blk_lpos",      "prb_data_blk_lpos.begin",
        "prb_data_blk_lpos.next",      "printk_info.ts_nsec",
        "printk_info.text_len",        "printk_info.caller_id",
    };
    guint64 *const values[] = {
        &desc_ring, &data_ring, &count_bits, &descs, &infos, &head, &tail,   &size_bits,
        &data,      &state,     &lpos,       &begin, &next,  &ts,   &length, &caller,
    };
    static const char *const sizes[] = {"prb_desc", "printk_info"};
    guint64 *const size_values[] = {&ring->size_desc, &ring->size_info};
    guint64 counter = 0;

    if (!lab_core_symbol(core, "prb", &address) ||
        !get_layout(core, "OFFSET", offsets, values, G_N_ELEMENTS(values)) ||
        !get_layout(core, "SIZE", sizes, size_values, G_N_ELEMENTS(sizes)) ||
        !lab_core_read_u64(core, address, &prb))
        return FALSE;
    /* OFFSET(atomic_long_t.counter) is 0 everywhere. */
    lab_core_offset(core, "atomic_long_t.counter", &counter);
    ring->at_state = state + counter;
    ring->at_begin = lpos + begin;
    ring->at_next = lpos + next;
    ring->at_ts = ts;
    ring->at_length = length;
    ring->at_caller = caller;
    if (!lab_core_read_number(core, prb + desc_ring + count_bits, 4, &number) || number == 0 ||
        number > MAX_COUNT_BITS)
        return FALSE;
    ring->count_bits = (guint)number;
    if (!lab_core_read_number(core, prb + data_ring + size_bits, 4, &number) || number < 3 ||
        number > MAX_BITS)
        return FALSE;
    ring->size_bits = (guint)number;
    ring->left = G_GUINT64_CONSTANT(2) << ring->size_bits;
    return lab_core_read_u64(core, prb + desc_ring + descs, &ring->descs) &&
           lab_core_read_u64(core, prb + desc_ring + infos, &ring->infos) &&
           lab_core_read_u64(core, prb + desc_ring + head + counter, &ring->head_id) &&
           lab_core_read_u64(core, prb + desc_ring + tail + counter, &ring->tail_id) &&
           lab_core_read_u64(core, prb + data_ring + data, &ring->data);
}

/* The text's place in the data ring: behind the descriptor's id (a long), at the ring's start where
 * the block wraps. Both positions odd: a record without data. FALSE: damaged. */
static gboolean
find_text(const Ring *ring, guint64 begin, guint64 next, guint64 *at, guint64 *length)
{
    guint64 mask = (G_GUINT64_CONSTANT(1) << ring->size_bits) - 1;

    if ((begin & NO_DATA) && (next & NO_DATA)) {
        *length = 0;
        return TRUE;
    }
    if (next - begin > 2 * mask)
        return FALSE;
    /* A block that ends with the ring has its end at a position of the next lap. */
    if ((begin & mask) > (next & mask) && (next & mask) != 0)
        begin = next & ~mask;
    begin &= mask;
    next = (next & mask) == 0 ? mask + 1 : next & mask;
    if (next < begin + 8)
        return FALSE;
    *at = begin + 8;
    *length = MIN(*length, next - *at);
    return TRUE;
}

/* FALSE: the record should be there and cannot be read. */
static gboolean
read_record(Log *log, Ring *ring, guint64 id, guint8 *text)
{
    guint64 index = id & ((G_GUINT64_CONSTANT(1) << ring->count_bits) - 1);
    guint64 desc = ring->descs + index * ring->size_desc;
    guint64 info = ring->infos + index * ring->size_info;
    guint64 state, begin, next, ts, length, at = 0, caller;
    Stamp stamp = {0};

    if (!lab_core_read_u64(log->core, desc + ring->at_state, &state))
        return FALSE;
    /* Neither committed nor finalized: being written, or given up; or another lap's. */
    if ((state >> ID_BITS != 1 && state >> ID_BITS != 2) ||
        ((state ^ id) & ((G_GUINT64_CONSTANT(1) << ID_BITS) - 1)) != 0)
        return TRUE;
    if (!lab_core_read_u64(log->core, desc + ring->at_begin, &begin) ||
        !lab_core_read_u64(log->core, desc + ring->at_next, &next) ||
        !lab_core_read_u64(log->core, info + ring->at_ts, &ts) ||
        !lab_core_read_number(log->core, info + ring->at_length, 2, &length) ||
        !lab_core_read_number(log->core, info + ring->at_caller, 4, &caller))
        return FALSE;
    if (!find_text(ring, begin, next, &at, &length) || length > ring->left ||
        lab_core_read(log->core, ring->data + at, text, length, NULL) != LAB_CORE_OK)
        return FALSE;
    ring->left -= length;
    stamp.ts_nsec = ts;
    stamp.caller = (guint32)caller;
    stamp.has_caller = caller != 0 || log->has_callers;
    append_record(log, &stamp, text, length);
    return TRUE;
}

/* Without CONFIG_PRINTK_CALLER the field is there and 0 in every record. */
static gboolean
have_callers(LabCore *core, const Ring *ring)
{
    for (guint64 i = 0; i < MIN(G_GUINT64_CONSTANT(1) << ring->count_bits, 4096u); i++) {
        guint64 caller;

        if (lab_core_read_number(core, ring->infos + i * ring->size_info + ring->at_caller, 4,
                                 &caller) &&
            caller != 0)
            return TRUE;
    }
    return FALSE;
}

static gboolean
dump_ring(Log *log)
{
    g_autofree guint8 *text = g_malloc(G_MAXUINT16 + 1);
    Ring ring = {0};
    guint64 mask = (G_GUINT64_CONSTANT(1) << ID_BITS) - 1;
    guint64 n;

    if (!read_ring(log->core, &ring))
        return FALSE;
    log->has_callers = have_callers(log->core, &ring);
    n = (ring.head_id - ring.tail_id) & mask;
    if (n >= G_GUINT64_CONSTANT(1) << ring.count_bits)
        return FALSE;
    for (guint64 i = 0; i <= n; i++)
        if (!read_record(log, &ring, (ring.tail_id + i) & mask, text))
            log->lost++;
    return TRUE;
}

/* ---- log_buf ---- */

typedef struct {
    guint64 buffer, bytes, first, next;
    guint64 size, at_ts, at_len, at_text_len;
} Buffer;

static gboolean
read_u32_symbol(LabCore *core, const char *name, guint64 *value)
{
    guint64 address;

    return lab_core_symbol(core, name, &address) && lab_core_read_number(core, address, 4, value);
}

/* struct log, since v3.11 struct printk_log (commit 62e32ac3505a ("printk: rename struct log to
 * struct printk_log")). */
static gboolean
read_buffer(LabCore *core, Buffer *buffer)
{
    static const char *const offsets[2][3] = {
        {"printk_log.ts_nsec", "printk_log.len", "printk_log.text_len"},
        {"log.ts_nsec", "log.len", "log.text_len"},
    };
    static const char *const sizes[2][1] = {{"printk_log"}, {"log"}};
    guint64 *const values[] = {&buffer->at_ts, &buffer->at_len, &buffer->at_text_len};
    guint64 *const size_value[] = {&buffer->size};
    guint64 address;

    if (!(get_layout(core, "OFFSET", offsets[0], values, 3) &&
          get_layout(core, "SIZE", sizes[0], size_value, 1)) &&
        !(get_layout(core, "OFFSET", offsets[1], values, 3) &&
          get_layout(core, "SIZE", sizes[1], size_value, 1)))
        return FALSE;
    if (buffer->size < 16 || !lab_core_symbol(core, "log_buf", &address) ||
        !lab_core_read_u64(core, address, &buffer->buffer) ||
        !read_u32_symbol(core, "log_buf_len", &buffer->bytes) ||
        !read_u32_symbol(core, "log_first_idx", &buffer->first) ||
        !read_u32_symbol(core, "log_next_idx", &buffer->next))
        return FALSE;
    return buffer->bytes >= buffer->size && buffer->bytes <= MAX_LOG_BUF &&
           buffer->first < buffer->bytes && buffer->next <= buffer->bytes;
}

/* One record at '*index', which goes on to the next. FALSE: there is no way on. */
static gboolean
read_entry(Log *log, const Buffer *buffer, guint64 *index, guint8 *text)
{
    guint64 at = buffer->buffer + *index;
    guint64 ts, len, text_len, caller;
    Stamp stamp = {0};

    if (*index + buffer->size > buffer->bytes ||
        !lab_core_read_number(log->core, at + buffer->at_len, 2, &len))
        return FALSE;
    /* Length 0: the rest of the buffer was too small, the record is at its start. */
    if (len == 0) {
        if (*index == 0)
            return FALSE;
        *index = 0;
        return TRUE;
    }
    if (len < buffer->size || *index + len > buffer->bytes)
        return FALSE;
    *index += len;
    if (!lab_core_read_u64(log->core, at + buffer->at_ts, &ts) ||
        !lab_core_read_number(log->core, at + buffer->at_text_len, 2, &text_len) ||
        text_len > len - buffer->size ||
        lab_core_read(log->core, at + buffer->size, text, text_len, NULL) != LAB_CORE_OK) {
        log->lost++;
        return TRUE;
    }
    stamp.ts_nsec = ts;
    /* commit 15ff2069cb7f ("printk: Add caller information to printk() output") (in v5.1) */
    if (buffer->size >= 20 && lab_core_read_number(log->core, at + 16, 4, &caller)) {
        stamp.caller = (guint32)caller;
        stamp.has_caller = TRUE;
    }
    append_record(log, &stamp, text, text_len);
    return TRUE;
}

static gboolean
dump_buffer(Log *log)
{
    g_autofree guint8 *text = g_malloc(G_MAXUINT16 + 1);
    Buffer buffer = {0};
    guint64 index, read = 0;

    if (!read_buffer(log->core, &buffer))
        return FALSE;
    index = buffer.first;
    while (index != buffer.next) {
        guint64 before = index;

        /* Once around is all that it can hold. */
        if (!read_entry(log, &buffer, &index, text) || read > buffer.bytes) {
            lab_core_missing(log->core, "dmesg", "it is damaged: the newest part is not there");
            break;
        }
        read += index > before ? index - before : buffer.size;
    }
    return TRUE;
}

/* ---- both ---- */

const char *
lab_core_dmesg_kind(LabCore *core)
{
    guint64 address;

    return lab_core_symbol(core, "prb", &address)             ? "printk_ringbuffer"
           : lab_core_symbol(core, "log_first_idx", &address) ? "log_buf"
                                                              : NULL;
}

GString *
lab_core_dmesg(LabCore *core, gboolean callers, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    Log log = {.core = core, .text = text, .callers = callers};
    const char *kind = lab_core_dmesg_kind(core);
    gboolean ok = kind && (g_str_equal(kind, "log_buf") ? dump_buffer(&log) : dump_ring(&log));

    if (!ok || log.n == 0) {
        const char *why = !lab_core_vmcoreinfo(core) ? "the dump has no vmcoreinfo to find it by"
                          : !kind ? "the dump's vmcoreinfo does not say where it is"
                                  : "it is damaged or not in the dump";

        lab_core_missing(core, "dmesg", "%s", why);
        g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_NOT_FOUND, "'%s': no dmesg: %s",
                    lab_core_path(core), why);
        return NULL;
    }
    if (log.lost)
        lab_core_missing(core, "dmesg", "%u of its records are damaged or not in the dump",
                         log.lost);
    if (log.shortened)
        lab_core_missing(core, "dmesg", "it is very long: the oldest part was left out");
    return g_steal_pointer(&text);
}
