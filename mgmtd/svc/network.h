/* SPDX-License-Identifier: Apache-2.0 */
/* Networks: bridges that virtual machines are put on. */
#ifndef MGMTD_SVC_NETWORK_H
#define MGMTD_SVC_NETWORK_H

#include "svc.h"

#define NETWORK_SELECT                                                                      \
	"SELECT id, name, kind, interface, vlan AS \"vlan:i\", subnet, dhcp AS \"dhcp:b\"," \
	" nat AS \"nat:b\", builtin AS \"builtin:b\","                                      \
	" (SELECT count(*) FROM nic WHERE nic.network = network.id) AS \"nics:i\","         \
	" created_at, revision AS \"#revision:i\" FROM network"

struct network {
	char id[UUID_TEXT_LEN];
	char name[64];
	char interface[16]; /* of the bridge */
	bool is_private, dhcp, nat, builtin;
	int vlan;      /* 0: none */
	uint32_t base; /* private: address of the subnet, host order */
	int prefix;
	int64_t revision;
};

/** Write an address (host order) as text. */
void network_ipv4(uint32_t address, char out[16]);

/** Return: 0, -ENOENT, -EIO. */
must_check int network_load(struct svc *svc, const char *id, struct network *out);
must_check int network_require(struct svc *svc, const char *id, struct network *out,
			       struct problem *p);
/** All of them, to be freed with free(). */
must_check int network_load_all(struct svc *svc, struct network **out, size_t *count);
json_t *network_json(struct svc *svc, const char *id);

/** Make one as @spec (a checked NetworkCreate) says, and set it up. */
must_check int network_create(struct svc *svc, const json_t *spec, char id[UUID_TEXT_LEN],
			      struct problem *p);
must_check int network_update(struct svc *svc, const struct network *n, const json_t *patch,
			      struct problem *p);
must_check int network_delete(struct svc *svc, const struct network *n, struct problem *p);

/**
 * Make the host's bridges, DHCP servers and packet filter what the database says. What is right
 * already is not touched, so that traffic goes on. Slow. Return: 0 or -errno, and it is logged.
 */
int network_apply(struct svc *svc);

/* Its parts. */
must_check int network_dhcp_apply(struct svc *svc, const struct network *list, size_t count);
must_check int network_rules_apply(struct svc *svc, const struct network *list, size_t count);

#endif
