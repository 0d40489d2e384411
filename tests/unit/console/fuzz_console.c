// SPDX-License-Identifier: Apache-2.0
/*
 * What strangers, guests and services can send us, thrown at the parsers. The first byte picks one.
 * With clang: -fsanitize=fuzzer; else fuzz_main.c drives it.
 */
#include "handshake.h"
#include "ring.h"
#include "session.h"
#include "ticket.h"

#include <stddef.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_handshake(const uint8_t *data, size_t size)
{
	struct handshake h;
	char out[1024];
	size_t len = handshake_head_length((const char *)data, size);

	if (handshake_parse((const char *)data, len ? len : size, &h))
		return;
	len = handshake_canonical(&h, out, sizeof(out));
	/* What we pass on must be a sound request, whatever came in. */
	if (!len || handshake_head_length(out, len) != len)
		abort();
}

/* Call @fn with the input as a terminated string. */
static void as_text(const uint8_t *data, size_t size, void (*fn)(const char *))
{
	_cleanup_free_ char *text = malloc(size + 1);

	memcpy(text, data, size);
	text[size] = '\0';
	fn(text);
}

static void text_session(const char *text)
{
	struct session_request request;
	const char *why;

	if (!session_parse(text, &request, &why) && request.verb != SESSION_PING &&
	    !util_is_uuid(request.uuid))
		abort();
}

static void text_ticket(const char *text)
{
	struct grant grant;

	if (!ticket_parse(text, &grant) && !util_is_uuid(grant.vm))
		abort();
}

static void fuzz_session(const uint8_t *data, size_t size)
{
	as_text(data, size, text_session);
}

static void fuzz_ticket(const uint8_t *data, size_t size)
{
	as_text(data, size, text_ticket);
}

static void fuzz_ring(const uint8_t *data, size_t size)
{
	struct xencons_interface *ring = calloc(1, sizeof(*ring));
	uint8_t out[RING_OUT_SIZE];
	int broken;

	memcpy(&ring->in_cons, data, size < 16 ? size : 16);
	if (ring_take_output(ring, out, &broken) > sizeof(out))
		abort();
	if (ring->out_cons != ring->out_prod)
		abort();
	if (ring_put_input(ring, data, size) > size)
		abort();
	free(ring);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const targets[])(const uint8_t *, size_t) = {
		fuzz_handshake,
		fuzz_session,
		fuzz_ticket,
		fuzz_ring,
	};

	if (size)
		targets[*data % ARRAY_SIZE(targets)](data + 1, size - 1);
	return 0;
}
