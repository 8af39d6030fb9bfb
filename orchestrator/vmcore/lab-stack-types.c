/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-stack-types.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <string.h>

#include "lab-error.h"

#define DEPTH_MAX   16u     /* of structures in structures, and of typedefs of typedefs */
#define MEMBERS_MAX 100000u /* looked at for one path: structures may claim to hold themselves */

struct LabStackTypes {
    struct btf *btf;
    GHashTable *structs; /* name (owned) -> id; found so far */
};

LabStackTypes *
lab_stack_types_new(const guint8 *bytes, gsize length, GError **error)
{
    g_autoptr(LabStackTypes) types = g_new0(LabStackTypes, 1);

    libbpf_set_print(NULL);
    types->structs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    types->btf = length <= G_MAXINT32 ? btf__new(bytes, (__u32)length) : NULL;
    if (libbpf_get_error(types->btf) || !types->btf) {
        types->btf = NULL;
        g_set_error(error, LAB_DATA_ERROR, 0, "the kernel's BTF cannot be read");
        return NULL;
    }
    return g_steal_pointer(&types);
}

void
lab_stack_types_free(LabStackTypes *types)
{
    if (!types)
        return;
    btf__free(types->btf);
    g_clear_pointer(&types->structs, g_hash_table_unref);
    g_free(types);
}

static const struct btf_type *
struct_named(const LabStackTypes *types, const char *name)
{
    gpointer known = g_hash_table_lookup(types->structs, name);
    gint32 id = known ? GPOINTER_TO_INT(known)
                      : btf__find_by_name_kind(types->btf, name, BTF_KIND_STRUCT);

    if (!known)
        g_hash_table_insert(types->structs, g_strdup(name), GINT_TO_POINTER(id > 0 ? id : -1));
    return id > 0 ? btf__type_by_id(types->btf, (__u32)id) : NULL;
}

/* Past typedefs and qualifiers; NULL: the type is void or goes in circles. */
static const struct btf_type *
plain_type(const LabStackTypes *types, __u32 id)
{
    for (guint depth = 0; depth < DEPTH_MAX; depth++) {
        const struct btf_type *type = id ? btf__type_by_id(types->btf, id) : NULL;

        if (!type || (!btf_is_typedef(type) && !btf_is_mod(type)))
            return type;
        id = type->type;
    }
    return NULL;
}

/* Bytes of a type that is no array; 0: unknown. */
static guint64
size_of(const LabStackTypes *types, __u32 id, guint64 *element_size)
{
    const struct btf_type *type = plain_type(types, id);
    gint64 size;

    if (!type)
        return 0;
    if (element_size && btf_is_array(type)) {
        const struct btf_array *array = btf_array(type);

        *element_size = size_of(types, array->type, NULL);
        return *element_size * array->nelems;
    }
    size = btf__resolve_size(types->btf, id);
    return size > 0 ? (guint64)size : 0;
}

/* A search for one path. */
typedef struct {
    const LabStackTypes *types;
    guint members; /* looked at */
    LabStackMember found;
} Search;

static gboolean find_member(Search *search, const struct btf_type *in, const char *path,
                            guint64 base_bits, guint depth);

static gboolean
take_member(Search *search, const struct btf_type *in, guint i, guint64 base_bits)
{
    LabStackMember *found = &search->found;
    const struct btf_type *type = plain_type(search->types, btf_members(in)[i].type);
    guint64 bit = base_bits + btf_member_bit_offset(in, i);

    found->bits = btf_member_bitfield_size(in, i);
    /* Old makers of BTF let a narrow integer say it. */
    if (!found->bits && type && btf_is_int(type) && btf_int_bits(type) < 8 * type->size) {
        found->bits = btf_int_bits(type);
        bit += btf_int_offset(type);
    }
    found->size = size_of(search->types, btf_members(in)[i].type, &found->element_size);
    found->offset = bit / 8;
    found->bit_first = (guint)(bit % 8);
    return TRUE;
}

static gboolean
enter_member(Search *search, const struct btf_type *in, guint i, const char *path,
             guint64 base_bits, guint depth)
{
    const struct btf_type *type = plain_type(search->types, btf_members(in)[i].type);

    return type && btf_is_composite(type) &&
           find_member(search, type, path, base_bits + btf_member_bit_offset(in, i), depth + 1);
}

static gboolean
find_member(Search *search, const struct btf_type *in, const char *path, guint64 base_bits,
            guint depth)
{
    const char *dot = strchr(path, '.');
    gsize length = dot ? (gsize)(dot - path) : strlen(path);

    for (guint i = 0; depth < DEPTH_MAX && i < btf_vlen(in); i++) {
        const char *name = btf__name_by_offset(search->types->btf, btf_members(in)[i].name_off);

        if (search->members++ >= MEMBERS_MAX)
            return FALSE;
        if (!name || !*name) {
            if (enter_member(search, in, i, path, base_bits, depth))
                return TRUE;
        } else if (strncmp(name, path, length) == 0 && !name[length]) {
            return dot ? enter_member(search, in, i, dot + 1, base_bits, depth)
                       : take_member(search, in, i, base_bits);
        }
    }
    return FALSE;
}

gboolean
lab_stack_type_size(const LabStackTypes *types, const char *name, guint64 *size)
{
    const struct btf_type *type = struct_named(types, name);

    if (!type)
        return FALSE;
    *size = type->size;
    return TRUE;
}

gboolean
lab_stack_member(const LabStackTypes *types, const char *name, const char *path,
                 LabStackMember *member)
{
    const struct btf_type *type = struct_named(types, name);
    Search search = {.types = types};

    if (!type || !find_member(&search, type, path, 0, 0))
        return FALSE;
    *member = search.found;
    return TRUE;
}

gboolean
lab_stack_offset(const LabStackTypes *types, const char *name, const char *path, guint64 *offset)
{
    LabStackMember member;

    if (!lab_stack_member(types, name, path, &member))
        return FALSE;
    *offset = member.offset;
    return TRUE;
}
