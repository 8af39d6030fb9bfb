/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A cell from a clone of a booted guest. What the boot would have told comes out of the template:
 * its console (boot.log), the agent's hello, what became of the capture kernel. The clone proves
 * that it is one; whatever goes wrong until then is the lab's, and the cell boots a guest of its
 * own.
 *
 * warm.json in the cell's directory keeps what the template gave, so that a recording of the cell
 * plays:
 * {"template","index","boot_ms","state":{"token","boot_id","capture_loaded","hello","capture"}}.
 */
#include "lab-life.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "lab-environment.h"
#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-log.h"

#define ENTROPY_BYTES 64
#define WARM_SCHEMA   1
/* A clone answers within some tenths of a second; a busy host may take ten times as long. */
#define WAKE_MS      15000
#define MAX_BOOT_LOG (64u << 20)

/* How a wait that should have gone well ended, as an error. */
static gboolean
expect_got(LabLife *life, LabWait end, const char *what, GError **error)
{
    if (end == LAB_WAIT_GOT)
        return TRUE;
    if (end != LAB_WAIT_ERROR)
        g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_FAILED, "%s: %s", what,
                    life->gone                 ? "QEMU ended"
                    : end == LAB_WAIT_STOPPED  ? "the kernel stopped"
                    : end == LAB_WAIT_DEADLINE ? "no answer in time"
                                               : "heartbeat and console went silent");
    return FALSE;
}

static gboolean
call(LabLife *life, json_t *request, const void *data, gsize length, gint64 timeout_ms,
     json_t **answer, const char *what, GError **error)
{
    gint64 deadline_ms = lab_guest_now_ms(life->guest) + timeout_ms;
    LabWait end = lab_life_call(life, request, data, length, deadline_ms, answer, error);

    if (!expect_got(life, end, what, error))
        return FALSE;
    if (lab_json_bool(*answer, "ok", FALSE))
        return TRUE;
    g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_FAILED, "%s: the agent refused: %s", what,
                lab_json_string(*answer, "error") ? lab_json_string(*answer, "error") : "?");
    return FALSE;
}

/* Boots the guest that is to be saved, as far as a cell's setup may go for all cells alike. The
 * state that clones need of it; new reference. */
static json_t *
boot_template(LabLife *life, GError **error)
{
    gint64 boot_ms = life->cell->deadlines.boot_ms, setup_ms = life->cell->deadlines.setup_ms;
    g_autofree char *token = g_uuid_string_random();
    json_t *capture = NULL, *answer = NULL;
    g_autoptr(json_t) state = NULL;
    LabWait end;

    lab_life_set_cancel_guest(life->guest);
    if (!lab_guest_start(life->guest, error))
        return NULL;
    lab_life_tell_guest(life);
    end = lab_life_wait(life, lab_life_said_hello, lab_guest_now_ms(life->guest) + boot_ms, error);
    if (!expect_got(life, end, "booting the guest", error))
        return NULL;
    end = lab_life_ask_capture(life, lab_guest_now_ms(life->guest) + setup_ms, &capture, error);
    if (!expect_got(life, end, "loading the capture kernel", error))
        return NULL;
    state = json_pack("{s:s,s:O,s:o}", "token", token, "hello", life->hello, "capture",
                      capture ? json_incref(capture) : json_null());
    end = lab_life_template_environment(life, error);
    if (!expect_got(life, end, "reading modules and settings", error))
        return NULL;
    if (!call(life, json_pack("{s:s,s:s}", "verb", "template", "token", token), NULL, 0, setup_ms,
              &answer, "preparing the guest for its saving", error))
        return NULL;
    json_object_set(state, "boot_id", lab_json_member(answer, "boot_id"));
    json_object_set(state, "capture_loaded", lab_json_member(answer, "capture_loaded"));
    return g_steal_pointer(&state);
}

/* Takes the claim. */
static LabTemplate *
make_template(LabLife *life, const LabGuestConfig *config, LabTemplateClaim *claim, GError **error)
{
    g_autoptr(json_t) state = NULL;
    LabTemplate *template = NULL;

    lab_info("booting a guest to be cloned");
    life->guest =
        lab_guest_new_template(config, (guint)lab_cell_template_index(life->cell), claim, error);
    state = life->guest ? boot_template(life, error) : NULL;
    if (state)
        template = lab_guest_save_template(life->guest, state, error);
    lab_life_forget_guest(life);
    return template;
}

/* The template, there or made now; NULL and error. */
static LabTemplate *
get_template(LabLife *life, const LabGuestConfig *config, const char *key, GError **error)
{
    LabTemplate *template = NULL;
    LabTemplateClaim *claim = NULL;

    if (!lab_template_claim(config->cache_directory, key, life->cell->deadlines.boot_ms, &template,
                            &claim, error))
        return NULL;
    if (!template && !claim)
        g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_TIMEOUT,
                    "another worker makes the template and does not end");
    return claim ? make_template(life, config, claim, error) : template;
}

/* The boot's console is part of the cell's evidence: it goes the way of a console of its own. */
static gboolean
read_boot_log(LabLife *life, GError **error)
{
    gsize length = 0;
    g_autofree char *text = lab_file_read(life->dirfd, "boot.log", MAX_BOOT_LOG, &length, error);
    const char *line = text, *end = text + length;

    while (line && line < end) {
        const char *newline = memchr(line, '\n', (gsize)(end - line));
        gsize size = newline ? (gsize)(newline - line) : (gsize)(end - line);
        const char *next = line + size + 1;

        line = lab_life_without_mark(line, &size);
        if (size > 0 && line[size - 1] == '\r')
            size--;
        lab_life_console_line(life, line, size, 0);
        line = next;
    }
    return text != NULL;
}

/* Is it a fresh clone of that template? */
static gboolean
check_identity(const json_t *state, const json_t *answer, GError **error)
{
    static const char *const same[] = {"token", "boot_id", "capture_loaded"};

    for (gsize i = 0; i < G_N_ELEMENTS(same); i++) {
        if (json_equal(lab_json_member(state, same[i]), lab_json_member(answer, same[i])))
            continue;
        g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_FAILED,
                    "the clone is not what it should be: its '%s' is not the template's", same[i]);
        return FALSE;
    }
    if (lab_json_int(answer, "n", 0) == 1)
        return TRUE;
    g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_FAILED, "the clone was woken before");
    return FALSE;
}

/* As the setup of a guest that booted for this cell records them. */
static void
record_errno(LabLife *life, const char *what, int code)
{
    g_autoptr(json_t) answer = json_pack("{s:b,s:i,s:s}", "ok", code == 0, "errno", code, "error",
                                         code == 0 ? "" : g_strerror(code));

    lab_life_record(life, what, answer);
}

static gboolean
wake(LabLife *life, const json_t *warm, GError **error)
{
    json_t *state = lab_json_member(warm, "state");
    json_t *hello = lab_json_member(state, "hello"), *answer = NULL;
    guint8 entropy[ENTROPY_BYTES];
    struct timespec now;

    if (!read_boot_log(life, error))
        return FALSE;
    if (getrandom(entropy, sizeof entropy, 0) != (ssize_t)sizeof entropy)
        return lab_error_set_errno(error, errno, "getting entropy for the guest");
    clock_gettime(CLOCK_REALTIME, &now);
    if (!call(life,
              json_pack("{s:s,s:I}", "verb", "clone", "time_ns",
                        (json_int_t)now.tv_sec * 1000000000 + now.tv_nsec),
              entropy, sizeof entropy, (gint64)(WAKE_MS * life->time_factor), &answer,
              "waking the clone", error) ||
        !check_identity(state, answer, error))
        return FALSE;
    record_errno(life, "clock", (int)lab_json_int(answer, "clock_errno", EIO));
    record_errno(life, "entropy", (int)lab_json_int(answer, "entropy_errno", EIO));
    life->capture_answer = json_incref(lab_json_member(state, "capture"));
    return lab_life_agent_frame(life, hello, NULL, lab_guest_now_ms(life->guest), error);
}

static void
add_facts(LabLife *life, const json_t *warm)
{
    json_t *facts = life->found->facts;

    json_object_set_new(facts, "warm", json_true());
    json_object_set(facts, "template", lab_json_member(warm, "template"));
    json_object_set(facts, "template_index", lab_json_member(warm, "index"));
    json_object_set(facts, "template_boot_ms", lab_json_member(warm, "boot_ms"));
}

/* Starts the clone and has it prove itself. */
static gboolean
run_clone(LabLife *life, const json_t *warm, GError **error)
{
    g_autofree char *dump = g_build_filename(life->directory, "vmcore", NULL);
    gint64 start_us = g_get_monotonic_time();

    lab_guest_set_dump_path(life->guest, dump);
    lab_life_set_cancel_guest(life->guest);
    if (!lab_guest_start(life->guest, error))
        return FALSE;
    lab_host_sample(&life->start_sample, lab_life_qemu_pid(life));
    lab_life_tell_guest(life);
    lab_life_calibrate(life, 0);
    if (!wake(life, warm, error))
        return FALSE;
    /* From the start of the restoring on, where the clone did not wait already. */
    if (!life->cell->replay)
        life->found->boot_ms = (g_get_monotonic_time() - start_us) / 1000;
    add_facts(life, warm);
    return TRUE;
}

static gboolean
start_clone(LabLife *life, const LabGuestConfig *config, const char *key, GError **error)
{
    g_autoptr(LabTemplate) template = NULL;
    g_autoptr(json_t) warm = NULL;
    const json_t *json;

    life->guest = lab_stock_take_ahead(life->stock, key, &template);
    if (life->guest && !lab_guest_set_cell(life->guest, life->cell, life->directory, error))
        return FALSE;
    if (!life->guest) {
        template = get_template(life, config, key, error);
        life->guest = template ? lab_guest_new_clone(config, template, error) : NULL;
    }
    if (!life->guest)
        return FALSE;
    json = lab_template_json(template);
    warm = json_pack("{s:i,s:s,s:O,s:O,s:O}", "schema_version", WARM_SCHEMA, "template",
                     lab_template_name(template), "index", lab_json_member(json, "index"),
                     "boot_ms", lab_json_member(json, "boot_ms"), "state",
                     lab_json_member(json, "state"));
    return warm && lab_json_write(life->dirfd, "warm.json", warm, 0600, error) &&
           run_clone(life, warm, error);
}

/* Why this cell has to boot, said before it does. Steals 'why'. */
static void
go_cold(LabLife *life, char *why)
{
    lab_life_forget_guest(life);
    lab_path_remove(life->dirfd, "boot.log", NULL);
    lab_path_remove(life->dirfd, "warm.json", NULL);
    lab_path_remove(life->dirfd, LAB_ENVIRONMENT_FILE, NULL);
    g_free(life->cold_why);
    life->cold_why = why;
}

gboolean
lab_life_boot_warm(LabLife *life, GError **error)
{
    g_autoptr(GError) problem = NULL;
    LabGuestConfig config;
    g_autofree char *key = NULL;
    const char *known;

    if (!life->warm)
        return FALSE;
    if (!lab_life_guest_config(life, &config, error))
        return FALSE;
    key = lab_template_key(&config, (guint)lab_cell_template_index(life->cell), &problem);
    known = key ? lab_stock_trouble(life->stock, key) : NULL;
    if (known)
        g_set_error(&problem, LAB_INFRA_ERROR, LAB_ERROR_FAILED, "%s", known);
    if (!problem && start_clone(life, &config, key, &problem))
        return TRUE;
    if (lab_life_cancelled() || g_error_matches(problem, LAB_INFRA_ERROR, LAB_ERROR_CANCELLED)) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return FALSE;
    }
    if (key && !known) {
        lab_life_warn(life, "this cell boots a guest of its own: %s", problem->message);
        lab_stock_note_trouble(life->stock, key, problem->message);
    }
    go_cold(life, lab_text_clean(problem->message, -1, FALSE));
    return FALSE;
}

gboolean
lab_life_replay_warm(LabLife *life, gboolean *is_warm, GError **error)
{
    LAB_AUTO_FD from = lab_dir_open(AT_FDCWD, life->cell->replay, NULL);
    g_autoptr(json_t) warm = NULL;

    *is_warm = from >= 0 && lab_file_exists(from, "warm.json");
    if (!*is_warm)
        return TRUE;
    warm = lab_json_read(from, "warm.json", WARM_SCHEMA, error);
    return warm && lab_file_copy(from, "boot.log", life->dirfd, "boot.log", 0600, error) &&
           lab_file_copy(from, "warm.json", life->dirfd, "warm.json", 0600, error) &&
           (!lab_file_exists(from, LAB_ENVIRONMENT_FILE) ||
            lab_file_copy(from, LAB_ENVIRONMENT_FILE, life->dirfd, LAB_ENVIRONMENT_FILE, 0600,
                          error)) &&
           run_clone(life, warm, error);
}

/* The clone for the cell that comes next, where that is one of the same boot and its template is
 * there. That it cannot be started now is no trouble yet: it will be tried when its turn comes. */
void
lab_life_start_ahead(LabLife *life)
{
    g_autofree char *own = NULL;
    g_autofree char *next = NULL;
    g_autofree char *key = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(LabTemplate) template = NULL;
    g_autoptr(LabTemplateClaim) claim = NULL;
    g_autoptr(LabCell) cell = g_steal_pointer(&life->next);
    LabGuestConfig config;

    if (!cell || !lab_json_bool(life->found->facts, "warm", FALSE))
        return;
    own = lab_cell_share(life->cell);
    next = lab_cell_share(cell);
    if (strcmp(own, next) != 0 || !lab_life_guest_config(life, &config, NULL))
        return;
    config.cell = cell;
    config.cell_directory = NULL;
    key = lab_template_key(&config, (guint)lab_cell_template_index(cell), &error);
    if (!key || !lab_template_claim(config.cache_directory, key, 0, &template, &claim, &error) ||
        !template)
        return;
    if (!lab_stock_put_ahead(life->stock, key, template, g_steal_pointer(&cell), &config, &error))
        lab_info("no clone was started ahead: %s", error->message);
}
