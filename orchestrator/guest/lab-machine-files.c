/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files of a guest: a directory of its own, the boot files where QEMU's user can read them,
 * empty disks, domain.xml; and QEMU's log. */
#include "lab-machine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lab-domain.h"
#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-log.h"

#define LOG_TAIL  4096
#define LOG_MAX   (16u << 20)
#define SCSI_DISK (16u << 20)

gboolean
lab_machine_share(LabMachine *guest, int fd, mode_t mode, const char *path, GError **error)
{
    if (fchmod(fd, mode) < 0 || (guest->user.user && fchown(fd, (uid_t)-1, guest->user.gid) < 0))
        return lab_error_set_errno(error, errno, "sharing '%s' with QEMU", path);
    return TRUE;
}

gboolean
lab_machine_make_directory(LabMachine *guest, GError **error)
{
    static int count;
    g_autofree char *leaf = g_strdup_printf("g%d", ++count);
    LAB_AUTO_FD fd = -1;

    guest->directory = g_build_filename(guest->base.runtime_directory, leaf, NULL);
    guest->name = g_strdup_printf("kreglab-%d-%d", (int)getpid(), count);
    if (!lab_path_remove(AT_FDCWD, guest->directory, error))
        return FALSE;
    fd = lab_dir_make(AT_FDCWD, guest->directory, 0700, error);
    /* A daemon's QEMU has a user that is not known here: it may pass through. */
    return fd >= 0 && lab_machine_share(guest, fd,
                                        guest->foreign_user ? 0711
                                        : guest->user.user  ? 0710
                                                            : 0700,
                                        guest->directory, error);
}

/* Another name for a file that everybody may read, in a directory that QEMU's user may search. A
 * daemon might make the file its own. */
static gboolean
link_for_qemu(LabMachine *guest, int in, const char *path, const char *copy)
{
    struct stat st;

    return !guest->foreign_user && fstat(in, &st) == 0 && S_ISREG(st.st_mode) &&
           (st.st_mode & S_IROTH) && linkat(AT_FDCWD, path, AT_FDCWD, copy, AT_SYMLINK_FOLLOW) == 0;
}

/* The store belongs to us alone; QEMU's user gets links or, where another file system or a stranger
 * stands in the way, copies, which live as long as the guest's directory. */
static char *
copy_for_qemu(LabMachine *guest, const char *path, const char *name, GError **error)
{
    g_autofree char *copy = g_build_filename(guest->directory, name, NULL);
    LAB_AUTO_FD in = open(path, O_RDONLY | O_CLOEXEC);
    LAB_AUTO_FD out = -1;

    if (in < 0) {
        g_set_error(error, LAB_CONFIG_ERROR,
                    errno == ENOENT ? LAB_ERROR_NOT_FOUND : LAB_ERROR_FAILED, "opening '%s': %s",
                    path, g_strerror(errno));
        return NULL;
    }
    if (!guest->user.user && !guest->foreign_user)
        return g_canonicalize_filename(path, NULL);
    if (link_for_qemu(guest, in, path, copy))
        return g_steal_pointer(&copy);
    out = open(copy, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (out < 0) {
        lab_error_set_errno(error, errno, "creating '%s'", copy);
        return NULL;
    }
    if (!lab_fd_copy(in, out, path, error) || !lab_machine_share(guest, out, 0640, copy, error))
        return NULL;
    return g_steal_pointer(&copy);
}

static char *
make_disk(LabMachine *guest, const char *name, guint64 size, GError **error)
{
    g_autofree char *path = g_build_filename(guest->directory, name, NULL);
    LAB_AUTO_FD fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0 || ftruncate(fd, (off_t)size) < 0) {
        lab_error_set_errno(error, errno, "making the disk '%s'", path);
        return NULL;
    }
    return lab_machine_share(guest, fd, 0660, path, error) ? g_steal_pointer(&path) : NULL;
}

gboolean
lab_machine_make_disks(LabMachine *guest, GPtrArray *disks, char **scsi_disk, GError **error)
{
    const LabGuestShape *shape = &guest->base.cell->guest;

    for (gsize i = 0; shape->disks && shape->disks[i] && i < 26; i++) {
        g_autofree char *name = g_strdup_printf("disk%zu", i);
        char *path = make_disk(guest, name, shape->disks[i], error);

        if (!path)
            return FALSE;
        g_ptr_array_add(disks, path);
    }
    g_ptr_array_add(disks, NULL);
    if (lab_shape_has_device(shape, "sg"))
        *scsi_disk = make_disk(guest, "scsi", SCSI_DISK, error);
    return !lab_shape_has_device(shape, "sg") || *scsi_disk;
}

char *
lab_machine_make_domain(LabMachine *guest, GError **error)
{
    g_autofree char *kernel = copy_for_qemu(guest, guest->base.kernel, "kernel", error);
    g_autofree char *initramfs = NULL;
    g_autofree char *console = g_build_filename(guest->directory, "con", NULL);
    g_autofree char *agent = g_build_filename(guest->directory, "agent", NULL);
    g_autofree char *dump = g_build_filename(guest->directory, "dump", NULL);
    g_autofree char *scsi_disk = NULL;
    g_autofree char *xml = NULL;
    g_autofree char *keep = g_build_filename(guest->base.cell_directory, "domain.xml", NULL);
    g_autoptr(GPtrArray) disks = g_ptr_array_new_with_free_func(g_free);
    LabDomainSpec spec = {0};

    if (!kernel)
        return NULL;
    if (guest->base.initramfs) {
        initramfs = copy_for_qemu(guest, guest->base.initramfs, "initramfs", error);
        if (!initramfs)
            return NULL;
    }
    if (!lab_machine_make_disks(guest, disks, &scsi_disk, error))
        return NULL;
    spec = (LabDomainSpec){
        .name = guest->name,
        .emulator = g_getenv("KREGLAB_QEMU"),
        .kvm = guest->kvm,
        .kernel = kernel,
        .initramfs = initramfs,
        .cmdline = guest->base.cmdline,
        .shape = &guest->base.cell->guest,
        .console_socket = console,
        .agent_socket = agent,
        .dump_socket = dump,
        .disks = (const char *const *)disks->pdata,
        .scsi_disk = scsi_disk,
    };
    xml = lab_domain_xml(&spec, error);
    if (!xml || !lab_file_write(AT_FDCWD, keep, xml, -1, 0600, error))
        return NULL;
    return g_steal_pointer(&xml);
}

char *
lab_machine_log_tail(LabMachine *guest)
{
    gsize length = 0;
    g_autofree char *text = NULL;
    const char *tail, *newline;

    if (!guest->log_path)
        guest->log_path = guest->how->find_log(guest);
    if (guest->log_path)
        text = lab_file_read(AT_FDCWD, guest->log_path, LOG_MAX, &length, NULL);
    if (!text)
        return g_strdup("(no log of QEMU's)");
    g_strchomp(text);
    length = strlen(text);
    tail = length > LOG_TAIL ? text + length - LOG_TAIL : text;
    newline = length > LOG_TAIL ? strchr(tail, '\n') : NULL;
    return lab_text_clean(newline ? newline + 1 : tail, -1, TRUE);
}

void
lab_machine_keep_log(LabMachine *guest)
{
    g_autofree char *to = g_build_filename(guest->base.cell_directory, "qemu.log", NULL);
    g_autoptr(GError) error = NULL;

    if (!guest->log_path)
        guest->log_path = guest->how->find_log(guest);
    if (guest->log_path && !lab_file_copy(AT_FDCWD, guest->log_path, AT_FDCWD, to, 0600, &error))
        lab_warn("qemu.log: %s", error->message);
}
