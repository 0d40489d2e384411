/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The packet filter (nftables), replaced as a whole in one transaction of the kernel: what guests
 * may send, which private networks reach the outside, and that none reaches this host's services.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "netdev.h"
#include "network.h"

#define NFT   "/usr/sbin/nft"
#define BURST 131072 /* bytes: two of the largest packets that come whole */

/* One guest interface: tags, foreign senders and what only routers send are dropped. */
static void guest_chain(FILE *f, const char *vif, const char *mac, const char *address)
{
	fprintf(f, "\tchain %s {\n\t\tether type { 8021q, 8021ad } drop\n", vif);
	if (mac) {
		fprintf(f, "\t\tether saddr != %s drop\n\t\tarp saddr ether != %s drop\n", mac,
			mac);
		fputs("\t\tmeta l4proto udp udp sport { 67, 547 } drop\n"
		      "\t\ticmpv6 type nd-router-advert drop\n",
		      f);
	}
	if (mac && address)
		fprintf(f,
			"\t\tarp saddr ip != { 0.0.0.0, %s } drop\n"
			"\t\tip saddr != { 0.0.0.0, %s } drop\n"
			"\t\tip6 saddr != { ::, fe80::/10 } drop\n",
			address, address);
	fputs("\t}\n", f);
}

/* What is sent to a guest can't be made to wait here as what it sends does: it is dropped. */
static void rate_rule(FILE *f, const char *vif, int64_t rate)
{
	if (rate)
		fprintf(f,
			"add rule bridge domus to_guests oifname \"%s\" limit rate over %" PRId64
			" bytes/second burst %" PRId64 " bytes drop\n",
			vif, rate, rate / 4 + BURST);
}

static int guest_rules(struct svc *svc, FILE *f)
{
	auto_query struct db_query *q =
		db_query(svc->db,
			 "SELECT domid, devid, mac, address, spoof_protection, rate FROM nic"
			 " WHERE domid IS NOT NULL GROUP BY domid, devid",
			 "");
	int rc;

	if (!q)
		return -EIO;
	fputs("table bridge domus {}\ndelete table bridge domus\ntable bridge domus {\n"
	      "\tchain from_guests {\n\t\ttype filter hook prerouting priority -300;\n\t}\n"
	      "\tchain to_guests {\n\t\ttype filter hook postrouting priority 300;\n\t}\n}\n",
	      f);
	while ((rc = db_next(q)) == 1) {
		bool guarded = db_int(q, 4);
		char vif[IFNAMSIZ];

		snprintf(vif, sizeof(vif), "vif%d.%d", (int)db_int(q, 0), (int)db_int(q, 1));
		fputs("table bridge domus {\n", f);
		guest_chain(f, vif, guarded ? db_text(q, 2) : NULL,
			    db_null(q, 3) ? NULL : db_text(q, 3));
		fprintf(f, "}\nadd rule bridge domus from_guests iifname \"%s\" goto %s\n", vif,
			vif);
		rate_rule(f, vif, db_int(q, 5));
	}
	return rc;
}

static void host_rules(FILE *f, const struct network *list, size_t count)
{
	char base[16];

	fputs("table inet domus {}\ndelete table inet domus\ntable inet domus {\n"
	      "\tchain input {\n\t\ttype filter hook input priority 0;\n"
	      "\t\tiifname \"dn*\" jump private\n\t\tiifname \"dv*\" drop\n\t}\n"
	      "\tchain private {\n\t\tct state established,related accept\n"
	      "\t\tudp dport 67 accept\n\t\ticmp type echo-request accept\n\t\tdrop\n\t}\n"
	      "\tchain forward {\n\t\ttype filter hook forward priority 0; policy drop;\n"
	      "\t\tct state established,related accept\n",
	      f);
	for (size_t i = 0; i < count; i++) {
		network_ipv4(list[i].base, base);
		if (list[i].nat)
			fprintf(f, "\t\tiifname \"%s\" oifname \"br0\" ip saddr %s/%d accept\n",
				list[i].interface, base, list[i].prefix);
	}
	fputs("\t}\n\tchain nat {\n\t\ttype nat hook postrouting priority 100;\n", f);
	for (size_t i = 0; i < count; i++) {
		network_ipv4(list[i].base, base);
		if (list[i].nat)
			fprintf(f, "\t\toifname \"br0\" ip saddr %s/%d masquerade\n", base,
				list[i].prefix);
	}
	fputs("\t}\n}\n", f);
}

static int run_nft(const char *path)
{
	char *const argv[] = {(char *)NFT, (char *)"-f", (char *)path, NULL};
	char *const env[] = {NULL};
	int status, rc;
	pid_t pid;

	rc = posix_spawn(&pid, NFT, NULL, NULL, argv, env);
	if (rc)
		return -rc;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return status ? -EPROTO : 0;
}

int network_rules_apply(struct svc *svc, const struct network *list, size_t count)
{
	bool nat = false;
	char path[256];
	FILE *f;
	int rc;

	snprintf(path, sizeof(path), "%s/.rules", svc->config.networks);
	f = fopen(path, "we");
	if (!f)
		return -errno;
	rc = guest_rules(svc, f);
	host_rules(f, list, count);
	if (fclose(f) && !rc)
		rc = -EIO;
	if (!rc)
		rc = run_nft(path);
	for (size_t i = 0; i < count; i++)
		nat |= list[i].nat;
	if (!rc)
		netdev_forwarding(nat);
	return rc;
}
