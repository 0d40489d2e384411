/* SPDX-License-Identifier: Apache-2.0 */
#include "netlink.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#define ANSWER_S 90

int netlink_open(void)
{
	const struct timeval limit = {.tv_sec = ANSWER_S};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)))
		return -errno;
	return fd;
}

static void *reserve(struct netlink_message *m, size_t len)
{
	void *at = m->bytes + m->len;

	len = NLMSG_ALIGN(len);
	if (len > sizeof(m->bytes) - m->len)
		abort();
	memset(at, 0, len);
	m->len += len;
	return at;
}

void netlink_begin(struct netlink_message *m, uint16_t family, uint8_t command, uint8_t version)
{
	struct genlmsghdr *g;
	struct nlmsghdr *h;

	m->len = 0;
	h = reserve(m, NLMSG_HDRLEN);
	h->nlmsg_type = family;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	g = reserve(m, GENL_HDRLEN);
	g->cmd = command;
	g->version = version;
}

void netlink_put(struct netlink_message *m, uint16_t type, const void *data, size_t len)
{
	struct nlattr *a = reserve(m, NLA_HDRLEN + len);

	a->nla_type = type;
	a->nla_len = (uint16_t)(NLA_HDRLEN + len);
	memcpy((uint8_t *)a + NLA_HDRLEN, data, len);
}

void netlink_put_u32(struct netlink_message *m, uint16_t type, uint32_t value)
{
	netlink_put(m, type, &value, sizeof(value));
}

void netlink_put_u64(struct netlink_message *m, uint16_t type, uint64_t value)
{
	netlink_put(m, type, &value, sizeof(value));
}

size_t netlink_nest(struct netlink_message *m, uint16_t type)
{
	size_t nest = m->len;

	netlink_put(m, type | NLA_F_NESTED, "", 0);
	return nest;
}

void netlink_nest_end(struct netlink_message *m, size_t nest)
{
	((struct nlattr *)(m->bytes + nest))->nla_len = (uint16_t)(m->len - nest);
}

/* Attribute @type of an answer whose attributes begin @at. */
static int find(const uint8_t *bytes, size_t len, size_t at, uint16_t type, void *out, size_t size)
{
	while (at + NLA_HDRLEN <= len) {
		struct nlattr a;

		memcpy(&a, bytes + at, sizeof(a));
		if (a.nla_len < NLA_HDRLEN || a.nla_len > len - at)
			break;
		if ((a.nla_type & NLA_TYPE_MASK) == type && a.nla_len == NLA_HDRLEN + size) {
			memcpy(out, bytes + at + NLA_HDRLEN, size);
			return 0;
		}
		at += NLA_ALIGN(a.nla_len);
	}
	return -ENODATA;
}

int netlink_call(int fd, struct netlink_message *m, uint16_t type, void *out, size_t size)
{
	_Alignas(struct nlmsghdr) uint8_t bytes[8192];
	int found = size ? -ENODATA : 0;

	((struct nlmsghdr *)m->bytes)->nlmsg_len = (uint32_t)m->len;
	if (send(fd, m->bytes, m->len, 0) < 0)
		return -errno;
	for (;;) {
		ssize_t n = recv(fd, bytes, sizeof(bytes), 0);
		const struct nlmsghdr *h = (const struct nlmsghdr *)bytes;
		size_t left = n < 0 ? 0 : (size_t)n;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		for (; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
			if (h->nlmsg_type == NLMSG_ERROR) {
				int error = ((const struct nlmsgerr *)NLMSG_DATA(h))->error;

				return error ? error : found;
			}
			if (size)
				found = find((const uint8_t *)h, h->nlmsg_len,
					     NLMSG_HDRLEN + GENL_HDRLEN, type, out, size);
		}
	}
}

int netlink_family(int fd, const char *name, uint16_t *family)
{
	struct netlink_message m;

	netlink_begin(&m, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1);
	netlink_put(&m, CTRL_ATTR_FAMILY_NAME, name, strlen(name) + 1);
	return netlink_call(fd, &m, CTRL_ATTR_FAMILY_ID, family, sizeof(*family));
}
