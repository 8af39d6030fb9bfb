/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest's kernel as it was set up: loaded modules, /proc/sys, settings of /sys. The agent tells
 * it (guest-agent/environment.c), the worker keeps it as environment.json:
 * {"schema_version":1, "modules":{NAME:BYTES}, "taints":{NAME:LETTERS}, "values":{NAME:TEXT},
 *  "left_out":N}, names as recipes write settings ("vm.x", "/sys/…"), in order.
 */
#pragma once

#include <glib.h>
#include <jansson.h>

#define LAB_ENVIRONMENT_SCHEMA      1
#define LAB_ENVIRONMENT_FILE        "environment.json"
#define LAB_ENVIRONMENT_MAX_VALUES  4096
#define LAB_ENVIRONMENT_MAX_MODULES 512
#define LAB_ENVIRONMENT_MAX_NAME    256u  /* bytes */
#define LAB_ENVIRONMENT_MAX_TEXT    1024u /* bytes of a value */

/* The same form, from what a guest says, which is believed in nothing: names are printable ASCII,
 * values have no control characters and single blanks, and what is too much or of another type is
 * counted in "left_out". New reference; NULL: no such object. */
json_t *lab_environment_check(const json_t *said);

/* As it names what "vm/x=1", "/proc/sys/vm/x=1" or "vm.x=1" sets: "vm.x". g_free. */
char *lab_environment_name(const char *setting);

/* Of 'set', an object SETTING: TEXT of what the guest read back (checked here), those that are
 * another value than the environment's: an object NAME: TEXT. What it does not have is not in it
 * after a boot either. New reference. */
json_t *lab_environment_changes(const json_t *environment, const json_t *set);

/* The environment of a cell: its file's, with what its result says was changed after it ('changed'
 * of lab_environment_changes(), or NULL). New reference. */
json_t *lab_environment_with(const json_t *environment, const json_t *changed);
