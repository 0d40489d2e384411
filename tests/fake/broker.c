/* SPDX-License-Identifier: Apache-2.0 */
#include "broker.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char boot[] = "[    0.000000] Linux version 6.1.0 (fake)\r\ndemo guest ready\r\n/ # ";

static void echo(int fd)
{
	char buf[256];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		for (ssize_t i = 0; i < n; i++)
			dprintf(fd, buf[i] == '\r' ? "\r\n/ # " : "%c", buf[i]);
}

static void *client_main(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char line[128];
	ssize_t n = read(fd, line, sizeof(line) - 1);

	if (n > 0) {
		line[n] = '\0';
		dprintf(fd, "ok\n");
		if (!strncmp(line, "log ", 4) || !strncmp(line, "attach ", 7))
			dprintf(fd, "%s", boot);
		if (!strncmp(line, "attach ", 7))
			echo(fd);
	}
	close(fd);
	return NULL;
}

static void *server_main(void *arg)
{
	int sock = (int)(intptr_t)arg, fd;
	pthread_t thread;

	while ((fd = accept(sock, NULL, NULL)) >= 0) {
		if (pthread_create(&thread, NULL, client_main, (void *)(intptr_t)fd))
			close(fd);
		else
			pthread_detach(thread);
	}
	return NULL;
}

int fake_broker_start(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pthread_t thread;

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	unlink(path);
	if (sock < 0 || bind(sock, (struct sockaddr *)&addr, sizeof(addr)) || listen(sock, 16))
		return -errno;
	return -pthread_create(&thread, NULL, server_main, (void *)(intptr_t)sock);
}
