/* SPDX-License-Identifier: Apache-2.0 */
/* A server for a file, and the handshake with it (NetworkBlockDevice/nbd, doc/proto.md). */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "nbd.h"

#define LISTENER            3     /* the server's descriptor */
#define START_MS            30000 /* for a program to start, on a host that is busy */
#define FLAG_FIXED_NEWSTYLE 1u
#define FLAG_NO_ZEROES      2u
#define OPT_EXPORT_NAME     1u

static const char magic[16] = "NBDMAGICIHAVEOPT";

struct greeting {
	char magic[16];
	uint16_t flags;
} __attribute__((packed));

struct choice {
	uint32_t flags;
	char magic[8];
	uint32_t option;
	uint32_t len; /* of a name: the default export has none */
} __attribute__((packed));

struct answer {
	uint64_t size;
	uint16_t flags;
} __attribute__((packed));

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ll + t.tv_nsec / 1000000;
}

static int receive(int sock, void *to, size_t len, int64_t until)
{
	struct pollfd p = {.fd = sock, .events = POLLIN};
	size_t done = 0;

	while (done < len) {
		int64_t left = until - now_ms();
		ssize_t n;

		if (left <= 0)
			return -ETIMEDOUT;
		if (poll(&p, 1, (int)left) <= 0)
			continue;
		n = recv(sock, (char *)to + done, len - done, MSG_DONTWAIT);
		if (!n || (n < 0 && errno != EINTR && errno != EAGAIN))
			return -ECONNRESET;
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

int nbd_handshake(int sock, unsigned int ms, struct nbd_export *out)
{
	const uint16_t needed = FLAG_FIXED_NEWSTYLE | FLAG_NO_ZEROES;
	struct choice choice = {.flags = htobe32(needed), .option = htobe32(OPT_EXPORT_NAME)};
	int64_t until = now_ms() + ms;
	struct greeting hello;
	struct answer answer;
	int rc = receive(sock, &hello, sizeof(hello), until);

	if (rc)
		return rc;
	if (memcmp(hello.magic, magic, sizeof(magic)) || (be16toh(hello.flags) & needed) != needed)
		return -EPROTO;
	memcpy(choice.magic, magic + 8, 8);
	if (send(sock, &choice, sizeof(choice), MSG_NOSIGNAL) != sizeof(choice))
		return -ECONNRESET;
	rc = receive(sock, &answer, sizeof(answer), until);
	if (rc)
		return rc;
	out->size = be64toh(answer.size);
	out->flags = be16toh(answer.flags);
	return out->size && out->size <= INT64_MAX ? 0 : -EPROTO;
}

/*
 * A listener, and the one connection to it that there will be: the queue has room for no other, and
 * the server takes no second one and ends with the first.
 */
static int make_pair(int *listener, int *client)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	socklen_t len = sizeof(address);
	auto_fd int l = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	auto_fd int c = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	/* unix(7), autobind: a name of the kernel's choice, and no file. */
	if (l < 0 || c < 0 || bind(l, (struct sockaddr *)&address, sizeof(sa_family_t)) ||
	    listen(l, 0) || getsockname(l, (struct sockaddr *)&address, &len) ||
	    connect(c, (struct sockaddr *)&address, len))
		return -errno;
	*listener = l;
	*client = c;
	l = c = -1;
	return 0;
}

static int spawn(const struct disk_opening *o, int file, int report, int listener, pid_t *pid)
{
	char *argv[] = {(char *)(uintptr_t) "disk-server",
			(char *)(uintptr_t)(o->read_only ? "ro" : "rw"), NULL};
	char *envp[] = {NULL};
	posix_spawn_file_actions_t files;
	int rc;

	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, file, 0);
	posix_spawn_file_actions_adddup2(&files, report, 1);
	posix_spawn_file_actions_adddup2(&files, listener, LISTENER);
	rc = posix_spawn(pid, o->server, &files, NULL, argv, envp);
	posix_spawn_file_actions_destroy(&files);
	return -rc;
}

/* "pid N", and when something is wrong why: until the server proper has taken over. */
static void hear(int report, char *text, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while (len + 1 < size &&
	       ((n = read(report, text + len, size - 1 - len)) > 0 || (n < 0 && errno == EINTR)))
		len += n > 0 ? (size_t)n : 0;
	text[len] = '\0';
}

static int start(struct disk_opening *o, int file, int listener, pid_t *server)
{
	int ends[2], rc, status, at = 0;
	char text[128];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	rc = spawn(o, file, ends[1], listener, &pid);
	close(ends[1]);
	if (!rc)
		hear(ends[0], text, sizeof(text));
	close(ends[0]);
	if (rc) {
		snprintf(o->why, sizeof(o->why), "%.60s can't be started: %s", o->server,
			 strerror(-rc));
		return rc;
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (sscanf(text, "pid %d\n%n", server, &at) == 1 && !text[at])
		return 0;
	text[strcspn(text + at, "\n") + at] = '\0';
	snprintf(o->why, sizeof(o->why), "its server did not start: %.80s", text + at);
	return -EIO;
}

/*
 * A server with the one connection to it. The listener is the server's alone then: when it ends instead of
 * answering, so does the connection.
 */
static int start_connected(struct disk_opening *o, int file, int *client, pid_t *server)
{
	auto_fd int listener = -1;
	int rc = make_pair(&listener, client);

	return rc ? rc : start(o, file, listener, server);
}

int nbd_serve(struct disk_opening *o, int file, struct nbd_export *out)
{
	auto_fd int client = -1;
	int sock = -1, rc = start_connected(o, file, &client, &out->pid);

	if (!rc)
		rc = nbd_handshake(client, START_MS, out);
	if (!rc) {
		sock = client;
		client = -1;
	} else if (!o->why[0]) {
		snprintf(o->why, sizeof(o->why), "its server (qemu-nbd) does not take it: %s",
			 strerror(-rc));
	}
	return rc ? rc : sock;
}
