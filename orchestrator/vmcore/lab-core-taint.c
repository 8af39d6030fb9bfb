/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-core-taint.h"

static const struct {
    char letter;
    const char *meaning;
} flags[] = {
    {'P', "a proprietary module was loaded"},
    {'F', "a module was loaded by force"},
    {'S', "the machine is out of its specification"},
    {'R', "a module was unloaded by force"},
    {'M', "the processor reported a machine check"},
    {'B', "a bad page was found"},
    {'U', "a user asked for the taint"},
    {'D', "the kernel died before (oops or BUG)"},
    {'A', "an ACPI table was replaced"},
    {'W', "the kernel warned before"},
    {'C', "a staging driver was loaded"},
    {'I', "it works around a severe firmware defect"},
    {'O', "an out-of-tree module was loaded"},
    {'E', "an unsigned module was loaded"},
    {'L', "a soft lockup happened before"},
    {'K', "it was live patched"},
    {'X', "the distribution's own taint"},
    {'T', "it was built with randomized structs"},
    {'N', "an in-kernel test ran"},
    {'J', "user space changed firmware state (fwctl)"},
};

guint64
lab_taint_from_letters(const char *letters, gsize length)
{
    guint64 mask = 0;

    for (gsize i = 0; i < length; i++)
        for (guint bit = 0; bit < G_N_ELEMENTS(flags); bit++)
            if (letters[i] == flags[bit].letter)
                mask |= G_GUINT64_CONSTANT(1) << bit;
    return mask;
}

json_t *
lab_taint_to_json(guint64 mask)
{
    g_autoptr(GString) letters = g_string_new(NULL);
    json_t *meanings = json_array();

    for (guint bit = 0; bit < 63; bit++) {
        if (!(mask >> bit & 1))
            continue;
        if (bit < G_N_ELEMENTS(flags)) {
            g_string_append_c(letters, flags[bit].letter);
            json_array_append_new(meanings, json_string(flags[bit].meaning));
        } else {
            g_string_append_c(letters, '?');
            json_array_append_new(meanings, json_sprintf("bit %u, of a newer kernel", bit));
        }
    }
    return json_pack("{s:I, s:s, s:o}", "mask", (json_int_t)(mask & G_MAXINT64), "letters",
                     letters->str, "meanings", meanings);
}
