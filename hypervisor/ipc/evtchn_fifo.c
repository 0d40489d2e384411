// SPDX-License-Identifier: Apache-2.0
/*
 * The FIFO event channel ABI (public event_channel.h): a word per port in pages of the guest, and per vCPU
 * and priority a queue of ports linked through those words. The guest may write any of it at any time:
 * what is read from there decides only where its own events go, and never indexes anything.
 */
#include "ipc/evtchn_priv.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/frames.h"
#include "mm/heap.h"

#define WORDS_PER_PAGE ((uint32_t)(PAGE_SIZE / sizeof(event_word_t)))
#define ARRAY_PAGES    (EVTCHN_MAX_PORTS / WORDS_PER_PAGE)
#define LINK_TRIES     4

#define WORD_BIT(n) ((event_word_t)1 << (n))
#define PENDING     WORD_BIT(EVTCHN_FIFO_PENDING)
#define MASKED      WORD_BIT(EVTCHN_FIFO_MASKED)
#define LINKED      WORD_BIT(EVTCHN_FIFO_LINKED)
#define BUSY        WORD_BIT(EVTCHN_FIFO_BUSY)

static_assert(EVTCHN_FIFO_NR_CHANNELS == EVTCHN_MAX_PORTS, "what links can name");

struct fifo_vcpu {
	struct evtchn_fifo_control_block *control; /* in a page held by a reference, or NULL */
	uint32_t tail[EVTCHN_FIFO_MAX_QUEUES];     /* the port added last; 0 = begin anew */
};

/* Made by the first control block, kept to the domain's end. All [fifo], which comes below [evtchn]. */
struct evtchn_fifo {
	struct spinlock lock;
	uint32_t nr_pages;
	event_word_t *page[ARRAY_PAGES]; /* of the event array, each held by a reference */
	struct fifo_vcpu vcpu[];
};

static event_word_t *word_of(const struct evtchn_fifo *f, uint32_t port)
{
	uint32_t page = port / WORDS_PER_PAGE;

	return page < f->nr_pages ? &f->page[page][port % WORDS_PER_PAGE] : NULL;
}

/*
 * Make the word of a queue's tail name @port. A guest that keeps changing the word is given a few tries,
 * then held to the promise not to touch busy words; one that breaks it loses the event.
 * Return: false when the tail has left its queue, which is thus empty.
 */
static bool link_tail(event_word_t *w, uint32_t port)
{
	event_word_t old = __atomic_load_n(w, __ATOMIC_RELAXED);

	for (unsigned int try = 0; try < 2 * LINK_TRIES; try++) {
		event_word_t new = (old & ~(BUSY | EVTCHN_FIFO_LINK_MASK)) | port;

		if (!(old & LINKED)) {
			__atomic_fetch_and(w, ~BUSY, __ATOMIC_SEQ_CST);
			return false;
		}
		if (__atomic_compare_exchange_n(w, &old, new, false, __ATOMIC_SEQ_CST,
						__ATOMIC_RELAXED))
			return true;
		if (try == LINK_TRIES)
			old = __atomic_or_fetch(w, BUSY, __ATOMIC_SEQ_CST);
	}
	__atomic_fetch_and(w, ~BUSY, __ATOMIC_SEQ_CST);
	return true;
}

/* Queue a pending @port for @v. Return: whether @v is to be told. Context: [fifo]. */
static bool enqueue(struct evtchn_fifo *f, const struct vcpu *v, struct evtchn *ch, uint32_t port,
		    event_word_t *w)
{
	uint8_t priority = READ_ONCE(ch->priority);
	struct fifo_vcpu *fv = &f->vcpu[v->id];
	event_word_t old = __atomic_load_n(w, __ATOMIC_SEQ_CST);
	uint32_t *tail;

	if ((old & (MASKED | LINKED)) || !fv->control)
		return false;
	if (__atomic_fetch_or(w, LINKED, __ATOMIC_SEQ_CST) & LINKED)
		return false;
	/* As the tail of another queue it would be followed there by what comes next. */
	tail = &f->vcpu[ch->last_vcpu].tail[ch->last_priority];
	if (*tail == port)
		*tail = 0;
	ch->last_vcpu = (uint8_t)v->id;
	ch->last_priority = priority;
	tail = &fv->tail[priority];
	if (*tail && link_tail(word_of(f, *tail), port)) {
		*tail = port;
		return false;
	}
	*tail = port;
	__atomic_store_n(&fv->control->head[priority], port, __ATOMIC_RELEASE);
	return !(__atomic_fetch_or(&fv->control->ready, WORD_BIT(priority), __ATOMIC_SEQ_CST) &
		 WORD_BIT(priority));
}

/* Make @port pending, or only queue it again when it is. Context: as struct evtchn_abi. */
static void post(struct domain *d, struct vcpu *v, struct evtchn *ch, uint32_t port, bool set)
{
	struct evtchn_fifo *f = d->evtchn->fifo;
	bool tell = false, fresh = false;
	event_word_t *w, old;

	spin_lock(&f->lock);
	w = word_of(f, port);
	if (!w) {
		ch->pending |= set; /* until the guest brings the page */
	} else {
		old = set ? __atomic_fetch_or(w, PENDING, __ATOMIC_SEQ_CST) :
			    __atomic_fetch_and(w, ~MASKED, __ATOMIC_SEQ_CST);
		fresh = set && !(old & PENDING);
		if (v && (set || (old & PENDING)))
			tell = enqueue(f, v, ch, port, w);
	}
	spin_unlock(&f->lock);
	if (tell)
		evtchn_mark_upcall(v);
	if (fresh)
		evtchn_wake_pollers(d, port);
}

static void set_pending(struct domain *d, struct vcpu *v, struct evtchn *ch, uint32_t port)
{
	post(d, v, ch, port, true);
}

static void unmask(struct domain *d, struct vcpu *v, struct evtchn *ch, uint32_t port)
{
	post(d, v, ch, port, false);
}

static void clear_pending(struct domain *d, struct evtchn *ch, uint32_t port)
{
	struct evtchn_fifo *f = d->evtchn->fifo;
	event_word_t *w;

	spin_guard(&f->lock);
	ch->pending = false;
	w = word_of(f, port);
	if (w)
		__atomic_fetch_and(w, ~PENDING, __ATOMIC_SEQ_CST);
}

static bool is_pending(const struct domain *d, uint32_t port)
{
	struct evtchn_fifo *f = d->evtchn->fifo;
	const event_word_t *w;

	spin_guard(&f->lock);
	w = word_of(f, port);
	return w && (__atomic_load_n(w, __ATOMIC_SEQ_CST) & PENDING);
}

const struct evtchn_abi evtchn_abi_fifo = {
	.nr_ports = EVTCHN_FIFO_NR_CHANNELS,
	.set_pending = set_pending,
	.clear_pending = clear_pending,
	.unmask = unmask,
	.is_pending = is_pending,
};

/* ---- set-up ---- */

/* Turn @d from the 2-level ABI to this one, and take over what is pending. Context: [evtchn]. */
static int begin(struct domain *d)
{
	struct evtchn_domain *e = d->evtchn;

	if (!e->fifo) {
		e->fifo = xzalloc(sizeof(*e->fifo) + d->max_vcpus * sizeof(e->fifo->vcpu[0]));
		if (!e->fifo)
			return -ENOMEM;
	}
	/* Pairs with the 2-level set_pending(): either it sees the new ABI, or we see its bit. */
	__atomic_store_n(&e->abi, &evtchn_abi_fifo, __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	spin_guard(&e->fifo->lock);
	for (uint32_t port = 1; port < EVTCHN_2L_NR_CHANNELS; port++) {
		struct evtchn *ch = evtchn_lookup(d, port);

		if (ch && bitmap_test(d->shared_info->evtchn_pending, port))
			ch->pending = true;
	}
	return 0;
}

static int set_control(struct domain *d, uint32_t vcpu, struct evtchn_fifo_control_block *control)
{
	struct evtchn_domain *e = d->evtchn;
	int rc = 0;

	spin_guard(&e->lock);
	if (e->closed)
		return -ESRCH;
	if (e->abi != &evtchn_abi_fifo)
		rc = begin(d);
	else if (e->fifo->vcpu[vcpu].control)
		rc = -EINVAL;
	if (rc)
		return rc;
	spin_guard(&e->fifo->lock);
	memset(control, 0, sizeof(*control));
	e->fifo->vcpu[vcpu].control = control;
	return 0;
}

long evtchn_fifo_init_control(struct hypercall *hc)
{
	struct evtchn_init_control *op = hc->op;
	mfn_t mfn;
	int rc;

	op->link_bits = EVTCHN_FIFO_LINK_BITS;
	if (!domain_vcpu(hc->d, op->vcpu))
		return -ENOENT;
	if (op->offset > PAGE_SIZE - sizeof(struct evtchn_fifo_control_block) ||
	    op->offset % sizeof(uint64_t))
		return -EINVAL;
	rc = p2m_get_own_frame(hc->d, gfn_of(op->control_gfn), true, &mfn);
	if (rc)
		return rc;
	rc = set_control(hc->d, op->vcpu, (void *)((char *)mfn_to_virt(mfn) + op->offset));
	if (rc)
		frame_put(mfn);
	return rc;
}

/* Raise what came before the guest brought the words of page @page. Context: [evtchn]. */
static void raise_early(struct domain *d, uint32_t page)
{
	for (uint32_t i = 0; i < WORDS_PER_PAGE; i++) {
		uint32_t port = page * WORDS_PER_PAGE + i;
		struct evtchn *ch = evtchn_lookup(d, port);

		if (ch && __atomic_exchange_n(&ch->pending, false, __ATOMIC_RELAXED))
			evtchn_raise(d, ch, port);
	}
}

static int append_page(struct domain *d, event_word_t *words)
{
	struct evtchn_domain *e = d->evtchn;
	uint32_t nr;

	spin_guard(&e->lock);
	if (e->closed)
		return -ESRCH;
	if (e->abi != &evtchn_abi_fifo)
		return -EOPNOTSUPP;
	nr = e->fifo->nr_pages;
	if (nr == ARRAY_PAGES)
		return -ENOSPC;
	spin_lock(&e->fifo->lock);
	e->fifo->page[nr] = words;
	e->fifo->nr_pages++;
	spin_unlock(&e->fifo->lock);
	raise_early(d, nr);
	return 0;
}

long evtchn_fifo_expand_array(struct hypercall *hc)
{
	const struct evtchn_expand_array *op = hc->op;
	mfn_t mfn;
	int rc = p2m_get_own_frame(hc->d, gfn_of(op->array_gfn), true, &mfn);

	if (rc)
		return rc;
	rc = append_page(hc->d, mfn_to_virt(mfn));
	if (rc)
		frame_put(mfn);
	return rc;
}

void evtchn_fifo_release(struct domain *d)
{
	struct evtchn_fifo *f = d->evtchn->fifo;

	if (!f)
		return;
	spin_guard(&f->lock);
	for (unsigned int i = 0; i < d->max_vcpus; i++) {
		if (f->vcpu[i].control)
			frame_put(virt_to_mfn(f->vcpu[i].control));
		memset(&f->vcpu[i], 0, sizeof(f->vcpu[i]));
	}
	while (f->nr_pages)
		frame_put(virt_to_mfn(f->page[--f->nr_pages]));
}
