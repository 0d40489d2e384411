/* SPDX-License-Identifier: Apache-2.0 */
#include "netdev.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <inttypes.h>
#include <linux/if_vlan.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#include "../util/clock.h"

#define PATH_LEN 128

static int control(unsigned long request, void *arg)
{
	auto_fd int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd < 0 || ioctl(fd, request, arg) ? -errno : 0;
}

static struct ifreq request_for(const char *name)
{
	struct ifreq req = {0};

	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", name);
	return req;
}

static int write_file(const char *path, const char *text)
{
	auto_fd int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd < 0 || write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

/* Not by an ioctl: for a name it does not know the kernel runs modprobe. */
bool netdev_exists(const char *name)
{
	char path[PATH_LEN];

	snprintf(path, sizeof(path), "/sys/class/net/%s", name);
	return access(path, F_OK) == 0;
}

int netdev_await(const char *name, int timeout_ms)
{
	const struct timespec pause = {.tv_nsec = 5000000};
	int64_t deadline = clock_mono_ms() + timeout_ms;

	while (!netdev_exists(name)) {
		if (clock_mono_ms() >= deadline)
			return -ETIMEDOUT;
		nanosleep(&pause, NULL);
	}
	return 0;
}

int netdev_bridge(const char *name)
{
	char path[PATH_LEN], copy[IFNAMSIZ];
	int rc = 0;

	snprintf(copy, sizeof(copy), "%s", name);
	if (!netdev_exists(name))
		rc = control(SIOCBRADDBR, copy);
	if (rc && rc != -EEXIST)
		return rc;
	snprintf(path, sizeof(path), "/sys/class/net/%s/bridge/vlan_filtering", name);
	rc = write_file(path, "1");
	return rc ? rc : netdev_up(name, true);
}

void netdev_bridge_remove(const char *name)
{
	char copy[IFNAMSIZ];

	snprintf(copy, sizeof(copy), "%s", name);
	if (netdev_exists(name) && !netdev_up(name, false))
		(void)control(SIOCBRDELBR, copy);
}

int netdev_vlan(int vlan, char name[IFNAMSIZ])
{
	struct vlan_ioctl_args args = {.cmd = SET_VLAN_NAME_TYPE_CMD};
	int rc;

	snprintf(name, IFNAMSIZ, NETDEV_UPLINK ".%d", vlan);
	if (netdev_exists(name))
		return 0;
	args.u.name_type = VLAN_NAME_TYPE_RAW_PLUS_VID_NO_PAD;
	rc = control(SIOCSIFVLAN, &args);
	if (rc)
		return rc;
	args = (struct vlan_ioctl_args){.cmd = ADD_VLAN_CMD};
	strcpy(args.device1, NETDEV_UPLINK);
	args.u.VID = vlan;
	return control(SIOCSIFVLAN, &args);
}

void netdev_vlan_remove(int vlan)
{
	struct vlan_ioctl_args args = {.cmd = DEL_VLAN_CMD};

	snprintf(args.device1, sizeof(args.device1), NETDEV_UPLINK ".%d", vlan);
	if (netdev_exists(args.device1))
		(void)control(SIOCSIFVLAN, &args);
}

int netdev_up(const char *name, bool up)
{
	struct ifreq req = request_for(name);
	int rc = control(SIOCGIFFLAGS, &req);

	if (rc || !!(req.ifr_flags & IFF_UP) == up)
		return rc;
	req.ifr_flags = (short)(up ? req.ifr_flags | IFF_UP : req.ifr_flags & ~IFF_UP);
	return control(SIOCSIFFLAGS, &req);
}

static int set_ipv4(const char *name, unsigned long what, uint32_t value)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(value)};
	struct ifreq req = request_for(name);

	memcpy(&req.ifr_addr, &addr, sizeof(addr));
	return control(what, &req);
}

int netdev_address(const char *name, uint32_t address, int prefix)
{
	struct ifreq req = request_for(name);
	struct sockaddr_in now = {0};
	int rc;

	if (!control(SIOCGIFADDR, &req)) {
		memcpy(&now, &req.ifr_addr, sizeof(now));
		if (now.sin_addr.s_addr == htonl(address))
			return 0;
	}
	rc = set_ipv4(name, SIOCSIFADDR, address);
	return rc ? rc : set_ipv4(name, SIOCSIFNETMASK, UINT32_MAX << (32 - prefix));
}

int netdev_join(const char *name, const char *bridge)
{
	char path[PATH_LEN], target[PATH_LEN] = "";
	struct ifreq req = request_for(bridge);
	const char *master;

	snprintf(path, sizeof(path), "/sys/class/net/%s/master", name);
	if (readlink(path, target, sizeof(target) - 1) > 0) {
		struct ifreq old;

		master = strrchr(target, '/');
		master = master ? master + 1 : target;
		if (!strcmp(master, bridge))
			return 0;
		old = request_for(master);
		old.ifr_ifindex = (int)if_nametoindex(name);
		(void)control(SIOCBRDELIF, &old);
	}
	req.ifr_ifindex = (int)if_nametoindex(name);
	return control(SIOCBRADDIF, &req);
}

void netdev_no_ipv6(const char *name)
{
	char path[PATH_LEN];

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", name);
	(void)write_file(path, "1");
}

void netdev_forwarding(bool on)
{
	(void)write_file("/proc/sys/net/ipv4/ip_forward", on ? "1" : "0");
}

static uint64_t counter(const char *name, const char *what)
{
	auto_file FILE *f = NULL;
	char path[PATH_LEN];
	uint64_t value = 0;

	snprintf(path, sizeof(path), "/sys/class/net/%s/statistics/%s", name, what);
	f = fopen(path, "re");
	return f && fscanf(f, "%" SCNu64, &value) == 1 ? value : 0;
}

int netdev_count(const char *name, struct netdev_counters *out)
{
	if (!netdev_exists(name))
		return -ENODEV;
	*out = (struct netdev_counters){
		.rx_bytes = counter(name, "rx_bytes"),
		.rx_packets = counter(name, "rx_packets"),
		.rx_dropped = counter(name, "rx_dropped"),
		.tx_bytes = counter(name, "tx_bytes"),
		.tx_packets = counter(name, "tx_packets"),
		.tx_dropped = counter(name, "tx_dropped"),
	};
	return 0;
}

bool netdev_overlaps(uint32_t base, int prefix)
{
	struct ifaddrs *list = NULL;
	bool found = false;

	if (getifaddrs(&list))
		return false;
	for (struct ifaddrs *i = list; i; i = i->ifa_next) {
		struct sockaddr_in addr, mask;
		uint32_t both;

		if (!i->ifa_addr || !i->ifa_netmask || i->ifa_addr->sa_family != AF_INET ||
		    !strncmp(i->ifa_name, "dn", 2))
			continue;
		memcpy(&addr, i->ifa_addr, sizeof(addr));
		memcpy(&mask, i->ifa_netmask, sizeof(mask));
		both = ntohl(mask.sin_addr.s_addr) & (UINT32_MAX << (32 - prefix));
		found |= ((ntohl(addr.sin_addr.s_addr) ^ base) & both) == 0;
	}
	freeifaddrs(list);
	return found;
}
