// SPDX-License-Identifier: Apache-2.0
/* Copying between the hypervisor and guest memory. A frame cannot leave a domain while its p2m lock is
 * held, so each piece of at most a page is copied under that lock, through the direct map. */
#include "core/guest.h"

#include "arch/x86/mm/map.h"
#include "core/vcpu.h"
#include "lib/errno.h"
#include "lib/string.h"

enum direction { FROM_GUEST, TO_GUEST, CLEAR_GUEST };

static void copy(void *at, void *buf, size_t len, enum direction dir)
{
	if (dir == FROM_GUEST)
		memcpy(buf, at, len);
	else if (dir == TO_GUEST)
		memcpy(at, buf, len);
	else
		memset(at, 0, len);
}

static int copy_piece(struct domain *d, void *buf, uint64_t gpa, size_t len, enum direction dir)
{
	enum p2m_type type;
	mfn_t mfn;

	spin_guard(&d->p2m.lock);
	mfn = p2m_lookup_locked(d, gfn_of(gpa >> PAGE_SHIFT), &type, NULL);
	if (!p2m_is_memory(type) || (dir != FROM_GUEST && type == P2M_GRANT_RO))
		return -EFAULT;
	copy((char *)mfn_to_virt(mfn) + (gpa & (PAGE_SIZE - 1)), buf, len, dir);
	return 0;
}

/* Of the current vCPU. As a supervisor; privcmd passes user buffers: SMAP must not stop the copy. */
static struct vcpu *argument_paging(struct guest_paging *paging)
{
	struct vcpu *v = this_cpu()->current;

	v->domain->ops->get_paging(v, paging);
	paging->cpl = 0;
	paging->ac = true;
	return v;
}

/* As copy_piece(), at a virtual address. */
static bool copy_found(struct vcpu *v, const struct guest_paging *paging, void *buf, uint64_t gva,
		       size_t len, enum direction dir)
{
	struct guest_fault fault;
	void *at;

	spin_guard(&v->domain->p2m.lock);
	at = guest_find(v, paging, gva, dir == FROM_GUEST ? GUEST_READ : GUEST_WRITE, &fault);
	if (likely(at))
		copy(at, buf, len, dir);
	return at;
}

static int copy_virt(void *buf, uint64_t gva, size_t len, enum direction dir)
{
	struct guest_paging paging;
	struct vcpu *v = argument_paging(&paging);
	size_t piece;

	for (; len; len -= piece, gva += piece) {
		piece = min(len, PAGE_SIZE - (gva & (PAGE_SIZE - 1)));
		if (!copy_found(v, &paging, buf, gva, piece, dir))
			return -EFAULT;
		if (buf)
			buf = (char *)buf + piece;
	}
	return 0;
}

int guest_read_arg(void *dst, uint64_t gva, size_t len, struct guest_place *place)
{
	struct guest_paging paging;
	struct vcpu *v = argument_paging(&paging);
	struct guest_fault fault;
	void *at;

	if (unlikely(len > PAGE_SIZE - (gva & (PAGE_SIZE - 1)))) {
		place->at = NULL;
		return guest_read(dst, gva, len);
	}
	spin_guard(&v->domain->p2m.lock);
	/* Asked for as writable, if it is, for guest_write_arg(). */
	at = guest_find(v, &paging, gva, GUEST_WRITE, &fault);
	place->at = guest_found_ram(v, gva) ? at : NULL;
	place->ram_gen = v->domain->p2m.ram_gen;
	if (unlikely(!at))
		at = guest_find(v, &paging, gva, GUEST_READ, &fault);
	if (likely(at))
		memcpy(dst, at, len);
	return at ? 0 : -EFAULT;
}

int guest_write_arg(const struct guest_place *place, uint64_t gva, const void *src, size_t len)
{
	struct p2m *p2m = &this_cpu()->current->domain->p2m;
	bool there;

	spin_lock(&p2m->lock);
	there = place->at && place->ram_gen == p2m->ram_gen;
	if (there)
		memcpy(place->at, src, len);
	spin_unlock(&p2m->lock);
	return there ? 0 : guest_write(gva, src, len);
}

int guest_fetch(struct vcpu *v, const struct guest_paging *paging, void *dst, uint64_t gva,
		size_t len)
{
	struct guest_fault fault;
	void *at;

	spin_guard(&v->domain->p2m.lock);
	at = guest_find(v, paging, gva, GUEST_EXEC, &fault);
	if (at)
		memcpy(dst, at, len);
	return at ? 0 : -EFAULT;
}

int guest_read(void *dst, uint64_t gva, size_t len)
{
	return copy_virt(dst, gva, len, FROM_GUEST);
}

int guest_write(uint64_t gva, const void *src, size_t len)
{
	return copy_virt((void *)(uintptr_t)src, gva, len, TO_GUEST);
}

int guest_clear(uint64_t gva, size_t len)
{
	return copy_virt(NULL, gva, len, CLEAR_GUEST);
}

static int copy_phys(struct domain *d, char *buf, uint64_t gpa, size_t len, enum direction dir)
{
	while (len) {
		size_t piece = min(len, PAGE_SIZE - (gpa & (PAGE_SIZE - 1)));
		int rc = copy_piece(d, buf, gpa, piece, dir);

		if (rc)
			return rc;
		gpa += piece;
		buf += piece;
		len -= piece;
	}
	return 0;
}

int guest_read_phys(struct domain *d, void *dst, uint64_t gpa, size_t len)
{
	return copy_phys(d, dst, gpa, len, FROM_GUEST);
}

int guest_write_phys(struct domain *d, uint64_t gpa, const void *src, size_t len)
{
	return copy_phys(d, (char *)(uintptr_t)src, gpa, len, TO_GUEST);
}
