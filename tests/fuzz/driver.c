/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs a fuzz target without a fuzzer: fuzz-NAME CORPUS-DIRECTORY [MUTATIONS]
 *
 * Each file of the directory is one input; after them come MUTATIONS inputs made from the files by
 * a generator with a fixed seed, so that every run tries the same bytes. Prints TAP. An input that
 * kills the program is left as crash-NAME in the working directory.
 *
 * fuzz-NAME FILE runs that file alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define INPUT_MAX (64 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Only there when the sanitizers are linked in. */
extern void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static const uint8_t *current;
static size_t current_size;
static char crash_path[4096];

static void
save_input(void)
{
    int fd = open(crash_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd >= 0) {
        if (write(fd, current, current_size) < 0)
            crash_path[0] = '\0';
        close(fd);
    }
}

static void
on_signal(int signal_number)
{
    save_input();
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

/* The input is copied to a heap block of its exact size, so that a sanitizer or valgrind sees the
 * first byte read past its end. */
static void
run_one(const uint8_t *data, size_t size)
{
    uint8_t *copy = g_malloc(size ? size : 1);

    if (size)
        memcpy(copy, data, size);
    current = copy;
    current_size = size;
    LLVMFuzzerTestOneInput(copy, size);
    g_free(copy);
}

static int
by_name(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static GPtrArray *
read_corpus(const char *path)
{
    GPtrArray *inputs = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir)))
        g_ptr_array_add(names, g_build_filename(path, name, NULL));
    g_ptr_array_sort(names, by_name);
    for (guint i = 0; i < names->len; i++) {
        char *data;
        gsize size;

        if (g_file_get_contents(names->pdata[i], &data, &size, NULL))
            g_ptr_array_add(inputs, g_bytes_new_take(data, size));
    }
    return inputs;
}

/* A few changes that parsers dislike, of the kinds that fuzzers make. */
static void
mutate(GByteArray *input, GRand *rand, const GPtrArray *inputs)
{
    guint changes = g_rand_int_range(rand, 1, 6);
    static const uint8_t odd[] = {0, 1, 0x7f, 0x80, 0xff, '\n', '\r', 0x1b, '"', '\\', '-', '0'};

    while (changes--) {
        guint at = input->len ? g_rand_int_range(rand, 0, input->len) : 0;
        guint left = input->len - at;

        switch (g_rand_int_range(rand, 0, 7)) {
        case 0: /* flip a bit */
            if (left)
                input->data[at] ^= 1 << g_rand_int_range(rand, 0, 8);
            break;
        case 1: /* an odd value */
            if (left)
                input->data[at] = odd[g_rand_int_range(rand, 0, G_N_ELEMENTS(odd))];
            break;
        case 2: /* cut off */
            g_byte_array_set_size(input, at);
            break;
        case 3: /* take a piece out */
            if (left)
                g_byte_array_remove_range(input, at, g_rand_int_range(rand, 1, left + 1));
            break;
        case 4: { /* say a piece again */
            guint length = MIN(left, 256u);

            if (length && input->len + length < INPUT_MAX) {
                g_autofree uint8_t *piece = g_memdup2(input->data + at, length);

                g_byte_array_append(input, piece, length);
            }
            break;
        }
        case 5: /* a length field grows */
            if (left >= 4)
                memset(input->data + at, g_rand_boolean(rand) ? 0xff : 0x7f, 4);
            break;
        default: { /* go on as another input does */
            GBytes *other = inputs->pdata[g_rand_int_range(rand, 0, inputs->len)];
            gsize size;
            const uint8_t *data = g_bytes_get_data(other, &size);

            if (at < size && size < INPUT_MAX) {
                g_byte_array_set_size(input, at);
                g_byte_array_append(input, data + at, size - at);
            }
            break;
        }
        }
    }
}

static void
run_mutations(const GPtrArray *inputs, guint count)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(20220622);

    for (guint i = 0; i < count; i++) {
        GBytes *seed = inputs->pdata[g_rand_int_range(rand, 0, inputs->len)];
        g_autoptr(GByteArray) input = g_byte_array_new();
        gsize size;
        const uint8_t *data = g_bytes_get_data(seed, &size);

        g_byte_array_append(input, data, MIN(size, INPUT_MAX));
        mutate(input, rand, inputs);
        run_one(input->data, input->len);
    }
}

int
main(int argc, char *argv[])
{
    static const int deadly[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    g_autoptr(GPtrArray) inputs = NULL;
    g_autofree char *name = g_path_get_basename(argv[0]);
    guint mutations = argc > 2 ? (guint)g_ascii_strtoull(argv[2], NULL, 10) : 1000;
    struct stat st;

    if (argc < 2 || stat(argv[1], &st) < 0) {
        fprintf(stderr, "usage: %s CORPUS-DIRECTORY [MUTATIONS] | FILE\n", name);
        return 2;
    }
    g_snprintf(crash_path, sizeof crash_path, "crash-%s", name);
    for (guint i = 0; i < G_N_ELEMENTS(deadly); i++)
        signal(deadly[i], on_signal);
    if (__sanitizer_set_death_callback)
        __sanitizer_set_death_callback(save_input);

    if (!S_ISDIR(st.st_mode)) {
        g_autofree char *data = NULL;
        gsize size;

        if (!g_file_get_contents(argv[1], &data, &size, NULL))
            return 2;
        run_one((const uint8_t *)data, size);
        return 0;
    }
    inputs = read_corpus(argv[1]);
    printf("1..2\n");
    if (inputs->len == 0) {
        printf("not ok 1 %s has no inputs\nnot ok 2 mutations\n", argv[1]);
        return 1;
    }
    for (guint i = 0; i < inputs->len; i++) {
        gsize size;
        const uint8_t *data = g_bytes_get_data(inputs->pdata[i], &size);

        run_one(data, size);
    }
    printf("ok 1 %u inputs of the corpus\n", inputs->len);
    fflush(stdout);
    run_mutations(inputs, mutations);
    printf("ok 2 %u mutations of them\n", mutations);
    return 0;
}
