/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "core/guest_ops.h"

struct vcpu;
struct domain;

enum guest_access { GUEST_READ, GUEST_WRITE, GUEST_EXEC };

/* Why a walk failed, as a page fault of the guest would say it (APM vol. 2, 8.4.2). */
struct guest_fault {
	uint64_t gva;
	uint32_t error_code;
	bool non_canonical; /* raise #GP instead */
};

/*
 * Where a page of a vCPU's virtual memory was found last time. Its tables are not walked again while the
 * entries read then hold what they held, and the domain has lost no RAM (ram_gen):
 * a change is seen at once, where the CPU would trust its TLB.
 */
struct walked_page {
	uint64_t page; /* its address */
	struct guest_paging paging;
	uint64_t ram_gen;
	char *at; /* in the direct map; NULL = nothing is remembered */
	bool writable;
	uint8_t nr_entries;
	struct {
		const uint64_t *at;
		uint64_t value;
	} entry[4];
};

#define WALKED_PAGES 8u /* a vCPU keeps: four of data, four of code */

/**
 * Translate @gva of @v with the access rights of @paging; sets accessed and dirty bits.
 * Return: 0 and *@gpa, -EFAULT and *@fault. @v is current or descheduled.
 */
int must_check guest_walk(struct vcpu *v, const struct guest_paging *paging, uint64_t gva,
			  enum guest_access access, uint64_t *gpa, struct guest_fault *fault);

/**
 * As guest_walk(), and find the memory behind the address: good to the end of its page. @v is current.
 * Return: its place in the direct map; NULL with *@fault set if the walk failed, or when no memory is
 * there that allows the access. Context: @v's p2m lock is held, and the answer is good while it is.
 */
void *must_check guest_find(struct vcpu *v, const struct guest_paging *paging, uint64_t gva,
			    enum guest_access access, struct guest_fault *fault);

/** Right after guest_find() of @gva for writing: whether it found RAM of the domain's own. Context: same hold. */
bool guest_found_ram(struct vcpu *v, uint64_t gva);

/** Read @len bytes of code, within one page, at @gva of @v, current. Return: 0 or -EFAULT. */
int must_check guest_fetch(struct vcpu *v, const struct guest_paging *paging, void *dst,
			   uint64_t gva, size_t len);

/**
 * Copy between the hypervisor and the current vCPU's virtual memory (hypercall arguments: access as
 * supervisor, SMAP not applied). All or an error; a partial copy may have happened on error.
 * Return: 0 or -EFAULT.
 */
int must_check guest_read(void *dst, uint64_t gva, size_t len);
int must_check guest_write(uint64_t gva, const void *src, size_t len);
int must_check guest_clear(uint64_t gva, size_t len);

/* Where an argument was read. */
struct guest_place {
	void *at; /* or NULL: to be found again */
	uint64_t ram_gen;
};

/** guest_read() of an argument that guest_write_arg() will write back to its @place. */
int must_check guest_read_arg(void *dst, uint64_t gva, size_t len, struct guest_place *place);
int must_check guest_write_arg(const struct guest_place *place, uint64_t gva, const void *src,
			       size_t len);

/* Typed forms for hypercall handles and pointers. */
#define guest_read_ptr(dst, gva)  guest_read((dst), (gva), sizeof(*(dst)))
#define guest_write_ptr(gva, src) guest_write((gva), (src), sizeof(*(src)))
/** Virtual address held in a XEN_GUEST_HANDLE (pointer form) or XEN_GUEST_HANDLE_64. */
#define handle_gva(h)             ((uint64_t)(uintptr_t)(h).p)

/** Copy to or from guest-physical memory of any domain. Return: 0 or -EFAULT. */
int must_check guest_read_phys(struct domain *d, void *dst, uint64_t gpa, size_t len);
int must_check guest_write_phys(struct domain *d, uint64_t gpa, const void *src, size_t len);
