// SPDX-License-Identifier: Apache-2.0
/*
 * console-broker: owns the console ring of every domain, remembers what each has said, and offers
 * it to viewers on a UNIX socket.
 */
#include "broker.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define LIMIT_MIN 4096
#define LIMIT_MAX ((uint64_t)64 << 20)

struct options {
	const char *socket;
	const char *group;
	const char *keep;
	uint64_t limit;
};

static const char usage[] =
	"Usage: console-broker [OPTION]...\n"
	"  --socket PATH   listen here (/run/domus/broker.sock)\n"
	"  --group NAME    let this group use the socket\n"
	"  --keep DIR      keep histories here, on a tmpfs (/run/domus/consoles; '' for nowhere)\n"
	"  --limit BYTES   remember this much of each console (1048576)\n";

static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option known[] = {
		{"socket", required_argument, NULL, 's'},
		{"group", required_argument, NULL, 'g'},
		{"keep", required_argument, NULL, 'k'},
		{"limit", required_argument, NULL, 'l'},
		{NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (c == 's')
			o->socket = optarg;
		else if (c == 'g')
			o->group = optarg;
		else if (c == 'k')
			o->keep = optarg;
		else if (c != 'l' || util_parse_u64(optarg, LIMIT_MAX, &o->limit) ||
			 o->limit < LIMIT_MIN)
			return -EINVAL;
	}
	return optind == argc ? 0 : -EINVAL;
}

static int open_keep(const char *path)
{
	int fd;

	if (!*path)
		return -1;
	if (mkdir(path, 0700) && errno != EEXIST)
		util_log("%s: %s", path, strerror(errno));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		util_log("%s: %s; histories will not survive a restart", path, strerror(errno));
	return fd;
}

static int serve(const struct options *o, struct xen *xen)
{
	static struct broker broker;
	int rc;

	rc = broker_init(&broker, xen, o->socket, o->group, open_keep(o->keep), (size_t)o->limit);
	if (rc) {
		util_log("cannot start: %s", strerror(-rc));
		return rc;
	}
	util_log("listening on %s", o->socket);
	while (!rc)
		rc = broker_turn(&broker, -1);
	if (broker.lost)
		util_log("xenstored is gone");
	else
		util_log("giving up: %s", strerror(-rc));
	return rc;
}

int main(int argc, char **argv)
{
	struct options o = {
		.socket = "/run/domus/broker.sock",
		.keep = "/run/domus/consoles",
		.limit = 1 << 20,
	};
	struct xen *xen;
	int rc;

	if (parse_options(argc, argv, &o)) {
		fputs(usage, stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	rc = xen_open(&xen);
	if (rc) {
		util_log("cannot reach Xen: %s", strerror(-rc));
		return 1;
	}
	/* Returns only in failure; the kernel takes everything back, the supervisor starts anew. */
	serve(&o, xen);
	return 1;
}
