/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A level-triggered epoll loop. Sources live in their owners' structures. A source may remove
 * itself or any other source from within a callback: what was removed is not called any more.
 */
#ifndef CONSOLE_LOOP_H
#define CONSOLE_LOOP_H

#include <stdint.h>
#include <sys/epoll.h>

#include "util.h"

struct loop_source {
	int fd;
	uint32_t events; /* EPOLL* asked for */
	void (*ready)(struct loop_source *source, uint32_t events);
};

struct loop {
	int fd; /* itself pollable: readable when a source is ready */
	int next, count;
	struct epoll_event batch[64];
};

/** Return: 0 or a negative errno. */
must_check int loop_init(struct loop *loop);
void loop_fini(struct loop *loop);

/** Watch @source->fd for @events. Return: 0 or a negative errno. */
must_check int loop_add(struct loop *loop, struct loop_source *source, uint32_t events);

/** Change what @source waits for; cheap when nothing changes. */
void loop_set(struct loop *loop, struct loop_source *source, uint32_t events);

/** Forget @source and close its descriptor. Harmless when its fd is negative. */
void loop_close(struct loop *loop, struct loop_source *source);

/** Forget @source and hand its descriptor to the caller. */
int loop_release(struct loop *loop, struct loop_source *source);

/**
 * Wait at most @timeout_ms (-1: for ever) and call what is ready, each source once.
 * Return: number of sources called, or a negative errno.
 */
int loop_turn(struct loop *loop, int timeout_ms);

#endif
