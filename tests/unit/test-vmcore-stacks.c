/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tasks and stacks of a kernel made by hand, whole and damaged. */
#include <string.h>

#include "fake-stacks.h"

#define SLEEPER (FAKE_TASKS + 0x200)

typedef struct {
    GString *info;
    guint8 *image;
    guint64 hole; /* a page that the dump lacks, or 0 */
    LabCoreNote note;
} Fixture;

static void
set_up(Fixture *fixture, gconstpointer data)
{
    fixture->info = g_string_new(NULL);
    fixture->image = fake_kernel_image(fixture->info);
    fixture->note = fake_kernel_note();
}

static void
tear_down(Fixture *fixture, gconstpointer data)
{
    g_string_free(fixture->info, TRUE);
    g_free(fixture->image);
}

static gboolean
read_image(gpointer data, guint64 address, void *bytes, gsize length)
{
    const Fixture *fixture = data;
    guint64 size = FAKE_PARTS * FAKE_PART, offset = address - FAKE_TEXT;

    if (offset >= size || length > size - offset)
        return FALSE;
    if (fixture->hole && address < fixture->hole + 0x1000 && fixture->hole < address + length)
        return FALSE;
    memcpy(bytes, fixture->image + offset, length);
    return TRUE;
}

static LabCoreStacks *
read_stacks(Fixture *fixture)
{
    LabCoreSource source = {
        .read = read_image,
        .data = fixture,
        .vmcoreinfo = fixture->info->str,
        .vmcoreinfo_length = fixture->info->len,
        .notes = &fixture->note,
        .n_notes = 1,
    };

    return lab_core_stacks_read(&source);
}

static const LabCoreTask *
task_of(const LabCoreStacks *stacks, gint pid)
{
    for (guint i = 0; i < stacks->tasks->len; i++) {
        const LabCoreTask *task = stacks->tasks->pdata[i];

        if (task->pid == pid)
            return task;
    }
    return NULL;
}

static char *
frames_of(const LabCoreTask *task)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < task->frames->len; i++) {
        const LabCrashFrame *frame = task->frames->pdata[i];

        g_string_append_printf(text, "%s%s%s%s", i ? " " : "", frame->reliable ? "" : "?",
                               frame->function, frame->module ? "@" : "");
        g_string_append(text, frame->module ? frame->module : "");
    }
    return g_string_free(text, FALSE);
}

static void
check_frames(const LabCoreTask *task, const char *frames, gboolean complete)
{
    g_autofree char *found = NULL;

    g_assert_nonnull(task);
    found = frames_of(task);
    g_assert_cmpstr(found, ==, frames);
    g_assert_cmpint(task->complete, ==, complete);
}

static void
put_u64(Fixture *fixture, guint64 address, guint64 value)
{
    value = GUINT64_TO_LE(value);
    memcpy(fixture->image + (address - FAKE_TEXT), &value, sizeof value);
}

static void
test_whole(Fixture *fixture, gconstpointer data)
{
    g_autoptr(LabCoreStacks) stacks = read_stacks(fixture);
    const LabCoreTask *sleeper = task_of(stacks, 41), *panicker = task_of(stacks, 42);
    g_autoptr(LabCrashLog) log = NULL;

    for (guint i = 0; i < stacks->missing->len; i++)
        g_test_message("missing: %s", (const char *)stacks->missing->pdata[i]);
    g_assert_cmpuint(stacks->tasks->len, ==, 3);
    g_assert_cmpuint(stacks->missing->len, ==, 0);
    check_frames(sleeper, "fake_schedule fake_wait@fake_mod fake_start", TRUE);
    g_assert_cmpint(sleeper->state, ==, 'D');
    g_assert_cmpstr(sleeper->comm, ==, "sleeper");
    check_frames(panicker, "fake_kexec fake_panic fake_irq fake_schedule fake_start", TRUE);
    g_assert_true(stacks->panic == panicker);
    g_assert_cmpint(stacks->panic_cpu, ==, 0);
    g_assert_cmpint(stacks->tainted, ==, 3 << 9);
    g_assert_cmpint(stacks->load[0], ==, 100);
    g_assert_cmpint(stacks->load[1], ==, 50);
    g_assert_cmpuint(stacks->n_modules, ==, 1);
    log = lab_core_task_judge(sleeper, NULL);
    g_assert_nonnull(log->cause);
    g_assert_cmpstr(log->cause->title, ==, "INFO: task hung in fake_wait");
}

/* A stack whose caller's pointer does not grow would be walked for ever. */
static void
test_loop(Fixture *fixture, gconstpointer data)
{
    g_autoptr(LabCoreStacks) stacks = NULL;
    const LabCoreTask *panicker;

    /* The interrupted stack pointer points back below the registers. */
    put_u64(fixture, FAKE_STACKS + 3 * 0x4000 - 0x400 + 0x90 + 8 * LAB_REG_SP,
            FAKE_STACKS + 3 * 0x4000 - 0x400);
    stacks = read_stacks(fixture);
    panicker = task_of(stacks, 42);
    g_assert_false(panicker->complete);
    g_assert_cmpuint(panicker->frames->len, <=, 128);
    g_assert_cmpuint(panicker->frames->len, >=, 3);
}

/* User mode ends a walk without a frame of its own. */
static void
test_user(Fixture *fixture, gconstpointer data)
{
    g_autoptr(LabCoreStacks) stacks = NULL;

    put_u64(fixture, FAKE_STACKS + 3 * 0x4000 - 0x400 + 0x90 + 8 * LAB_REG_CS, 0x33);
    stacks = read_stacks(fixture);
    check_frames(task_of(stacks, 42), "fake_kexec fake_panic fake_irq", TRUE);
}

/* A return address to nowhere: the rest is guessed, and says so. */
static void
test_guess(Fixture *fixture, gconstpointer data)
{
    g_autoptr(LabCoreStacks) stacks = NULL;
    const LabCoreTask *sleeper;
    g_autofree char *trace = NULL;

    put_u64(fixture, FAKE_STACKS + 2 * 0x4000 - 0x100 + 32, 0x1234);
    stacks = read_stacks(fixture);
    sleeper = task_of(stacks, 41);
    check_frames(sleeper, "fake_schedule ?fake_start", FALSE);
    g_assert_cmpstr(sleeper->how, ==, "scan");
    trace = lab_core_task_trace(sleeper);
    g_assert_cmpstr(
        trace, ==,
        "Call Trace:\n <TASK>\n fake_schedule+0x0/0x0\n ? fake_start+0x0/0x0\n </TASK>\n");
}

static void
test_circle(Fixture *fixture, gconstpointer data)
{
    g_autoptr(LabCoreStacks) stacks = NULL;

    put_u64(fixture, SLEEPER + 40, SLEEPER + 40);
    stacks = read_stacks(fixture);
    g_assert_nonnull(task_of(stacks, 41));
    g_assert_nonnull(task_of(stacks, 42)); /* from the other end */
    g_assert_cmpuint(stacks->missing->len, ==, 1);
    g_assert_nonnull(strstr(stacks->missing->pdata[0], "circles"));
}

/* Each page missing in turn: an answer every time, and never a silent one where a table is gone. */
static void
test_holes(Fixture *fixture, gconstpointer data)
{
    guint told = 0;

    for (guint64 page = 0; page < FAKE_PARTS * FAKE_PART; page += 0x1000) {
        g_autoptr(LabCoreStacks) stacks = NULL;

        fixture->hole = FAKE_TEXT + page;
        stacks = read_stacks(fixture);
        if (stacks->tasks->len < 3)
            g_assert_cmpuint(stacks->missing->len, >, 0);
        told += stacks->missing->len > 0;
    }
    g_assert_cmpuint(told, >=, 3); /* symbols, types, tasks */
}

static void
test_nothing(void)
{
    Fixture fixture = {.image = g_malloc0(FAKE_PARTS * FAKE_PART), .info = g_string_new("")};
    g_autoptr(LabCoreStacks) stacks = read_stacks(&fixture);
    json_t *json = lab_core_stacks_to_json(stacks, TRUE);

    g_assert_cmpuint(stacks->tasks->len, ==, 0);
    g_assert_cmpuint(stacks->missing->len, ==, 1);
    g_assert_null(stacks->panic);
    g_assert_cmpuint(json_array_size(json), ==, 0);
    json_decref(json);
    tear_down(&fixture, NULL);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define TEST(name) \
    g_test_add("/vmcore/stacks/" #name, Fixture, NULL, set_up, test_##name, tear_down)
    TEST(whole);
    TEST(loop);
    TEST(user);
    TEST(guess);
    TEST(circle);
    TEST(holes);
    g_test_add_func("/vmcore/stacks/nothing", test_nothing);
    return g_test_run();
}
