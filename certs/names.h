/* SPDX-License-Identifier: Apache-2.0 */
/* The names and addresses a server certificate is made for. */
#ifndef CERTS_NAMES_H
#define CERTS_NAMES_H

#include <stddef.h>

#define must_check __attribute__((warn_unused_result))

#define NAMES_MAX 64

enum name_kind {
	NAME_DNS,
	NAME_ADDRESS,
};

struct name {
	enum name_kind kind;
	char text[256]; /* an address is in its canonical form */
};

struct names {
	struct name name[NAMES_MAX];
	size_t count;
};

/**
 * Add @text as @kind unless it is there already.
 * Return: 0, -EINVAL when it is no such thing, -ENOSPC when there are NAMES_MAX.
 */
must_check int names_add(struct names *names, enum name_kind kind, const char *text);

/**
 * Add what this host is called and every address of its interfaces that others may type:
 * link-local ones are left out, localhost and its addresses are always there.
 * Return: 0 or a negative errno.
 */
must_check int names_discover(struct names *names);

/** Return: the first DNS name, else the first of all; NULL when there is none. */
const char *names_first(const struct names *names);

#endif
