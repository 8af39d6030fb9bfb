// SPDX-License-Identifier: GPL-2.0-or-later
#error this hotfix is not for that kernel
