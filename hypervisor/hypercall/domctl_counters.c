// SPDX-License-Identifier: Apache-2.0
/* What is counted of domains and vCPUs: for the toolstack (abi/domus.h), and by debug key. */
#include "abi/domus.h"
#include "core/console.h"
#include "core/sched.h"
#include "hvm/hvm.h"
#include "hypercall/domctl.h"
#include "ipc/gnttab.h"
#include "lib/string.h"

static_assert(sizeof(struct domus_counter) == 40, "part of the interface");
static_assert(sizeof(struct domus_counters) <= sizeof(((struct xen_domctl *)0)->u), "fits");

/* Where counters go: to the console, or to the caller's memory at @gva, as many as there is room for. */
struct sink {
	bool console;
	uint32_t room;
	uint32_t nr;
	uint64_t gva;
	int rc;
};

static void put(struct sink *to, uint32_t kind, const char *name, uint64_t value, uint64_t absent)
{
	struct domus_counter c = {.kind = kind, .value = value, .absent = absent};

	if (!value)
		return;
	strlcpy(c.name, name, sizeof(c.name));
	if (to->console)
		printk(" %-20s %llu, %llu absent\n", c.name, (unsigned long long)value,
		       (unsigned long long)absent);
	else if (to->nr < to->room && !to->rc)
		to->rc = guest_write_ptr(to->gva + to->nr * sizeof(c), &c);
	to->nr++;
}

static void put_vcpu(struct sink *to, struct vcpu *v)
{
	static const char *const states[] = {
		[RUNSTATE_running] = "running",
		[RUNSTATE_runnable] = "runnable",
		[RUNSTATE_blocked] = "blocked",
		[RUNSTATE_offline] = "offline",
	};
	struct vcpu_runstate_info run;
	const char *name;
	uint64_t count;

	sched_get_runstate(v, &run);
	for (unsigned int i = 0; i < ARRAY_SIZE(states); i++)
		put(to, DOMUS_COUNTER_RUNSTATE, states[i], run.time[i], 0);
	for (unsigned int i = 0; (name = hvm_exit_count(v, i, &count)) != NULL; i++)
		put(to, DOMUS_COUNTER_EXIT, name, count, 0);
}

static void put_domain(struct sink *to, struct domain *d)
{
	static const char *const sizes[PTAB_SIZES] = {"4k", "2m", "1g"};
	struct gnttab_usage grants = gnttab_usage(d);

	for (unsigned int i = 0; i < HYPERCALL_NR; i++) {
		const struct hypercall_count *n = &d->hypercalls[i];
		const char *name = hypercall_name(i);
		char number[16];

		snprintf(number, sizeof(number), "number %u", i);
		put(to, DOMUS_COUNTER_HYPERCALL, name ? name : number, READ_ONCE(n->calls),
		    READ_ONCE(n->absent));
	}
	put(to, DOMUS_COUNTER_GRANT, "used", grants.used, 0);
	put(to, DOMUS_COUNTER_GRANT, "mapped", grants.mapped, 0);
	for (unsigned int i = 0; i < PTAB_SIZES; i++)
		put(to, DOMUS_COUNTER_MAPPING, sizes[i], READ_ONCE(d->p2m.table.nr_leaves[i]), 0);
}

long domctl_counters(struct hypercall *hc)
{
	struct domus_counters op;
	struct sink to = {0};
	struct vcpu *v;
	int rc;

	memcpy(&op, &hc->domctl->u, sizeof(op));
	to.gva = op.buffer;
	to.room = op.nr;
	if (op.vcpu == DOMUS_COUNTERS_DOMAIN) {
		put_domain(&to, hc->d);
	} else {
		rc = domctl_find_vcpu(hc->d, op.vcpu, &v);
		if (rc)
			return rc;
		put_vcpu(&to, v);
	}
	op.nr = to.nr;
	memcpy(&hc->domctl->u, &op, sizeof(op));
	return to.rc;
}

long domctl_crash_reason(struct hypercall *hc)
{
	static_assert(sizeof(hc->d->crash_reason) == DOMUS_CRASH_REASON_SIZE, "told whole");

	spin_guard(&hc->d->lock);
	memcpy(&hc->domctl->u, hc->d->crash_reason, DOMUS_CRASH_REASON_SIZE);
	return 0;
}

static void print(struct domain *d, void *arg __unused)
{
	struct sink to = {.console = true};

	printk("d%u\n", d->id);
	put_domain(&to, d);
	for_each_vcpu(d, v) {
		printk("d%uv%u: %lu exits\n", d->id, v->id, (unsigned long)v->exits);
		put_vcpu(&to, v);
	}
}

void domctl_counters_key(void)
{
	domain_for_each(print, NULL);
}
