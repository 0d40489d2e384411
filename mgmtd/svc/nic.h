/* SPDX-License-Identifier: Apache-2.0 */
/* Network interfaces of virtual machines. */
#ifndef MGMTD_SVC_NIC_H
#define MGMTD_SVC_NIC_H

#include "svc.h"

#define NICS_MAX 8 /* per virtual machine */

#define NIC_SELECT                                                                      \
	"SELECT id, network, mac, address, rate AS \"rate:i\", spoof_protection AS"     \
	" \"spoof_protection:b\", link AS \"link:b\", domid AS \"#domid:i\", devid AS " \
	"\"#devid:i\" FROM nic"

/** Those of one machine, with device and counters while it runs; or NULL. */
json_t *nic_list_json(struct svc *svc, const char *vm);
json_t *nic_json(struct svc *svc, const char *vm, const char *nic);

/*
 * These wait for whoever builds or destroys the machine, and for the guest: not for an HTTP thread.
 * A machine that runs gets, changes or loses the interface at once.
 */
must_check int nic_add(struct svc *svc, const char *vm, const json_t *spec, char id[UUID_TEXT_LEN],
		       struct problem *p);
/** @seen: the revision of the machine that is to be changed, or NULL for whichever there is. */
must_check int nic_change(struct svc *svc, const char *vm, const char *nic, const int64_t *seen,
			  const json_t *patch, struct problem *p);
must_check int nic_remove(struct svc *svc, const char *vm, const char *nic, struct problem *p);

/** Those that a new machine is made with (checked NicCreates). Context: within a transaction. */
must_check int nics_create(struct svc *svc, const char *vm, const json_t *specs, struct problem *p);

/** Give a domain that has just been built its interfaces. Context: the machine's claim is held. */
must_check int nics_attach(struct svc *svc, const char *vm, uint32_t domid, struct problem *p);
/** Its domain is gone: take down what was for its interfaces. */
void nics_forget(struct svc *svc, const char *vm);
/** At start-up: put the interfaces of running guests where they belong, if they are not there. */
void nics_settle(struct svc *svc);

#endif
