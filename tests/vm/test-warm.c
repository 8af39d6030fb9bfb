/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Templates and their clones on a real kernel. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-proc.h"
#include "lab-template.h"
#include "vm-guest.h"

static VmBench bench;
static const char *program;

/* The template for such a guest, booted if there is none; 'prepare' (or NULL) comes before it is
 * saved. */
static LabTemplate *
make_template(const char *cmdline, guint index, void (*prepare)(LabGuest *guest))
{
    g_autofree char *all = NULL;
    const LabGuestConfig config = vm_config(&bench, cmdline, &all);
    g_autoptr(GError) error = NULL;
    g_autofree char *key = lab_template_key(&config, index, &error);
    g_autoptr(LabGuest) guest = NULL;
    g_autoptr(json_t) state = json_pack("{s:s}", "word", "from the worker");
    LabTemplate *template;
    LabTemplateClaim *claim;
    gint64 before_us;

    g_assert_no_error(error);
    lab_template_claim(config.cache_directory, key, 0, &template, &claim, &error);
    g_assert_no_error(error);
    if (template)
        return template;
    g_assert_nonnull(claim);
    guest = lab_guest_new_template(&config, index, claim, &error);
    g_assert_no_error(error);
    lab_guest_start(guest, &error);
    g_assert_no_error(error);
    g_assert_true(vm_wait_agent(guest, "hello", VM_PATIENCE_MS));
    if (prepare)
        prepare(guest);
    before_us = g_get_monotonic_time();
    template = lab_guest_save_template(guest, state, &error);
    g_assert_no_error(error);
    g_test_message("saved in %" G_GINT64_FORMAT " ms", (g_get_monotonic_time() - before_us) / 1000);
    return template;
}

static LabTemplate *
the_template(void)
{
    return make_template("", 0, NULL);
}

static int
compare_times(const void *a, const void *b)
{
    gint64 one = *(const gint64 *)a, two = *(const gint64 *)b;

    return (one > two) - (one < two);
}

static LabGuest *
new_clone(LabTemplate *template)
{
    g_autofree char *cmdline = NULL;
    const LabGuestConfig config = vm_config(&bench, "", &cmdline);
    g_autoptr(GError) error = NULL;
    LabGuest *guest = lab_guest_new_clone(&config, template, &error);

    g_assert_no_error(error);
    return guest;
}

static void
start(LabGuest *guest)
{
    g_autoptr(GError) error = NULL;

    lab_guest_start(guest, &error);
    g_assert_no_error(error);
}

static void
ask(LabGuest *guest)
{
    vm_request(guest, "{\"id\":7,\"verb\":\"hello\"}");
    g_assert_true(vm_wait_answer(guest, 7, VM_PATIENCE_MS));
}

static gint64
pss_kb(LabGuest *guest)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/smaps_rollup", (int)vm_qemu_pid(guest));

    return vm_number_in(path, "\nPss:");
}

/* Lets the clone come up while nobody waits for it. */
static void
settle(gint64 for_ms)
{
    gint64 until_us = g_get_monotonic_time() + for_ms * 1000;

    while (g_get_monotonic_time() < until_us)
        if (!g_main_context_iteration(NULL, FALSE))
            g_usleep(1000);
}

/* What the lab promises of a clone: who it is, and that its evidence is complete. */
static void
test_facts(void)
{
    g_autoptr(LabTemplate) template = the_template();
    g_autoptr(LabGuest) guest = new_clone(template);
    g_autofree char *boot = g_build_filename(bench.directory, "boot.log", NULL);
    g_autofree char *console = g_build_filename(bench.directory, "console.log", NULL);
    g_autofree char *path = NULL;
    g_autofree char *text = NULL;
    g_autofree char *own = NULL;
    g_autoptr(json_t) facts = NULL;
    const json_t *state = lab_json_member(lab_template_json(template), "state");

    start(guest);
    ask(guest);
    facts = lab_guest_facts(guest);
    g_assert_true(lab_json_bool(facts, "warm", FALSE));
    g_assert_cmpstr(lab_json_string(facts, "template"), ==, lab_template_name(template));
    g_assert_cmpint(lab_json_int(facts, "template_index", -1), ==, 0);
    g_assert_cmpstr(lab_json_string(state, "word"), ==, "from the worker");
    text = lab_file_read(AT_FDCWD, boot, 1u << 20, NULL, NULL);
    g_assert_nonnull(text);
    g_assert_nonnull(strstr(text, "Linux version"));
    own = lab_file_read(AT_FDCWD, console, 1u << 20, NULL, NULL);
    g_assert_nonnull(strstr(own, lab_template_name(template)));
    g_assert_null(strstr(own, "Linux version"));
    vm_check_unprivileged(guest);
}

/* The times and the memory, in the TAP's comments; a clone's memory is asserted, it is no matter of
 * the machine's load. */
static void
test_cost(void)
{
    g_autoptr(LabTemplate) template = the_template();

    for (int i = 0; i < 8; i++) {
        gboolean ahead = i % 2;
        g_autoptr(LabGuest) guest = new_clone(template);
        g_autoptr(GError) error = NULL;
        gint64 from_us, running_us;

        if (ahead) {
            lab_guest_prestart(guest, &error);
            g_assert_no_error(error);
            settle(1000);
        }
        from_us = g_get_monotonic_time();
        start(guest);
        running_us = g_get_monotonic_time();
        ask(guest);
        g_test_message("%s: running after %.1f ms, answer after %.1f ms, %d kB",
                       ahead ? "started ahead" : "from nothing",
                       (double)(running_us - from_us) / 1000,
                       (double)(g_get_monotonic_time() - from_us) / 1000, (int)pss_kb(guest));
        g_assert_cmpint(pss_kb(guest), <, 100 * 1024);
    }
}

static void
test_several(void)
{
    g_autoptr(LabTemplate) template = the_template();
    g_autoptr(GPtrArray) guests = g_ptr_array_new_with_free_func((GDestroyNotify)lab_guest_free);

    for (int i = 0; i < 5; i++) {
        g_autoptr(GError) error = NULL;

        g_ptr_array_add(guests, new_clone(template));
        lab_guest_prestart(guests->pdata[i], &error);
        g_assert_no_error(error);
    }
    for (guint i = 0; i < guests->len; i++)
        start(guests->pdata[i]);
    for (guint i = 0; i < guests->len; i++) {
        vm_request(guests->pdata[i], "{\"id\":7,\"verb\":\"set\",\"set\":\"kernel.hostname=n%u\"}",
                   i);
        g_assert_true(vm_wait_answer(guests->pdata[i], 7, VM_PATIENCE_MS));
    }
    for (guint i = 0; i < guests->len; i++) {
        g_autofree char *name = g_strdup_printf("n%u", i);

        vm_request(guests->pdata[i], "{\"id\":8,\"verb\":\"read\",\"name\":\"kernel.hostname\"}");
        g_assert_true(vm_wait_value(guests->pdata[i], 8, name, VM_PATIENCE_MS));
    }
}

/* NMI, registers, pvpanic with the message's end, a dump from outside. */
static void
test_panic(void)
{
    g_autoptr(LabTemplate) template = the_template();
    g_autoptr(LabGuest) guest = new_clone(template);
    g_autoptr(LabGuestEvent) event = NULL;
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_build_filename(bench.directory, "vmcore", NULL);
    g_autofree char *registers = NULL;
    const char *method = NULL;

    (void)unlink(path);
    start(guest);
    ask(guest);
    registers = lab_guest_registers(guest, &error);
    g_assert_no_error(error);
    g_assert_nonnull(strstr(registers, "RIP="));
    g_assert_nonnull(strstr(registers, "CPU#1"));
    vm_request(guest, "{\"id\":1,\"verb\":\"set\",\"set\":\"kernel.unknown_nmi_panic=1\"}");
    g_assert_true(vm_wait_answer(guest, 1, VM_PATIENCE_MS));
    lab_guest_inject_nmi(guest, &error);
    g_assert_no_error(error);
    event = vm_wait(guest, LAB_GUEST_EVENT_PVPANIC, VM_PATIENCE_MS);
    g_assert_nonnull(event);
    g_assert_true(vm_wait_console(guest, "---[ end Kernel panic", VM_PATIENCE_MS));
    lab_guest_dump(guest, path, VM_PATIENCE_MS, &method, &error);
    g_assert_no_error(error);
    vm_check_dump(&bench, path, "Kernel panic - not syncing: NMI");
    g_test_message("dump: %s", method);
}

static void
test_ends(void)
{
    static const struct {
        const char *request;
        LabGuestEventType type;
    } ends[] = {
        {"{\"id\":1,\"verb\":\"poweroff\"}", LAB_GUEST_EVENT_SHUTDOWN},
        {"{\"id\":1,\"verb\":\"sysrq\",\"key\":\"b\"}", LAB_GUEST_EVENT_RESET},
        {NULL, LAB_GUEST_EVENT_GONE},
    };
    g_autoptr(LabTemplate) template = the_template();

    for (gsize i = 0; i < G_N_ELEMENTS(ends); i++) {
        g_autoptr(LabGuest) guest = new_clone(template);
        g_autoptr(LabGuestEvent) event = NULL;

        start(guest);
        ask(guest);
        if (ends[i].request)
            vm_request(guest, "%s", ends[i].request);
        else
            g_assert_cmpint(kill(vm_qemu_pid(guest), SIGKILL), ==, 0);
        event = vm_wait(guest, ends[i].type, VM_PATIENCE_MS);
        g_assert_nonnull(event);
    }
}

static char *
key_of(const char *cmdline, guint index)
{
    g_autofree char *all = NULL;
    const LabGuestConfig config = vm_config(&bench, cmdline, &all);
    g_autoptr(GError) error = NULL;
    char *key = lab_template_key(&config, index, &error);

    g_assert_no_error(error);
    return key;
}

static void
differs(const char *key, char *other)
{
    g_assert_cmpstr(key, !=, other);
    g_free(other);
}

/* Whatever goes in is in the key; how the TSC was measured this time is not. */
static void
test_key(void)
{
    g_autofree char *key = key_of("", 0);
    g_autofree char *again = key_of("", 0);
    g_autofree char *tsc = key_of("tsc_early_khz=2596134", 0);
    g_autofree char *tsc_again = key_of("tsc_early_khz=2596128", 0);
    g_autofree char *initramfs = g_strdup(bench.initramfs);
    g_autofree char *copy = g_build_filename(bench.directory, "other-initramfs", NULL);
    g_autoptr(GError) error = NULL;

    g_assert_cmpstr(key, ==, again);
    g_assert_cmpuint(strlen(key), ==, 64);
    g_assert_cmpstr(tsc, ==, tsc_again);
    differs(key, key_of("quiet", 0));
    differs(key, key_of("", 1));
    bench.cell->guest.cpus++;
    differs(key, key_of("", 0));
    bench.cell->guest.cpus--;
    bench.cell->guest.memory_bytes += 1u << 20;
    differs(key, key_of("", 0));
    bench.cell->guest.memory_bytes -= 1u << 20;
    lab_file_copy(AT_FDCWD, initramfs, AT_FDCWD, copy, 0600, &error);
    g_assert_no_error(error);
    g_free(bench.initramfs);
    bench.initramfs = g_strdup(copy);
    g_free(again);
    again = key_of("", 0); /* the same bytes elsewhere */
    g_assert_cmpstr(key, ==, again);
    g_assert_cmpint(truncate(copy, 100000), ==, 0);
    differs(key, key_of("", 0));
    g_free(bench.initramfs);
    bench.initramfs = g_steal_pointer(&initramfs);
}

/* TRUE: there is one, and it is whole. */
static gboolean
is_there(void)
{
    g_autofree char *key = key_of("", 0);
    g_autoptr(LabTemplate) template = NULL;
    g_autoptr(LabTemplateClaim) claim = NULL;
    g_autoptr(GError) error = NULL;

    lab_template_claim(bench.cache, key, 0, &template, &claim, &error);
    g_assert_no_error(error);
    g_assert_true(!template != !claim);
    return template != NULL;
}

static char *
template_file(const char *name)
{
    g_autofree char *key = key_of("", 0);

    return g_build_filename(bench.cache, "templates", key, name, NULL);
}

/* A byte of it, in place; 'at' counts from the start. */
static void
damage(const char *name, off_t at)
{
    g_autofree char *path = template_file(name);
    LAB_AUTO_FD fd = open(path, O_RDWR | O_CLOEXEC);
    char byte;

    g_assert_cmpint(pread(fd, &byte, 1, at), ==, 1);
    byte ^= 0x40;
    g_assert_cmpint(pwrite(fd, &byte, 1, at), ==, 1);
}

static void
test_damaged(void)
{
    static const char *const names[] = {"ram0", "state", "template.json"};
    g_autofree char *directory = template_file("");
    /* Of a worker that was killed while it made another one. */
    g_autofree char *part = g_build_filename(bench.cache, "templates", "0123.part-1", NULL);

    for (gsize i = 0; i < G_N_ELEMENTS(names) * 2; i++) {
        const char *name = names[i / 2];
        g_autofree char *path = template_file(name);

        lab_template_free(the_template());
        g_assert_true(is_there());
        if (i % 2)
            damage(name, 40);
        else
            g_assert_cmpint(truncate(path, 1000), ==, 0);
        g_assert_cmpint(mkdir(part, 0700), ==, 0);
        g_assert_false(is_there());
        g_assert_false(g_file_test(part, G_FILE_TEST_EXISTS));
        g_assert_false(g_file_test(directory, G_FILE_TEST_EXISTS));
    }
}

/* A worker that is killed takes its clones with it, and the template stays as it was. */
static void
test_worker_killed(void)
{
    const char *const argv[] = {program, "--sleeper", NULL};
    g_auto(GStrv) env = g_environ_setenv(g_get_environ(), "TMPDIR", bench.directory, TRUE);
    g_autoptr(GError) error = NULL;
    GPid worker;
    int out = -1;
    char buffer[32] = "";
    pid_t qemu;

    lab_template_free(the_template());
    g_assert_true(g_spawn_async_with_pipes(NULL, (char **)argv, env, G_SPAWN_DO_NOT_REAP_CHILD,
                                           NULL, NULL, &worker, NULL, &out, NULL, &error));
    g_assert_cmpint(read(out, buffer, sizeof buffer - 1), >, 0);
    qemu = (pid_t)g_ascii_strtoll(buffer, NULL, 10);
    g_assert_cmpint(kill(qemu, 0), ==, 0);
    kill(worker, SIGKILL);
    waitpid(worker, NULL, 0);
    g_assert_true(vm_wait_end_of(qemu));
    close(out);
    g_assert_true(is_there());
}

/* The program as the worker of the test above. */
static G_NORETURN void
sleeper(void)
{
    LabGuest *guest;

    setsid(); /* or the test's own reaper would leave its QEMU a zombie: see lab-qemu.c */
    vm_bench_init(&bench);
    guest = new_clone(the_template());
    start(guest);
    ask(guest);
    printf("%d\n", (int)vm_qemu_pid(guest));
    fflush(stdout);
    for (;;)
        pause();
}

/* A panic on that CPU of a clone whose capture kernel was loaded before the save: a whole vmcore.
 */
static void
panic_and_dump(LabTemplate *template, int cpu)
{
    g_autoptr(LabGuest) guest = new_clone(template);
    g_autoptr(LabGuestEvent) begin = NULL;
    g_autoptr(LabGuestEvent) end = NULL;
    g_autofree char *path = g_build_filename(bench.directory, "vmcore", NULL);
    gint64 from_us = g_get_monotonic_time();

    (void)unlink(path);
    lab_guest_set_dump_path(guest, path);
    start(guest);
    vm_request(guest,
               "{\"id\":2,\"verb\":\"builtin\",\"name\":\"sysrq-panic\",\"args\":[\"cpu=%d\"]}",
               cpu);
    begin = vm_wait(guest, LAB_GUEST_EVENT_DUMP_BEGIN, VM_PATIENCE_MS);
    g_assert_nonnull(begin);
    end = vm_wait(guest, LAB_GUEST_EVENT_DUMP_END, VM_PATIENCE_MS);
    g_assert_nonnull(end);
    g_assert_cmpstr(end->text, ==, NULL);
    vm_check_dump(&bench, path, "Kernel panic - not syncing: sysrq triggered crash");
    g_test_message("panic on CPU %d: %.1f s from start to vmcore", cpu,
                   (double)(g_get_monotonic_time() - from_us) / 1e6);
}

static void
load_capture(LabGuest *guest)
{
    vm_request(guest, "{\"id\":1,\"verb\":\"load-capture\",\"method\":\"auto\"}");
    g_assert_true(vm_wait_answer(guest, 1, VM_PATIENCE_MS));
}

/* Two NUMA nodes are two memory files. KREGLAB_TEST_CLONES: how many panics, the CPUs in turn. */
static void
test_numa_kdump(void)
{
    const char *given = g_getenv("KREGLAB_TEST_CLONES");
    int count = given ? atoi(given) : 2;
    LabGuestShape saved = bench.cell->guest;
    g_autoptr(LabTemplate) template = NULL;
    g_autofree char *initramfs = g_steal_pointer(&bench.initramfs);

    vm_bench_with_kdump(&bench);
    bench.cell->guest.numa_nodes = 2;
    template = make_template("", 0, load_capture);
    g_assert_cmpuint(json_array_size(lab_json_member(lab_template_json(template), "files")), ==, 3);
    for (int i = 0; i < count; i++)
        panic_and_dump(template, i % bench.cell->guest.cpus);
    bench.cell->guest = saved;
    bench.crashkernel_mib = 0;
    g_free(bench.initramfs);
    bench.initramfs = g_steal_pointer(&initramfs);
}

/* A QEMU that says it cannot: all that libvirt asks of it, the real one answers. */
static const char old_qemu[] =
    "#!/bin/bash\n"
    "case \"$*\" in *fd=6*) ;; *) exec qemu-system-x86_64 \"$@\";; esac\n"
    "echo '{\"QMP\":{}}' >&6\n"
    "while read -r line <&6; do\n"
    "    id=${line#*\\\"id\\\":}\n"
    "    case $line in\n"
    "    *query-version*) answer='{\"qemu\":{\"major\":3,\"minor\":0,\"micro\":1}}';;\n"
    "    *query-migrate-capabilities*) answer='[{\"capability\":\"events\",\"state\":false}]';;\n"
    "    *) answer='{}';;\n"
    "    esac\n"
    "    echo \"{\\\"return\\\":$answer,\\\"id\\\":${id%%[,\\}]*}}\" >&6\n"
    "done\n";

/* It is asked once, before anything boots, and the answer is remembered. */
static void
test_unable(void)
{
    g_autofree char *all = NULL;
    const LabGuestConfig config = vm_config(&bench, "", &all);
    g_autofree char *directory = g_dir_make_tmp("kreglab-old-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(directory, "qemu-system-x86_64", NULL);
    g_autofree char *key = NULL;
    g_autofree char *again = NULL;
    g_autofree char *refusal = NULL;
    g_autoptr(LabGuest) guest = NULL;
    g_autoptr(LabTemplate) template = NULL;
    g_autoptr(LabTemplateClaim) claim = NULL;
    g_autoptr(GError) error = NULL;

    g_assert_true(lab_file_write(AT_FDCWD, path, old_qemu, -1, 0755, &error));
    g_assert_cmpint(chmod(directory, 0755), ==, 0);
    g_setenv("KREGLAB_QEMU", path, TRUE);
    key = lab_template_key(&config, 0, &error);
    g_assert_no_error(error);
    g_assert_true(lab_template_claim(bench.cache, key, 0, &template, &claim, &error));
    g_assert_nonnull(claim);
    guest = lab_guest_new_template(&config, 0, g_steal_pointer(&claim), &error);
    g_assert_no_error(error);
    g_assert_false(lab_guest_start(guest, &error));
    g_assert_error(error, LAB_CONFIG_ERROR, LAB_ERROR_UNSUPPORTED);
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, "QEMU 3.0.1"));
    g_clear_error(&error);
    again = lab_template_key(&config, 0, &error);
    g_assert_null(again);
    g_assert_error(error, LAB_CONFIG_ERROR, LAB_ERROR_UNSUPPORTED);
    g_unsetenv("KREGLAB_QEMU");
    refusal = g_strdup_printf("%s/templates/%s.cold", bench.cache, key);
    g_assert_cmpint(unlink(refusal), ==, 0);
    lab_path_remove(AT_FDCWD, directory, NULL);
}

/* An uncompressed kernel, entered through PVH. */
static void
test_pvh(void)
{
    g_autofree char *bzimage = g_steal_pointer(&bench.kernel);
    gint64 memory_kb;

    bench.kernel = g_build_filename(bench.stored->directory, "vmlinux", NULL);
    {
        g_autoptr(LabTemplate) template = make_template("", 0, NULL);
        g_autoptr(LabGuest) guest = new_clone(template);

        start(guest);
        ask(guest);
        memory_kb = pss_kb(guest);
    }
    g_test_message("%d kB", (int)memory_kb);
    g_assert_cmpint(memory_kb, <, 100 * 1024);
    g_free(bench.kernel);
    bench.kernel = g_steal_pointer(&bzimage);
}

/* Disks, SCSI, a watchdog and the user network are saved, too. */
static void
test_shape(void)
{
    guint64 disks[] = {64u << 20, 1u << 30, 0};
    char sg[] = "sg", watchdog[] = "watchdog", user[] = "user";
    char *devices[] = {sg, watchdog, NULL};
    LabGuestShape saved = bench.cell->guest;
    LabGuestShape *shape = &bench.cell->guest;

    shape->cpus = 3;
    shape->disks = disks;
    shape->devices = devices;
    shape->network = user;
    {
        g_autoptr(LabTemplate) template = make_template("", 0, NULL);
        g_autoptr(LabGuest) guest = new_clone(template);

        start(guest);
        ask(guest);
    }
    bench.cell->guest = saved;
}

/* SHA-256 of each of the template's files, one after the other. */
static char *
fingerprint(void)
{
    g_autofree char *directory = template_file("");
    const char *const argv[] = {"sh", "-c", "sha256sum *", NULL};
    const LabProcOptions options = {.cwd = directory};
    g_auto(LabProcResult) result = {0};
    g_autoptr(GError) error = NULL;

    lab_proc_check(argv, &options, &result, &error);
    g_assert_no_error(error);
    return g_steal_pointer(&result.output);
}

/* 1000 in a row: none fails, and the template's files are the same to the bit. */
static void
test_soak(void)
{
    const char *given = g_getenv("KREGLAB_TEST_CLONES");
    int count = given ? atoi(given) : 1000;
    g_autoptr(LabTemplate) template = the_template();
    g_autofree char *before = fingerprint();
    g_autofree char *after = NULL;
    g_autofree gint64 *times_us = g_new0(gint64, count);
    gint64 begun_us = g_get_monotonic_time();

    for (int i = 0; i < count; i++) {
        gint64 from_us = g_get_monotonic_time();
        g_autoptr(LabGuest) guest = new_clone(template);

        start(guest);
        ask(guest);
        times_us[i] = g_get_monotonic_time() - from_us;
    }
    after = fingerprint();
    g_assert_cmpstr(before, ==, after);
    g_assert_true(is_there());
    qsort(times_us, (size_t)count, sizeof *times_us, compare_times);
    g_test_message(
        "%d clones in %.0f s; start to answer: median %.1f ms, 95%% %.1f ms, worst %.1f ms", count,
        (double)(g_get_monotonic_time() - begun_us) / 1e6, (double)times_us[count / 2] / 1000,
        (double)times_us[count * 95 / 100] / 1000, (double)times_us[count - 1] / 1000);
}

int
main(int argc, char **argv)
{
    int status;

    if (argc > 1 && strcmp(argv[1], "--sleeper") == 0)
        sleeper();
    program = argv[0];
    g_test_init(&argc, &argv, NULL);
    vm_bench_init(&bench);
    if (g_test_slow()) {
        g_test_add_func("/vm/warm/soak", test_soak);
    } else {
        g_test_add_func("/vm/warm/facts", test_facts);
        g_test_add_func("/vm/warm/cost", test_cost);
        g_test_add_func("/vm/warm/several", test_several);
        g_test_add_func("/vm/warm/panic", test_panic);
        g_test_add_func("/vm/warm/ends", test_ends);
        g_test_add_func("/vm/warm/key", test_key);
        g_test_add_func("/vm/warm/damaged", test_damaged);
        g_test_add_func("/vm/warm/worker-killed", test_worker_killed);
        g_test_add_func("/vm/warm/unable", test_unable);
        g_test_add_func("/vm/warm/pvh", test_pvh);
        g_test_add_func("/vm/warm/shape", test_shape);
        g_test_add_func("/vm/warm/numa-kdump", test_numa_kdump);
    }
    status = g_test_run();
    vm_bench_clear(&bench);
    return status;
}
