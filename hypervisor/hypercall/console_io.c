// SPDX-License-Identifier: Apache-2.0
/* HYPERVISOR_console_io: domain 0's terminal, and the last words of other domains. */
#include "core/console.h"
#include "core/guest.h"
#include "hypercall/hypercall.h"
#include "lib/errno.h"

#define CHUNK 128u

/* Arguments move forward with what is done, so that a preempted call goes on where it was. */
static long console_write(struct hypercall *hc)
{
	const struct domain *d = hc->v->domain;
	uint32_t left = (uint32_t)hc->arg[1];
	char buf[CHUNK];

	while (left) {
		uint32_t n = min(left, CHUNK);

		if (guest_read(buf, hc->arg[2], n))
			return -EFAULT;
		console_write_guest(d->id, buf, n);
		left -= n;
		hc->arg[1] = left;
		hc->arg[2] += n;
		if (left && preempt_check())
			return -ERESTART;
	}
	return 0;
}

static long console_read(struct hypercall *hc)
{
	uint32_t max_bytes = min((uint32_t)hc->arg[1], CHUNK), n = 0;
	char buf[CHUNK];

	if (!hc->v->domain->is_hwdom)
		return -EPERM;
	while (n < max_bytes) {
		int c = console_getc();

		if (c < 0)
			break;
		buf[n++] = (char)c;
	}
	return guest_write(hc->arg[2], buf, n) ? -EFAULT : (long)n;
}

/* console_io(cmd, count, buffer) */
long hypercall_console_io(struct hypercall *hc)
{
	if ((int32_t)hc->arg[1] < 0)
		return -EINVAL;
	switch (hc->arg[0]) {
	case CONSOLEIO_write: return console_write(hc);
	case CONSOLEIO_read: return console_read(hc);
	default: return -ENOSYS;
	}
}
