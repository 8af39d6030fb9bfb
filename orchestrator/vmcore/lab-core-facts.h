/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Facts of a summary: each from the best source that has it. Inside of the room. */
#pragma once

#include <jansson.h>

#include "lab-core-log.h"
#include "lab-core-stacks.h"
#include "lab-core.h"
#include "lab-crash8.h"

#define LAB_SOURCE_INFO   "vmcoreinfo"
#define LAB_SOURCE_MEMORY "memory"
#define LAB_SOURCE_DMESG  "dmesg"
#define LAB_SOURCE_FILE   "file"
#define LAB_SOURCE_NOTES  "notes"
#define LAB_SOURCE_CRASH  "crash(8)"

/* Adds {"value":…, "source":…} unless the fact is known already or 'value' is NULL. Takes 'value'.
 */
void lab_fact_add_text(json_t *facts, const char *name, const char *text, const char *source);

/* In the order in which they are believed. */
void lab_facts_of_core(json_t *facts, LabCore *core);
void lab_facts_of_stacks(json_t *facts, const LabCoreStacks *stacks);
void lab_facts_of_log(json_t *facts, const LabCoreLog *log);
void lab_facts_of_crash8(json_t *facts, const LabCrash8 *crash);
/* Last: what stands in for what is not known (the file's date, the number of its notes). */
void lab_facts_of_file(json_t *facts, LabCore *core);
/* Tells what is not among them. */
void lab_facts_missing(const json_t *facts, LabCore *core);
