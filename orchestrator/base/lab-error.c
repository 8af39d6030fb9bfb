/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-error.h"

G_DEFINE_QUARK(lab - config - error - quark, lab_config_error)
G_DEFINE_QUARK(lab - infra - error - quark, lab_infra_error)
G_DEFINE_QUARK(lab - data - error - quark, lab_data_error)

int
lab_error_exit_code(const GError *error)
{
    if (error->domain == LAB_CONFIG_ERROR || error->domain == LAB_DATA_ERROR ||
        error->domain == G_OPTION_ERROR)
        return LAB_EXIT_CONFIG;
    return LAB_EXIT_INFRA;
}

gboolean
lab_error_set_errno(GError **error, int errno_value, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_FAILED, "%s: %s", text, g_strerror(errno_value));
    return FALSE;
}
