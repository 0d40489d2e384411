// SPDX-License-Identifier: Apache-2.0
/* HYPERVISOR_console_io: domain 0's terminal, and the last words of other domains. */
#include "core/console.h"
#include "core/uart.h"
#include "hypercall/hypercall.h"
#include "lib/errno.h"

#define READ_MAX 128u
#define CHUNK    (UART_FIFO_SIZE / 2u) /* fits in, with a carriage return for each newline */
#define GOES_ON  0x100u                /* in the command: a write that was cut in two */

/* Arguments move forward with what is done, so that a preempted call goes on where it was. */
static long go_on_later(struct hypercall *hc)
{
	hc->arg[0] |= GOES_ON;
	return -ERESTART;
}

/*
 * When the port has no room: -EAGAIN to domain 0, which comes back with the same bytes (Linux,
 * hvc_push()), unless some of them have been sent already.
 */
static long console_write(struct hypercall *hc)
{
	const struct domain *d = hc->d;
	uint32_t left = (uint32_t)hc->arg[1];
	bool begun = hc->arg[0] & GOES_ON;
	char buf[CHUNK];

	while (left) {
		uint32_t n = min(left, CHUNK);

		if (guest_read(buf, hc->arg[2], n))
			return -EFAULT;
		if (!d->is_hwdom)
			console_write_guest(d->id, buf, n);
		else if (!console_write_hwdom(buf, n))
			return begun ? go_on_later(hc) : -EAGAIN;
		begun = true;
		left -= n;
		hc->arg[1] = left;
		hc->arg[2] += n;
		if (left && preempt_check())
			return go_on_later(hc);
	}
	return 0;
}

static long console_read(struct hypercall *hc)
{
	uint32_t max_bytes = min((uint32_t)hc->arg[1], READ_MAX), n = 0;
	char buf[READ_MAX];
	int c;

	if (!hc->d->is_hwdom)
		return -EPERM;
	while (n < max_bytes && (c = console_getc()) >= 0)
		buf[n++] = (char)c;
	return guest_write(hc->arg[2], buf, n) ? -EFAULT : (long)n;
}

/* console_io(cmd, count, buffer) */
long hypercall_console_io(struct hypercall *hc)
{
	if ((int32_t)hc->arg[1] < 0)
		return -EINVAL;
	switch (hc->arg[0]) {
	case CONSOLEIO_write:
	case CONSOLEIO_write | GOES_ON: return console_write(hc);
	case CONSOLEIO_read: return console_read(hc);
	default: return -ENOSYS;
	}
}
