/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this room share; not for anybody else. */
#ifndef DOMUS_TOOLSTACK_INTERNAL_H
#define DOMUS_TOOLSTACK_INTERNAL_H

#include "abi.h"

#include <pthread.h>
#include <stdatomic.h>
#include <xencall.h>
#include <xenforeignmemory.h>
#include <xenstore.h>

#include "error.h"

#define DOMID_COUNT      32768 /* ids from 0x7ff0 on are special */
#define DOMID_MANAGEMENT 0

struct toolstack {
	xencall_handle *call;
	xenforeignmemory_handle *memory;
	struct xs_handle *store;
	struct xs_handle *watch;
	atomic_bool no_copy_in; /* the hypervisor has no bulk copy */
	pthread_mutex_t lock;
	uint8_t built[DOMID_COUNT / 8]; /* [lock] domains known to be whole: saves asking xenstored */
};

#endif
