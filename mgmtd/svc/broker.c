/* SPDX-License-Identifier: Apache-2.0 */
#include "broker.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "../util/log.h"

#define TIMEOUT_S 3
#define LOG_MAX   (2u << 20) /* twice what the broker keeps */

/* Connect and send one line. Return: the descriptor or -1. */
static int ask(struct svc *svc, const char *verb, const char *vm)
{
	const struct timeval timeout = {.tv_sec = TIMEOUT_S};
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/broker.sock", svc->config.run);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) ||
	    dprintf(fd, *vm ? "%s %s\n" : "%s%s\n", verb, vm) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* The answer's first line, byte by byte so as not to take what follows. */
static bool read_line(int fd, char *line, size_t size)
{
	size_t n = 0;

	while (n < size - 1 && read(fd, line + n, 1) == 1) {
		if (line[n] == '\n') {
			line[n] = '\0';
			return true;
		}
		n++;
	}
	return false;
}

static bool is_ok(int fd)
{
	char line[128];

	return read_line(fd, line, sizeof(line)) && !strncmp(line, "ok", 2);
}

bool broker_ping(struct svc *svc)
{
	auto_fd int fd = ask(svc, "ping", "");

	return fd >= 0 && is_ok(fd);
}

void broker_forget(struct svc *svc, const char *vm)
{
	auto_fd int fd = ask(svc, "forget", vm);

	if (fd < 0 || !is_ok(fd))
		log_line("the console broker did not forget vm %s", vm);
}

int broker_log(struct svc *svc, const char *vm, char **data, size_t *len)
{
	auto_fd int fd = ask(svc, "log", vm);
	auto_free char *buf = NULL;
	size_t size = 0, n = 0;
	char line[128];
	ssize_t got;

	if (fd < 0 || !read_line(fd, line, sizeof(line)))
		return -EIO;
	if (strncmp(line, "ok", 2))
		return -ENOENT;
	do {
		if (n == size) {
			char *grown = size < LOG_MAX ? realloc(buf, size + 65536) : NULL;

			if (!grown)
				return -EIO;
			buf = grown;
			size += 65536;
		}
		got = read(fd, buf + n, size - n);
		if (got < 0)
			return -EIO;
		n += (size_t)got;
	} while (got > 0);
	*data = buf;
	*len = n;
	buf = NULL;
	return 0;
}
