// SPDX-License-Identifier: Apache-2.0
/* What is counted of domains and vCPUs: for the toolstack (abi/domus.h), and by debug key. */
#include "abi/domus.h"
#include "core/console.h"
#include "core/sched.h"
#include "hvm/hvm.h"
#include "hypercall/domctl.h"
#include "ipc/gnttab.h"

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

static void put(struct sink *to, struct domus_counter c)
{
	if (!c.value)
		return;
	if (to->console)
		printk(" %-20s %llu, %llu absent\n", c.name, (unsigned long long)c.value,
		       (unsigned long long)c.absent);
	else if (to->nr < to->room && !to->rc)
		to->rc = guest_write_ptr(to->gva + to->nr * sizeof(c), &c);
	to->nr++;
}

static struct domus_counter named(const char *name, uint32_t kind, uint64_t value)
{
	struct domus_counter c = {.kind = kind, .value = value};

	snprintf(c.name, sizeof(c.name), "%s", name);
	return c;
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
		put(to, named(states[i], DOMUS_COUNTER_RUNSTATE, run.time[i]));
	for (unsigned int i = 0; (name = hvm_exit_count(v, i, &count)) != NULL; i++)
		put(to, named(name, DOMUS_COUNTER_EXIT, count));
}

static void put_domain(struct sink *to, struct domain *d)
{
	static const char *const sizes[PTAB_SIZES] = {"4k", "2m", "1g"};
	struct gnttab_usage grants = gnttab_usage(d);

	for (unsigned int i = 0; i < HYPERCALL_NR; i++) {
		const struct hypercall_count *n = &d->hypercalls[i];
		const char *name = hypercall_name(i);
		struct domus_counter c = named(name ? name : "", DOMUS_COUNTER_HYPERCALL,
					       __atomic_load_n(&n->calls, __ATOMIC_RELAXED));

		c.absent = __atomic_load_n(&n->absent, __ATOMIC_RELAXED);
		if (!name)
			snprintf(c.name, sizeof(c.name), "number %u", i);
		put(to, c);
	}
	put(to, named("used", DOMUS_COUNTER_GRANT, grants.used));
	put(to, named("mapped", DOMUS_COUNTER_GRANT, grants.mapped));
	for (unsigned int i = 0; i < PTAB_SIZES; i++)
		put(to,
		    named(sizes[i], DOMUS_COUNTER_MAPPING, READ_ONCE(d->p2m.table.nr_leaves[i])));
}

long domctl_counters(struct hypercall *hc)
{
	struct domus_counters op;
	struct sink to = {0};
	struct vcpu *v;
	int rc;

	__builtin_memcpy(&op, &hc->domctl->u, sizeof(op));
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
	__builtin_memcpy(&hc->domctl->u, &op, sizeof(op));
	return to.rc;
}

long domctl_crash_reason(struct hypercall *hc)
{
	static_assert(sizeof(hc->d->crash_reason) == DOMUS_CRASH_REASON_SIZE, "told whole");

	spin_guard(&hc->d->lock);
	__builtin_memcpy(&hc->domctl->u, hc->d->crash_reason, DOMUS_CRASH_REASON_SIZE);
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
