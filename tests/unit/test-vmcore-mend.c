/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What QEMU and makedumpfile write, put right: flattened streams, ELF and kdump headers. */
#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lab-elf-mend.h"
#include "lab-error.h"
#include "lab-file.h"
#include "lab-kdump-mend.h"
#include "lab-unflatten.h"

typedef struct {
    char *path; /* a file */
    int fd;
} Fixture;

static void
set_up(Fixture *f, gconstpointer data)
{
    f->fd = g_file_open_tmp("kreglab-test-XXXXXX", &f->path, NULL);
    g_assert_cmpint(f->fd, >=, 0);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    close(f->fd);
    unlink(f->path);
    g_free(f->path);
}

static void
add_number(GByteArray *bytes, gint64 value)
{
    guint64 big = GUINT64_TO_BE((guint64)value);

    g_byte_array_append(bytes, (const guint8 *)&big, sizeof big);
}

static void
add_record(GByteArray *bytes, gint64 offset, const char *text)
{
    add_number(bytes, offset);
    add_number(bytes, (gint64)strlen(text));
    g_byte_array_append(bytes, (const guint8 *)text, (guint)strlen(text));
}

/* "0123456789" at 100, in two records and the wrong order. */
static GByteArray *
make_stream(gboolean complete)
{
    GByteArray *bytes = g_byte_array_new();

    g_byte_array_append(bytes, (const guint8 *)"makedumpfile\0\0\0", 16);
    add_number(bytes, 1);
    add_number(bytes, 1);
    g_byte_array_set_size(bytes, 4096);
    memset(bytes->data + 32, 0, 4096 - 32);
    add_record(bytes, 105, "56789");
    add_record(bytes, 100, "01234");
    if (complete) {
        add_number(bytes, -1);
        add_number(bytes, -1);
    }
    return bytes;
}

static void
test_unflatten(Fixture *f, gconstpointer data)
{
    g_autoptr(GByteArray) stream = make_stream(TRUE);
    char content[10];

    for (gsize piece = 1; piece < stream->len; piece += 1 + piece / 3) {
        g_autoptr(LabUnflatten) unflatten = lab_unflatten_new(f->fd, 110);
        g_autoptr(GError) error = NULL;

        g_assert_cmpint(ftruncate(f->fd, 0), ==, 0);
        for (gsize at = 0; at < stream->len; at += piece)
            g_assert_true(lab_unflatten_feed(unflatten, stream->data + at,
                                             MIN(piece, stream->len - at), &error));
        g_assert_true(lab_unflatten_finish(unflatten, &error));
        g_assert_cmpint(lseek(f->fd, 0, SEEK_END), ==, 110);
        g_assert_cmpint(pread(f->fd, content, 10, 100), ==, 10);
        g_assert_cmpmem(content, 10, "0123456789", 10);
    }
}

static void
check_bad(int fd, const GByteArray *stream, guint64 max_bytes, const char *word)
{
    g_autoptr(LabUnflatten) unflatten = lab_unflatten_new(fd, max_bytes);
    g_autoptr(GError) error = NULL;

    if (lab_unflatten_feed(unflatten, stream->data, stream->len, &error))
        g_assert_false(lab_unflatten_finish(unflatten, &error));
    g_assert_true(error->domain == LAB_DATA_ERROR);
    g_assert_nonnull(strstr(error->message, word));
    g_clear_error(&error);
    g_assert_false(lab_unflatten_finish(unflatten, &error));
}

static void
test_unflatten_bad(Fixture *f, gconstpointer data)
{
    g_autoptr(GByteArray) cut = make_stream(FALSE);
    g_autoptr(GByteArray) whole = make_stream(TRUE);
    g_autoptr(GByteArray) negative = make_stream(FALSE);
    g_autoptr(GByteArray) huge = make_stream(FALSE);
    g_autoptr(GByteArray) other = g_byte_array_new();
    g_autoptr(GByteArray) empty = g_byte_array_new();

    add_number(negative, -2);
    add_number(negative, 5);
    add_record(huge, G_MAXINT64 - 1, "xxxxx");
    g_byte_array_append(other, (const guint8 *)"#!/bin/sh\nexit 0\n\n\n", 19);
    check_bad(f->fd, cut, 1000, "middle");
    check_bad(f->fd, whole, 109, "larger than 109");
    check_bad(f->fd, negative, 1000, "negative");
    check_bad(f->fd, huge, G_MAXUINT64, "larger than");
    check_bad(f->fd, other, 1000, "neither");
    check_bad(f->fd, empty, 1000, "middle");
}

/* Program headers at 192, data at 4096, as QEMU 7.2 writes them. */
static void
write_elf(int fd, guint64 data_offset)
{
    Elf64_Ehdr ehdr = {.e_type = ET_CORE,
                       .e_machine = EM_X86_64,
                       .e_phoff = 192,
                       .e_shoff = 64,
                       .e_phentsize = sizeof(Elf64_Phdr),
                       .e_phnum = 2,
                       .e_shentsize = sizeof(Elf64_Shdr),
                       .e_shnum = 2};
    Elf64_Phdr headers[2] = {{.p_type = PT_NOTE, .p_offset = data_offset, .p_filesz = 16},
                             {.p_type = PT_LOAD, .p_offset = data_offset + 16, .p_filesz = 100}};

    memcpy(ehdr.e_ident, ELFMAG, SELFMAG);
    ehdr.e_ident[EI_CLASS] = ELFCLASS64;
    ehdr.e_ident[EI_DATA] = ELFDATA2LSB;
    g_assert_cmpint(ftruncate(fd, 0), ==, 0);
    g_assert_cmpint(ftruncate(fd, 8192), ==, 0);
    g_assert_cmpint(pwrite(fd, &ehdr, sizeof ehdr, 0), ==, sizeof ehdr);
    g_assert_cmpint(pwrite(fd, headers, sizeof headers, 192), ==, sizeof headers);
}

static void
test_elf(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    Elf64_Ehdr ehdr;
    Elf64_Phdr headers[2];

    write_elf(f->fd, 4096);
    for (int i = 0; i < 2; i++) { /* the second time there is nothing to do */
        g_assert_true(lab_elf_mend(f->path, &error));
        g_assert_cmpint(pread(f->fd, &ehdr, sizeof ehdr, 0), ==, sizeof ehdr);
        g_assert_cmpuint(ehdr.e_phoff, ==, 64);
        g_assert_cmpuint(ehdr.e_shnum, ==, 0);
        g_assert_cmpint(pread(f->fd, headers, sizeof headers, 64), ==, sizeof headers);
        g_assert_cmpuint(headers[0].p_type, ==, PT_NOTE);
        g_assert_cmpuint(headers[1].p_offset, ==, 4112);
    }
    write_elf(f->fd, 100);
    g_assert_false(lab_elf_mend(f->path, &error));
    g_assert_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED);
    g_clear_error(&error);
    g_assert_cmpint(ftruncate(f->fd, 10), ==, 0);
    g_assert_false(lab_elf_mend(f->path, &error));
    g_assert_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED);
}

static void
write_kdump(int fd, gint64 phys_base, const char *vmcoreinfo, gint64 size)
{
    gint32 version = 6, block_size = 4096;
    gint64 offset = 8192;

    g_assert_cmpint(ftruncate(fd, 0), ==, 0);
    g_assert_cmpint(ftruncate(fd, 12288), ==, 0);
    g_assert_cmpint(pwrite(fd, "KDUMP   ", 8, 0), ==, 8);
    g_assert_cmpint(pwrite(fd, &version, 4, 8), ==, 4);
    g_assert_cmpint(pwrite(fd, &block_size, 4, 428), ==, 4);
    g_assert_cmpint(pwrite(fd, &phys_base, 8, 4096), ==, 8);
    g_assert_cmpint(pwrite(fd, &offset, 8, 4096 + 32), ==, 8);
    g_assert_cmpint(pwrite(fd, &size, 8, 4096 + 40), ==, 8);
    g_assert_cmpint(pwrite(fd, vmcoreinfo, strlen(vmcoreinfo), 8192), ==, strlen(vmcoreinfo));
}

static gint64
mended(Fixture *f)
{
    g_autoptr(GError) error = NULL;
    gint64 value;

    g_assert_true(lab_kdump_mend(f->path, &error));
    g_assert_cmpint(pread(f->fd, &value, 8, 4096), ==, 8);
    return value;
}

static void
test_kdump(Fixture *f, gconstpointer data)
{
    static const char info[] = "OSRELEASE=6.1\nNUMBER(phys_base)=-427819008\nX=1\n";
    g_autoptr(GError) error = NULL;

    /* -0x427819008, as QEMU 7.2 reads it */
    write_kdump(f->fd, -17842671624, info, sizeof info - 1);
    g_assert_cmpint(mended(f), ==, -427819008);
    g_assert_cmpint(mended(f), ==, -427819008);
    write_kdump(f->fd, 5, "OSRELEASE=6.1\n", 14);
    g_assert_cmpint(mended(f), ==, 5);
    write_kdump(f->fd, 5, info, G_MAXINT64);
    g_assert_cmpint(mended(f), ==, 5);
    write_kdump(f->fd, 5, "NUMBER(phys_base)=99999999999999999999\n", 40);
    g_assert_cmpint(mended(f), ==, 5);
    g_assert_cmpint(ftruncate(f->fd, 4100), ==, 0);
    g_assert_false(lab_kdump_mend(f->path, &error));
    g_assert_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, function) g_test_add("/vmcore/" name, Fixture, NULL, set_up, function, tear_down)
    ADD("unflatten", test_unflatten);
    ADD("unflatten-bad", test_unflatten_bad);
    ADD("elf-mend", test_elf);
    ADD("kdump-mend", test_kdump);
    return g_test_run();
}
