// SPDX-License-Identifier: Apache-2.0
#include "proxy.h"

#include "sock.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define INQUIRY_EVERY_MS   5000
#define INQUIRY_TIMEOUT_MS 10000

/* Asks about nobody for now. */
static void inquiry_end(struct inquiry *q)
{
	loop_close(&q->proxy->loop, &q->service);
}

static void inquiry_ready(struct loop_source *source, uint32_t events)
{
	struct inquiry *q = container_of(source, struct inquiry, service);
	ssize_t n = sock_read_line(source->fd, q->line, sizeof(q->line), &q->line_have);

	(void)events;
	if (n == -EAGAIN)
		return;
	inquiry_end(q);
	/* Anything but a plain no, such as mgmtd going down, leaves the consoles open. */
	if (n > 0 && ticket_refuses(q->line))
		viewer_end(q->proxy, q->credential);
	inquiry_next(q, util_now_ms());
}

/* Return: 0 or a negative errno. */
static int inquiry_ask(struct inquiry *q)
{
	char request[sizeof(q->credential) + 8];
	int len = snprintf(request, sizeof(request), "alive %s\n", q->credential);

	q->line_have = 0;
	q->service.ready = inquiry_ready;
	q->service.fd = sock_connect(q->proxy->tickets);
	if (q->service.fd < 0)
		return q->service.fd;
	if (send(q->service.fd, request, (size_t)len, MSG_NOSIGNAL) != len)
		return -EIO;
	return loop_add(&q->proxy->loop, &q->service, EPOLLIN);
}

void inquiry_init(struct inquiry *q, struct proxy *p)
{
	q->proxy = p;
	q->service.fd = -1;
}

void inquiry_next(struct inquiry *q, int64_t now_ms)
{
	const char *credential;

	if (q->service.fd >= 0 && now_ms - q->asked < INQUIRY_TIMEOUT_MS)
		return;
	inquiry_end(q);
	credential = viewer_due(q->proxy, now_ms, INQUIRY_EVERY_MS);
	if (!credential)
		return;
	q->asked = now_ms;
	snprintf(q->credential, sizeof(q->credential), "%s", credential);
	if (inquiry_ask(q))
		inquiry_end(q);
}
