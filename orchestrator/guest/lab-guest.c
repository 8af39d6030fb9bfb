/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-guest-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-log.h"

static const struct {
    LabGuestEventType type;
    const char *word;
} event_words[] = {
    {LAB_GUEST_EVENT_PVPANIC, "pvpanic"},       {LAB_GUEST_EVENT_RESET, "reset"},
    {LAB_GUEST_EVENT_SHUTDOWN, "shutdown"},     {LAB_GUEST_EVENT_GONE, "gone"},
    {LAB_GUEST_EVENT_DUMP_BEGIN, "dump-begin"}, {LAB_GUEST_EVENT_DUMP_END, "dump-end"},
    {LAB_GUEST_EVENT_AGENT_BAD, "agent-bad"},
};

const char *
lab_guest_event_word(LabGuestEventType type)
{
    for (gsize i = 0; i < G_N_ELEMENTS(event_words); i++)
        if (event_words[i].type == type)
            return event_words[i].word;
    return NULL;
}

int
lab_guest_event_from_word(const char *word)
{
    for (gsize i = 0; i < G_N_ELEMENTS(event_words); i++)
        if (g_strcmp0(event_words[i].word, word) == 0)
            return (int)event_words[i].type;
    return -1;
}

LabGuestEvent *
lab_guest_event_new(LabGuestEventType type, gint64 time_ms)
{
    LabGuestEvent *event = g_new0(LabGuestEvent, 1);

    event->type = type;
    event->time_ms = time_ms;
    return event;
}

void
lab_guest_event_free(LabGuestEvent *event)
{
    if (!event)
        return;
    g_free(event->text);
    json_decref(event->message);
    if (event->data)
        g_bytes_unref(event->data);
    g_free(event);
}

LabGuestEvent *
lab_guest_push(LabGuest *guest, LabGuestEventType type)
{
    LabGuestEvent *event = lab_guest_event_new(type, lab_guest_now_ms(guest));

    g_queue_push_tail(&guest->events, event);
    return event;
}

LabGuestEvent *
lab_guest_push_recorded(LabGuest *guest, LabGuestEventType type, const char *text, guint64 bytes)
{
    LabGuestEvent *event = lab_guest_push(guest, type);

    event->text = g_strdup(text);
    event->length = text ? strlen(text) : 0;
    event->bytes = bytes;
    lab_record_event(guest->record, event->time_ms, lab_guest_event_word(type), text, bytes);
    return event;
}

static void
on_console_line(const char *text, gsize length, gint64 time_ms, void *user_data)
{
    LabGuest *guest = user_data;
    LabGuestEvent *event = lab_guest_event_new(LAB_GUEST_EVENT_CONSOLE, time_ms);

    event->text = g_malloc(length + 1);
    memcpy(event->text, text, length);
    event->text[length] = '\0';
    event->length = length;
    g_queue_push_tail(&guest->events, event);
}

gboolean
lab_guest_open(LabGuest *guest, const char *directory, GError **error)
{
    g_autofree char *log = g_build_filename(directory, "console.log", NULL);

    guest->cell_directory = g_strdup(directory);
    guest->console = lab_console_new(log, 0, on_console_line, guest, error);
    if (!guest->console)
        return FALSE;
    guest->record = lab_record_new(directory, error);
    return guest->record != NULL;
}

gboolean
lab_guest_init(LabGuest *guest, const LabGuestOps *ops, const LabGuestConfig *config,
               GError **error)
{
    guest->ops = ops;
    guest->cell = config->cell;
    guest->kernel = g_strdup(config->kernel);
    guest->initramfs = g_strdup(config->initramfs);
    guest->cmdline = g_strdup(config->cmdline);
    guest->runtime_directory = g_strdup(config->runtime_directory);
    guest->cache_directory = g_strdup(config->cache_directory);
    g_queue_init(&guest->events);
    guest->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (guest->cancel_fd < 0)
        return lab_error_set_errno(error, errno, "making an eventfd");
    return !config->cell_directory || lab_guest_open(guest, config->cell_directory, error);
}

void
lab_guest_free(LabGuest *guest)
{
    g_autoptr(GError) error = NULL;
    LabGuestEvent *event;

    if (!guest)
        return;
    if (guest->started && !lab_guest_destroy(guest, &error))
        lab_warn("ending the guest: %s", error->message);
    g_clear_error(&error);
    guest->ops->free(guest);
    if (guest->console && !lab_console_finish(guest->console, &error))
        lab_warn("console.log: %s", error->message);
    lab_console_free(guest->console);
    lab_record_free(guest->record);
    while ((event = g_queue_pop_head(&guest->events)))
        lab_guest_event_free(event);
    lab_fd_close(&guest->cancel_fd);
    g_free(guest->kernel);
    g_free(guest->initramfs);
    g_free(guest->cmdline);
    g_free(guest->cell_directory);
    g_free(guest->runtime_directory);
    g_free(guest->cache_directory);
    g_free(guest->dump_path);
    g_free(guest->dump_whole);
    g_free(guest);
}

gboolean
lab_guest_start(LabGuest *guest, GError **error)
{
    guest->started = TRUE; /* so that a start that failed half way is taken down, too */
    return guest->ops->start(guest, error);
}

LabGuestEvent *
lab_guest_next(LabGuest *guest, gint64 deadline_ms, GError **error)
{
    LabGuestEvent *event;

    if (guest->cancelled)
        return lab_guest_event_new(LAB_GUEST_EVENT_CANCELLED, lab_guest_now_ms(guest));
    event = g_queue_pop_head(&guest->events);
    return event ? event : guest->ops->next(guest, deadline_ms, error);
}

const char *
lab_guest_directory(const LabGuest *guest)
{
    return guest->cell_directory;
}

gint64
lab_guest_now_ms(LabGuest *guest)
{
    return guest->ops->now_ms(guest);
}

void
lab_guest_cancel(LabGuest *guest)
{
    int saved = errno;
    guint64 one = 1;

    guest->cancelled = 1;
    (void)!write(guest->cancel_fd, &one, sizeof one);
    errno = saved;
}

gboolean
lab_guest_agent_send(LabGuest *guest, const json_t *message, const void *data, gsize length,
                     GError **error)
{
    lab_record_message(guest->record, lab_guest_now_ms(guest), TRUE, message, data, length);
    return guest->ops->agent_send(guest, message, data, length, error);
}

gboolean
lab_guest_console_send(LabGuest *guest, const char *bytes, gsize length, GError **error)
{
    return guest->ops->console_send(guest, bytes, length, error);
}

gboolean
lab_guest_inject_nmi(LabGuest *guest, GError **error)
{
    lab_record_event(guest->record, lab_guest_now_ms(guest), "nmi", NULL, 0);
    return guest->ops->inject_nmi(guest, error);
}

char *
lab_guest_registers(LabGuest *guest, GError **error)
{
    char *text = guest->ops->registers(guest, error);

    if (text)
        lab_record_event(guest->record, lab_guest_now_ms(guest), "registers", text, 0);
    return text;
}

gboolean
lab_guest_pause(LabGuest *guest, GError **error)
{
    return guest->ops->pause(guest, error);
}

gboolean
lab_guest_dump(LabGuest *guest, const char *path, gint64 timeout_ms, const char **method,
               GError **error)
{
    g_autoptr(GError) sync_error = NULL;

    /* What the console said is worth more than the dump, and the dump may fill the disk. */
    if (!lab_console_sync(guest->console, &sync_error))
        lab_warn("console.log: %s", sync_error->message);
    g_clear_pointer(&guest->dump_whole, g_free);
    if (!guest->ops->dump(guest, path, timeout_ms, method, error))
        return FALSE;
    lab_record_event(guest->record, lab_guest_now_ms(guest), "host-dump", *method, 0);
    return TRUE;
}

const char *
lab_guest_dump_whole(LabGuest *guest)
{
    return guest->dump_whole;
}

void
lab_guest_set_dump_path(LabGuest *guest, const char *path)
{
    g_free(guest->dump_path);
    guest->dump_path = g_strdup(path);
}

void
lab_guest_tap_console(LabGuest *guest, LabGuestTap tap, gpointer data)
{
    guest->tap = tap;
    guest->tap_data = data;
}

gboolean
lab_guest_destroy(LabGuest *guest, GError **error)
{
    if (guest->destroyed)
        return TRUE;
    guest->destroyed = TRUE;
    return guest->ops->destroy(guest, error);
}

json_t *
lab_guest_facts(LabGuest *guest)
{
    return guest->ops->facts(guest);
}
