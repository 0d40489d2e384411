// SPDX-License-Identifier: Apache-2.0
#include "sock.h"

#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static int sock_address(const char *path, struct sockaddr_un *addr)
{
	size_t len = strlen(path);

	if (len >= sizeof(addr->sun_path))
		return -ENAMETOOLONG;
	memset(addr, 0, sizeof(*addr));
	addr->sun_family = AF_UNIX;
	memcpy(addr->sun_path, path, len);
	return 0;
}

static int sock_share(const char *path, const char *group)
{
	const struct group *gr;

	if (!group)
		return 0;
	gr = getgrnam(group);
	if (!gr)
		return -ENOENT;
	if (chown(path, (uid_t)-1, gr->gr_gid) || chmod(path, 0660))
		return -errno;
	return 0;
}

int sock_listen(const char *path, const char *group)
{
	_cleanup_close_ int fd = -1;
	struct sockaddr_un addr;
	mode_t mask;
	int rc;

	rc = sock_address(path, &addr);
	if (rc)
		return rc;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	unlink(path);
	mask = umask(0177);
	rc = bind(fd, (struct sockaddr *)&addr, sizeof(addr)) ? -errno : 0;
	umask(mask);
	if (!rc)
		rc = sock_share(path, group);
	if (!rc && listen(fd, 128))
		rc = -errno;
	return rc ? rc : util_steal_fd(&fd);
}

int sock_connect(const char *path)
{
	_cleanup_close_ int fd = -1;
	struct sockaddr_un addr;
	int rc;

	rc = sock_address(path, &addr);
	if (rc)
		return rc;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return -errno;
	return util_steal_fd(&fd);
}

int sock_accept(int fd)
{
	int conn = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	return conn < 0 ? -errno : conn;
}

ssize_t sock_read_line(int fd, char *line, size_t size, size_t *have)
{
	ssize_t n = recv(fd, line + *have, size - *have, MSG_PEEK);
	size_t take;
	const char *end;

	if (n <= 0)
		return n ? -errno : -ECONNRESET;
	end = memchr(line + *have, '\n', (size_t)n);
	take = end ? (size_t)(end - (line + *have)) + 1 : (size_t)n;
	n = recv(fd, line + *have, take, 0);
	if (n <= 0)
		return n ? -errno : -ECONNRESET;
	*have += (size_t)n;
	if (!end)
		return *have < size ? -EAGAIN : -EMSGSIZE;
	line[*have - 1] = '\0';
	return strlen(line) == *have - 1 ? (ssize_t)*have - 1 : -EMSGSIZE;
}
