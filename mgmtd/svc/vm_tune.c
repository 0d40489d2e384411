/* SPDX-License-Identifier: Apache-2.0 */
#include "vm_tune.h"

#include <errno.h>
#include <inttypes.h>

#define CPUS_MAX 64

static const char *const names[] = {"vcpus",      "vcpus_max", "memory", "memory_min",
				    "memory_max", "weight",    "cap",    "affinity"};

bool vm_tuning_in(const json_t *spec)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (json_object_get(spec, names[i]))
			return true;
	return false;
}

static uint64_t number(const json_t *spec, const char *name, uint64_t otherwise)
{
	const json_t *v = json_object_get(spec, name);

	return v ? (uint64_t)json_integer_value(v) : otherwise;
}

static uint64_t cpus_of(const json_t *list)
{
	uint64_t bits = 0;
	const json_t *cpu;
	size_t i;

	json_array_foreach(list, i, cpu) {
		json_int_t n = json_integer_value(cpu);

		if (n >= 0 && n < CPUS_MAX)
			bits |= 1ull << n;
	}
	return bits;
}

static void affinity_of(const json_t *value, struct vm_affinity *out)
{
	size_t numbers = 0, i;
	const json_t *entry;

	*out = (struct vm_affinity){0};
	json_array_foreach(value, i, entry) {
		numbers += json_is_integer(entry);
		if (i < TS_VCPUS_MAX)
			out->cpus[i] = cpus_of(entry);
	}
	out->each = i && !numbers;
	out->mixed = numbers && numbers < i;
	if (numbers == i)
		out->cpus[0] = cpus_of(value);
	for (out->lists = TS_VCPUS_MAX; out->lists && !out->cpus[out->lists - 1];)
		out->lists--;
}

void vm_affinity_parse(const char *text, struct vm_affinity *out)
{
	auto_json json_t *value = json_loads(text, 0, NULL);

	affinity_of(value, out);
}

void vm_tuning_apply(struct vm *vm, const json_t *spec, bool idle)
{
	const json_t *affinity = json_object_get(spec, "affinity");
	bool vcpus_follow = idle && vm->vcpus_max == vm->vcpus;
	bool max_follows = idle && vm->memory_max == vm->memory;
	bool min_follows = idle && vm->memory_min == vm->memory;

	vm->vcpus = (uint32_t)number(spec, "vcpus", vm->vcpus);
	vm->memory = number(spec, "memory", vm->memory);
	vm->vcpus_max =
		(uint32_t)number(spec, "vcpus_max", vcpus_follow ? vm->vcpus : vm->vcpus_max);
	vm->memory_min = number(spec, "memory_min", min_follows ? vm->memory : vm->memory_min);
	vm->memory_max = number(spec, "memory_max", max_follows ? vm->memory : vm->memory_max);
	vm->weight = (uint32_t)number(spec, "weight", vm->weight);
	vm->cap = (uint32_t)number(spec, "cap", vm->cap);
	if (affinity)
		affinity_of(affinity, &vm->affinity);
}

int vm_tuning_check(const struct vm *vm, const struct ts_host_info *host, struct problem *p)
{
	uint64_t there = host->cpus_online >= CPUS_MAX ? ~0ull : (1ull << host->cpus_online) - 1;

	if (host->max_vcpus && vm->vcpus_max > host->max_vcpus)
		return problem_invalid(p, vm->vcpus > host->max_vcpus ? "vcpus" : "vcpus_max",
				       "too_large",
				       "This host gives a virtual machine at most %u virtual CPUs.",
				       host->max_vcpus);
	if (vm->vcpus > vm->vcpus_max)
		return problem_invalid(p, "vcpus", "too_large",
				       "It has at most vcpus_max (%u) virtual CPUs.",
				       vm->vcpus_max);
	if (vm->memory > vm->memory_max)
		return problem_invalid(p, "memory", "too_large",
				       "It is more than memory_max (%" PRIu64 " bytes).",
				       vm->memory_max);
	if (vm->memory < vm->memory_min)
		return problem_invalid(p, "memory", "too_small",
				       "It is less than memory_min (%" PRIu64 " bytes).",
				       vm->memory_min);
	if (vm->affinity.mixed)
		return problem_invalid(p, "affinity", "mixed",
				       "It is a list of CPUs, or of lists for each virtual CPU.");
	for (uint32_t n = 0; n < vm->affinity.lists; n++)
		if (vm->affinity.cpus[n] & ~there)
			return problem_invalid(p, "affinity", "unknown_cpu",
					       "This host has %u CPUs, counted from 0.",
					       host->cpus_online);
	return 0;
}

static json_t *cpus_json(uint64_t bits)
{
	json_t *list = bits ? json_array() : json_null();

	for (int n = 0; n < CPUS_MAX; n++)
		if (bits >> n & 1)
			json_array_append_new(list, json_integer(n));
	return list;
}

static char *affinity_text(const struct vm_affinity *a)
{
	auto_json json_t *value = a->each ? json_array() : cpus_json(a->cpus[0]);

	for (uint32_t n = 0; a->each && n < a->lists; n++)
		json_array_append_new(value, cpus_json(a->cpus[n]));
	return json_dumps(value, JSON_COMPACT);
}

int vm_tuning_store(struct svc *svc, const struct vm *vm)
{
	auto_free char *affinity = vm->affinity.lists ? affinity_text(&vm->affinity) : NULL;

	if (vm->affinity.lists && !affinity)
		return -EIO;
	return db_run(svc->db,
		      "UPDATE vm SET vcpus = ?, vcpus_max = ?, memory = ?, memory_min = ?,"
		      " memory_max = ?, weight = ?, cap = ?, affinity = ? WHERE id = ?",
		      "iiiiiiiss", (int64_t)vm->vcpus, (int64_t)vm->vcpus_max, (int64_t)vm->memory,
		      (int64_t)vm->memory_min, (int64_t)vm->memory_max, (int64_t)vm->weight,
		      (int64_t)vm->cap, affinity, vm->id);
}

int vm_tuning_effect(struct svc *svc, const struct vm *vm, uint32_t domid, struct ts_error *err)
{
	struct ts_tuning tuning = {
		.vcpus = vm->vcpus,
		.memory = vm->memory,
		.weight = vm->weight,
		.cap = vm->cap,
	};

	for (uint32_t n = 0; n < TS_VCPUS_MAX; n++)
		tuning.affinity[n] = vm->affinity.cpus[vm->affinity.each ? n : 0];
	return ts_domain_tune(svc->ts, domid, &tuning, err);
}
