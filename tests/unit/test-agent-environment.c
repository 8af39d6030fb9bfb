/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the agent reads of a kernel's settings, in a tree of files that stands for /proc and /sys.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent.h"

Agent agent = {.watchdog = -1};

bool
port_send(json_t *object, const void *data, size_t length)
{
    json_decref(object);
    return false;
}

int64_t
uptime_ms(void)
{
    return 0;
}

typedef struct {
    char *root;
    int fd;
} Fixture;

static void
put(Fixture *f, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(f->root, name, NULL);
    g_autofree char *directory = g_path_get_dirname(path);
    FILE *file;

    g_assert_cmpint(g_mkdir_with_parents(directory, 0755), ==, 0);
    file = fopen(path, "we"); /* GLib's way waits for the disk, thousands of times */
    g_assert_nonnull(file);
    g_assert_cmpint(fputs(text, file), >=, 0);
    g_assert_cmpint(fclose(file), ==, 0);
}

static void
set_up(Fixture *f, gconstpointer data)
{
    f->root = g_dir_make_tmp("kreglab-environment-XXXXXX", NULL);
    f->fd = open(f->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    g_assert_cmpint(f->fd, >=, 0);
    put(f, "proc/sys/vm/swappiness", "60\n");
    put(f, "proc/sys/vm/laptop_mode", "0\n");
    put(f, "proc/sys/kernel/ostype", "Linux\n");
    put(f, "proc/sys/kernel/sysrq", "1\n");
    put(f, "proc/sys/net/ipv4/conf/all/rp_filter", "1\n");
    put(f, "proc/sys/net/ipv4/conf/a.b/rp_filter", "1\n");
    put(f, "proc/sys/net/core/x.y", "");
    put(f, "sys/kernel/mm/ksm/run", "1\n");
    put(f, "sys/kernel/mm/page_idle/bitmap", "?");
    put(f, "sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n");
    put(f, "proc/modules",
        "virtio_net 65536 0 - Live 0x0000000000000000\n"
        "nvidia 9999 2 a,b, Live 0xffffffffc0000000 (POE)\n"
        "nonsense\n");
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    const char *argv[] = {"rm", "-r", f->root, NULL};

    close(f->fd);
    g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL,
                               NULL, NULL, NULL));
    g_free(f->root);
}

/* "NAME=VALUE " of each, by name. */
static char *
values(Fixture *f)
{
    json_t *json = environment_json(f->fd), *value;
    GString *said = g_string_new(NULL);
    GList *names = NULL;
    const char *name;

    json_object_foreach (json_object_get(json, "values"), name, value)
        names = g_list_insert_sorted(
            names, g_strdup_printf("%s=%s ", name, json_string_value(value)), (GCompareFunc)strcmp);
    for (GList *at = names; at; at = at->next)
        g_string_append(said, at->data);
    g_list_free_full(names, g_free);
    json_decref(json);
    return g_string_free(said, FALSE);
}

#define ALL                                                                 \
    "/sys/devices/system/clocksource/clocksource0/current_clocksource=tsc " \
    "/sys/kernel/mm/ksm/run=1 kernel.ostype=Linux kernel.sysrq=1 "          \
    "net.core.x/y= net.ipv4.conf.all.rp_filter=1 vm.laptop_mode=0 vm.swappiness=60 "

static void
test_all(Fixture *f, gconstpointer data)
{
    g_autofree char *said = values(f);

    g_assert_cmpstr(said, ==, ALL);
}

/* None of it is read: a FIFO would never return, a link leads out. */
static void
test_passed_over(Fixture *f, gconstpointer data)
{
    static const char *const names[] = {
        "vm/stat_refresh",
        "kernel/random/uuid",
        "kernel/sched_domain/cpu0/x",
        "fs/inode-nr",
        "fs/dentry-state",
        "net/ipv4/route/flush",
        "kernel/ns_last_pid",
        "fs/binfmt_misc/status",
        "net/ipv6/conf/all/stable_secret",
        "kernel/version",
        "net/ipv4/neigh/eth0/retrans_time",
        "vm/.hidden",
    };
    g_autofree char *fifo = g_build_filename(f->root, "proc/sys/vm/fifo", NULL);
    g_autofree char *link = g_build_filename(f->root, "proc/sys/vm/link", NULL);
    g_autofree char *folder = g_build_filename(f->root, "proc/sys/vm/folder", NULL);
    g_autofree char *closed = g_build_filename(f->root, "proc/sys/vm/write_only", NULL);
    g_autofree char *said = NULL;

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *name = g_strconcat("proc/sys/", names[i], NULL);

        put(f, name, "7\n");
    }
    put(f, "sys/kernel/mm/ksm/pages_shared", "1");
    put(f, "sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "1");
    put(f, "proc/sys/vm/write_only", "1");
    g_assert_cmpint(chmod(closed, 0200), ==, 0); /* root could read it */
    g_assert_cmpint(mkfifo(fifo, 0600), ==, 0);
    g_assert_cmpint(symlink("/etc/passwd", link), ==, 0);
    g_assert_cmpint(symlink("/etc", folder), ==, 0);
    said = values(f);
    g_assert_cmpstr(said, ==, ALL);
}

static void
test_modules(Fixture *f, gconstpointer data)
{
    json_t *json = environment_json(f->fd);
    g_autofree char *modules = json_dumps(json_object_get(json, "modules"), JSON_SORT_KEYS);
    g_autofree char *taints = json_dumps(json_object_get(json, "taints"), 0);

    g_assert_cmpstr(modules, ==, "{\"nvidia\": 9999, \"virtio_net\": 65536}");
    g_assert_cmpstr(taints, ==, "{\"nvidia\": \"POE\"}");
    json_decref(json);
}

static void
test_bounds(Fixture *f, gconstpointer data)
{
    g_autofree char *large = g_strnfill(5000, 'x');
    json_t *json, *all;

    for (int i = 0; i < 900; i++) {
        g_autofree char *name = g_strdup_printf("proc/sys/many/f%d", i);

        put(f, name, i < 880 ? large : "1");
    }
    json = environment_json(f->fd);
    all = json_object_get(json, "values");
    g_assert_cmpuint(json_object_size(all) +
                         (gsize)json_integer_value(json_object_get(json, "left_out")),
                     ==, 908);
    g_assert_cmpint(json_integer_value(json_object_get(json, "left_out")), >, 0);
    if (json_object_get(all, "many.f0"))
        g_assert_cmpuint(json_string_length(json_object_get(all, "many.f0")), ==, 512);
    g_assert_cmpuint(json_dumpb(json, NULL, 0, 0), <, LAB_FRAME_MAX);
    json_decref(json);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/agent-environment/all", Fixture, NULL, set_up, test_all, tear_down);
    g_test_add("/agent-environment/passed-over", Fixture, NULL, set_up, test_passed_over,
               tear_down);
    g_test_add("/agent-environment/modules", Fixture, NULL, set_up, test_modules, tear_down);
    g_test_add("/agent-environment/bounds", Fixture, NULL, set_up, test_bounds, tear_down);
    return g_test_run();
}
