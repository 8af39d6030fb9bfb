/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The agent in real guests of every kernel of the test store, in QEMU started by hand: its verbs,
 * and a dump out of the capture kernel after a panic on the second CPU.
 *
 * KREGLAB_TEST_DATA/data/kernels is the store, KREGLAB_AGENT the agent.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab-agent.h"
#include "lab-closure.h"
#include "lab-environment.h"
#include "lab-error.h"
#include "lab-file.h"
#include "lab-initramfs.h"
#include "lab-json.h"
#include "lab-proc.h"

/* Far beyond a boot: under sanitizers on a busy host 120 s were once too few. */
#define DEADLINE_MS 300000

typedef struct {
    int listener;
    int fd;
    LabAgentDecoder *decoder;
} Port;

typedef struct {
    char *directory;
    char *console;
    pid_t pid;
    Port agent;
    Port dump;
    gint64 next_id;
} Vm;

/* How the guest is started beside its kernel. */
typedef struct {
    gboolean kdump;
    gboolean service; /* init is a script that starts the agent as a service */
    gboolean late;    /* the host connects when it likes, not QEMU to the host */
} How;

static const char *cache, *agent_path;

typedef union {
    struct sockaddr any;
    struct sockaddr_un un;
} Address;

static Address
port_address(const char *directory, const char *name)
{
    Address address = {.un = {.sun_family = AF_UNIX}};

    g_snprintf(address.un.sun_path, sizeof address.un.sun_path, "%s/%s", directory, name);
    return address;
}

static void
port_listen(Port *port, const char *directory, const char *name)
{
    Address address = port_address(directory, name);

    port->fd = -1;
    port->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(bind(port->listener, &address.any, sizeof address.un), ==, 0);
    g_assert_cmpint(listen(port->listener, 1), ==, 0);
    port->decoder = lab_agent_decoder_new();
}

/* The other way round: QEMU listens. A new connection, and so a new decoder. */
static void
port_connect(Port *port, const char *directory, const char *name)
{
    Address address = port_address(directory, name);

    if (port->fd >= 0) {
        close(port->fd);
        g_usleep(500000); /* README: the guest cannot see a shorter absence */
    }
    lab_agent_decoder_free(port->decoder);
    port->decoder = lab_agent_decoder_new();
    port->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    for (int i = 0; i < 200; i++) {
        if (connect(port->fd, &address.any, sizeof address.un) == 0)
            return;
        g_usleep(50000);
    }
    g_error("QEMU does not listen at %s/%s", directory, name);
}

static void
port_close(Port *port)
{
    lab_agent_decoder_free(port->decoder);
    if (port->listener >= 0)
        close(port->listener);
    if (port->fd >= 0)
        close(port->fd);
}

/* The next message, or NULL when the guest was silent or its end is closed until the deadline. */
static LabAgentMessage *
port_next(Port *port, gint64 timeout_ms)
{
    gint64 deadline = g_get_monotonic_time() + timeout_ms * 1000;
    g_autofree char *buffer = g_malloc(65536);

    for (;;) {
        LabAgentMessage *message = NULL;
        g_autoptr(GError) error = NULL;
        struct pollfd pfd = {.fd = port->fd >= 0 ? port->fd : port->listener, .events = POLLIN};
        gint64 left = (deadline - g_get_monotonic_time()) / 1000;
        gssize n;

        g_assert_true(lab_agent_decoder_next(port->decoder, &message, &error));
        if (message)
            return message;
        if (left <= 0 || poll(&pfd, 1, (int)left) <= 0)
            return NULL;
        if (port->fd < 0) {
            port->fd = accept(port->listener, NULL, NULL);
            g_assert_cmpint(port->fd, >=, 0);
            continue;
        }
        n = read(port->fd, buffer, 65536);
        if (n <= 0)
            return NULL;
        lab_agent_decoder_feed(port->decoder, buffer, (gsize)n);
    }
}

static const char *
event_of(const LabAgentMessage *message)
{
    const char *event = message->json ? lab_json_string(message->json, "event") : NULL;

    return event ? event : "";
}

/* The first 'event' with that id (any when 0); earlier messages are dropped, outputs collected. */
static LabAgentMessage *
wait_event(Port *port, const char *event, gint64 id, GString *output)
{
    for (;;) {
        LabAgentMessage *message = port_next(port, DEADLINE_MS);

        if (!message) {
            g_error("the guest said no '%s' within %d s", event, DEADLINE_MS / 1000);
            return NULL; /* not reached */
        }
        if (output && strcmp(event_of(message), "output") == 0 && message->data)
            g_string_append_len(output, g_bytes_get_data(message->data, NULL),
                                (gssize)g_bytes_get_size(message->data));
        if (strcmp(event_of(message), event) == 0 &&
            (id == 0 || lab_json_int(message->json, "id", 0) == id))
            return message;
        lab_agent_message_free(message);
    }
}

static void
vm_send(Vm *vm, json_t *request, const void *data, gsize length)
{
    g_autoptr(json_t) owned = request;
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) bytes = NULL;

    g_assert_nonnull(request);
    json_object_set_new(request, "id", json_integer(++vm->next_id));
    bytes = lab_agent_encode(request, data, length, &error);
    g_assert_no_error(error);
    g_assert_true(lab_fd_write_all(vm->agent.fd, g_bytes_get_data(bytes, NULL),
                                   g_bytes_get_size(bytes), &error));
}

/* Sends (takes) a request and waits for its answer. */
static LabAgentMessage *
vm_ask(Vm *vm, json_t *request, const void *data, gsize length)
{
    vm_send(vm, request, data, length);
    return wait_event(&vm->agent, "", vm->next_id, NULL);
}

static json_t *
exec_request(const char *script)
{
    return json_pack("{s:s, s:[s,s,s], s:[s]}", "verb", "exec", "argv", "sh", "-c", script, "env",
                     "LAB=42");
}

/* Runs a script in the guest: its output and exit status. */
static char *
vm_shell(Vm *vm, const char *script, int *status)
{
    GString *output = g_string_new(NULL);
    g_autoptr(LabAgentMessage) message = NULL;

    vm_send(vm, exec_request(script), NULL, 0);
    message = wait_event(&vm->agent, "exit", vm->next_id, output);
    *status = (int)lab_json_int(message->json, "status", -1);
    return g_string_free(output, FALSE);
}

static void
start_qemu(Vm *vm, const LabKernel *kernel, const char *initramfs, guint crash_mib, const How *how)
{
    g_autofree char *image = g_build_filename(kernel->directory, "vmlinuz", NULL);
    g_autofree char *serial = g_strdup_printf("file:%s", vm->console);
    g_autofree char *cmdline =
        g_strdup_printf("console=ttyS0 cryptomgr.notests no_timer_check audit=0 crashkernel=%uM%s",
                        crash_mib, how->service ? " rdinit=/kreglab/rc" : "");
    g_autofree char *a = g_strdup_printf("socket,id=a,path=%s/agent%s", vm->directory,
                                         how->late ? ",server=on,wait=off" : "");
    g_autofree char *d = g_strdup_printf("socket,id=d,path=%s/dump", vm->directory);
    const char *argv[] = {"qemu-system-x86_64",
                          "-M",
                          "pc",
                          "-cpu",
                          "max",
                          "-accel",
                          "tcg",
                          "-m",
                          "512",
                          "-smp",
                          "2",
                          "-display",
                          "none",
                          "-nodefaults",
                          "-no-reboot",
                          "-serial",
                          serial,
                          "-kernel",
                          image,
                          "-initrd",
                          initramfs,
                          "-append",
                          cmdline,
                          "-device",
                          "virtio-serial-pci",
                          "-chardev",
                          a,
                          "-device",
                          "virtserialport,chardev=a,name=" LAB_AGENT_PORT,
                          "-chardev",
                          d,
                          "-device",
                          "virtserialport,chardev=d,name=" LAB_DUMP_PORT,
                          NULL};

    vm->pid = fork();
    g_assert_cmpint(vm->pid, >=, 0);
    if (vm->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execvp(argv[0], (char *const *)argv);
        _exit(127);
    }
}

static Vm *
vm_start(const LabKernel *kernel, How how)
{
    static const char rc[] = "#!/bin/sh\n"
                             "mount -t proc proc /proc\n"
                             "mount -t sysfs sysfs /sys\n"
                             "mount -t devtmpfs devtmpfs /dev\n"
                             "while read -r m; do insmod \"${m#-}\"; done </kreglab/modules.list\n"
                             "/init --service\n";
    Vm *vm = g_new0(Vm, 1);
    LabInitramfsSpec spec = {
        .kernel = kernel, .agent = agent_path, .busybox = TRUE, .kdump = how.kdump};
    LabInitramfsFile script = {.path = "/kreglab/rc", .mode = 0755};
    g_autoptr(GError) error = NULL;
    g_autofree char *initramfs = NULL, *rc_path = NULL;
    g_autoptr(LabAgentMessage) hello = NULL;

    vm->directory = g_dir_make_tmp("kreglab-vm-XXXXXX", &error);
    g_assert_no_error(error);
    script.source = rc_path = g_build_filename(vm->directory, "rc", NULL);
    g_assert_true(g_file_set_contents(rc_path, rc, -1, NULL));
    spec.files = &script;
    spec.n_files = how.service ? 1 : 0;
    initramfs = lab_initramfs_make(&spec, cache, &error);
    g_assert_no_error(error);
    vm->console = g_build_filename(vm->directory, "console.log", NULL);
    vm->agent.listener = vm->agent.fd = -1;
    if (!how.late)
        port_listen(&vm->agent, vm->directory, "agent");
    port_listen(&vm->dump, vm->directory, "dump");
    start_qemu(vm, kernel, initramfs,
               how.kdump ? lab_initramfs_crashkernel_mib(&spec, cache, &error) : 0, &how);
    g_assert_no_error(error);
    if (how.late)
        port_connect(&vm->agent, vm->directory, "agent");
    hello = wait_event(&vm->agent, "hello", 0, NULL);
    g_assert_cmpint(lab_json_int(hello->json, "version", 0), ==, LAB_PROTOCOL_VERSION);
    g_assert_cmpstr(lab_json_string(hello->json, "release"), ==, kernel->release);
    g_assert_cmpstr(lab_json_string(hello->json, "mode"), ==, how.service ? "service" : "init");
    g_assert_cmpint(lab_json_int(hello->json, "cpus", 0), ==, 2);
    g_assert_cmpuint(json_array_size(json_object_get(hello->json, "module_errors")), ==, 0);
    return vm;
}

/* Waits until QEMU ended by itself. */
static void
vm_wait_end(Vm *vm)
{
    int status = -1;

    for (int i = 0; i < DEADLINE_MS / 100 && vm->pid > 0; i++) {
        if (waitpid(vm->pid, &status, WNOHANG) == vm->pid)
            vm->pid = 0;
        else
            g_usleep(100000);
    }
    g_assert_cmpint(vm->pid, ==, 0);
    g_assert_cmpint(status, ==, 0);
}

static void
vm_free(Vm *vm)
{
    if (vm->pid > 0) {
        kill(vm->pid, SIGKILL);
        waitpid(vm->pid, NULL, 0);
    }
    port_close(&vm->agent);
    port_close(&vm->dump);
    lab_path_remove(AT_FDCWD, vm->directory, NULL);
    g_free(vm->directory);
    g_free(vm->console);
    g_free(vm);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Vm, vm_free)

static void
assert_answer(LabAgentMessage *message, int error_number)
{
    g_assert_cmpint(lab_json_bool(message->json, "ok", FALSE), ==, error_number == 0);
    g_assert_cmpint(lab_json_int(message->json, "errno", 0), ==, error_number);
    lab_agent_message_free(message);
}

static void
check_settings(Vm *vm)
{
    static const struct {
        const char *set, *value;
        int error_number;
    } rows[] = {
        {"vm.min_free_kbytes=4567", "4567", 0}, {"/proc/sys/vm/min_free_kbytes=4568", "4568", 0},
        {"/sys/kernel/mm/ksm/run=1", "1", 0},   {"/sys/kernel/mm/ksm/run=99", NULL, EINVAL},
        {"vm.no_such_thing=1", NULL, ENOENT},   {"no equals sign", NULL, EINVAL},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        LabAgentMessage *answer =
            vm_ask(vm, json_pack("{s:s, s:s}", "verb", "set", "set", rows[i].set), NULL, 0);

        g_assert_cmpstr(lab_json_string(answer->json, "value"), ==, rows[i].value);
        assert_answer(answer, rows[i].error_number);
    }
}

static char *
vm_read(Vm *vm, const char *name)
{
    g_autoptr(LabAgentMessage)
        answer = vm_ask(vm, json_pack("{s:s, s:s}", "verb", "read", "name", name), NULL, 0);

    return g_strdup(lab_json_string(answer->json, "value"));
}

/* What this kernel is set up as. */
static void
check_environment(Vm *vm)
{
    g_autofree char *release = vm_read(vm, "kernel.osrelease");
    g_autoptr(LabAgentMessage) all = vm_ask(vm, json_pack("{s:s}", "verb", "environment"), NULL, 0);
    g_autoptr(json_t) taken = lab_environment_check(lab_json_member(all->json, "environment"));
    const json_t *values = lab_json_member(taken, "values");
    g_autofree char *swappiness = vm_read(vm, "vm.swappiness");
    const char *module;
    json_t *size;

    g_assert_nonnull(taken);
    g_test_message("%s: %zu modules, %zu values", release,
                   json_object_size(lab_json_member(taken, "modules")), json_object_size(values));
    g_assert_cmpint(lab_json_int(taken, "left_out", -1), ==, 0);
    g_assert_cmpuint(json_object_size(values), >, 300);
    g_assert_cmpstr(lab_json_string(values, "vm.min_free_kbytes"), ==, "4568");
    g_assert_cmpstr(lab_json_string(values, "/sys/kernel/mm/ksm/run"), ==, "1");
    g_assert_cmpstr(lab_json_string(values, "vm.swappiness"), ==, swappiness);
    g_assert_cmpstr(lab_json_string(values, "kernel.ostype"), ==, "Linux");
    g_assert_null(lab_json_member(values, "kernel.osrelease"));
    g_assert_null(lab_json_member(values, "kernel.random.uuid"));
    g_assert_null(lab_json_member(values, "vm.stat_refresh"));
    /* Which ones are built in differs from kernel to kernel. */
    g_assert_cmpuint(json_object_size(lab_json_member(taken, "modules")), >, 0);
    json_object_foreach (lab_json_member(taken, "modules"), module, size)
        g_assert_cmpint(json_integer_value(size), >, 4096);
}

static void
check_files(Vm *vm)
{
    static const char script[] = "#!/bin/sh\necho $LAB; echo wrong >&2; exit 7\n";
    g_autofree char *text = NULL;
    g_autoptr(LabAgentMessage) got = NULL;
    int status;

    assert_answer(
        vm_ask(vm,
               json_pack("{s:s, s:s, s:i}", "verb", "put", "path", "/tmp/new/tool", "mode", 0755),
               script, strlen(script)),
        0);
    text = vm_shell(vm, "/tmp/new/tool", &status);
    g_assert_cmpint(status, ==, 7);
    g_assert_true(strstr(text, "42\n") && strstr(text, "wrong\n"));
    got = vm_ask(vm,
                 json_pack("{s:s, s:s, s:i}", "verb", "get", "path", "/tmp/new/tool", "offset",
                           (int)strlen(script) - 5),
                 NULL, 0);
    g_assert_true(lab_json_bool(got->json, "eof", FALSE));
    g_assert_cmpmem(g_bytes_get_data(got->data, NULL), g_bytes_get_size(got->data), "it 7\n", 5);
    assert_answer(vm_ask(vm, json_pack("{s:s, s:s}", "verb", "put", "path", "relative"), "x", 1),
                  EINVAL);
    assert_answer(vm_ask(vm, json_pack("{s:s, s:s}", "verb", "get", "path", "/no/such"), NULL, 0),
                  ENOENT);
    assert_answer(
        vm_ask(vm, json_pack("{s:s, s:[s]}", "verb", "exec", "argv", "/no/such"), NULL, 0), ENOENT);
    assert_answer(
        vm_ask(vm, json_pack("{s:s, s:s}", "verb", "insmod", "path", "/tmp/new/tool"), NULL, 0),
        ENOEXEC);
}

/* Output over the limit is counted and dropped; a program can be killed; beats go on meanwhile. */
static void
check_children(Vm *vm)
{
    g_autoptr(GString) output = g_string_new(NULL);
    g_autoptr(LabAgentMessage) end = NULL;
    json_t *request = exec_request("head -c 300000 /dev/zero");
    gint64 id;

    json_object_set_new(request, "output_limit", json_integer(100000));
    vm_send(vm, request, NULL, 0);
    end = wait_event(&vm->agent, "exit", vm->next_id, output);
    g_assert_cmpuint(output->len, ==, 100000);
    g_assert_cmpint(lab_json_int(end->json, "dropped", 0), ==, 200000);
    g_clear_pointer(&end, lab_agent_message_free);

    vm_send(vm, exec_request("sleep 1000; echo never"), NULL, 0);
    id = vm->next_id;
    lab_agent_message_free(wait_event(&vm->agent, "heartbeat", 0, NULL));
    lab_agent_message_free(wait_event(&vm->agent, "heartbeat", 0, NULL));
    vm_send(vm, json_pack("{s:s, s:I, s:i}", "verb", "kill", "target", (json_int_t)id, "signal", 9),
            NULL, 0);
    end = wait_event(&vm->agent, "exit", id, NULL);
    g_assert_cmpint(lab_json_int(end->json, "signal", 0), ==, SIGKILL);
    assert_answer(
        vm_ask(vm, json_pack("{s:s, s:I}", "verb", "kill", "target", (json_int_t)id), NULL, 0),
        ESRCH);
}

/* Nonsense is answered, and the agent goes on. */
static void
check_nonsense(Vm *vm)
{
    static const char junk[] = "\xff\xff\xff\xff\xff\xff\xff\xff not a frame";
    static const char stray[] = "\x03\0\0\0\x02\0\0\0abc";
    g_autoptr(GError) error = NULL;

    assert_answer(vm_ask(vm, json_pack("{s:s}", "verb", "dance"), NULL, 0), ENOSYS);
    assert_answer(vm_ask(vm, json_pack("{s:i}", "verb", 3), NULL, 0), EINVAL);
    g_assert_true(lab_fd_write_all(vm->agent.fd, stray, sizeof stray - 1, &error));
    lab_agent_message_free(wait_event(&vm->agent, "protocol-error", 0, NULL));
    g_assert_true(lab_fd_write_all(vm->agent.fd, junk, sizeof junk - 1, &error));
    lab_agent_message_free(wait_event(&vm->agent, "protocol-error", 0, NULL));
    g_usleep(1000000); /* README: input is dropped until a pause of 200 ms */
    assert_answer(vm_ask(vm, json_pack("{s:s}", "verb", "hello"), NULL, 0), 0);
}

/* As the host does it with a template and its clones, but for the saving. */
static void
check_clone(Vm *vm)
{
    g_autoptr(LabAgentMessage) template = NULL;
    g_autoptr(LabAgentMessage) clone = NULL;
    g_autoptr(LabAgentMessage) beat = NULL;
    g_autofree char *text = NULL;
    int status;

    assert_answer(vm_ask(vm, json_pack("{s:s, s:i}", "verb", "clone", "time_ns", 1), "entropy", 7),
                  ENODATA);
    template = vm_ask(vm, json_pack("{s:s, s:s}", "verb", "template", "token", "t-1"), NULL, 0);
    g_assert_true(lab_json_bool(template->json, "ok", FALSE));
    g_assert_false(lab_json_bool(template->json, "capture_loaded", TRUE));
    clone = vm_ask(
        vm,
        json_pack("{s:s, s:I}", "verb", "clone", "time_ns", (json_int_t)1600000000 * 1000000000),
        "entropy", 7);
    g_assert_true(lab_json_bool(clone->json, "ok", FALSE));
    g_assert_cmpstr(lab_json_string(clone->json, "token"), ==, "t-1");
    g_assert_cmpstr(lab_json_string(clone->json, "boot_id"), ==,
                    lab_json_string(template->json, "boot_id"));
    g_assert_cmpuint(strlen(lab_json_string(clone->json, "boot_id")), ==, 36);
    g_assert_cmpint(lab_json_int(clone->json, "clock_errno", -1), ==, 0);
    g_assert_cmpint(lab_json_int(clone->json, "entropy_errno", -1), ==, 0);
    g_assert_true(lab_json_bool(clone->json, "credited", FALSE));
    g_assert_cmpint(lab_json_int(clone->json, "n", 0), ==, 1);
    text = vm_shell(vm, "date +%Y", &status);
    g_assert_cmpstr(text, ==, "2020\n");
    beat = wait_event(&vm->agent, "heartbeat", 0, NULL);
}

static void
test_verbs(gconstpointer data)
{
    g_autoptr(Vm) vm = vm_start(data, (How){0});
    g_autoptr(LabAgentMessage) metrics = NULL;
    g_autofree char *text = NULL;
    char bytes[64];
    int status;

    check_settings(vm);
    check_environment(vm);
    check_files(vm);
    check_children(vm);
    check_nonsense(vm);
    check_clone(vm);
    metrics = vm_ask(vm, json_pack("{s:s}", "verb", "metrics"), NULL, 0);
    g_assert_cmpint(lab_json_int(lab_json_member(metrics->json, "meminfo"), "MemTotal", 0), >,
                    100000);
    g_assert_cmpint(lab_json_int(lab_json_member(metrics->json, "vmstat"), "pgfault", 0), >, 0);
    assert_answer(
        vm_ask(vm,
               json_pack("{s:s, s:I}", "verb", "clock", "time_ns", (json_int_t)1234567890123456789),
               NULL, 0),
        0);
    text = vm_shell(vm, "date +%Y", &status);
    g_assert_cmpstr(text, ==, "2009\n");
    memset(bytes, 'x', sizeof bytes);
    assert_answer(vm_ask(vm, json_pack("{s:s}", "verb", "entropy"), bytes, sizeof bytes), 0);
    /* No crashkernel was given: the reason has to be told, not guessed. */
    assert_answer(vm_ask(vm, json_pack("{s:s}", "verb", "load-capture"), NULL, 0), ENOMEM);
    assert_answer(vm_ask(vm, json_pack("{s:s}", "verb", "poweroff"), NULL, 0), 0);
    vm_wait_end(vm);
}

/* The stream of the capture kernel's agent, into 'fd'. */
static void
receive_dump(Vm *vm, int fd)
{
    g_autoptr(LabAgentMessage) hello = wait_event(&vm->dump, "hello", 0, NULL);
    gsize bytes = 0;

    g_assert_cmpstr(lab_json_string(hello->json, "mode"), ==, "capture");
    lab_agent_message_free(wait_event(&vm->dump, "dump-begin", 0, NULL));
    for (;;) {
        g_autoptr(LabAgentMessage) message = port_next(&vm->dump, DEADLINE_MS);
        g_autoptr(GError) error = NULL;

        g_assert_nonnull(message);
        if (!message->json) {
            bytes += g_bytes_get_size(message->data);
            g_assert_true(lab_fd_write_all(fd, g_bytes_get_data(message->data, NULL),
                                           g_bytes_get_size(message->data), &error));
        } else if (strcmp(event_of(message), "dump-end") == 0) {
            g_assert_cmpstr(lab_json_string(message->json, "error"), ==, NULL);
            g_assert_cmpint(lab_json_int(message->json, "bytes", -1), ==, bytes);
            return;
        }
    }
}

static void
check_vmcore(const char *directory, int flat)
{
    g_autofree char *vmcore = g_build_filename(directory, "vmcore", NULL);
    g_autofree char *dmesg = g_build_filename(directory, "dmesg", NULL);
    g_autofree char *text = NULL;
    const char *put_together[] = {"makedumpfile", "-R", vmcore, NULL};
    const char *extract[] = {"makedumpfile", "--dump-dmesg", vmcore, dmesg, NULL};
    LabProcOptions options = {.stdin_fd = flat};
    g_auto(LabProcResult) first = {0}, second = {0};
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(lseek(flat, 0, SEEK_SET), ==, 0);
    lab_proc_check(put_together, &options, &first, &error);
    g_assert_no_error(error);
    lab_proc_check(extract, NULL, &second, &error);
    g_assert_no_error(error);
    g_assert_true(g_file_get_contents(dmesg, &text, NULL, NULL));
    g_assert_nonnull(strstr(text, "Linux version"));
    g_assert_nonnull(strstr(text, "sysrq: Trigger a crash"));
}

static void
crash_and_dump(const LabKernel *kernel, const char *method)
{
    g_autoptr(Vm) vm = vm_start(kernel, (How){.kdump = TRUE});
    g_autofree char *flat = g_build_filename(vm->directory, "flat", NULL);
    LAB_AUTO_FD fd = open(flat, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    gint64 panicked;
    LabAgentMessage *answer =
        vm_ask(vm, json_pack("{s:s, s:s}", "verb", "load-capture", "method", method), NULL, 0);

    if (lab_json_string(answer->json, "error"))
        g_test_message("%s", lab_json_string(answer->json, "error"));
    if (strcmp(method, "auto") != 0)
        g_assert_cmpstr(lab_json_string(answer->json, "method"), ==, method);
    assert_answer(answer, 0);
    panicked = g_get_monotonic_time();
    /* No answer is waited for: on a busy host the panic overtakes it. */
    vm_send(
        vm,
        json_pack("{s:s, s:s, s:[s]}", "verb", "builtin", "name", "sysrq-panic", "args", "cpu=1"),
        NULL, 0);
    receive_dump(vm, fd);
    g_test_message("%s: panic to the last byte: %.1f s", kernel->release,
                   (double)(g_get_monotonic_time() - panicked) / 1e6);
    check_vmcore(vm->directory, fd);
    vm_wait_end(vm);
}

static void
test_kdump(gconstpointer data)
{
    crash_and_dump(data, "auto");
}

static void
test_kexec_load(gconstpointer data)
{
    g_autofree char *kexec = lab_closure_find("kexec", NULL);

    if (kexec)
        crash_and_dump(data, "kexec_load");
    else
        g_test_skip("this host has no kexec (package kexec-tools)");
}

/* As a service beside another init, and with a host that comes, goes and comes again. */
static void
test_service(gconstpointer data)
{
    g_autoptr(Vm) vm = vm_start(data, (How){.service = TRUE, .late = TRUE});
    g_autofree char *text = NULL;
    int status;

    vm_send(vm, exec_request("sleep 2; echo late >/tmp/late"), NULL, 0);
    for (int i = 0; i < 3; i++) {
        port_connect(&vm->agent, vm->directory, "agent");
        lab_agent_message_free(wait_event(&vm->agent, "hello", 0, NULL));
        assert_answer(vm_ask(vm, json_pack("{s:s}", "verb", "hello"), NULL, 0), 0);
    }
    /* What the first connection started went on. */
    text = vm_shell(vm, "while [ ! -f /tmp/late ]; do sleep 1; done; cat /tmp/late", &status);
    g_assert_cmpstr(text, ==, "late\n");
    assert_answer(vm_ask(vm, json_pack("{s:s}", "verb", "poweroff"), NULL, 0), 0);
    vm_wait_end(vm);
}

static void
add(const char *name, const LabKernel *kernel, GTestDataFunc function)
{
    g_autofree char *path = g_strdup_printf("/agent/%s/%s", kernel->release, name);

    g_test_add_data_func(path, kernel, function);
}

int
main(int argc, char **argv)
{
    const char *root = g_getenv("KREGLAB_TEST_DATA");
    g_autofree char *data = g_build_filename(root ? root : "/nowhere", "data", NULL);
    g_autofree char *cache_path = g_build_filename(root ? root : "/nowhere", "cache", NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) kernels = NULL;

    g_test_init(&argc, &argv, NULL);
    signal(SIGPIPE, SIG_IGN);
    cache = cache_path;
    agent_path = g_getenv("KREGLAB_AGENT");
    if (root && agent_path)
        kernels = lab_kernel_list(data, &error);
    if (!kernels || kernels->len == 0) {
        printf(
            "1..0 # SKIP no kernels: KREGLAB_TEST_DATA names the store, KREGLAB_AGENT the agent; "
            "'./bootstrap test' fetches and sets them\n");
        return 0;
    }
    for (guint i = 0; i < kernels->len; i++) {
        add("verbs", kernels->pdata[i], test_verbs);
        add("kdump", kernels->pdata[i], test_kdump);
    }
    /* one is enough: it is kexec-tools that differs, not the kernel */
    add("kexec-load", kernels->pdata[0], test_kexec_load);
    add("service", kernels->pdata[0], test_service);
    return g_test_run();
}
