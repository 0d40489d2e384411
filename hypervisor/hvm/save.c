// SPDX-License-Identifier: Apache-2.0
/*
 * Save records of public hvm/save.h: HEADER, then CPU and MTRR for every vCPU, then END. Loading
 * decodes and checks the whole buffer before it changes anything.
 */
#include "hvm/hvm.h"

#include "arch/x86/cpu/clock.h"
#include "arch/x86/cpu/regs.h"
#include "hvm/exits.h"
#include "lib/errno.h"
#include "lib/string.h"

static_assert(HVM_SAVE_LENGTH(CPU) == 0x408, "abi.md, trap 21");

#define CR0_RESERVED 0xffffffff1ffaffc0ULL
#define CR4_RESERVED 0xffffffffff88f000ULL
#define HIGH_HALF    0xffffffff00000000ULL

/* ---- a CPU ---- */

/* Segments in the record's order: four arrays, of selectors, limits, bases and attributes. */
static const enum hvm_seg segments[] = {HVM_CS, HVM_DS, HVM_ES,   HVM_FS,   HVM_GS,
					HVM_SS, HVM_TR, HVM_LDTR, HVM_IDTR, HVM_GDTR};
#define NR_SELECTORS 8u /* the tables have none */

/* Registers that follow each other in the record as in enum hvm_reg. */
static const struct {
	uint16_t at;
	uint8_t first, nr;
} runs[] = {
	{offsetof(struct hvm_hw_cpu, cr0), HVM_CR0, 4},
	{offsetof(struct hvm_hw_cpu, dr6), HVM_DR6, 2},
	{offsetof(struct hvm_hw_cpu, sysenter_cs), HVM_SYSENTER_CS, 4},
	{offsetof(struct hvm_hw_cpu, msr_lstar), HVM_LSTAR, 4},
	{offsetof(struct hvm_hw_cpu, msr_efer), HVM_EFER, 1},
};

static uint64_t *words(struct hvm_hw_cpu *c, size_t at)
{
	return (uint64_t *)(void *)((char *)c + at);
}

static void save_cpu(struct vcpu *v, void *to)
{
	struct hvm_hw_cpu *c = to;

	memset(c, 0, sizeof(*c));
#define GPR(name) c->name = v->regs.name;
	HVM_FOR_EACH_GPR(GPR)
#undef GPR
	for (unsigned int i = 0; i < ARRAY_SIZE(segments); i++) {
		struct hvm_segment s;

		virt->get_segment(v, segments[i], &s);
		(&c->cs_limit)[i] = s.limit;
		(&c->cs_base)[i] = s.base;
		if (i >= NR_SELECTORS)
			continue;
		(&c->cs_sel)[i] = s.sel;
		(&c->cs_arbytes)[i] = s.attr;
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(runs); i++)
		for (unsigned int n = 0; n < runs[i].nr; n++)
			words(c, runs[i].at)[n] =
				virt->get_reg(v, (enum hvm_reg)(runs[i].first + n));
	memcpy(&c->dr0, v->hvm->dr, sizeof(v->hvm->dr));
	c->msr_tsc_aux = v->hvm->tsc_aux;
	c->flags = XEN_X86_FPU_INITIALISED;
	memcpy(c->fpu_regs, v->hvm->xstate, sizeof(c->fpu_regs));
}

static void load_cpu(struct vcpu *v, void *from)
{
	struct hvm_hw_cpu *c = from;

	hvm_reset_state(v);
#define GPR(name) v->regs.name = c->name;
	HVM_FOR_EACH_GPR(GPR)
#undef GPR
	v->regs.rflags |= RFLAGS_FIXED;
	for (unsigned int i = 0; i < ARRAY_SIZE(segments); i++) {
		struct hvm_segment s = {.limit = (&c->cs_limit)[i], .base = (&c->cs_base)[i]};

		if (i < NR_SELECTORS) {
			s.sel = (uint16_t)(&c->cs_sel)[i];
			s.attr = (&c->cs_arbytes)[i] & 0xfff;
		}
		virt->set_segment(v, segments[i], &s);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(runs); i++)
		for (unsigned int n = 0; n < runs[i].nr; n++)
			virt->set_reg(v, (enum hvm_reg)(runs[i].first + n),
				      words(c, runs[i].at)[n]);
	memcpy(v->hvm->dr, &c->dr0, sizeof(v->hvm->dr));
	v->hvm->tsc_aux = (uint32_t)c->msr_tsc_aux;
	if (c->flags & XEN_X86_FPU_INITIALISED)
		xstate_set_legacy(v, c->fpu_regs);
	v->hvm->wait_sipi = false;
	vcpu_up(v);
}

/* What VMRUN would refuse (APM vol. 2, 15.5.1), and what a guest may not have. */
static bool cpu_valid(const void *data)
{
	const struct hvm_hw_cpu *c = data;
	bool paging = c->cr0 & X86_CR0_PG, lme = c->msr_efer & X86_EFER_LME;

	if ((c->cr0 & CR0_RESERVED) || (c->cr4 & CR4_RESERVED) || !hvm_efer_valid(c->msr_efer))
		return false;
	if (((c->cr0 & X86_CR0_NW) && !(c->cr0 & X86_CR0_CD)) || (paging && !(c->cr0 & X86_CR0_PE)))
		return false;
	if (paging && lme && !(c->cr4 & X86_CR4_PAE))
		return false;
	return !(c->dr6 & HIGH_HALF) && !(c->dr7 & HIGH_HALF);
}

/* ---- the other records ---- */

static void save_mtrr(struct vcpu *v, void *to)
{
	struct hvm_hw_mtrr *m = to;

	*m = v->hvm->mtrr;
	m->msr_pat_cr = virt->get_reg(v, HVM_PAT);
}

static void load_mtrr(struct vcpu *v, void *from)
{
	const struct hvm_hw_mtrr *m = from;
	uint64_t cap = v->hvm->mtrr.msr_mtrr_cap;

	v->hvm->mtrr = *m;
	v->hvm->mtrr.msr_mtrr_cap = cap;
	virt->set_reg(v, HVM_PAT, m->msr_pat_cr);
}

static bool mtrr_valid(const void *data)
{
	return hvm_pat_valid(((const struct hvm_hw_mtrr *)data)->msr_pat_cr);
}

static bool header_valid(const void *data)
{
	const struct hvm_save_header *h = data;

	return h->magic == HVM_FILE_MAGIC && h->version == HVM_FILE_VERSION;
}

static const struct record {
	uint16_t type;
	uint16_t len;
	bool (*valid)(const void *data);
	/* Of records that each vCPU has. */
	void (*save)(struct vcpu *v, void *to);
	void (*load)(struct vcpu *v, void *from);
} records[] = {
	{HVM_SAVE_CODE(HEADER), sizeof(struct hvm_save_header), header_valid, NULL, NULL},
	{HVM_SAVE_CODE(CPU), sizeof(struct hvm_hw_cpu), cpu_valid, save_cpu, load_cpu},
	{HVM_SAVE_CODE(MTRR), sizeof(struct hvm_hw_mtrr), mtrr_valid, save_mtrr, load_mtrr},
};

static const struct record *find_record(uint32_t type)
{
	for (size_t i = 0; i < ARRAY_SIZE(records); i++)
		if (records[i].type == type)
			return &records[i];
	return NULL;
}

/* ---- the buffer ---- */

/* Write a record at @at. Return: where the next one goes; NULL when there was no room for this one. */
static uint8_t *put(uint8_t *at, const uint8_t *end, struct hvm_save_descriptor desc,
		    const void *data)
{
	if (!at || (size_t)(end - at) < sizeof(desc) + desc.length)
		return NULL;
	memcpy(at, &desc, sizeof(desc));
	memcpy(at + sizeof(desc), data, desc.length);
	return at + sizeof(desc) + desc.length;
}

size_t hvm_save_size(struct domain *d)
{
	const size_t desc = sizeof(struct hvm_save_descriptor);
	size_t size = desc + sizeof(struct hvm_save_header) + desc;

	for (size_t i = 0; i < ARRAY_SIZE(records); i++)
		if (records[i].save)
			for_each_vcpu(d, v)
				size += desc + records[i].len;
	return size;
}

int hvm_save(struct domain *d, void *buf, size_t size, size_t *written)
{
	struct hvm_save_header h = {.magic = HVM_FILE_MAGIC,
				    .version = HVM_FILE_VERSION,
				    .gtsc_khz = (uint32_t)clock_tsc_khz};
	const uint8_t *end = (uint8_t *)buf + size;
	union hvm_record data;
	uint32_t id[4];
	uint8_t *at;

	hvm_cpuid(d->vcpus[0], 1, 0, id);
	h.cpuid = id[0];
	at = put(buf, end, (struct hvm_save_descriptor){HVM_SAVE_CODE(HEADER), 0, sizeof(h)}, &h);
	for (const struct record *r = records; r < records + ARRAY_SIZE(records); r++)
		for_each_vcpu(d, v) {
			struct hvm_save_descriptor desc = {r->type, (uint16_t)v->id, r->len};

			if (!r->save)
				break;
			r->save(v, &data);
			at = put(at, end, desc, &data);
		}
	at = put(at, end, (struct hvm_save_descriptor){HVM_SAVE_CODE(END), 0, 0}, &h);
	if (!at)
		return -ENOSPC;
	*written = (size_t)(at - (uint8_t *)buf);
	return 0;
}

int hvm_save_one(struct domain *d, uint32_t type, uint32_t instance, union hvm_record *data,
		 size_t *len)
{
	const struct record *r = find_record(type);

	if (!r || !r->save)
		return -EINVAL;
	if (instance >= d->max_vcpus || !d->vcpus[instance])
		return -ENOENT;
	r->save(d->vcpus[instance], data);
	*len = r->len;
	return 0;
}

/*
 * The record at *@at of the @size bytes at @buf: *@desc is its descriptor and *@at moves to its data.
 * Return: false when there is none whole.
 */
static bool next(const void *buf, size_t size, size_t *at, struct hvm_save_descriptor *desc)
{
	if (*at > size || size - *at < sizeof(*desc))
		return false;
	memcpy(desc, (const uint8_t *)buf + *at, sizeof(*desc));
	if (desc->length > size - *at - sizeof(*desc))
		return false;
	*at += sizeof(*desc);
	return true;
}

/*
 * Check every record of @buf: known type, exact length, a vCPU there is, values a guest may be entered with;
 * or load them, once they have been checked.
 */
static int walk(struct domain *d, const void *buf, size_t size, bool load)
{
	struct hvm_save_descriptor desc;
	bool header = false;
	int rc = 0;

	for (size_t at = 0; next(buf, size, &at, &desc); at += desc.length) {
		const struct record *r = find_record(desc.typecode);
		union hvm_record data;

		if (desc.typecode == HVM_SAVE_CODE(END))
			return header && desc.length == 0 ? rc : -EINVAL;
		if (!r || desc.length != r->len)
			return -EINVAL;
		memcpy(&data, (const uint8_t *)buf + at, desc.length);
		if (!r->valid(&data))
			return -EINVAL;
		if (r->type == HVM_SAVE_CODE(HEADER))
			header = true;
		else if (!header || desc.instance >= d->max_vcpus)
			return -EINVAL;
		else if (!d->vcpus[desc.instance])
			rc = -ENOENT;
		else if (load)
			r->load(d->vcpus[desc.instance], &data);
	}
	return -EINVAL; /* no END */
}

int hvm_load(struct domain *d, const void *buf, size_t size)
{
	int rc = walk(d, buf, size, false);

	return rc ? rc : walk(d, buf, size, true);
}
