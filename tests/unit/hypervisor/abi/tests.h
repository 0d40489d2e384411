/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UNIT_HYPERVISOR_ABI_TESTS_H
#define UNIT_HYPERVISOR_ABI_TESTS_H

#include <check.h>

#include "hv_host.h"
#include "lib/errno.h"

Suite *evtchn_suite(void);
Suite *fault_suite(void);
Suite *gnttab_suite(void);
Suite *hypercall_suite(void);
Suite *memory_suite(void);
Suite *domctl_suite(void);
Suite *walk_suite(void);

/** A case whose tests each get a fresh host, and must leave every page of it free. */
TCase *host_case(const char *name);

/** The structure of a hypercall's argument, at the start of what guests can name. */
#define ARG(type) ((type *)(void *)fake_guest_mem)
#define ARG_GVA   FAKE_GVA(0)

#endif
