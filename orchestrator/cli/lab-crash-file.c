/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading one log, as it is or compressed, or the log in a vmcore. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lab-core.h"
#include "lab-crash-source.h"
#include "lab-error.h"
#include "lab-file.h"
#include "lab-log.h"
#include "lab-stream.h"

/* Is it a dump: kdump-compressed, flattened, or an ELF core file? */
static gboolean
is_vmcore(const LabStream *stream)
{
    static const char *const magics[] = {"KDUMP   ", "DISKDUMP", "makedumpfile"};
    guint8 head[20] = {0};
    gsize length = lab_stream_peek(stream, head, sizeof head);

    if (length < sizeof head)
        return FALSE;
    for (gsize i = 0; i < G_N_ELEMENTS(magics); i++)
        if (memcmp(head, magics[i], strlen(magics[i])) == 0)
            return TRUE;
    /* e_type ET_CORE in either byte order */
    return memcmp(head,
                  "\x7f"
                  "ELF",
                  4) == 0 &&
           head[16] + head[17] == 4 && !(head[16] & head[17]);
}

/* The log of a dump, with the callers where its records have them. */
static LabCrashLog *
read_vmcore(const char *path, GError **error)
{
    g_autoptr(LabCrashParser) parser = lab_crash_parser_new();
    g_autoptr(LabCore) core = NULL;
    const char *release;
    LabCrashLog *log;
    GString *text;

    if (strcmp(path, "-") == 0) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_UNSUPPORTED,
                    "'-': a vmcore cannot be read from a pipe: name the file");
        return NULL;
    }
    core = lab_core_open(path, error);
    text = core ? lab_core_dmesg(core, TRUE, error) : NULL;
    if (!text) {
        g_prefix_error(error, "'%s': ", path);
        return NULL;
    }
    lab_crash_parser_feed_text(parser, text->str, text->len);
    g_string_free(text, TRUE);
    log = lab_crash_parser_finish(parser);
    release = lab_core_info(core, "OSRELEASE");
    if (!log->release && release)
        log->release = g_strdup(release);
    return log;
}

static LabCrashLog *
read_stream(LabStream *stream, char **missing, GError **error)
{
    g_autoptr(LabCrashParser) parser = lab_crash_parser_new();
    gsize length = 0, all = 0;
    const void *bytes = NULL;

    for (;;) {
        g_autoptr(GError) local = NULL;

        if (!lab_stream_read(stream, &bytes, &length, &local)) {
            if (all == 0) {
                g_propagate_error(error, g_steal_pointer(&local));
                return NULL;
            }
            *missing = g_strdup_printf("read as far as it goes (%" G_GSIZE_FORMAT
                                       " bytes unpacked): %s",
                                       all, local->message);
            break;
        }
        if (length == 0)
            break;
        all += length;
        lab_crash_parser_feed_text(parser, bytes, length);
    }
    return lab_crash_parser_finish(parser);
}

LabCrashLog *
lab_crash_file_read_part(const char *path, char **missing, GError **error)
{
    g_autoptr(LabStream) stream = NULL;
    LabCrashLog *log;
    LAB_AUTO_FD fd = strcmp(path, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                                            : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    *missing = NULL;
    if (fd < 0) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND, "'%s': %s", path,
                    g_strerror(errno));
        return NULL;
    }
    stream = lab_stream_new(fd, error);
    if (stream && !lab_stream_compression(stream) && is_vmcore(stream))
        return read_vmcore(path, error);
    log = stream ? read_stream(stream, missing, error) : NULL;
    if (!log && error && *error) {
        /* What the user named cannot be read (a directory): that is the user's to mend. */
        if ((*error)->domain == LAB_INFRA_ERROR)
            (*error)->domain = LAB_CONFIG_ERROR;
        g_prefix_error(error, "'%s': ", path);
    }
    return log;
}

LabCrashLog *
lab_crash_file_read(const char *path, GError **error)
{
    g_autofree char *missing = NULL;
    LabCrashLog *log = lab_crash_file_read_part(path, &missing, error);

    if (missing)
        lab_warn("'%s': %s", path, missing);
    return log;
}
