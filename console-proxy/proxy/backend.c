// SPDX-License-Identifier: Apache-2.0
#include "backend.h"

#include "sock.h"

#include <stdio.h>
#include <string.h>

static int serial_connect(const struct backend_config *config, const struct grant *grant)
{
	(void)grant;
	return sock_connect(config->broker);
}

static size_t serial_request(const struct grant *grant, char *out, size_t size)
{
	int n = snprintf(out, size, "attach %s %s\n", grant->vm, grant->read_only ? "ro" : "rw");

	return (size_t)n < size ? (size_t)n : 0;
}

static bool serial_accepts(const char *reply)
{
	return !strcmp(reply, "ok");
}

static const struct backend backends[] = {
	{"serial", serial_connect, serial_request, serial_accepts},
};

const struct backend *backend_find(const char *kind)
{
	for (size_t i = 0; i < ARRAY_SIZE(backends); i++) {
		if (!strcmp(backends[i].kind, kind))
			return &backends[i];
	}
	return NULL;
}
