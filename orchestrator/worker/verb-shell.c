/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `kreglab-worker shell DIR [COMMAND…]`: boots the kernel of DIR/cell.json with the lab's initramfs
 * and gives a shell on this terminal through the serial console (Ctrl-] leaves at once), or runs
 * one command (a script from stdin when that is no terminal) and ends with its status.
 *
 * A terminal gets the guest's bytes as they come, as from any console: that is what was asked for.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <glib-unix.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-life.h"
#include "lab-log.h"
#include "lab-verbs.h"

#define LEAVE_KEY        0x1d /* Ctrl-] */
#define MAX_SCRIPT_BYTES (512u << 10)
#define CONSOLE          "/dev/ttyS0"
#define LAST_WORDS_MS    2000

typedef struct {
    LabLife *life;
    struct termios saved;
    gboolean raw; /* the terminal is ours */
    gboolean leave;
    guint input_source, size_source;
} Shell;

static void
restore_terminal(Shell *shell)
{
    if (shell->raw)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &shell->saved);
    shell->raw = FALSE;
}

static gboolean
take_terminal(Shell *shell, GError **error)
{
    struct termios raw;

    if (tcgetattr(STDIN_FILENO, &shell->saved) < 0)
        return lab_error_set_errno(error, errno, "reading the terminal's settings");
    raw = shell->saved;
    cfmakeraw(&raw);
    if (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) < 0)
        return lab_error_set_errno(error, errno, "setting the terminal");
    shell->raw = TRUE;
    return TRUE;
}

static gboolean
on_input(int fd, GIOCondition condition, gpointer data)
{
    Shell *shell = data;
    char bytes[1024];
    ssize_t n = read(fd, bytes, sizeof bytes);
    const char *leave = n > 0 ? memchr(bytes, LEAVE_KEY, (size_t)n) : NULL;

    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return G_SOURCE_CONTINUE;
    if (n <= 0 || leave) {
        shell->leave = TRUE;
        shell->input_source = 0;
        return G_SOURCE_REMOVE;
    }
    lab_guest_console_send(shell->life->guest, bytes, (gsize)n, NULL);
    return G_SOURCE_CONTINUE;
}

/* The guest's terminal gets the size of this one. */
static gboolean
on_size(gpointer data)
{
    Shell *shell = data;
    struct winsize size;
    g_autofree char *rows = NULL;
    g_autofree char *columns = NULL;

    if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_row == 0)
        return G_SOURCE_CONTINUE;
    rows = g_strdup_printf("%d", size.ws_row);
    columns = g_strdup_printf("%d", size.ws_col);
    lab_life_send(shell->life,
                  json_pack("{s:s,s:[s,s,s,s,s,s,s]}", "verb", "exec", "argv", "/bin/stty", "-F",
                            CONSOLE, "rows", rows, "cols", columns),
                  NULL, 0, NULL);
    return G_SOURCE_CONTINUE;
}

static void
on_console(const void *bytes, gsize length, gpointer data)
{
    (void)!lab_fd_write_all(STDOUT_FILENO, bytes, length, NULL);
}

static void
on_output(LabLife *life, gboolean is_stderr, const void *bytes, gsize length)
{
    int fd = is_stderr ? STDERR_FILENO : STDOUT_FILENO;

    if (isatty(fd)) {
        g_autofree char *clean = lab_text_clean(bytes, (gssize)length, TRUE);

        (void)!lab_fd_write_all(fd, clean, strlen(clean), NULL);
    } else {
        (void)!lab_fd_write_all(fd, bytes, length, NULL);
    }
}

static gboolean
ended(LabLife *life)
{
    json_t *answer = g_hash_table_lookup(life->answers, GINT_TO_POINTER(life->stressor_id));

    return life->found->exited || (answer && !lab_json_bool(answer, "ok", FALSE));
}

static json_t *
environment(void)
{
    const char *term = g_getenv("TERM");
    json_t *env = json_array();

    json_array_append_new(env, json_sprintf("TERM=%s", term ? term : "vt102"));
    json_array_append_new(env, json_string("HOME=/"));
    json_array_append_new(env, json_string("PS1=\\w # "));
    return env;
}

static char *
read_script(GError **error)
{
    GString *script = g_string_new(NULL);
    char bytes[4096];
    ssize_t n;

    while ((n = read(STDIN_FILENO, bytes, sizeof bytes)) > 0 && script->len < MAX_SCRIPT_BYTES)
        g_string_append_len(script, bytes, n);
    if (n == 0)
        return g_string_free(script, FALSE);
    g_string_free(script, TRUE);
    g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_LIMIT, "a script on stdin has at most %u bytes",
                MAX_SCRIPT_BYTES);
    return NULL;
}

/* What runs in the guest. New reference. */
static json_t *
request(gboolean interactive, char **command, const char *script)
{
    json_t *json = json_object();
    json_t *argv = json_array();

    json_object_set_new(json, "verb", json_string("exec"));
    json_object_set_new(json, "env", environment());
    if (interactive) {
        json_array_append_new(argv, json_string("/bin/sh"));
        json_array_append_new(argv, json_string("-i"));
        json_object_set_new(json, "tty", json_string(CONSOLE));
    } else if (*command) {
        json_decref(argv);
        argv = lab_json_from_strv((const char *const *)command);
    } else {
        json_array_append_new(argv, json_string("/bin/sh"));
        json_array_append_new(argv, json_string("-c"));
        json_array_append_new(argv, lab_json_text(script));
    }
    json_object_set_new(json, "argv", argv);
    return json;
}

static gboolean
open_terminal(Shell *shell, GError **error)
{
    if (!take_terminal(shell, error))
        return FALSE;
    lab_guest_tap_console(shell->life->guest, on_console, shell);
    on_size(shell);
    shell->input_source = g_unix_fd_add(STDIN_FILENO, G_IO_IN | G_IO_HUP, on_input, shell);
    shell->size_source = g_unix_signal_add(SIGWINCH, on_size, shell);
    return TRUE;
}

/* The kernel stopped under the shell: says so and why. */
static int
tell_stopped(Shell *shell, GError **error)
{
    LabLife *life = shell->life;
    const char *title;

    lab_life_drain(life, NULL, lab_guest_now_ms(life->guest) + LAST_WORDS_MS, NULL);
    restore_terminal(shell);
    life->found->log = lab_crash_parser_finish(life->parser);
    title = life->found->log->cause ? life->found->log->cause->title : NULL;
    if (life->panic_ms < 0 && life->pvpanic_ms < 0 && !title)
        return LAB_EXIT_OK; /* poweroff or reboot was typed */
    lab_error_log("the kernel stopped: %s", title ? title : "a panic without a readable report");
    return LAB_EXIT_UNEXPECTED;
}

static int
run_until_end(Shell *shell, GError **error)
{
    LabLife *life = shell->life;

    while (!ended(life) && !shell->leave && !lab_life_stopped(life))
        if (!lab_life_step(life, lab_guest_now_ms(life->guest) + 60000, error))
            return lab_error_exit_code(*error);
    if (lab_life_stopped(life))
        return tell_stopped(shell, error);
    if (!life->found->exited && !shell->leave) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND,
                    "the guest could not start the command");
        return LAB_EXIT_CONFIG;
    }
    return life->found->exit_signal ? 128 + life->found->exit_signal : life->found->exit_status;
}

static gboolean
boot(LabLife *life, GError **error)
{
    if (!lab_life_prepare(life, error))
        return FALSE;
    if (life->found->evidence.lacks_need) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_UNSUPPORTED, "%s", life->found->why);
        return FALSE;
    }
    switch (lab_life_boot(life, error)) {
    case LAB_WAIT_GOT:
        return TRUE;
    case LAB_WAIT_ERROR:
        return FALSE;
    default:
        g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_FAILED,
                    "the guest did not come up: see %s/console.log", life->directory);
        return FALSE;
    }
}

static int
run(Shell *shell, char **command, GError **error)
{
    LabLife *life = shell->life;
    gboolean interactive = !*command && isatty(STDIN_FILENO);
    g_autofree char *script = NULL;

    if (!interactive && !*command && !(script = read_script(error)))
        return lab_error_exit_code(*error);
    if (interactive)
        lab_info("booting %s; Ctrl-] leaves", life->cell->kernel_release);
    if (!boot(life, error))
        return lab_error_exit_code(*error);
    if (interactive && !open_terminal(shell, error))
        return LAB_EXIT_INFRA;
    life->output = on_output;
    life->stressor_id = lab_life_send(life, request(interactive, command, script), NULL, 0, error);
    if (life->stressor_id < 0)
        return LAB_EXIT_INFRA;
    return run_until_end(shell, error);
}

int
lab_verb_shell(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LabLife) life = NULL;
    Shell shell = {0};
    int status = LAB_EXIT_CONFIG;

    if (argc < 2) {
        lab_error_log("usage: kreglab-worker shell DIR [COMMAND…]");
        return status;
    }
    lab_life_cancel_on_signals();
    /* libvirt's own log would go over the terminal; its errors reach us as errors. */
    g_setenv("LIBVIRT_LOG_OUTPUTS", "4:file:/dev/null", FALSE);
    life = lab_life_new(argv[1], -1, &error);
    if (life) {
        shell.life = life;
        status = run(&shell, argv + 2, &error);
        restore_terminal(&shell);
        if (shell.input_source)
            g_source_remove(shell.input_source);
        if (shell.size_source)
            g_source_remove(shell.size_source);
        if (life->guest)
            lab_guest_tap_console(life->guest, NULL, NULL);
    }
    if (error) {
        lab_error_log("%s", error->message);
        status = lab_error_exit_code(error);
    }
    return status;
}
