/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The reader of tasks and stacks: a kernel made by hand, of which the input changes what it likes.
 * The first byte: 1 leaves kallsyms to be searched for. Then records of a u24 offset into the
 * image, a length from 1 to 16, and that many bytes. */
#include <string.h>

#include "fake-stacks.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

#define IMAGE_BYTES (FAKE_PARTS * FAKE_PART)

static guint8 *clean, *image;

static gboolean
read_image(gpointer data, guint64 address, void *bytes, gsize length)
{
    guint64 offset = address - FAKE_TEXT;

    if (offset >= IMAGE_BYTES)
        return FALSE;
    memcpy(bytes, image + offset, MIN(length, IMAGE_BYTES - offset));
    return length <= IMAGE_BYTES - offset;
}

static void
patch(const guint8 *data, gsize size)
{
    while (size > 4) {
        gsize offset = (data[0] | (gsize)data[1] << 8 | (gsize)data[2] << 16) % IMAGE_BYTES;
        gsize length = MIN(1 + data[3] % 16u, size - 4);

        memcpy(image + offset, data + 4, MIN(length, IMAGE_BYTES - offset));
        data += 4 + length;
        size -= 4 + length;
    }
}

static void
check_task(const LabCoreTask *task)
{
    g_autofree char *trace = lab_core_task_trace(task);

    g_assert(g_utf8_validate(task->comm, -1, NULL));
    g_assert(task->frames->len <= 256);
    for (guint i = 0; i < task->frames->len; i++) {
        const LabCrashFrame *frame = task->frames->pdata[i];

        g_assert(frame->function && *frame->function);
        g_assert(g_utf8_validate(frame->function, -1, NULL));
    }
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    static GString *info;
    g_autoptr(LabCoreStacks) stacks = NULL;
    LabCoreNote note = fake_kernel_note();
    LabCoreSource source = {.read = read_image, .notes = &note, .n_notes = 1};
    g_autofree char *stext = NULL;
    json_t *json;

    if (!clean) {
        info = g_string_new(NULL);
        clean = fake_kernel_image(info);
        image = g_malloc(IMAGE_BYTES);
    }
    memcpy(image, clean, IMAGE_BYTES);
    if (size > 0)
        patch(data + 1, size - 1);
    stext = g_strdup_printf("SYMBOL(_stext)=%" G_GINT64_MODIFIER "x\n", (guint64)FAKE_TEXT);
    source.vmcoreinfo = size > 0 && data[0] & 1 ? stext : info->str;
    source.vmcoreinfo_length = strlen(source.vmcoreinfo);
    stacks = lab_core_stacks_read(&source);
    for (guint i = 0; i < stacks->tasks->len; i++)
        check_task(stacks->tasks->pdata[i]);
    json = lab_core_stacks_to_json(stacks, TRUE);
    g_assert(json_is_array(json));
    json_decref(json);
    return 0;
}
