// SPDX-License-Identifier: Apache-2.0
/*
 * Save records of public hvm/save.h: HEADER, then CPU and MTRR for every vCPU, then END. Loading
 * decodes and checks the whole buffer before it changes anything.
 */
#include "hvm/hvm.h"

#include "arch/x86/cpu/clock.h"
#include "hvm/exits.h"
#include "hvm/save_check.h"
#include "hvm/xstate.h"
#include "lib/errno.h"
#include "lib/string.h"

/* Record field names by segment. */
#define FOR_EACH_SEG(op)                                                                          \
	op(HVM_CS, cs) op(HVM_DS, ds) op(HVM_ES, es) op(HVM_FS, fs) op(HVM_GS, gs) op(HVM_SS, ss) \
		op(HVM_TR, tr) op(HVM_LDTR, ldtr)

#define FOR_EACH_REG(op)                                                                      \
	op(HVM_CR0, cr0) op(HVM_CR2, cr2) op(HVM_CR3, cr3) op(HVM_CR4, cr4) op(HVM_DR6, dr6)  \
		op(HVM_DR7, dr7) op(HVM_SYSENTER_CS, sysenter_cs)                             \
			op(HVM_SYSENTER_ESP, sysenter_esp) op(HVM_SYSENTER_EIP, sysenter_eip) \
				op(HVM_KERNEL_GS_BASE, shadow_gs) op(HVM_LSTAR, msr_lstar)    \
					op(HVM_STAR, msr_star) op(HVM_CSTAR, msr_cstar)       \
						op(HVM_SFMASK, msr_syscall_mask)              \
							op(HVM_EFER, msr_efer)

static void save_cpu(struct vcpu *v, void *to)
{
	struct hvm_hw_cpu *c = to;
	struct hvm_segment s;

	memset(c, 0, sizeof(*c));
#define GPR(name) c->name = v->regs.name;
	HVM_FOR_EACH_GPR(GPR)
#undef GPR
#define SEG(which, name)                 \
	virt->get_segment(v, which, &s); \
	c->name##_sel = s.sel;           \
	c->name##_limit = s.limit;       \
	c->name##_base = s.base;         \
	c->name##_arbytes = s.attr;
	FOR_EACH_SEG(SEG)
#undef SEG
#define REG(which, name) c->name = virt->get_reg(v, which);
	FOR_EACH_REG(REG)
#undef REG
	virt->get_segment(v, HVM_GDTR, &s);
	c->gdtr_base = s.base;
	c->gdtr_limit = s.limit;
	virt->get_segment(v, HVM_IDTR, &s);
	c->idtr_base = s.base;
	c->idtr_limit = s.limit;
	c->dr0 = v->hvm->dr[0];
	c->dr1 = v->hvm->dr[1];
	c->dr2 = v->hvm->dr[2];
	c->dr3 = v->hvm->dr[3];
	c->msr_tsc_aux = v->hvm->tsc_aux;
	c->flags = XEN_X86_FPU_INITIALISED;
	xstate_get_legacy(v, c->fpu_regs);
}

static void load_segments(struct vcpu *v, const struct hvm_hw_cpu *c)
{
	struct hvm_segment s;

#define SEG(which, name)                                                                         \
	s = (struct hvm_segment){(uint16_t)c->name##_sel, (uint16_t)(c->name##_arbytes & 0xfff), \
				 c->name##_limit, c->name##_base};                               \
	virt->set_segment(v, which, &s);
	FOR_EACH_SEG(SEG)
#undef SEG
	s = (struct hvm_segment){.base = c->gdtr_base, .limit = c->gdtr_limit};
	virt->set_segment(v, HVM_GDTR, &s);
	s = (struct hvm_segment){.base = c->idtr_base, .limit = c->idtr_limit};
	virt->set_segment(v, HVM_IDTR, &s);
}

static void load_cpu(struct vcpu *v, const void *from)
{
	const struct hvm_hw_cpu *c = from;

	hvm_reset_state(v);
#define GPR(name) v->regs.name = c->name;
	HVM_FOR_EACH_GPR(GPR)
#undef GPR
	v->regs.rflags |= RFLAGS_FIXED;
#define REG(which, name) virt->set_reg(v, which, c->name);
	FOR_EACH_REG(REG)
#undef REG
	load_segments(v, c);
	v->hvm->dr[0] = c->dr0;
	v->hvm->dr[1] = c->dr1;
	v->hvm->dr[2] = c->dr2;
	v->hvm->dr[3] = c->dr3;
	v->hvm->tsc_aux = (uint32_t)c->msr_tsc_aux;
	if (c->flags & XEN_X86_FPU_INITIALISED)
		xstate_set_legacy(v, c->fpu_regs);
	v->hvm->wait_sipi = false;
	vcpu_up(v);
}

static void save_mtrr(struct vcpu *v, void *to)
{
	struct hvm_hw_mtrr *m = to;

	*m = v->hvm->mtrr;
	m->msr_pat_cr = virt->get_reg(v, HVM_PAT);
}

static void load_mtrr(struct vcpu *v, const void *from)
{
	const struct hvm_hw_mtrr *m = from;
	uint64_t cap = v->hvm->mtrr.msr_mtrr_cap;

	v->hvm->mtrr = *m;
	v->hvm->mtrr.msr_mtrr_cap = cap;
	virt->set_reg(v, HVM_PAT, m->msr_pat_cr);
}

/* The records of a vCPU. */
static const struct record {
	uint16_t type;
	uint16_t len;
	void (*save)(struct vcpu *v, void *to);
	void (*load)(struct vcpu *v, const void *from);
} records[] = {
	{SAVE_CPU, sizeof(struct hvm_hw_cpu), save_cpu, load_cpu},
	{SAVE_MTRR, sizeof(struct hvm_hw_mtrr), save_mtrr, load_mtrr},
};

static const struct record *find_record(uint16_t type)
{
	for (size_t i = 0; i < ARRAY_SIZE(records); i++)
		if (records[i].type == type)
			return &records[i];
	return NULL;
}

/* ---- the buffer ---- */

struct writer {
	uint8_t *at;
	size_t left;
	bool full;
};

static void put(struct writer *w, uint16_t type, uint16_t instance, const void *data, size_t len)
{
	struct hvm_save_descriptor desc = {type, instance, (uint32_t)len};

	if (w->full || w->left < sizeof(desc) + len) {
		w->full = true;
		return;
	}
	memcpy(w->at, &desc, sizeof(desc));
	if (len)
		memcpy(w->at + sizeof(desc), data, len);
	w->at += sizeof(desc) + len;
	w->left -= sizeof(desc) + len;
}

size_t hvm_save_size(struct domain *d)
{
	const size_t desc = sizeof(struct hvm_save_descriptor);
	size_t size = desc + sizeof(struct hvm_save_header) + desc;

	for_each_vcpu(d, v)
		for (size_t i = 0; i < ARRAY_SIZE(records); i++)
			size += desc + records[i].len;
	return size;
}

static void put_header(struct writer *w, struct domain *d)
{
	uint32_t id[4];
	struct hvm_save_header h = {.magic = HVM_FILE_MAGIC, .version = HVM_FILE_VERSION};

	hvm_cpuid(d->vcpus[0], 1, 0, id);
	h.cpuid = id[0];
	h.gtsc_khz = (uint32_t)clock_tsc_khz;
	put(w, SAVE_HEADER, 0, &h, sizeof(h));
}

int hvm_save(struct domain *d, void *buf, size_t size, size_t *written)
{
	struct writer w = {.at = buf, .left = size};
	union hvm_record data;

	put_header(&w, d);
	for (size_t i = 0; i < ARRAY_SIZE(records); i++)
		for_each_vcpu(d, v) {
			records[i].save(v, &data);
			put(&w, records[i].type, (uint16_t)v->id, &data, records[i].len);
		}
	put(&w, SAVE_END, 0, NULL, 0);
	if (w.full)
		return -ENOSPC;
	*written = size - w.left;
	return 0;
}

int hvm_save_one(struct domain *d, uint32_t type, uint32_t instance, union hvm_record *data,
		 size_t *len)
{
	const struct record *r = type <= UINT16_MAX ? find_record((uint16_t)type) : NULL;

	if (!r)
		return -EINVAL;
	if (instance >= d->max_vcpus || !d->vcpus[instance])
		return -ENOENT;
	r->save(d->vcpus[instance], data);
	*len = r->len;
	return 0;
}

int hvm_load(struct domain *d, const void *buf, size_t size)
{
	struct hvm_save_descriptor desc;
	union hvm_record data;
	size_t at = 0;
	int rc = hvm_save_check(buf, size, d->max_vcpus);

	if (rc)
		return rc;
	for (; save_next(buf, size, &at, &desc) && desc.typecode != SAVE_END; at += desc.length)
		if (desc.typecode != SAVE_HEADER && !d->vcpus[desc.instance])
			return -ENOENT;
	for (at = 0; save_next(buf, size, &at, &desc) && desc.typecode != SAVE_END;
	     at += desc.length) {
		if (desc.typecode == SAVE_HEADER)
			continue;
		memcpy(&data, (const uint8_t *)buf + at, desc.length);
		find_record(desc.typecode)->load(d->vcpus[desc.instance], &data);
	}
	return 0;
}
