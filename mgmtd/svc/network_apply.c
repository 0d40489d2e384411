/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "../util/log.h"
#include "netdev.h"
#include "network.h"

/* One at a time: it is about the whole host. */
static pthread_mutex_t applying = PTHREAD_MUTEX_INITIALIZER;

static int set_up(const struct network *n)
{
	char vlan[IFNAMSIZ];
	int rc = netdev_bridge(n->interface);

	if (rc)
		return rc;
	if (n->is_private)
		return netdev_address(n->interface, n->base + 1, n->prefix);
	if (!n->vlan)
		return 0; /* the boot has put the uplink on it */
	netdev_no_ipv6(n->interface);
	rc = netdev_vlan(n->vlan, vlan);
	if (!rc)
		rc = netdev_join(vlan, n->interface);
	return rc ? rc : netdev_up(vlan, true);
}

static bool is_known(const char *interface, const struct network *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(list[i].interface, interface))
			return true;
	return false;
}

/* Our bridges whose networks are gone. */
static void remove_others(const struct network *list, size_t count)
{
	DIR *all = opendir("/sys/class/net");
	struct dirent *entry;
	char name[IFNAMSIZ];

	while (all && (entry = readdir(all))) {
		bool vlan = !strncmp(entry->d_name, "dv", 2);

		if ((!vlan && strncmp(entry->d_name, "dn", 2)) ||
		    strlen(entry->d_name) >= sizeof(name) || is_known(entry->d_name, list, count))
			continue;
		strcpy(name, entry->d_name);
		netdev_bridge_remove(name);
		if (vlan)
			netdev_vlan_remove(atoi(name + 2));
	}
	if (all)
		closedir(all);
}

static int apply(struct svc *svc)
{
	auto_free struct network *list = NULL;
	size_t count;
	int rc = network_load_all(svc, &list, &count);

	if (!rc && mkdir(svc->config.networks, 0755) && errno != EEXIST)
		rc = -errno;
	/* Rules first: no network is there before what guards it. */
	if (!rc)
		rc = network_rules_apply(svc, list, count);
	for (size_t i = 0; i < count && !rc; i++) {
		rc = set_up(&list[i]);
		if (rc)
			log_line("network %s: %s: %s", list[i].name, list[i].interface,
				 strerror(-rc));
	}
	if (rc)
		return rc;
	rc = network_dhcp_apply(svc, list, count);
	remove_others(list, count);
	return rc;
}

int network_apply(struct svc *svc)
{
	int rc;

	if (!svc->config.networks)
		return 0;
	pthread_mutex_lock(&applying);
	rc = apply(svc);
	pthread_mutex_unlock(&applying);
	if (rc)
		log_line("the networks can't be set up: %s", strerror(-rc));
	return rc;
}
