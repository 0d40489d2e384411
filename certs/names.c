// SPDX-License-Identifier: Apache-2.0
#include "names.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define DNS_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-."

/* RFC 1123 2.1, with a wildcard for the first label as RFC 6125 has it. */
static int names_valid_dns(const char *text)
{
	size_t len = strlen(text), label = 0;
	const char *at = strncmp(text, "*.", 2) ? text : text + 2;

	if (!*at || len > 253 || at[strspn(at, DNS_CHARS)])
		return 0;
	for (; *at; at++) {
		int dot = *at == '.';

		if (dot ? !label || at[-1] == '-' : *at == '-' && !label)
			return 0;
		label = dot ? 0 : label + 1;
		if (label > 63)
			return 0;
	}
	return label && at[-1] != '-';
}

static int names_canonical_address(const char *text, char *out, socklen_t size)
{
	struct in6_addr addr;

	if (inet_pton(AF_INET, text, &addr) == 1)
		return inet_ntop(AF_INET, &addr, out, size) ? 0 : -EINVAL;
	if (inet_pton(AF_INET6, text, &addr) == 1)
		return inet_ntop(AF_INET6, &addr, out, size) ? 0 : -EINVAL;
	return -EINVAL;
}

int names_add(struct names *names, enum name_kind kind, const char *text)
{
	struct name name = {.kind = kind};
	size_t i;

	if (kind == NAME_ADDRESS ? names_canonical_address(text, name.text, sizeof(name.text)) :
				   !names_valid_dns(text))
		return -EINVAL;
	if (kind == NAME_DNS)
		strcpy(name.text, text);
	for (i = 0; i < names->count; i++) {
		if (names->name[i].kind == kind && !strcasecmp(names->name[i].text, name.text))
			return 0;
	}
	if (names->count == NAMES_MAX)
		return -ENOSPC;
	names->name[names->count++] = name;
	return 0;
}

static int names_add_sockaddr(struct names *names, const struct sockaddr *sa)
{
	char text[INET6_ADDRSTRLEN];
	struct sockaddr_in6 in6;
	struct sockaddr_in in;

	if (sa->sa_family == AF_INET) {
		memcpy(&in, sa, sizeof(in));
		if (ntohl(in.sin_addr.s_addr) >> 16 == 0xa9fe) /* RFC 3927: 169.254/16 */
			return 0;
		inet_ntop(AF_INET, &in.sin_addr, text, sizeof(text));
	} else if (sa->sa_family == AF_INET6) {
		memcpy(&in6, sa, sizeof(in6));
		if (IN6_IS_ADDR_LINKLOCAL(&in6.sin6_addr))
			return 0;
		inet_ntop(AF_INET6, &in6.sin6_addr, text, sizeof(text));
	} else {
		return 0;
	}
	return names_add(names, NAME_ADDRESS, text);
}

static int names_add_interfaces(struct names *names)
{
	struct ifaddrs *list, *at;
	int rc = 0;

	if (getifaddrs(&list))
		return -errno;
	for (at = list; at && !rc; at = at->ifa_next) {
		if (at->ifa_addr && at->ifa_flags & IFF_UP)
			rc = names_add_sockaddr(names, at->ifa_addr);
	}
	freeifaddrs(list);
	/* A host with more addresses than fit gets a certificate for the first of them. */
	return rc == -ENOSPC ? 0 : rc;
}

int names_discover(struct names *names)
{
	static const struct {
		enum name_kind kind;
		const char *text;
	} always[] = {
		{NAME_DNS, "localhost"},
		{NAME_ADDRESS, "127.0.0.1"},
		{NAME_ADDRESS, "::1"},
	};
	char host[256] = "";
	size_t i;
	int rc;

	/* A host name that is no DNS name is of no use to a browser either. */
	if (!gethostname(host, sizeof(host) - 1) && strcmp(host, "(none)")) {
		rc = names_add(names, NAME_DNS, host);
		if (rc && rc != -EINVAL)
			return rc;
	}
	for (i = 0; i < sizeof(always) / sizeof(always[0]); i++) {
		rc = names_add(names, always[i].kind, always[i].text);
		if (rc)
			return rc;
	}
	return names_add_interfaces(names);
}

const char *names_first(const struct names *names)
{
	size_t i;

	for (i = 0; i < names->count; i++) {
		if (names->name[i].kind == NAME_DNS)
			return names->name[i].text;
	}
	return names->count ? names->name[0].text : NULL;
}
