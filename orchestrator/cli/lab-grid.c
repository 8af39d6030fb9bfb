/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-grid.h"

#include <string.h>

#include "lab-log.h"

/* With more repetitions than this a place shows counts instead of one letter each. */
#define MAX_LETTERS 8
#define RESET       "\x1b[0m"

typedef enum { TONE_PLAIN, TONE_GOOD, TONE_BAD, TONE_WARN, TONE_BUSY, TONE_DIM } Tone;

typedef struct {
    char letter;
    guint8 kind; /* LabSignKind */
    guint8 tone;
} Sign;

typedef struct {
    GArray *cells; /* guint: indices of its cells */
} Place;

struct LabGrid {
    const GPtrArray *cells;
    Sign *signs;        /* by cell index */
    GPtrArray *rows;    /* char *: "recipe" or "recipe/variant" */
    GPtrArray *kernels; /* char *: heading */
    Place *places;      /* rows × kernels */
    guint *row_of;      /* by cell index */
    guint *open;        /* by row: cells that are not done */
};

static const char *
tone_text(Tone tone, gboolean color)
{
    /* Without colours what is unexpected stands out reversed. */
    static const char *const colored[] = {"",         "\x1b[32m", "\x1b[1;31m",
                                          "\x1b[33m", "\x1b[36m", "\x1b[2m"};

    if (color)
        return colored[tone];
    return tone == TONE_BAD ? "\x1b[7m" : "";
}

static char
letter_of(const LabBrief *brief)
{
    static const char outcomes[] = "?PFCHTBL~";

    switch (brief->state) {
    case LAB_STATE_RAN:
        return outcomes[brief->outcome];
    case LAB_STATE_INFRA:
        return 'i';
    case LAB_STATE_SKIPPED:
        return 's';
    case LAB_STATE_MISSING:
        return 'x';
    }
    return '?';
}

static Tone
tone_of(const LabBrief *brief)
{
    if (lab_brief_is_unexpected(brief))
        return TONE_BAD;
    if (brief->state == LAB_STATE_RAN)
        return TONE_GOOD;
    return brief->state == LAB_STATE_SKIPPED ? TONE_DIM : TONE_WARN;
}

const char *
lab_grid_color(const LabBrief *brief, gboolean color)
{
    return color ? tone_text(tone_of(brief), TRUE) : "";
}

/* "6.1.0-40-cloud-amd64" -> "6.1.0-40": what tells the kernels apart is at the front. */
static char *
short_release(const char *release)
{
    const char *end = strchr(release, '-');
    g_autofree char *clean = NULL;

    while (end && !g_ascii_isalpha(end[1]))
        end = strchr(end + 1, '-');
    clean = lab_text_clean(release, end ? end - release : -1, FALSE);
    return g_utf8_strlen(clean, -1) > 20 ? g_utf8_substring(clean, 0, 20) : g_steal_pointer(&clean);
}

static guint
index_of(GPtrArray *names, GHashTable *known, const char *key, char *(*make)(const char *))
{
    gpointer value;

    if (g_hash_table_lookup_extended(known, key, NULL, &value))
        return GPOINTER_TO_UINT(value);
    g_hash_table_insert(known, g_strdup(key), GUINT_TO_POINTER(names->len));
    g_ptr_array_add(names, make(key));
    return names->len - 1;
}

static char *
clean_name(const char *name)
{
    return lab_text_clean(name, -1, FALSE);
}

/* Two kernels whose short names are the same get their whole names. */
static void
tell_kernels_apart(LabGrid *grid, const char *const *releases)
{
    for (guint i = 0; i < grid->kernels->len; i++)
        for (guint j = i + 1; j < grid->kernels->len; j++)
            if (g_str_equal(grid->kernels->pdata[i], grid->kernels->pdata[j])) {
                g_free(grid->kernels->pdata[i]);
                g_free(grid->kernels->pdata[j]);
                grid->kernels->pdata[i] = clean_name(releases[i]);
                grid->kernels->pdata[j] = clean_name(releases[j]);
            }
}

static void
lay_out(LabGrid *grid, guint *row_of, guint *kernel_of)
{
    g_autoptr(GHashTable) rows = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GHashTable) kernels = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GPtrArray) ids = g_ptr_array_new();

    for (guint i = 0; i < grid->cells->len; i++) {
        const LabRunCell *cell = grid->cells->pdata[i];
        g_autofree char *row = g_strdup_printf("%s/%s", cell->recipe, cell->variant);

        row_of[i] = index_of(grid->rows, rows, row, clean_name);
        kernel_of[i] = index_of(grid->kernels, kernels, cell->kernel, short_release);
        if (kernel_of[i] >= ids->len)
            g_ptr_array_add(ids, (gpointer)cell->kernel);
    }
    tell_kernels_apart(grid, (const char *const *)ids->pdata);
}

LabGrid *
lab_grid_new(const GPtrArray *cells)
{
    LabGrid *grid = g_new0(LabGrid, 1);
    g_autofree guint *kernel_of = g_new(guint, cells->len);

    grid->cells = cells;
    grid->signs = g_new0(Sign, cells->len);
    grid->rows = g_ptr_array_new_with_free_func(g_free);
    grid->kernels = g_ptr_array_new_with_free_func(g_free);
    grid->row_of = g_new(guint, cells->len);
    lay_out(grid, grid->row_of, kernel_of);
    grid->places = g_new0(Place, (gsize)grid->rows->len * grid->kernels->len);
    grid->open = g_new0(guint, grid->rows->len);
    for (guint i = 0; i < cells->len; i++) {
        Place *place = &grid->places[grid->row_of[i] * grid->kernels->len + kernel_of[i]];

        if (!place->cells)
            place->cells = g_array_new(FALSE, FALSE, sizeof(guint));
        g_array_append_val(place->cells, i);
        grid->open[grid->row_of[i]]++;
        grid->signs[i] = (Sign){'.', LAB_SIGN_PENDING, TONE_DIM};
    }
    return grid;
}

void
lab_grid_free(LabGrid *grid)
{
    if (!grid)
        return;
    for (guint i = 0; i < grid->rows->len * grid->kernels->len; i++)
        if (grid->places[i].cells)
            g_array_unref(grid->places[i].cells);
    g_ptr_array_unref(grid->rows);
    g_ptr_array_unref(grid->kernels);
    g_free(grid->places);
    g_free(grid->signs);
    g_free(grid->open);
    g_free(grid->row_of);
    g_free(grid);
}

void
lab_grid_set(LabGrid *grid, const LabRunCell *cell, LabSignKind kind, const LabBrief *brief)
{
    Sign *sign = &grid->signs[cell->index];
    guint row = grid->row_of[cell->index];

    grid->open[row] += sign->kind == LAB_SIGN_DONE;
    switch (kind) {
    case LAB_SIGN_PENDING:
        *sign = (Sign){'.', kind, TONE_DIM};
        break;
    case LAB_SIGN_RUNNING:
        *sign = (Sign){'>', kind, TONE_BUSY};
        break;
    case LAB_SIGN_AGAIN:
        *sign = (Sign){'.', kind, TONE_WARN};
        break;
    case LAB_SIGN_DONE:
        *sign = (Sign){letter_of(brief), kind, (guint8)tone_of(brief)};
        grid->open[row]--;
        break;
    }
}

/* A line under construction: what is shown, and how many places it takes. */
typedef struct {
    GString *text;
    int width, limit;
    gboolean color;
} Line;

static void
put(Line *line, Tone tone, const char *text)
{
    int length = (int)g_utf8_strlen(text, -1);
    const char *code = tone_text(tone, line->color);
    int room = line->limit - line->width;
    g_autofree char *part = length > room ? g_utf8_substring(text, 0, MAX(room, 0)) : NULL;

    g_string_append_printf(line->text, "%s%s%s", code, part ? part : text, *code ? RESET : "");
    line->width += MIN(length, room);
}

static void
put_padded(Line *line, Tone tone, const char *text, int width)
{
    g_autofree char *pad = g_strnfill((gsize)MAX(width - (int)g_utf8_strlen(text, -1), 0), ' ');

    put(line, tone, text);
    put(line, TONE_PLAIN, pad);
}

static const char *
sign_text(const Sign *sign, guint beat, char buffer[2])
{
    static const char *const spinner[] = {"◐", "◓", "◑", "◒"};

    if (sign->kind == LAB_SIGN_RUNNING)
        return spinner[beat % G_N_ELEMENTS(spinner)];
    if (sign->kind != LAB_SIGN_DONE)
        return sign->kind == LAB_SIGN_AGAIN ? "↻" : "·";
    buffer[0] = sign->letter;
    buffer[1] = '\0';
    return buffer;
}

/* "C12 P3 ·85": the letters with their counts, what is unexpected first. */
static void
put_counts(const LabGrid *grid, const Place *place, Line *line, guint beat)
{
    guint counts[128][TONE_DIM + 1] = {{0}};
    Sign example[128] = {{0}};
    gboolean first = TRUE;

    for (guint i = 0; i < place->cells->len; i++) {
        const Sign *sign = &grid->signs[g_array_index(place->cells, guint, i)];

        counts[sign->letter & 127][sign->tone]++;
        example[sign->letter & 127] = *sign;
    }
    for (int tone = TONE_DIM; tone >= TONE_PLAIN; tone--)
        for (int letter = 127; letter > 0; letter--) {
            char buffer[2];
            g_autofree char *text = NULL;

            if (counts[letter][tone] == 0)
                continue;
            text = g_strdup_printf("%s%s%u", first ? "" : " ",
                                   sign_text(&example[letter], beat, buffer), counts[letter][tone]);
            put(line, (Tone)tone, text);
            first = FALSE;
        }
}

static void
put_place(const LabGrid *grid, const Place *place, Line *line, int width, guint beat)
{
    int start = line->width;
    int limit = line->limit;

    line->limit = MIN(limit, start + width - 2);
    if (place->cells && place->cells->len > MAX_LETTERS) {
        put_counts(grid, place, line, beat);
    } else {
        for (guint i = 0; place->cells && i < place->cells->len; i++) {
            const Sign *sign = &grid->signs[g_array_index(place->cells, guint, i)];
            char buffer[2];

            put(line, (Tone)sign->tone, sign_text(sign, beat, buffer));
        }
    }
    line->limit = limit;
    put_padded(line, TONE_PLAIN, "", width - (line->width - start));
}

static int
width_of_names(const GPtrArray *names)
{
    int width = 0;

    for (guint i = 0; i < names->len; i++)
        width = MAX(width, (int)g_utf8_strlen(names->pdata[i], -1));
    return width;
}

/* Columns are as wide as their heading or their signs, and two more. */
static int
column_width(const LabGrid *grid, guint kernel)
{
    int width = (int)g_utf8_strlen(grid->kernels->pdata[kernel], -1);

    for (guint row = 0; row < grid->rows->len; row++) {
        const Place *place = &grid->places[row * grid->kernels->len + kernel];
        int signs = place->cells ? (int)place->cells->len : 0;

        width = MAX(width, signs > MAX_LETTERS ? 14 : signs);
    }
    return width + 2;
}

/* The first row to be shown, so that the rows at work are among 'rows' of them. */
static guint
first_row(const LabGrid *grid, guint rows)
{
    guint first = 0;

    while (first < grid->rows->len && grid->open[first] == 0)
        first++;
    first = first > 1 ? first - 1 : 0;
    return first + rows > grid->rows->len ? grid->rows->len - MIN(rows, grid->rows->len) : first;
}

static void
add_line(GPtrArray *lines, Line *line)
{
    g_ptr_array_add(lines, g_string_free(line->text, FALSE));
}

static Line
begin_line(int columns, gboolean color)
{
    return (Line){g_string_new(NULL), 0, columns, color};
}

static void
draw_heading(const LabGrid *grid, GPtrArray *lines, int columns, int names, guint n_kernels,
             gboolean color)
{
    Line line = begin_line(columns, color);

    put_padded(&line, TONE_PLAIN, "", names);
    for (guint i = 0; i < n_kernels; i++)
        put_padded(&line, TONE_PLAIN, grid->kernels->pdata[i], column_width(grid, i));
    if (n_kernels < grid->kernels->len) {
        g_autofree char *more = g_strdup_printf("+%u kernels", grid->kernels->len - n_kernels);

        put(&line, TONE_DIM, more);
    }
    add_line(lines, &line);
}

static void
draw_row(const LabGrid *grid, GPtrArray *lines, guint row, int columns, int names, guint n_kernels,
         gboolean color, guint beat)
{
    Line line = begin_line(columns, color);
    g_autofree char *name = g_utf8_strlen(grid->rows->pdata[row], -1) > names - 2
                                ? g_utf8_substring(grid->rows->pdata[row], 0, names - 2)
                                : g_strdup(grid->rows->pdata[row]);

    put_padded(&line, TONE_PLAIN, name, names);
    for (guint i = 0; i < n_kernels; i++)
        put_place(grid, &grid->places[row * grid->kernels->len + i], &line, column_width(grid, i),
                  beat);
    add_line(lines, &line);
}

/* The letters that are there now and what they stand for. */
static void
draw_legend(const LabGrid *grid, GPtrArray *lines, int columns, gboolean color)
{
    static const char letters[] = "PFCHTBL~six";
    static const char *const words[] = {"pass",    "fail",         "crash",  "hang",
                                        "timeout", "boot failure", "lost",   "inconclusive",
                                        "skipped", "infra",        "missing"};
    Line line = begin_line(columns, color);
    gboolean there[128] = {FALSE};
    gboolean bad = FALSE;

    for (guint i = 0; i < grid->cells->len; i++)
        if (grid->signs[i].kind == LAB_SIGN_DONE) {
            there[grid->signs[i].letter & 127] = TRUE;
            bad |= grid->signs[i].tone == TONE_BAD;
        }
    for (gsize i = 0; i < G_N_ELEMENTS(words); i++) {
        g_autofree char *text = g_strdup_printf("%c %s   ", letters[i], words[i]);

        if (there[(int)letters[i]])
            put(&line, TONE_DIM, text);
    }
    if (bad)
        put(&line, TONE_BAD, color ? "red: unexpected" : "reversed: unexpected");
    add_line(lines, &line);
}

void
lab_grid_draw(const LabGrid *grid, GPtrArray *lines, int columns, int rows, gboolean color,
              guint beat)
{
    int names = MIN(width_of_names(grid->rows) + 2, MAX(columns / 2, 12));
    guint fit = (guint)MAX(rows - 2, 1);
    gboolean cut = fit < grid->rows->len;
    guint shown = cut ? MAX(fit - 1, 1) : grid->rows->len;
    guint first = first_row(grid, shown);
    guint n_kernels = 0;
    int width = names;

    while (n_kernels < grid->kernels->len && width + column_width(grid, n_kernels) <= columns)
        width += column_width(grid, n_kernels++);
    if (n_kernels < grid->kernels->len && n_kernels > 0 && width + 12 > columns)
        n_kernels--;
    n_kernels = MAX(n_kernels, 1);
    draw_heading(grid, lines, columns, names, n_kernels, color);
    for (guint row = first; row < first + shown && row < grid->rows->len; row++)
        draw_row(grid, lines, row, columns, names, n_kernels, color, beat);
    if (cut && rows > 3) {
        Line line = begin_line(columns, color);
        g_autofree char *more = g_strdup_printf("… %u more rows", grid->rows->len - shown);

        put(&line, TONE_DIM, more);
        add_line(lines, &line);
    }
    draw_legend(grid, lines, columns, color);
}

int
lab_grid_height(const LabGrid *grid)
{
    return (int)grid->rows->len + 2;
}
