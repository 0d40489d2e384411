/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's nbd devices: made and undone by generic netlink, looked at in sysfs. */
#include "nbd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/nbd.h>
#include <linux/nbd-netlink.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <time.h>

#include "netlink.h"

#define SERVER_NAME "qemu-nbd\n" /* as /proc has it */
#define BLOCK_SIZE  512
#define LOCK_MS     30000 /* for the server of a disk's last user to write what it has, and end */
#define EVICT_MS    10000 /* then, for the kernel to end it */
#define FAMILY_MS   10000 /* a host that has just started loads the driver meanwhile */
#define POLL_MS     50
#define DEVICES_MAX 4096
#define FILES_MAX   64 /* of a server: disk-server's limit */
/*
 * A request that was not answered after so many seconds is an error, and so is every later one: the
 * server is gone or stuck. Long enough for a flush on a slow disk; when the server ends, mgmtd sees
 * that, and nothing waits.
 */
#define TIMEOUT_S   60

#define FLAGS_KNOWN                                                                          \
	(NBD_FLAG_HAS_FLAGS | NBD_FLAG_READ_ONLY | NBD_FLAG_SEND_FLUSH | NBD_FLAG_SEND_FUA | \
	 NBD_FLAG_SEND_TRIM)

/* Another socket for every call: they are few. Return: the descriptor, @family set; or -errno. */
static int open_family(unsigned int ms, uint16_t *family)
{
	auto_fd int fd = netlink_open();
	int rc = fd < 0 ? fd : netlink_family(fd, NBD_GENL_FAMILY_NAME, family);

	for (unsigned int waited = 0; rc == -ENOENT && waited < ms; waited += POLL_MS) {
		nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000}, NULL);
		rc = netlink_family(fd, NBD_GENL_FAMILY_NAME, family);
	}
	if (rc)
		return rc;
	rc = fd;
	fd = -1;
	return rc;
}

/* Return: the number of the new device, or -errno. */
static int connect_device(const struct disk_opening *o, int sock, const struct nbd_export *export)
{
	struct netlink_message m;
	uint32_t number;
	uint16_t family;
	char owner[64];
	auto_fd int fd = open_family(FAMILY_MS, &family);
	size_t sockets, item;
	int rc;

	if (fd < 0)
		return fd;
	snprintf(owner, sizeof(owner), "domus %d %" PRIu32 " %" PRIu32, export->pid, o->domid,
		 o->slot);
	netlink_begin(&m, family, NBD_CMD_CONNECT, NBD_GENL_VERSION);
	netlink_put_u64(&m, NBD_ATTR_SIZE_BYTES, export->size);
	netlink_put_u64(&m, NBD_ATTR_BLOCK_SIZE_BYTES, BLOCK_SIZE);
	netlink_put_u64(&m, NBD_ATTR_TIMEOUT, TIMEOUT_S);
	netlink_put_u64(&m, NBD_ATTR_SERVER_FLAGS, export->flags & FLAGS_KNOWN);
	netlink_put_u64(&m, NBD_ATTR_CLIENT_FLAGS, NBD_CFLAG_DISCONNECT_ON_CLOSE);
	netlink_put(&m, NBD_ATTR_BACKEND_IDENTIFIER, owner, strlen(owner) + 1);
	sockets = netlink_nest(&m, NBD_ATTR_SOCKETS);
	item = netlink_nest(&m, NBD_SOCK_ITEM);
	netlink_put_u32(&m, NBD_SOCK_FD, (uint32_t)sock);
	netlink_nest_end(&m, item);
	netlink_nest_end(&m, sockets);
	rc = netlink_call(fd, &m, NBD_ATTR_INDEX, &number, sizeof(number));
	return rc ? rc : (int)number;
}

int nbd_disconnect(unsigned int number)
{
	struct netlink_message m;
	uint16_t family;
	auto_fd int fd = open_family(0, &family);

	if (fd < 0)
		return fd;
	netlink_begin(&m, family, NBD_CMD_DISCONNECT, NBD_GENL_VERSION);
	netlink_put_u32(&m, NBD_ATTR_INDEX, number);
	return netlink_call(fd, &m, 0, NULL, 0);
}

static int open_device(unsigned int number, int flags)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/dev/nbd%u", number);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Return: of a process by this id that is a server and has not ended, or -1. */
static int open_server(pid_t pid)
{
	char path[32], name[16] = "";
	int fd = pidfd_open(pid, 0);
	struct pollfd p = {.fd = fd, .events = POLLIN};

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	if (fd >= 0) {
		auto_file FILE *f = fopen(path, "re");

		if (f && fgets(name, sizeof(name), f) && !strcmp(name, SERVER_NAME) &&
		    !poll(&p, 1, 0))
			return fd;
		close(fd);
	}
	return -1;
}

bool nbd_given_up(int pidfd)
{
	for (int n = 0; n < FILES_MAX; n++) {
		auto_fd int fd = pidfd_getfd(pidfd, n, 0); /* held for this moment only */
		struct pollfd p = {.fd = fd};
		struct stat st;

		if (fd >= 0 && !fstat(fd, &st) && S_ISSOCK(st.st_mode) && poll(&p, 1, 0) > 0 &&
		    (p.revents & POLLHUP))
			return true;
	}
	return false;
}

void nbd_evict(const char *path)
{
	DIR *dir = opendir("/proc");
	char name[300], target[512];
	struct dirent *entry;
	ssize_t n;

	while (dir && (entry = readdir(dir))) {
		auto_fd int server = -1;
		pid_t pid = atoi(entry->d_name);

		snprintf(name, sizeof(name), "/proc/%s/fd/0", entry->d_name);
		n = pid > 0 ? readlink(name, target, sizeof(target) - 1) : -1;
		target[n > 0 ? n : 0] = '\0';
		if (n <= 0 || strcmp(target, path))
			continue;
		server = open_server(pid);
		if (server >= 0)
			(void)!pidfd_send_signal(server, SIGKILL, NULL, 0);
	}
	if (dir)
		closedir(dir);
}

/* Be the only one who has the file. The last user's server, done or not, has had its time. */
static int take(const struct disk_opening *o, int file)
{
	int rc = disk_file_lock(file, o->read_only, LOCK_MS);

	if (rc != -EBUSY)
		return rc;
	nbd_evict(o->path);
	return disk_file_lock(file, o->read_only, EVICT_MS);
}

int nbd_open(struct disk_opening *o)
{
	const int flags = o->read_only ? O_RDONLY : O_RDWR;
	auto_fd int file = disk_file_open(o);
	auto_fd int sock = -1;
	struct nbd_export export = {0};
	int number, fd;

	if (file < 0)
		return file;
	if (take(o, file)) {
		snprintf(o->why, sizeof(o->why), "who had it before does not let go of it");
		return -EBUSY;
	}
	sock = nbd_serve(o, file, &export);
	if (sock < 0)
		return sock;
	number = connect_device(o, sock, &export);
	/* Whoever opens it is its first user, and takes it away with him. */
	fd = number < 0 ? number : open_device((unsigned int)number, flags);
	if (fd < 0)
		snprintf(o->why, sizeof(o->why), "no nbd device: %s", strerror(-fd));
	if (fd < 0 && number >= 0)
		(void)!nbd_disconnect((unsigned int)number);
	return fd;
}

static bool read_device(const char *name, struct nbd_device *out)
{
	char path[300];
	int pid, end = 0;

	if (sscanf(name, "nbd%u%n", &out->number, &end) != 1 || name[end])
		return false;
	snprintf(path, sizeof(path), "/sys/block/%s/backend", name);
	{
		auto_file FILE *f = fopen(path, "re");

		if (!f ||
		    fscanf(f, "domus %d %" SCNu32 " %" SCNu32, &pid, &out->domid, &out->slot) != 3)
			return false;
	}
	out->pidfd = open_server(pid);
	out->stuck = out->pidfd >= 0 && nbd_given_up(out->pidfd);
	if (out->stuck) {
		close(out->pidfd);
		out->pidfd = -1;
	}
	return true;
}

int nbd_devices(struct nbd_device **list, size_t *count)
{
	struct nbd_device *devices = NULL;
	DIR *dir = opendir("/sys/block");
	struct dirent *entry;
	size_t n = 0;

	while (dir && (entry = readdir(dir)) && n < DEVICES_MAX) {
		struct nbd_device one, *more;

		if (!read_device(entry->d_name, &one))
			continue;
		more = realloc(devices, (n + 1) * sizeof(*devices));
		if (!more) {
			if (one.pidfd >= 0)
				close(one.pidfd);
			break;
		}
		devices = more;
		devices[n++] = one;
	}
	if (dir)
		closedir(dir);
	*list = devices;
	*count = n;
	return 0;
}

void nbd_devices_free(struct nbd_device *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].pidfd >= 0)
			close(list[i].pidfd);
	free(list);
}

void nbd_sweep(void)
{
	struct nbd_device *list;
	size_t count;

	if (nbd_devices(&list, &count))
		return;
	for (size_t i = 0; i < count; i++) {
		int fd = open_device(list[i].number, O_RDONLY);

		if (fd >= 0) /* if that was its last user, it is gone */
			close(fd);
	}
	nbd_devices_free(list, count);
}
