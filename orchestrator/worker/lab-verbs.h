/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The verbs of kreglab-worker. argv[0] is the verb; the result is the exit status. */
#pragma once

int lab_verb_cell(int argc, char **argv);
int lab_verb_cells(int argc, char **argv);
int lab_verb_clean(int argc, char **argv);
int lab_verb_intake(int argc, char **argv);
int lab_verb_kernel_build(int argc, char **argv);
int lab_verb_kernel_list(int argc, char **argv);
int lab_verb_module_build(int argc, char **argv);
int lab_verb_shell(int argc, char **argv);
int lab_verb_probe(int argc, char **argv);
