/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "nic.h"
#include "task_kinds.h"
#include "vm_tune.h"

/* The machine and its domain, or a problem that says there is none. */
static int find(struct svc *svc, const char *id, struct vm *vm, struct ts_domain_info *info,
		struct problem *p)
{
	struct ts_error err = {0};

	if (vm_require(svc, id, vm, p))
		return -ECANCELED;
	if (!vm_find_domain(svc, id, info, &err))
		return 0;
	if (err.code != TS_ENODOM)
		return problem_set(p, 503, "unavailable", "The hypervisor does not answer.");
	problem_set(p, 409, "state_conflict",
		    "The virtual machine is %s: nothing is counted while it does not run.",
		    vm_state_name(vm->state));
	problem_extra(p, "state", json_string(vm_state_name(vm->state)));
	return -ECANCELED;
}

static const char *vcpu_state(const struct ts_vcpu_info *v)
{
	if (!v->online)
		return "offline";
	if (v->running)
		return "running";
	return v->blocked ? "blocked" : "runnable";
}

static json_t *times_json(const struct ts_counter *list, size_t count)
{
	static const char *const states[] = {"running", "runnable", "blocked", "offline"};
	json_t *times = json_object();

	for (size_t i = 0; i < ARRAY_SIZE(states); i++)
		json_object_set_new(times, states[i], json_integer(0));
	for (size_t i = 0; i < count; i++)
		if (list[i].kind == TS_COUNTER_RUNSTATE)
			json_object_set_new(times, list[i].name,
					    json_integer((json_int_t)list[i].value));
	return times;
}

static json_t *vcpus_json(struct svc *svc, const struct ts_domain_info *info)
{
	struct ts_counter list[TS_COUNTERS_MAX];
	json_t *vcpus = json_array();

	for (uint32_t n = 0; n < info->vcpus; n++) {
		struct ts_vcpu_info v;
		size_t count;
		json_t *times;

		if (ts_vcpu_info(svc->ts, info->domid, n, &v, NULL))
			continue;
		times = ts_counters(svc->ts, info->domid, n, list, &count, NULL) ?
				json_null() :
				times_json(list, count);
		json_array_append_new(vcpus,
				      json_pack("{si ss si sI so}", "vcpu", (int)n, "state",
						vcpu_state(&v), "cpu", (int)v.cpu, "cpu_time",
						(json_int_t)v.cpu_time, "times", times));
	}
	return vcpus;
}

static json_t *disks_json(struct svc *svc, const char *id, uint32_t domid)
{
	struct db_query *q = db_query(svc->db,
				      "SELECT id, slot, 'xvd' || char(97 + slot) FROM vm_disk"
				      " WHERE vm = ? ORDER BY slot",
				      "s", id);
	json_t *disks = json_array();

	while (q && db_next(q) == 1) {
		struct ts_disk_stats s;

		if (ts_disk_stats(domid, (uint32_t)db_int(q, 1), &s))
			continue;
		json_array_append_new(disks, json_pack("{ss ss sI sI sI sI sI sI}", "id",
						       db_text(q, 0), "target", db_text(q, 2),
						       "read_bytes", (json_int_t)s.bytes_read,
						       "write_bytes", (json_int_t)s.bytes_written,
						       "read_requests", (json_int_t)s.reads,
						       "write_requests", (json_int_t)s.writes,
						       "flush_requests", (json_int_t)s.flushes,
						       "discard_requests", (json_int_t)s.discards));
	}
	db_end(q);
	return disks;
}

int vm_stats(struct svc *svc, const char *id, json_t **out, struct problem *p)
{
	struct ts_domain_info info;
	struct vm vm;
	uint64_t time;

	if (find(svc, id, &vm, &info, p))
		return -ECANCELED;
	if (ts_uptime(svc->ts, &time, NULL))
		return problem_set(p, 503, "unavailable", "The hypervisor does not answer.");
	*out = json_pack("{sI sI so s{sI sI sI sI} so so}", "time", (json_int_t)time, "cpu_time",
			 (json_int_t)info.cpu_time, "vcpus", vcpus_json(svc, &info), "memory",
			 "actual", (json_int_t)info.memory, "target", (json_int_t)vm.memory, "min",
			 (json_int_t)vm.memory_min, "max", (json_int_t)vm.memory_max, "disks",
			 disks_json(svc, id, info.domid), "nics", nic_list_json(svc, id));
	return *out ? 0 : problem_internal(p, "vm_stats");
}

json_t *vm_registers_json(const struct ts_register *registers)
{
	json_t *all = json_object();

	for (size_t i = 0; i < TS_REGISTERS; i++)
		json_object_set_new(all, registers[i].name,
				    json_sprintf("0x%016" PRIx64, registers[i].value));
	return all;
}

static json_t *exits_json(struct svc *svc, uint32_t domid, uint32_t vcpu)
{
	struct ts_counter list[TS_COUNTERS_MAX];
	json_t *exits;
	size_t count;

	if (ts_counters(svc->ts, domid, vcpu, list, &count, NULL))
		return json_null();
	exits = json_object();
	for (size_t i = 0; i < count; i++)
		if (list[i].kind == TS_COUNTER_EXIT)
			json_object_set_new(exits, list[i].name,
					    json_integer((json_int_t)list[i].value));
	return exits;
}

static json_t *debug_vcpus_json(struct svc *svc, const struct ts_domain_info *info)
{
	json_t *vcpus = json_array();

	for (uint32_t n = 0; n < info->vcpus; n++) {
		struct ts_register registers[TS_REGISTERS];

		if (!ts_domain_registers(svc->ts, info->domid, n, registers, NULL))
			json_array_append_new(vcpus,
					      json_pack("{si so so}", "vcpu", (int)n, "registers",
							vm_registers_json(registers), "exits",
							exits_json(svc, info->domid, n)));
	}
	return vcpus;
}

static json_int_t value_of(const struct ts_counter *list, size_t count, enum ts_counter_kind kind,
			   const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].kind == kind && !strcmp(list[i].name, name))
			return (json_int_t)list[i].value;
	return 0;
}

/* null in each when the hypervisor does not tell. */
static void put_counters(struct svc *svc, uint32_t domid, json_t *debug)
{
	struct ts_counter list[TS_COUNTERS_MAX];
	json_t *calls;
	size_t count;

	if (ts_counters(svc->ts, domid, TS_WHOLE_DOMAIN, list, &count, NULL)) {
		json_object_set_new(debug, "hypercalls", json_null());
		json_object_set_new(debug, "grants", json_null());
		json_object_set_new(debug, "mappings", json_null());
		return;
	}
	calls = json_array();
	for (size_t i = 0; i < count; i++) {
		const struct ts_counter *c = &list[i];

		if (c->kind == TS_COUNTER_HYPERCALL)
			json_array_append_new(calls, json_pack("{ss sI sI}", "name", c->name,
							       "calls", (json_int_t)c->value,
							       "absent", (json_int_t)c->absent));
	}
	json_object_set_new(debug, "hypercalls", calls);
	json_object_set_new(debug, "grants",
			    json_pack("{sI sI}", "used",
				      value_of(list, count, TS_COUNTER_GRANT, "used"), "mapped",
				      value_of(list, count, TS_COUNTER_GRANT, "mapped")));
	json_object_set_new(debug, "mappings",
			    json_pack("{sI sI sI}", "4k",
				      value_of(list, count, TS_COUNTER_MAPPING, "4k"), "2m",
				      value_of(list, count, TS_COUNTER_MAPPING, "2m"), "1g",
				      value_of(list, count, TS_COUNTER_MAPPING, "1g")));
}

/* What of a channel each kind has. */
static const struct {
	const char *name;
	bool remote, number;
} channel_kinds[] = {
	[TS_CHANNEL_UNBOUND] = {"unbound", true, false},
	[TS_CHANNEL_INTERDOMAIN] = {"interdomain", true, true},
	[TS_CHANNEL_VIRQ] = {"virq", false, true},
	[TS_CHANNEL_IPI] = {"ipi", false, false},
	[TS_CHANNEL_PIRQ] = {"pirq", false, true},
};

static json_t *number_or_null(bool there, uint32_t n)
{
	return there ? json_integer(n) : json_null();
}

static json_t *channels_json(struct svc *svc, uint32_t domid)
{
	auto_free struct ts_channel *list = NULL;
	json_t *channels = json_array();
	size_t count;

	if (ts_channels(svc->ts, domid, &list, &count, NULL))
		return channels;
	for (size_t i = 0; i < count; i++) {
		const struct ts_channel *ch = &list[i];

		json_array_append_new(
			channels,
			json_pack("{si ss si so so}", "port", (int)ch->port, "kind",
				  channel_kinds[ch->kind].name, "vcpu", (int)ch->vcpu,
				  "remote_domid",
				  number_or_null(channel_kinds[ch->kind].remote, ch->remote),
				  "number",
				  number_or_null(channel_kinds[ch->kind].number, ch->number)));
	}
	return channels;
}

int vm_debug(struct svc *svc, const char *id, json_t **out, struct problem *p)
{
	struct ts_domain_info info;
	struct vm vm;

	if (find(svc, id, &vm, &info, p))
		return -ECANCELED;
	*out = json_pack("{si so so}", "domid", (int)info.domid, "vcpus",
			 debug_vcpus_json(svc, &info), "event_channels",
			 channels_json(svc, info.domid));
	if (!*out)
		return problem_internal(p, "vm_debug");
	put_counters(svc, info.domid, *out);
	return 0;
}
