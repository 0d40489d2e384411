/* See store.h. */
#include "store.h"

#include <xen/hvm/params.h>
#include <xen/io/xs_wire.h>
#include <xen/memory.h>

#define TEXT 128u

grant_entry_v1_t grants[GRANTS] __attribute__((aligned(4096)));
static char texts[8][TEXT];
static unsigned int next_text;

static void yield(void)
{
	call_op(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
}

static unsigned int length(const char *text)
{
	unsigned int n = 0;

	while (text[n])
		n++;
	return n;
}

static volatile struct xenstore_domain_interface *ring(void)
{
	static uint64_t pfn;

	if (!pfn)
		pfn = guest_param(HVM_PARAM_STORE_PFN);
	return (void *)(uintptr_t)(pfn << 12);
}

static void notify(void)
{
	static uint32_t port;

	if (!port)
		port = (uint32_t)guest_param(HVM_PARAM_STORE_EVTCHN);
	notify_port(port);
}

static void ring_write(const void *from, unsigned int n)
{
	volatile struct xenstore_domain_interface *r = ring();

	for (unsigned int i = 0; i < n; i++) {
		while (r->req_prod - r->req_cons >= XENSTORE_RING_SIZE)
			yield();
		r->req[MASK_XENSTORE_IDX(r->req_prod)] = ((const char *)from)[i];
		__asm__ volatile("" : : : "memory");
		r->req_prod++;
	}
}

static void ring_read(char *to, unsigned int size, unsigned int n)
{
	volatile struct xenstore_domain_interface *r = ring();

	for (unsigned int i = 0; i < n; i++) {
		while (r->rsp_prod == r->rsp_cons)
			yield();
		if (i < size)
			to[i] = r->rsp[MASK_XENSTORE_IDX(r->rsp_cons)];
		__asm__ volatile("" : : : "memory");
		r->rsp_cons++;
	}
	notify();
}

/* One request of a path and, if there is one, a value. Return: length of the answer, or -1. */
static int ask(uint32_t type, const char *path, const char *value, char *to, unsigned int size)
{
	struct xsd_sockmsg head = {.type = type, .len = length(path) + 1};

	head.len += value ? length(value) : 0;
	ring_write(&head, sizeof(head));
	ring_write(path, length(path) + 1);
	if (value)
		ring_write(value, length(value));
	notify();
	ring_read((char *)&head, sizeof(head), sizeof(head));
	ring_read(to, size - 1, head.len);
	to[head.len < size - 1 ? head.len : size - 1] = 0;
	return head.type == XS_ERROR ? -1 : (int)head.len;
}

bool store_read(const char *path, char *to, unsigned int size)
{
	return ask(XS_READ, path, 0, to, size) >= 0;
}

bool store_first(const char *path, char *to, unsigned int size)
{
	return ask(XS_DIRECTORY, path, 0, to, size) > 0;
}

bool store_write(const char *path, const char *value)
{
	char answer[8];

	return ask(XS_WRITE, path, value, answer, sizeof(answer)) >= 0;
}

const char *store_path(const char *folder, const char *name)
{
	char *text = texts[next_text++ % 8];
	unsigned int n = length(folder);

	memcpy(text, folder, n);
	text[n] = '/';
	memcpy(text + n + 1, name, length(name) + 1);
	return text;
}

const char *store_number(uint64_t n)
{
	char *text = texts[next_text++ % 8] + TEXT - 1;

	*text = 0;
	do {
		*--text = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	return text;
}

static uint64_t ticks(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

bool store_wait(const char *path, char value, unsigned int seconds)
{
	uint64_t end = ticks() + seconds * 1000000000ull; /* of a TSC of a GHz or more: not less */
	char now[8];

	do {
		if (store_read(path, now, sizeof(now)) && now[0] == value)
			return true;
		for (unsigned int i = 0; i < 10; i++)
			yield();
	} while (ticks() < end);
	return false;
}

void grant_page(uint32_t ref, const void *page, uint16_t flags)
{
	grants[ref].domid = 0;
	grants[ref].frame = (uint32_t)((uintptr_t)page >> 12);
	__asm__ volatile("" : : : "memory");
	grants[ref].flags = (uint16_t)(GTF_permit_access | flags);
}

uint32_t new_port(void)
{
	struct evtchn_alloc_unbound op = {.dom = DOMID_SELF, .remote_dom = 0};

	return call_op(__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, &op) ? 0 : op.port;
}

void notify_port(uint32_t port)
{
	struct evtchn_send op = {port};

	call_op(__HYPERVISOR_event_channel_op, EVTCHNOP_send, &op);
}

void store_setup(void)
{
	struct xen_add_to_physmap op = {.domid = DOMID_SELF,
					.space = XENMAPSPACE_grant_table,
					.gpfn = (uintptr_t)grants >> 12};

	call_op(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, &op);
}
