/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "../util/log.h"
#include "../util/unix_socket.h"
#include "ticket.h"

#define CLIENTS_MAX  16
#define LINE_MAX_LEN 128

struct client {
	char line[LINE_MAX_LEN];
	size_t len;
};

static void redeem(struct svc *svc, int fd, const char *ticket)
{
	auto_json json_t *grant = ticket_redeem(svc, ticket);
	auto_free char *text = grant ? json_dumps(grant, JSON_COMPACT) : NULL;

	if (text)
		dprintf(fd, "ok %s\n", text);
	else
		dprintf(fd, "error the ticket is unknown, used or too old\n");
}

static void answer(struct svc *svc, int fd, const char *line)
{
	if (!strncmp(line, "redeem ", 7))
		redeem(svc, fd, line + 7);
	else if (!strncmp(line, "alive ", 6) && ticket_credential_alive(svc, line + 6))
		dprintf(fd, "ok\n");
	else
		dprintf(fd, "error the session or token is over\n");
}

/* Take what has come; false when the client is done. */
static bool serve(struct svc *svc, int fd, struct client *c)
{
	ssize_t n = recv(fd, c->line + c->len, sizeof(c->line) - 1 - c->len, MSG_DONTWAIT);
	char *end;

	if (n <= 0)
		return n < 0 && errno == EAGAIN;
	c->len += (size_t)n;
	c->line[c->len] = '\0';
	while ((end = strchr(c->line, '\n'))) {
		*end = '\0';
		answer(svc, fd, c->line);
		c->len -= (size_t)(end + 1 - c->line);
		memmove(c->line, end + 1, c->len + 1);
	}
	return c->len < sizeof(c->line) - 1;
}

static void *server_main(void *arg)
{
	struct pollfd fds[CLIENTS_MAX + 1] = {0};
	struct client clients[CLIENTS_MAX + 1];
	struct svc *svc = arg;
	nfds_t n = 1;

	fds[0].fd = svc->tickets_fd;
	fds[0].events = POLLIN;
	while (poll(fds, n, -1) >= 0 || errno == EINTR) {
		for (nfds_t i = n - 1; i > 0; i--) {
			if (!fds[i].revents || serve(svc, fds[i].fd, &clients[i]))
				continue;
			close(fds[i].fd);
			fds[i] = fds[--n];
			clients[i] = clients[n];
		}
		if (!fds[0].revents)
			continue;
		fds[n].fd = accept4(svc->tickets_fd, NULL, NULL, SOCK_CLOEXEC);
		if (fds[n].fd < 0 && svc_stopping(svc))
			break;
		if (fds[n].fd < 0)
			continue;
		if (n == CLIENTS_MAX) {
			close(fds[n].fd);
			continue;
		}
		fds[n].events = POLLIN;
		fds[n].revents = 0;
		clients[n++].len = 0;
	}
	while (n-- > 1)
		close(fds[n].fd);
	return NULL;
}

int ticket_server_start(struct svc *svc)
{
	char path[256];
	int rc;

	snprintf(path, sizeof(path), "%s/tickets.sock", svc->config.run);
	rc = unix_listen(path, svc->config.tickets_group, &svc->tickets_fd);
	if (rc)
		return rc;
	rc = pthread_create(&svc->ticket_server, NULL, server_main, svc);
	svc->ticket_server_runs = !rc;
	return -rc;
}

void ticket_server_stop(struct svc *svc)
{
	if (svc->ticket_server_runs) {
		shutdown(svc->tickets_fd, SHUT_RDWR); /* wakes the poll */
		pthread_join(svc->ticket_server, NULL);
		svc->ticket_server_runs = false;
	}
	if (svc->tickets_fd >= 0)
		close(svc->tickets_fd);
	svc->tickets_fd = -1;
	tickets_drop_all(svc);
}
