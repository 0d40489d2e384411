/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hypervisor and a xenstored small enough to look into: they stand in for libxencall,
 * libxenforeignmemory and libxenstore at link time. One of each per test process.
 */
#ifndef DOMUS_TEST_FAKE_XEN_H
#define DOMUS_TEST_FAKE_XEN_H

#include "abi.h"

#include <stdbool.h>
#include <stddef.h>

#define FAKE_DOMAINS 4
#define FAKE_PARAMS  40
#define FAKE_PORTS   300 /* event channels there may be */

struct fake_domain {
	bool exists;
	bool introduced;
	uint32_t domid;
	struct xen_domctl_createdomain config;
	uint32_t flags; /* XEN_DOMINF_* */
	uint32_t max_vcpus;
	uint64_t max_kib;
	uint64_t pages;
	uint64_t pool; /* bytes */
	uint64_t claimed;
	unsigned int large_extents, huge_extents;
	uint8_t **memory;  /* per gfn; NULL: not populated; see fake_touched() */
	uint64_t *touched; /* gfns with a page of their own */
	size_t nr_touched;
	uint64_t params[FAKE_PARAMS];
	uint32_t ports;
	grant_entry_v1_t grants[512];
	uint8_t context[16384];
	size_t context_size;
	unsigned int nr_map;
	unsigned int linger; /* getdomaininfo answers "dying" so often after a destroy */
};

struct fake_xen {
	struct fake_domain domains[FAKE_DOMAINS];
	uint32_t next_domid;
	uint64_t free_pages;
	uint64_t large_left;  /* extents of 2 MiB the host can give */
	uint64_t huge_left;   /* of 1 GiB; none unless a test says so */
	bool dirty_pages;     /* new pages are not zero */
	bool has_copy_in;     /* XEN_DOMCTL_gdbsx_guestmemio works */
	bool bare;            /* -ENOSYS for all that is optional */
	unsigned int retries; /* destroydomain asks to be called again so often */
	/* Failure injection: the @fail_at'th call that can fail does, with @fail_errno. */
	unsigned int calls;
	unsigned int fail_at; /* 0: never */
	int fail_errno;
	/* What must be zero in the end. */
	int handles;
	int buffers;
	int mappings;
};

extern struct fake_xen fake;

/** Forget everything; a host with @mib free. */
void fake_reset(uint64_t mib);
/** A domain that exists now, or NULL. */
struct fake_domain *fake_domain(uint32_t domid);
/** A domain that nobody here made. */
struct fake_domain *fake_domain_add(const uint8_t uuid[16]);
/** Has somebody looked at this page or written to it? */
bool fake_touched(const struct fake_domain *d, uint64_t gfn);
/** Copy guest memory out; false when some of it is not populated. */
bool fake_peek(struct fake_domain *d, uint64_t gpa, void *out, size_t len);

/** The value of a node, or NULL. */
const char *fake_node(const char *path);
/** Who may do what with it, in the form "n0,r1". */
const char *fake_node_perms(const char *path);
void fake_node_set(const char *path, const char *value);
/** How many nodes lie at or under @path. */
unsigned int fake_nodes_under(const char *path);
/** Make the watch descriptor readable as if xenstored had news. */
void fake_fire_watch(void);

#endif
