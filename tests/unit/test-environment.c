/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a guest says of its modules and settings, as the lab takes it. */
#include <glib.h>
#include <string.h>

#include "lab-environment.h"
#include "lab-json.h"

static json_t *
parse(const char *text)
{
    g_autoptr(GError) error = NULL;
    json_t *json = lab_json_parse(text, strlen(text), "test", &error);

    g_assert_no_error(error);
    return json;
}

static void
expect(const char *said, const char *kept)
{
    g_autoptr(json_t) from = parse(said);
    g_autoptr(json_t) checked = lab_environment_check(from);
    g_autoptr(json_t) again = checked ? lab_environment_check(checked) : NULL;
    g_autofree char *line = checked ? lab_json_line(checked) : NULL;

    g_assert_cmpstr(line, ==, kept);
    g_assert_true(!checked || json_equal(checked, again)); /* a recording is taken the same way */
}

static void
test_good(void)
{
    expect("{\"values\":{\"vm.b\":\"1\",\"/sys/a\":\"always [never]\",\"net.m\":\"1\\t2\\n 3 \"},"
           "\"modules\":{\"xfs\":4096,\"ext4\":8192},\"taints\":{\"xfs\":\"OE\"},\"left_out\":2}",
           "{\"schema_version\":1,\"modules\":{\"ext4\":8192,\"xfs\":4096},\"taints\":{\"xfs\":"
           "\"OE\"},\"values\":{\"/sys/a\":\"always [never]\",\"net.m\":\"1 2 3\",\"vm.b\":\"1\"},"
           "\"left_out\":2}");
}

static void
test_hostile(void)
{
    g_autofree char *text = g_strnfill(LAB_ENVIRONMENT_MAX_TEXT + 1, 'v');
    g_autofree char *name = g_strnfill(LAB_ENVIRONMENT_MAX_NAME + 1, 'n');
    g_autofree char *large =
        g_strdup_printf("{\"values\":{\"%s\":\"1\",\"a\":\"%s\",\"\":\"1\",\"a b\":\"1\","
                        "\"\\u001b[31m\":\"1\",\"\\u202e\":\"1\",\"n\":7,\"o\":{},\"ok\":\"1\"},"
                        "\"modules\":{\"m\":-1,\"l\":\"x\",\"k\":1.5},\"left_out\":-5}",
                        name, text);

    expect(large, "{\"schema_version\":1,\"modules\":{},\"taints\":{},\"values\":{\"ok\":\"1\"},"
                  "\"left_out\":11}");
    expect("{\"values\":{\"a\":\"x\\u001b[2Jy\\u202e\"},\"modules\":{}}",
           "{\"schema_version\":1,\"modules\":{},\"taints\":{},\"values\":{\"a\":\"x\357\277\275"
           "[2Jy\357\277\275\"},\"left_out\":0}");
    expect("{\"values\":[1],\"modules\":{}}", NULL);
    expect("{\"values\":{}}", NULL);
    expect("[]", NULL);
    expect("{}", NULL);
}

static void
test_bounds(void)
{
    g_autoptr(json_t) said = parse("{\"values\":{},\"modules\":{}}");
    g_autoptr(json_t) checked = NULL;

    for (int i = 0; i < LAB_ENVIRONMENT_MAX_VALUES + 3; i++) {
        g_autofree char *name = g_strdup_printf("a.%05d", i);

        json_object_set_new(lab_json_member(said, "values"), name, json_string("1"));
        json_object_set_new(lab_json_member(said, "modules"), name, json_integer(1));
    }
    checked = lab_environment_check(said);
    g_assert_cmpuint(json_object_size(lab_json_member(checked, "values")), ==,
                     LAB_ENVIRONMENT_MAX_VALUES);
    g_assert_cmpuint(json_object_size(lab_json_member(checked, "modules")), ==,
                     LAB_ENVIRONMENT_MAX_MODULES);
    g_assert_cmpint(lab_json_int(checked, "left_out", 0), ==,
                    3 + LAB_ENVIRONMENT_MAX_VALUES + 3 - LAB_ENVIRONMENT_MAX_MODULES);
}

static void
test_changes(void)
{
    g_autoptr(json_t) base = parse(
        "{\"values\":{\"vm.a\":\"1\",\"vm.b\":\"2\",\"/sys/c\":\"3\",\"vm.d\":\"4\",\"net.x/y\":"
        "\"0\"},\"modules\":{\"m\":1}}");
    g_autoptr(json_t) set = parse(
        "{\"vm.a=1\":\"1\",\"/proc/sys/vm/b=3\":\"3\\n\",\"/sys/c=7\":\"[7] 8\",\"vm/d=5\":null,"
        "\"vm.none=1\":\"1\",\"net/x.y=1\":\"1\"}");
    g_autoptr(json_t) changed = lab_environment_changes(base, set);
    g_autoptr(json_t) with = lab_environment_with(base, changed);
    g_autoptr(json_t) same = lab_environment_with(base, NULL);
    g_autoptr(json_t) none = lab_environment_changes(base, NULL);
    g_autofree char *line = lab_json_line(changed);

    g_assert_cmpstr(line, ==, "{\"vm.b\":\"3\",\"/sys/c\":\"[7] 8\",\"net.x/y\":\"1\"}");
    g_assert_cmpstr(lab_json_string(lab_json_member(with, "values"), "vm.b"), ==, "3");
    g_assert_cmpstr(lab_json_string(lab_json_member(with, "values"), "vm.a"), ==, "1");
    g_assert_nonnull(lab_json_member(lab_json_member(with, "modules"), "m"));
    g_assert_cmpstr(lab_json_string(lab_json_member(base, "values"), "vm.b"), ==, "2");
    g_assert_true(json_equal(same, base));
    g_assert_cmpuint(json_object_size(none), ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/environment/good", test_good);
    g_test_add_func("/environment/hostile", test_hostile);
    g_test_add_func("/environment/bounds", test_bounds);
    g_test_add_func("/environment/changes", test_changes);
    return g_test_run();
}
