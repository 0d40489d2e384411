// SPDX-License-Identifier: Apache-2.0
/*
 * domus-certs: sees to it that the front door has a key and a certificate. Run at each boot; does
 * nothing when what is there is good.
 */
#include "cert.h"

#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Clients of several vendors refuse server certificates that live longer. */
#define DEFAULT_DAYS 825
#define MAX_DAYS     36500

struct options {
	const char *dir;
	int days;
	int renew;
	gid_t group;
	struct names names;
};

static const char usage[] =
	"Usage: domus-certs --dir DIR [OPTION]...\n"
	"Make DIR/server.pem (certificate and key) and DIR/server.crt, or keep them.\n"
	"  --name NAME      a DNS name of the server; may be repeated\n"
	"  --address ADDR   an IP address of the server; may be repeated\n"
	"                   (neither: all names and addresses of this host)\n"
	"  --days N         validity of a new certificate (825)\n"
	"  --group NAME     group that may read server.pem\n"
	"  --renew          make a new certificate even if the present one is good\n";

static const char *const verdicts[] = {
	[CERT_GOOD] = "asked for",
	[CERT_MISSING] = "there was none",
	[CERT_BROKEN] = "what was there is damaged",
	[CERT_ENDING] = "what was there has expired or soon will",
};

static int parse_days(const char *text, int *out)
{
	char *end;
	long days = strtol(text, &end, 10);

	if (!*text || *end || days < 1 || days > MAX_DAYS)
		return -EINVAL;
	*out = (int)days;
	return 0;
}

static int parse_group(const char *text, gid_t *out)
{
	const struct group *gr = getgrnam(text);

	if (!gr)
		return -EINVAL;
	*out = gr->gr_gid;
	return 0;
}

static int parse_option(struct options *o, int c)
{
	switch (c) {
	case 'd': o->dir = optarg; return 0;
	case 'n': return names_add(&o->names, NAME_DNS, optarg);
	case 'a': return names_add(&o->names, NAME_ADDRESS, optarg);
	case 'D': return parse_days(optarg, &o->days);
	case 'g': return parse_group(optarg, &o->group);
	case 'r': o->renew = 1; return 0;
	default: return -EINVAL;
	}
}

static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option known[] = {
		{"dir", required_argument, NULL, 'd'},
		{"name", required_argument, NULL, 'n'},
		{"address", required_argument, NULL, 'a'},
		{"days", required_argument, NULL, 'D'},
		{"group", required_argument, NULL, 'g'},
		{"renew", no_argument, NULL, 'r'},
		{NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (parse_option(o, c)) {
			if (c != '?')
				fprintf(stderr, "domus-certs: %s: not usable\n", optarg);
			return -EINVAL;
		}
	}
	return o->dir && optind == argc ? 0 : -EINVAL;
}

/* A certificate that is kept may have been made before an address changed. */
static void report_uncovered(const struct cert *c, const struct names *names)
{
	size_t i;

	for (i = 0; i < names->count; i++) {
		if (!cert_covers(c, &names->name[i]))
			printf("domus-certs: %s is not in the certificate (--renew adds it)\n",
			       names->name[i].text);
	}
}

static int renew(struct cert *c, const struct options *o, const char *pem)
{
	int rc = 0;

	/* A key that does not fit what it came with is not worth keeping. */
	if (!c->key || (c->x509 && X509_check_private_key(c->x509, c->key) != 1) ||
	    EVP_PKEY_get_base_id(c->key) != EVP_PKEY_EC)
		rc = cert_make_key(c);
	if (!rc)
		rc = cert_make(c, &o->names, o->days);
	if (!rc)
		rc = cert_write(c, pem, 1, o->group);
	return rc;
}

/* server.crt is what one hands to clients: always the certificate that is in server.pem. */
static int publish(const struct cert *c, const char *crt)
{
	struct cert old;
	int same;

	cert_load(&old, crt);
	same = old.x509 && !X509_cmp(old.x509, c->x509);
	cert_fini(&old);
	return same ? 0 : cert_write(c, crt, 0, (gid_t)-1);
}

static int ensure(struct cert *c, const struct options *o)
{
	char pem[PATH_MAX], crt[PATH_MAX], print[96];
	enum cert_verdict verdict;
	int rc = 0;

	snprintf(pem, sizeof(pem), "%s/server.pem", o->dir);
	snprintf(crt, sizeof(crt), "%s/server.crt", o->dir);
	verdict = cert_load(c, pem);
	if (verdict == CERT_FOREIGN_EXPIRED && !o->renew) {
		printf("domus-certs: the installed certificate has expired; kept\n");
	} else if (verdict != CERT_GOOD || o->renew) {
		if (verdict == CERT_FOREIGN_EXPIRED)
			verdict = CERT_ENDING;
		rc = renew(c, o, pem);
		if (!rc)
			printf("domus-certs: made a certificate: %s\n", verdicts[verdict]);
	} else {
		report_uncovered(c, &o->names);
	}
	if (!rc)
		rc = publish(c, crt);
	if (!rc)
		rc = cert_fingerprint(c, print);
	if (!rc)
		printf("domus-certs: SHA-256 fingerprint %s\n", print);
	return rc;
}

int main(int argc, char **argv)
{
	struct options o = {.days = DEFAULT_DAYS, .group = (gid_t)-1};
	struct cert c = {0};
	int rc;

	if (parse_options(argc, argv, &o)) {
		fputs(usage, stderr);
		return 2;
	}
	if (!o.names.count) {
		rc = names_discover(&o.names);
		if (rc) {
			fprintf(stderr, "domus-certs: this host's names: %s\n", strerror(-rc));
			return 1;
		}
	}
	if (mkdir(o.dir, 0755) && errno != EEXIST) {
		fprintf(stderr, "domus-certs: %s: %s\n", o.dir, strerror(errno));
		return 1;
	}
	rc = ensure(&c, &o);
	cert_fini(&c);
	if (rc)
		fprintf(stderr, "domus-certs: %s: %s\n", o.dir, strerror(-rc));
	return rc ? 1 : 0;
}
