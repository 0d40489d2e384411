/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing to the memory of a domain that has never run. The hypervisor is asked to copy where it
 * can; otherwise pages are mapped in large batches, and unmapped before a function returns.
 */
#ifndef DOMUS_TOOLSTACK_GUEST_H
#define DOMUS_TOOLSTACK_GUEST_H

#include "internal.h"

/** Copy @len bytes of @data to guest physical address @gpa. */
TS_MUST_CHECK int guest_write(struct toolstack *ts, uint32_t domid, uint64_t gpa, const void *data,
			      size_t len);
/** Copy @len bytes of a file, from @offset on; -EIO when the file is shorter. */
TS_MUST_CHECK int guest_write_file(struct toolstack *ts, uint32_t domid, uint64_t gpa, int fd,
				   uint64_t offset, uint64_t len);
/** As guest_write_file() for what is mapped at @data: the hypervisor copies from there if it can. */
TS_MUST_CHECK int guest_write_mapped(struct toolstack *ts, uint32_t domid, uint64_t gpa,
				     const uint8_t *data, int fd, uint64_t offset, uint64_t len);
/** Clear @len bytes. */
TS_MUST_CHECK int guest_clear(struct toolstack *ts, uint32_t domid, uint64_t gpa, uint64_t len);
/**
 * Clear one page. @was_zero: it held only zeroes before (a hypervisor that scrubs with another
 * pattern shows here).
 */
TS_MUST_CHECK int guest_clear_page(struct toolstack *ts, uint32_t domid, uint64_t gfn,
				   bool *was_zero);
/**
 * Write a version 1 grant entry of a new domain: its management domain may map @gfn.
 * @refs: pairs of entry number and gfn.
 */
struct guest_grant {
	uint32_t ref; /* < 512 */
	uint64_t gfn;
};
TS_MUST_CHECK int guest_seed_grants(struct toolstack *ts, uint32_t domid,
				    const struct guest_grant *grants, unsigned int count);

#endif
