/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest room without a hypervisor: console monitor, domain XML, replay, leftovers. */
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "golden.h"
#include "lab-console.h"
#include "lab-domain.h"
#include "lab-dump-level.h"
#include "lab-error.h"
#include "lab-file.h"
#include "lab-guest.h"
#include "lab-json.h"
#include "lab-runtime.h"

typedef struct {
    char *path;
    int fd;
    GPtrArray *lines;
} Fixture;

static void
set_up(Fixture *f, gconstpointer data)
{
    f->path = g_dir_make_tmp("kreglab-test-XXXXXX", NULL);
    f->fd = lab_dir_open(AT_FDCWD, f->path, NULL);
    f->lines = g_ptr_array_new_with_free_func(g_free);
    g_assert_cmpint(f->fd, >=, 0);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    close(f->fd);
    g_ptr_array_unref(f->lines);
    g_assert_true(lab_path_remove(AT_FDCWD, f->path, NULL));
    g_free(f->path);
}

static void
on_line(const char *text, gsize length, gint64 time_ms, void *user_data)
{
    Fixture *f = user_data;

    g_ptr_array_add(f->lines, g_strdup_printf("%" G_GINT64_FORMAT ":%zu:%.*s", time_ms, length,
                                              (int)MIN(length, 40), text));
}

static LabConsole *
console_new(Fixture *f, guint64 cap)
{
    g_autofree char *path = g_build_filename(f->path, "console.log", NULL);
    g_autoptr(GError) error = NULL;
    LabConsole *console = lab_console_new(path, cap, on_line, f, &error);

    g_assert_no_error(error);
    return console;
}

static void
feed(LabConsole *console, const char *text, gint64 time_ms)
{
    g_autoptr(GError) error = NULL;

    g_assert_true(lab_console_feed(console, text, strlen(text), time_ms, &error));
}

static char *
read_log(Fixture *f, gsize *length)
{
    g_autoptr(GError) error = NULL;
    char *text = lab_file_read(f->fd, "console.log", 1u << 30, length, &error);

    g_assert_no_error(error);
    return text;
}

static const char *
line(Fixture *f, guint i)
{
    g_assert_cmpuint(i, <, f->lines->len);
    return f->lines->pdata[i];
}

static void
test_console_marks(Fixture *f, gconstpointer data)
{
    g_autoptr(LabConsole) console = console_new(f, 0);
    g_autofree char *log = NULL;

    feed(console, "one\r\ntw", 5);
    feed(console, "o\r\n\r\n", 7);
    feed(console, "@+1 three", 9);
    g_assert_true(lab_console_finish(console, NULL));
    g_assert_true(lab_console_finish(console, NULL));
    log = read_log(f, NULL);
    g_assert_cmpstr(log, ==, "@+5 one\r\n@+5 two\r\n@+7 \r\n@+9 @+1 three");
    g_assert_cmpuint(f->lines->len, ==, 3);
    g_assert_cmpstr(line(f, 0), ==, "5:3:one");
    g_assert_cmpstr(line(f, 1), ==, "7:3:two");
    g_assert_cmpstr(line(f, 2), ==, "9:9:@+1 three");
}

/* However the bytes are cut, log and lines are the same. */
static void
test_console_cuts(Fixture *f, gconstpointer data)
{
    static const char text[] = "a\0b\r\n\x1b[31mred\n\n\xff\xfe\r\r\nlast\n";
    g_autofree char *whole = NULL;
    gsize whole_length = 0;

    for (gsize cut = 0; cut < sizeof text; cut++) {
        g_autoptr(LabConsole) console = console_new(f, 0);
        g_autofree char *log = NULL;
        gsize length = 0;

        g_ptr_array_set_size(f->lines, 0);
        g_assert_true(lab_console_feed(console, text, cut, 1, NULL));
        g_assert_true(lab_console_feed(console, text + cut,
                                       sizeof text - 1 - MIN(cut, sizeof text - 1), 1, NULL));
        g_assert_true(lab_console_finish(console, NULL));
        log = read_log(f, &length);
        if (!whole) {
            whole_length = length;
            whole = g_steal_pointer(&log);
        } else {
            g_assert_cmpmem(log, length, whole, whole_length);
        }
        g_assert_cmpuint(f->lines->len, ==, 4);
        g_assert_cmpstr(line(f, 0), ==, "1:3:a"); /* printf ends it at the NUL; 3 bytes came */
        g_assert_cmpstr(line(f, 3), ==, "1:4:last");
    }
}

static void
test_console_long_line(Fixture *f, gconstpointer data)
{
    g_autoptr(LabConsole) console = console_new(f, 0);
    g_autofree char *text = g_strnfill(LAB_CONSOLE_MAX_LINE * 2 + 10, 'x');
    g_autofree char *log = NULL;
    gsize length = 0;

    feed(console, text, 1);
    feed(console, "\nend\n", 2);
    g_assert_true(lab_console_finish(console, NULL));
    g_assert_cmpuint(f->lines->len, ==, 4);
    g_assert_true(g_str_has_prefix(line(f, 0), "1:65536:x"));
    g_assert_true(g_str_has_prefix(line(f, 1), "1:65536:x"));
    g_assert_true(g_str_has_prefix(line(f, 2), "2:10:x"));
    g_assert_cmpstr(line(f, 3), ==, "2:3:end");
    log = read_log(f, &length);
    g_assert_cmpuint(length, ==,
                     LAB_CONSOLE_MAX_LINE * 2 + 10 + strlen("@+1 ") + strlen("\n@+2 end\n"));
}

/* Over the cap: reports stay, the flood does not, the end is there. */
static void
test_console_cap(Fixture *f, gconstpointer data)
{
    g_autoptr(LabConsole) console = console_new(f, 1u << 20);
    g_autofree char *log = NULL;
    gsize length = 0;

    for (int i = 0; i < 100000; i++)
        feed(console, "noise noise noise noise noise noise noise noise noise noise noise noise\n",
             i);
    feed(console, "BUG: kernel NULL pointer dereference, address: 0\n", 100001);
    for (int i = 0; i < 200000; i++)
        feed(console, "noise noise noise noise noise noise noise noise noise noise noise noise\n",
             i);
    feed(console, "the very last line\n", 300000);
    g_assert_true(lab_console_finish(console, NULL));
    log = read_log(f, &length);
    g_assert_cmpuint(length, <, 8u << 20);
    g_assert_nonnull(strstr(log, "[kreglab: the console passed 1048576 bytes"));
    g_assert_nonnull(strstr(log, "@+100001 BUG: kernel NULL"));
    g_assert_true(g_str_has_suffix(log, "@+300000 the very last line\n"));
    g_assert_cmpuint(f->lines->len, ==, 300002); /* who listens still hears all of it */
}

static void
count_line(const char *text, gsize length, gint64 time_ms, void *user_data)
{
    (*(gsize *)user_data)++;
}

/* 100 MB of random bytes cost less than 2 s of processor time. */
static void
test_console_speed(Fixture *f, gconstpointer data)
{
    g_autofree char *path = g_build_filename(f->path, "console.log", NULL);
    g_autofree guint32 *chunk = g_new(guint32, 16384);
    g_autoptr(GRand) random = g_rand_new_with_seed(1);
    gsize lines = 0;
    g_autoptr(LabConsole) console = lab_console_new(path, 0, count_line, &lines, NULL);
    struct rusage before, after;
    double seconds;

    for (gsize i = 0; i < 16384; i++)
        chunk[i] = g_rand_int(random);
    getrusage(RUSAGE_SELF, &before);
    for (int i = 0; i < 1600; i++)
        g_assert_true(lab_console_feed(console, chunk, 65536, i, NULL));
    getrusage(RUSAGE_SELF, &after);
    seconds = (double)(after.ru_utime.tv_sec - before.ru_utime.tv_sec) +
              (double)(after.ru_utime.tv_usec - before.ru_utime.tv_usec) / 1e6;
    g_test_message("%zu lines, %.2f s of user time", lines, seconds);
    g_assert_cmpuint(lines, >, 300000);
    g_assert_cmpfloat(seconds, <, 2.0);
}

static const LabDomainSpec plain_domain = {
    .name = "kreglab-1-1",
    .kernel = "/run/g1/kernel",
    .initramfs = "/run/g1/initramfs",
    .cmdline = "console=ttyS0 a=\"<b> & 'c'\"",
    .console_socket = "/run/g1/con",
    .agent_socket = "/run/g1/agent",
    .dump_socket = "/run/g1/dump",
};

static void
test_domain_plain(void)
{
    const LabGuestShape shape = {.cpus = 1, .memory_bytes = 512u << 20};
    LabDomainSpec spec = plain_domain;
    g_autofree char *xml = NULL;

    spec.shape = &shape;
    xml = lab_domain_xml(&spec, NULL);
    golden_check("guest", "domain-plain.xml", xml);
}

static void
test_domain_full(void)
{
    char sg[] = "sg", watchdog[] = "watchdog", network[] = "user", cpu[] = "Haswell";
    char *devices[] = {sg, watchdog, NULL};
    const char *const disks[] = {"/run/g1/disk0", "/run/g1/disk1", NULL};
    const LabGuestShape shape = {.cpus = 3,
                                 .memory_bytes = 1025u << 20,
                                 .numa_nodes = 2,
                                 .cpu_model = cpu,
                                 .network = network,
                                 .devices = devices};
    LabDomainSpec spec = plain_domain;
    g_autofree char *xml = NULL;

    spec.shape = &shape;
    spec.kvm = TRUE;
    spec.emulator = "/opt/qemu";
    spec.uuid = "00000000-0000-4000-8000-000000000001";
    spec.disks = disks;
    spec.scsi_disk = "/run/g1/scsi";
    xml = lab_domain_xml(&spec, NULL);
    golden_check("guest", "domain-full.xml", xml);
}

static void
check_refused(const LabGuestShape *shape, const char *word)
{
    LabDomainSpec spec = plain_domain;
    g_autoptr(GError) error = NULL;

    spec.shape = shape;
    g_assert_null(lab_domain_xml(&spec, &error));
    g_assert_true(error->domain == LAB_CONFIG_ERROR);
    g_assert_nonnull(strstr(error->message, word));
}

static void
test_domain_refused(void)
{
    char teapot[] = "teapot", bridge[] = "bridge";
    char *devices[] = {teapot, NULL};

    check_refused(&(LabGuestShape){.cpus = 0, .memory_bytes = 1u << 30}, "guest.cpus");
    check_refused(&(LabGuestShape){.cpus = 1, .memory_bytes = 1u << 20}, "guest.memory");
    check_refused(&(LabGuestShape){.cpus = 1, .memory_bytes = 1u << 30, .numa_nodes = 65},
                  "guest.numa_nodes");
    check_refused(&(LabGuestShape){.cpus = 1, .memory_bytes = 1u << 30, .devices = devices},
                  "'teapot'");
    check_refused(&(LabGuestShape){.cpus = 1, .memory_bytes = 1u << 30, .network = bridge},
                  "'bridge'");
}

static const char recorded_console[] = "@+10 Linux version 6.1\r\n"
                                       "@+500 [kreglab: a note]\n"
                                       "@+60000 Kernel panic - not syncing: x\r\n"
                                       "@+60001 ---[ end Kernel panic";
static const char recorded_agent[] =
    "{\"t_ms\":100,\"dir\":\"from-guest\",\"message\":{\"event\":\"hello\"}}\n"
    "{\"t_ms\":110,\"dir\":\"to-guest\",\"message\":{\"id\":1,\"verb\":\"set\"}}\n"
    "{\"t_ms\":120,\"dir\":\"from-guest\",\"message\":{\"id\":1,\"ok\":true}}\n"
    "{\"t_ms\":130,\"dir\":\"to-guest\",\"message\":{\"id\":2,\"verb\":\"exec\"}}\n"
    "{\"t_ms\":140,\"dir\":\"from-guest\",\"message\":{\"id\":2,\"ok\":true,\"pid\":7}}\n"
    "{\"t_ms\":150,\"dir\":\"from-guest\",\"message\":{\"event\":\"output\",\"id\":2,\"bytes\":2},"
    "\"data_b64\":\"aGk=\"}\n";
static const char recorded_events[] =
    "{\"t_ms\":60020,\"event\":\"pvpanic\"}\n"
    "{\"t_ms\":60500,\"event\":\"registers\",\"text\":\"RIP=1\"}\n"
    "{\"t_ms\":61000,\"event\":\"reset\"}\n";

static void
write_recording(Fixture *f)
{
    g_assert_true(lab_file_write(f->fd, "console.log", recorded_console, -1, 0600, NULL));
    g_assert_true(lab_file_write(f->fd, "agent.jsonl", recorded_agent, -1, 0600, NULL));
    g_assert_true(lab_file_write(f->fd, "events.jsonl", recorded_events, -1, 0600, NULL));
    g_assert_true(lab_file_write(f->fd, "vmcore", "core", -1, 0600, NULL));
}

static LabGuest *
replay_new(Fixture *f, GError **error)
{
    g_autofree char *cell = g_build_filename(f->path, "cell", NULL);
    const LabGuestConfig config = {.cell_directory = cell, .cmdline = "x"};

    (void)mkdir(cell, 0700);
    return lab_guest_new_replay(&config, f->path, error);
}

static LabGuestEvent *
expect(LabGuest *guest, LabGuestEventType type, gint64 time_ms)
{
    g_autoptr(GError) error = NULL;
    LabGuestEvent *event = lab_guest_next(guest, 100000, &error);

    g_assert_no_error(error);
    g_assert_cmpint(event->type, ==, type);
    g_assert_cmpint(event->time_ms, ==, time_ms);
    g_assert_cmpint(lab_guest_now_ms(guest), ==, time_ms);
    return event;
}

static void
expect_text(LabGuest *guest, gint64 time_ms, const char *text)
{
    g_autoptr(LabGuestEvent) event = expect(guest, LAB_GUEST_EVENT_CONSOLE, time_ms);

    g_assert_cmpstr(event->text, ==, text);
}

static void
expect_message(LabGuest *guest, gint64 time_ms, const char *wanted)
{
    g_autoptr(LabGuestEvent) event = expect(guest, LAB_GUEST_EVENT_AGENT, time_ms);
    g_autofree char *text = lab_json_line(event->message);

    g_assert_cmpstr(text, ==, wanted);
}

static void
send_request(LabGuest *guest, const char *text)
{
    g_autoptr(json_t) message = lab_json_parse(text, strlen(text), "request", NULL);

    g_assert_true(lab_guest_agent_send(guest, message, NULL, 0, NULL));
}

static void
test_replay(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LabGuest) guest = NULL;
    g_autofree char *copy = g_build_filename(f->path, "copy", NULL);
    g_autofree char *log = NULL;
    g_autofree char *registers = NULL;
    const char *method = NULL;

    write_recording(f);
    guest = replay_new(f, &error);
    g_assert_no_error(error);
    g_assert_true(lab_guest_start(guest, &error));
    expect_text(guest, 10, "Linux version 6.1");
    expect_message(guest, 100, "{\"event\":\"hello\"}");
    /* another order and other ids than in the recording; one verb that is not in it */
    send_request(guest, "{\"id\":71,\"verb\":\"exec\"}");
    send_request(guest, "{\"id\":72,\"verb\":\"set\"}");
    send_request(guest, "{\"id\":73,\"verb\":\"metrics\"}");
    expect_message(guest, 100,
                   "{\"id\":73,\"ok\":false,\"errno\":38,\"error\":\"the recording has no (more) "
                   "'metrics'\"}");
    expect_message(guest, 120, "{\"id\":72,\"ok\":true}");
    expect_message(guest, 140, "{\"id\":71,\"ok\":true,\"pid\":7}");
    {
        g_autoptr(LabGuestEvent) output = expect(guest, LAB_GUEST_EVENT_AGENT, 150);

        g_assert_cmpint(lab_json_int(output->message, "id", 0), ==, 71);
        g_assert_cmpmem(g_bytes_get_data(output->data, NULL), g_bytes_get_size(output->data), "hi",
                        2);
    }
    expect_text(guest, 60000, "Kernel panic - not syncing: x");
    expect_text(guest, 60001, "---[ end Kernel panic");
    lab_guest_event_free(expect(guest, LAB_GUEST_EVENT_PVPANIC, 60020));
    registers = lab_guest_registers(guest, &error);
    g_assert_cmpstr(registers, ==, "RIP=1");
    g_assert_true(lab_guest_dump(guest, copy, 1000, &method, &error));
    g_assert_cmpstr(method, ==, "host-kdump-zlib");
    lab_guest_event_free(expect(guest, LAB_GUEST_EVENT_RESET, 61000));
    lab_guest_event_free(expect(guest, LAB_GUEST_EVENT_DEADLINE, 100000));
    g_assert_true(lab_guest_destroy(guest, &error));
    log = lab_file_read(f->fd, "cell/console.log", 4096, NULL, NULL);
    g_assert_cmpstr(log, ==,
                    "@+10 Linux version 6.1\r\n@+60000 Kernel panic - not syncing: x\r\n"
                    "@+60001 ---[ end Kernel panic");
}

/* What the guest said to a request waits until the request is made. */
static void
test_replay_late_request(Fixture *f, gconstpointer data)
{
    g_autoptr(LabGuest) guest = NULL;
    g_autoptr(LabGuestEvent) event = NULL;

    write_recording(f);
    guest = replay_new(f, NULL);
    g_assert_true(lab_guest_start(guest, NULL));
    expect_text(guest, 10, "Linux version 6.1");
    expect_message(guest, 100, "{\"event\":\"hello\"}");
    event = lab_guest_next(guest, 50000, NULL);
    g_assert_cmpint(event->type, ==, LAB_GUEST_EVENT_DEADLINE);
    g_assert_cmpint(lab_guest_now_ms(guest), ==, 50000);
    send_request(guest, "{\"id\":5,\"verb\":\"set\"}");
    expect_message(guest, 50000, "{\"id\":5,\"ok\":true}");
}

static void
test_replay_cancel(Fixture *f, gconstpointer data)
{
    g_autoptr(LabGuest) guest = NULL;
    g_autoptr(LabGuestEvent) event = NULL;

    write_recording(f);
    guest = replay_new(f, NULL);
    g_assert_true(lab_guest_start(guest, NULL));
    lab_guest_cancel(guest);
    event = lab_guest_next(guest, 1000, NULL);
    g_assert_cmpint(event->type, ==, LAB_GUEST_EVENT_CANCELLED);
}

static void
test_replay_bad(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(replay_new(f, &error));
    g_assert_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND);
    g_clear_error(&error);
    write_recording(f);
    g_assert_true(lab_file_write(f->fd, "agent.jsonl", "{\"t_ms\":1}\n{", -1, 0600, NULL));
    g_assert_null(replay_new(f, &error));
    g_assert_true(error->domain == LAB_DATA_ERROR);
    g_assert_nonnull(strstr(error->message, "agent.jsonl:1"));
    g_clear_error(&error);
    g_assert_true(lab_file_write(f->fd, "agent.jsonl", "", -1, 0600, NULL));
    g_assert_true(lab_file_write(f->fd, "events.jsonl",
                                 "{\"event\":\"dump-end\",\"file\":\"../secret\"}\n", -1, 0600,
                                 NULL));
    {
        g_autoptr(LabGuest) guest = replay_new(f, &error);
        g_autoptr(LabGuestEvent) event = NULL;

        lab_guest_set_dump_path(guest, "/nonexistent/vmcore");
        g_assert_true(lab_guest_start(guest, NULL));
        event = lab_guest_next(guest, 0, NULL);
        g_assert_cmpint(event->type, ==, LAB_GUEST_EVENT_DUMP_END);
        g_assert_nonnull(strstr(event->text, "is no file of it"));
    }
}

/* Owned directories are left alone; those of the dead go. */
static void
test_clean(Fixture *f, gconstpointer data)
{
    g_autoptr(LabRuntime) runtime = NULL;
    g_autofree char *root = NULL;
    g_autofree char *dead = NULL;
    g_autoptr(GError) error = NULL;
    LabCleaned cleaned;
    LAB_AUTO_FD made = -1;

    g_setenv("KREGLAB_RUNTIME", f->path, TRUE);
    if (geteuid() == 0)
        g_setenv("KREGLAB_QEMU_USER", "nobody", TRUE);
    runtime = lab_runtime_new("/data", "0123456789ab", &error);
    g_assert_no_error(error);
    root = lab_runtime_root("/data");
    dead = g_build_filename(root, "999999999-dead/root/run", NULL);
    made = lab_dir_make(AT_FDCWD, dead, 0700, &error);
    g_assert_cmpint(made, >=, 0);
    g_assert_true(lab_guest_clean("/data", TRUE, &cleaned, &error));
    g_assert_cmpint(cleaned.directories, ==, 1);
    g_assert_true(lab_file_exists(AT_FDCWD, dead));
    g_assert_true(lab_guest_clean("/data", FALSE, &cleaned, &error));
    g_assert_cmpint(cleaned.directories, ==, 1);
    g_assert_cmpint(cleaned.alive, ==, 1);
    g_assert_false(lab_file_exists(AT_FDCWD, dead));
    g_assert_true(lab_file_exists(AT_FDCWD, lab_runtime_path(runtime)));
    g_unsetenv("KREGLAB_RUNTIME");
    g_unsetenv("KREGLAB_QEMU_USER");
}

/* Only a new kernel with an old makedumpfile keeps its user pages. */
static void
test_dump_level(void)
{
    static const char old[] =
        "makedumpfile: version 1.7.2 (released on 20 Oct 2022)\nlzo\tenabled\n";
    static const char new[] = "makedumpfile: version 1.7.6 (released on 23 Oct 2024)\n";

    g_assert_cmpuint(lab_dump_level_of("3.10.0-1160.62.1.el7.x86_64", old), ==, 31);
    g_assert_cmpuint(lab_dump_level_of("6.1.0-56-cloud-amd64", old), ==, 31);
    g_assert_cmpuint(lab_dump_level_of("6.9.7-amd64", old), ==, 31);
    g_assert_cmpuint(lab_dump_level_of("6.10.3-amd64", old), ==, 23);
    g_assert_cmpuint(lab_dump_level_of("6.12.117+deb12-cloud-amd64", old), ==, 23);
    g_assert_cmpuint(lab_dump_level_of("6.12.117+deb12-cloud-amd64", new), ==, 31);
    g_assert_cmpuint(lab_dump_level_of("7.3-amd64", "makedumpfile: version 1.8.0\n"), ==, 31);
    g_assert_cmpuint(lab_dump_level_of("7.3-amd64", "command not found"), ==, 23);
    g_assert_cmpuint(lab_dump_level_of("7.3-amd64", NULL), ==, 23);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, function) g_test_add("/guest/" name, Fixture, NULL, set_up, function, tear_down)
    ADD("console/marks", test_console_marks);
    ADD("console/cuts", test_console_cuts);
    ADD("console/long-line", test_console_long_line);
    ADD("console/cap", test_console_cap);
    ADD("console/speed", test_console_speed);
    g_test_add_func("/guest/dump-level", test_dump_level);
    g_test_add_func("/guest/domain/plain", test_domain_plain);
    g_test_add_func("/guest/domain/full", test_domain_full);
    g_test_add_func("/guest/domain/refused", test_domain_refused);
    ADD("replay/whole", test_replay);
    ADD("replay/late-request", test_replay_late_request);
    ADD("replay/cancel", test_replay_cancel);
    ADD("replay/bad", test_replay_bad);
    ADD("clean", test_clean);
    return g_test_run();
}
