/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The broker's parts, one thread:
 *   broker.c   the loop: listening, xenstore news, event channels, deadlines
 *   console.c  one per VM: its history, its viewers, what they typed
 *   guest.c    one per domain: its ring and port, and its fair share of our time
 *   client.c   one per connection
 */
#ifndef BROKER_BROKER_H
#define BROKER_BROKER_H

#include <stdbool.h>
#include <sys/queue.h>

#include "loop.h"
#include "ring.h"
#include "session.h"
#include "store.h"
#include "xen.h"

#define CONSOLE_INPUT_SIZE  4096
#define BROKER_MAX_CLIENTS  512
#define BROKER_MAX_CONSOLES 512

struct broker;

struct console {
	LIST_ENTRY(console) link;
	struct broker *broker;
	char uuid[UUID_TEXT_SIZE];
	struct store store;
	struct guest *guest; /* NULL while the VM is not running */
	LIST_HEAD(, client) clients;
	uint8_t input[CONSOLE_INPUT_SIZE]; /* typed, not yet in the guest's ring */
	size_t input_len;
	bool forgotten;  /* goes away with its guest */
	bool eager;      /* somebody typed: what comes next is an echo, send it at once */
	bool dirty;      /* viewers have not been given everything yet */
	int64_t flushed; /* when they last were, ms */
	int64_t used;    /* when it last had a guest or a client, ms */
};

struct guest {
	LIST_ENTRY(guest) link;
	struct broker *broker;
	uint32_t domid;
	struct console *console;        /* NULL: its xenstore nodes are incomplete */
	struct xencons_interface *ring; /* shared with the guest */
	int granted;
	uint32_t port;
	int64_t slice; /* when the present time slice began, ms */
	uint32_t slice_events;
	uint32_t slice_bytes;
	bool deferred; /* had its share: port stays masked until the slice is over */
	bool complained;
};

struct client {
	LIST_ENTRY(client) link;
	struct loop_source source;
	struct broker *broker;
	struct console *console; /* NULL until it has asked for one */
	char line[SESSION_LINE_SIZE];
	size_t line_len;
	uint64_t pos, end; /* next byte to send, and where to stop */
	char note[112];    /* reply or notice that goes out before more of the history */
	size_t note_len, note_sent;
	bool writable;
	bool closing; /* close when note and history up to end are sent */
	bool held;    /* typed more than the guest takes: not read from */
};

struct broker {
	struct loop loop;
	struct xen *xen;
	struct loop_source listener, news, events;
	int dirfd; /* where histories are kept, -1: nowhere */
	size_t limit;
	LIST_HEAD(, console) consoles;
	LIST_HEAD(, guest) guests;
	LIST_HEAD(, client) strangers; /* clients without a console */
	int clients, console_count;
	bool lost; /* xenstored went away */
};

/**
 * Bind everything to @socket (its group @group when not NULL) and to the running domains.
 * @dirfd is a directory for histories or -1; the broker owns it from here on.
 * Return: 0 or a negative errno; the broker is to be ended with broker_fini in either case.
 */
must_check int broker_init(struct broker *b, struct xen *xen, const char *socket, const char *group,
			   int dirfd, size_t limit);
void broker_fini(struct broker *b);

/**
 * One turn of the loop, waiting at most @timeout_ms (-1: for ever).
 * Return: 0, or a negative errno when it cannot go on.
 */
must_check int broker_turn(struct broker *b, int timeout_ms);

/* console.c */
struct console *console_find(struct broker *b, const char *uuid);
/** Find or begin the console of @uuid. Return: NULL without memory or when there are too many. */
struct console *console_get(struct broker *b, const char *uuid);
/** Free @c if nothing needs it any more. */
void console_put(struct console *c);
void console_destroy(struct console *c);
/** Let go of what is remembered, and of everybody who watches. */
void console_forget(struct console *c);
void console_output(struct console *c, const void *data, size_t len);
/** A line of our own among the guest's output. */
void console_notice(struct console *c, const char *text);
void console_flush(struct console *c, int64_t now);
/** When console_flush is due: ms, or INT64_MAX. */
int64_t console_deadline(const struct console *c);
/** Hand typed bytes to the guest as far as it takes them; lets held clients type again. */
void console_push_input(struct console *c);

/* guest.c */
/** Take up domain @domid, or remember to when its nodes are complete. */
void guest_discover(struct broker *b, uint32_t domid);
void guest_retry(struct guest *g);
void guest_service(struct guest *g);
/** Take the last words of @g and release its page and port, so that the domain can vanish. */
void guest_destroy(struct guest *g);
/** When a deferred guest is due again: ms, or INT64_MAX. */
int64_t guest_deadline(const struct guest *g);

/* client.c */
/** Take over the connection @fd. */
void client_create(struct broker *b, int fd);
void client_destroy(struct client *c);
/** Send what there is, within bounds. Return: false when @c is gone. */
bool client_pump(struct client *c);
/** Let @c type again. */
void client_resume(struct client *c);

#endif
