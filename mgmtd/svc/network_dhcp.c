/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DHCP servers of private networks: one udhcpd each, kept running by runit in a folder of its own
 * below svc_config.networks. Every address is given here (a nic's row has it), so the server only
 * tells it to whoever has the right MAC, and a restart of it loses nothing.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "network.h"

#define PATH_LEN 256

static void resolvers(FILE *f)
{
	auto_file FILE *from = fopen("/etc/resolv.conf", "re");
	char word[64], server[64];

	while (from && fscanf(from, "%63s %63s", word, server) == 2)
		if (!strcmp(word, "nameserver") && strspn(server, "0123456789.") == strlen(server))
			fprintf(f, "opt dns %s\n", server);
}

static char *server_config(struct svc *svc, const struct network *n)
{
	uint32_t mask = UINT32_MAX << (32 - n->prefix);
	char first[16], last[16], router[16], netmask[16], *text = NULL;
	struct db_query *q;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	network_ipv4(n->base + 2, first);
	network_ipv4((n->base | ~mask) - 1, last);
	network_ipv4(n->base + 1, router);
	network_ipv4(mask, netmask);
	fprintf(f,
		"interface %s\nstart %s\nend %s\nmax_leases %u\nlease_file leases\npidfile pid\n"
		"opt subnet %s\nopt lease 3600\n",
		n->interface, first, last, ~mask - 2, netmask);
	if (n->nat) {
		fprintf(f, "opt router %s\n", router);
		resolvers(f);
	}
	q = db_query(svc->db,
		     "SELECT mac, address FROM nic WHERE network = ? AND address IS NOT NULL"
		     " ORDER BY mac",
		     "s", n->id);
	while (q && db_next(q) == 1)
		fprintf(f, "static_lease %s %s\n", db_text(q, 0), db_text(q, 1));
	db_end(q);
	fclose(f);
	return text;
}

static bool same(const char *path, const char *text)
{
	auto_file FILE *f = fopen(path, "re");
	size_t len = strlen(text), got;
	auto_free char *now = malloc(len + 1);

	got = f && now ? fread(now, 1, len + 1, f) : 0;
	return got == len && !memcmp(now, text, len);
}

static int write_file(const char *path, const char *text, mode_t mode)
{
	auto_fd int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	size_t len = strlen(text);

	return fd < 0 || write(fd, text, len) != (ssize_t)len ? -errno : 0;
}

/* A word to the service's supervisor, if it has one already. */
static void tell(const char *dir, char word)
{
	char path[PATH_LEN];
	auto_fd int fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/supervise/control", dir);
	fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	n = fd < 0 ? 0 : write(fd, &word, 1);
	(void)n; /* without a supervisor there is nobody to tell */
}

static int serve(struct svc *svc, const struct network *n)
{
	static const char run[] = "#!/bin/sh\nexec 2>&1\n: >>leases\nexec udhcpd -f ./conf\n";
	auto_free char *config = server_config(svc, n);
	char dir[PATH_LEN - 32], path[PATH_LEN], program[PATH_LEN];
	int rc;

	snprintf(dir, sizeof(dir), "%s/%s", svc->config.networks, n->interface);
	snprintf(path, sizeof(path), "%s/conf", dir);
	snprintf(program, sizeof(program), "%s/run", dir);
	if (!config)
		return -ENOMEM;
	if (same(path, config) && same(program, run))
		return 0;
	if (mkdir(dir, 0755) && errno != EEXIST)
		return -errno;
	rc = write_file(path, config, 0644);
	if (!rc)
		rc = write_file(program, run, 0755);
	tell(dir, 't');
	return rc;
}

static void forget(const char *dir)
{
	static const char *const files[] = {
		"run",
		"conf",
		"leases",
		"pid",
		"supervise/control",
		"supervise/lock",
		"supervise/ok",
		"supervise/pid",
		"supervise/stat",
		"supervise/status",
		"supervise",
		"",
	};
	char path[PATH_LEN];

	tell(dir, 'x');
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		remove(path);
	}
}

static bool is_wanted(const char *interface, const struct network *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].dhcp && !strcmp(list[i].interface, interface))
			return true;
	return false;
}

int network_dhcp_apply(struct svc *svc, const struct network *list, size_t count)
{
	char dir[PATH_LEN - 32];
	struct dirent *entry;
	DIR *all;
	int rc = 0;

	all = opendir(svc->config.networks);
	while (all && (entry = readdir(all))) {
		if (strncmp(entry->d_name, "dn", 2) || is_wanted(entry->d_name, list, count))
			continue;
		snprintf(dir, sizeof(dir), "%s/%.16s", svc->config.networks, entry->d_name);
		forget(dir);
	}
	if (all)
		closedir(all);
	for (size_t i = 0; i < count && !rc; i++)
		if (list[i].dhcp)
			rc = serve(svc, &list[i]);
	return rc;
}
