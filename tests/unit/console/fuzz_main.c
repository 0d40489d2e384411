// SPDX-License-Identifier: Apache-2.0
/* A plain mutator for compilers without libFuzzer: good inputs, broken in all kinds of places. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const seeds[] = {
	"\0GET /console HTTP/1.1\r\nHost: a:1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
	"Sec-WebSocket-Protocol: domus.console.v1, abcdefghijklmnop\r\n"
	"Origin: https://a:1\r\n\r\n",
	"\1attach 01234567-89ab-4cde-8f01-23456789abcd rw",
	"\2ok {\"vm\":\"01234567-89ab-4cde-8f01-23456789abcd\",\"kind\":\"serial\","
	"\"read_only\":false,\"user\":\"admin\",\"session_expires\":1795000000}",
	"\3abcdefghijklmnop",
};

static uint32_t state = 12345;

static uint32_t pick(size_t below)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return (uint32_t)(state % below);
}

static size_t mutate(uint8_t *data, size_t size)
{
	static const char salt[] = "\r\n\0:, {}[]\"\\=-\xff";
	size_t at = pick(size), n;

	switch (pick(4)) {
	case 0: data[at] = (uint8_t)pick(256); return size;
	case 1: data[at] = (uint8_t)salt[pick(sizeof(salt))]; return size;
	case 2: return at ? at : 1;
	default:
		n = pick(size - at) + 1;
		memmove(data + at + n, data + at, size - at);
		return size + n;
	}
}

int main(int argc, char **argv)
{
	long rounds = argc > 1 ? atol(argv[1]) : 100000;
	static uint8_t work[1 << 16];

	while (rounds-- > 0) {
		const char *seed = seeds[pick(sizeof(seeds) / sizeof(seeds[0]))];
		size_t size = strlen(seed + 1) + 1;
		uint8_t *exact;

		memcpy(work, seed, size);
		for (uint32_t n = pick(4) + 1; n; n--)
			size = mutate(work, size);
		/* A block of its own, so that one byte too far is seen. */
		exact = malloc(size);
		memcpy(exact, work, size);
		LLVMFuzzerTestOneInput(exact, size);
		free(exact);
	}
	return 0;
}
