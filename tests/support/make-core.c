/* SPDX-License-Identifier: GPL-2.0-or-later */
/* make-core FILE FORMAT [log_buf|no_note|no_base|flattened]…: writes a dump for tests. */
#include <stdio.h>
#include <string.h>

#include "synthetic-core.h"

static gboolean
set_word(Synthetic *what, const char *word)
{
    static const char *const formats[] = {"elf", "plain", "zlib", "lzo", "snappy", "zstd"};

    for (gsize i = 0; i < G_N_ELEMENTS(formats); i++)
        if (g_str_equal(word, formats[i])) {
            what->format = (SyntheticFormat)i;
            return TRUE;
        }
    what->log_buf |= g_str_equal(word, "log_buf");
    what->no_note |= g_str_equal(word, "no_note");
    what->no_base |= g_str_equal(word, "no_base");
    what->flattened |= g_str_equal(word, "flattened");
    return strstr(" log_buf no_note no_base flattened ", word) != NULL;
}

int
main(int argc, char **argv)
{
    Synthetic what = {0};
    g_autoptr(GByteArray) core = NULL;
    g_autoptr(GError) error = NULL;

    if (argc < 3)
        return 2;
    for (int i = 2; i < argc; i++)
        if (!set_word(&what, argv[i])) {
            fprintf(stderr, "make-core: what is '%s'?\n", argv[i]);
            return 2;
        }
    core = synthetic_core(&what);
    if (g_file_set_contents(argv[1], (const char *)core->data, core->len, &error))
        return 0;
    fprintf(stderr, "make-core: %s\n", error->message);
    return 1;
}
