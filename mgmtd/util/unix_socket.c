/* SPDX-License-Identifier: Apache-2.0 */
#include "unix_socket.h"

#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "log.h"

static void open_to_group(const char *path, const char *name)
{
	const struct group *group = name ? getgrnam(name) : NULL;

	if (name && !group)
		log_line("there is no group %s: only root may use %s", name, path);
	if (group && (chown(path, (uid_t)-1, group->gr_gid) || chmod(path, 0660)))
		log_line("%s can't be opened to group %s: %s", path, name, strerror(errno));
}

int unix_listen(const char *path, const char *group, int *fd)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	mode_t mask;
	int sock, rc;

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	strcpy(addr.sun_path, path);
	sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (sock < 0)
		return -errno;
	unlink(path);
	mask = umask(0177);
	rc = bind(sock, (struct sockaddr *)&addr, sizeof(addr));
	umask(mask);
	if (rc || listen(sock, 128)) {
		rc = -errno;
		close(sock);
		return rc;
	}
	open_to_group(path, group);
	*fd = sock;
	return 0;
}
