// SPDX-License-Identifier: Apache-2.0
/* GNTTABOP_copy: copy between two pages, each the caller's own or granted to it. */
#include "ipc/gnttab_priv.h"
#include "lib/string.h"
#include "mm/frames.h"

/* One side of a copy, held from side_get() to side_put(). */
struct side {
	struct domain *granter; /* NULL: the caller's own frame */
	uint32_t ref;
	mfn_t mfn;
	bool write;
};

static int side_get(struct domain *d, const struct gnttab_copy_ptr *p, bool is_ref,
		    struct gnttab_peer *peer, struct side *s)
{
	s->granter = NULL;
	if (!is_ref) {
		if (p->domid != DOMID_SELF && p->domid != d->id)
			return GNTST_permission_denied;
		return p2m_get_frame(d, gfn_of(p->u.gmfn), s->write, &s->mfn) ? GNTST_bad_page :
										GNTST_okay;
	}
	s->granter = gnttab_peer_get(peer, d, p->domid);
	if (!s->granter)
		return GNTST_bad_domain;
	s->ref = p->u.ref;
	return gnttab_pin(s->granter, s->ref, d->id, s->write, &s->mfn);
}

static void side_put(const struct side *s)
{
	if (s->granter)
		gnttab_unpin(s->granter, s->ref, s->write, s->mfn);
	else
		frame_put(s->mfn);
}

/*
 * The string instruction is what hardware moves a page with best. It only goes upwards: both may be
 * the same page, and the target begin inside the source.
 */
static void copy_bytes(void *dst, const void *src, size_t len)
{
	size_t quads = len >> 3, tail = len & 7;

	if ((uintptr_t)dst - (uintptr_t)src < len) {
		memmove(dst, src, len);
		return;
	}
	__asm__ volatile("rep movsq\n\t"
			 "mov %3, %%rcx\n\t"
			 "rep movsb"
			 : "+D"(dst), "+S"(src), "+c"(quads)
			 : "r"(tail)
			 : "memory");
}

int gnttab_copy(struct domain *d, const struct gnttab_copy *op, struct gnttab_peer peers[2])
{
	struct side src = {.write = false}, dst = {.write = true};
	int rc;

	if (op->len > PAGE_SIZE || op->source.offset > PAGE_SIZE - op->len ||
	    op->dest.offset > PAGE_SIZE - op->len)
		return GNTST_bad_copy_arg;
	rc = side_get(d, &op->source, op->flags & GNTCOPY_source_gref, &peers[0], &src);
	if (rc)
		return rc;
	rc = side_get(d, &op->dest, op->flags & GNTCOPY_dest_gref, &peers[1], &dst);
	if (!rc) {
		copy_bytes((char *)mfn_to_virt(dst.mfn) + op->dest.offset,
			   (char *)mfn_to_virt(src.mfn) + op->source.offset, op->len);
		side_put(&dst);
	}
	side_put(&src);
	return rc;
}
