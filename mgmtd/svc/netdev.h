/* SPDX-License-Identifier: Apache-2.0 */
/* Network devices of the management domain. Names are this daemon's own: never a client's. */
#ifndef MGMTD_SVC_NETDEV_H
#define MGMTD_SVC_NETDEV_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "../util/cleanup.h"

#define NETDEV_UPLINK "eth0"

struct netdev_counters {
	uint64_t rx_bytes, rx_packets, rx_dropped, tx_bytes, tx_packets, tx_dropped;
};

bool netdev_exists(const char *name);
/** Wait until it is there. Return: 0 or -ETIMEDOUT. */
must_check int netdev_await(const char *name, int timeout_ms);
/** Have a bridge of this name that keeps VLAN tags of guests out. Return: 0 or -errno. */
must_check int netdev_bridge(const char *name);
/** Remove a bridge, if there is one. */
void netdev_bridge_remove(const char *name);
/** Have a device for the tag @vlan of the uplink; @name is eth0.<vlan>. Return: 0 or -errno. */
must_check int netdev_vlan(int vlan, char name[IFNAMSIZ]);
void netdev_vlan_remove(int vlan);
must_check int netdev_up(const char *name, bool up);
/** Give it an IPv4 address (host order). */
must_check int netdev_address(const char *name, uint32_t address, int prefix);
/** Have it in @bridge and in no other. */
must_check int netdev_join(const char *name, const char *bridge);
/** A device that only forwards: it gets no IPv6 address of its own. */
void netdev_no_ipv6(const char *name);
void netdev_forwarding(bool on);
/** Return: 0 or -ENODEV. Counters are as the device in the management domain counts. */
must_check int netdev_count(const char *name, struct netdev_counters *out);
/** Does a network that the host is on, other than through devices named dn*, overlap this one? */
bool netdev_overlaps(uint32_t base, int prefix);

#endif
