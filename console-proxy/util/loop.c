// SPDX-License-Identifier: Apache-2.0
#include "loop.h"

#include <errno.h>
#include <stddef.h>

int loop_init(struct loop *loop)
{
	loop->next = loop->count = 0;
	loop->fd = epoll_create1(EPOLL_CLOEXEC);
	return loop->fd < 0 ? -errno : 0;
}

void loop_fini(struct loop *loop)
{
	util_closep(&loop->fd);
	loop->fd = -1;
}

int loop_add(struct loop *loop, struct loop_source *source, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = source};

	if (epoll_ctl(loop->fd, EPOLL_CTL_ADD, source->fd, &ev))
		return -errno;
	source->events = events;
	return 0;
}

void loop_set(struct loop *loop, struct loop_source *source, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = source};

	if (events == source->events)
		return;
	epoll_ctl(loop->fd, EPOLL_CTL_MOD, source->fd, &ev);
	source->events = events;
}

int loop_release(struct loop *loop, struct loop_source *source)
{
	int i, fd = source->fd;

	if (fd < 0)
		return -1;
	epoll_ctl(loop->fd, EPOLL_CTL_DEL, fd, NULL);
	for (i = loop->next; i < loop->count; i++) {
		if (loop->batch[i].data.ptr == source)
			loop->batch[i].data.ptr = NULL;
	}
	source->fd = -1;
	source->events = 0;
	return fd;
}

void loop_close(struct loop *loop, struct loop_source *source)
{
	int fd = loop_release(loop, source);

	util_closep(&fd);
}

int loop_turn(struct loop *loop, int timeout_ms)
{
	int called = 0;

	loop->next = 0;
	loop->count = epoll_wait(loop->fd, loop->batch, ARRAY_SIZE(loop->batch), timeout_ms);
	if (loop->count < 0) {
		loop->count = 0;
		return errno == EINTR ? 0 : -errno;
	}
	while (loop->next < loop->count) {
		struct epoll_event *ev = &loop->batch[loop->next++];
		struct loop_source *source = ev->data.ptr;

		if (!source)
			continue;
		source->ready(source, ev->events);
		called++;
	}
	loop->count = 0;
	return called;
}
