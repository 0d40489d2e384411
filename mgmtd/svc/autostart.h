/* SPDX-License-Identifier: Apache-2.0 */
/* Starts what is to run by itself, once after each boot of the machine. */
#ifndef MGMTD_SVC_AUTOSTART_H
#define MGMTD_SVC_AUTOSTART_H

#include "svc.h"

/** Begin it, if this is the first start since the machine booted. Return: 0 or -EIO. */
must_check int autostart_begin(struct svc *svc);

#endif
