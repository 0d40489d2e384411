/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>

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

int vm_stats(struct svc *svc, const char *id, json_t **out, struct problem *p)
{
	auto_json json_t *vcpus = json_array();
	struct ts_domain_info info;
	struct vm vm;
	uint64_t time;

	if (find(svc, id, &vm, &info, p))
		return -ECANCELED;
	if (ts_uptime(svc->ts, &time, NULL))
		return problem_set(p, 503, "unavailable", "The hypervisor does not answer.");
	for (uint32_t n = 0; n < info.vcpus; n++) {
		struct ts_vcpu_info v;

		if (ts_vcpu_info(svc->ts, info.domid, n, &v, NULL))
			continue;
		json_array_append_new(vcpus, json_pack("{si ss si sI}", "vcpu", (int)n, "state",
						       vcpu_state(&v), "cpu", (int)v.cpu,
						       "cpu_time", (json_int_t)v.cpu_time));
	}
	*out = json_pack("{sI sI sO s{sI sI sI sI}}", "time", (json_int_t)time, "cpu_time",
			 (json_int_t)info.cpu_time, "vcpus", vcpus, "memory", "actual",
			 (json_int_t)info.memory, "target", (json_int_t)vm.memory, "min",
			 (json_int_t)vm.memory_min, "max", (json_int_t)vm.memory_max);
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

int vm_debug(struct svc *svc, const char *id, json_t **out, struct problem *p)
{
	auto_json json_t *vcpus = json_array();
	struct ts_domain_info info;
	struct vm vm;

	if (find(svc, id, &vm, &info, p))
		return -ECANCELED;
	for (uint32_t n = 0; n < info.vcpus; n++) {
		struct ts_register registers[TS_REGISTERS];

		if (!ts_domain_registers(svc->ts, info.domid, n, registers, NULL))
			json_array_append_new(vcpus,
					      json_pack("{si so}", "vcpu", (int)n, "registers",
							vm_registers_json(registers)));
	}
	*out = json_pack("{si sO}", "domid", (int)info.domid, "vcpus", vcpus);
	return *out ? 0 : problem_internal(p, "vm_debug");
}
