// SPDX-License-Identifier: Apache-2.0
/* vCPU state: INIT and SIPI, the PVH entry, debug registers, what other CPUs request. */
#include "hvm/exits.h"

#include "arch/x86/cpu/regs.h"
#include "hvm/hvm.h"
#include "lib/string.h"

/* After INIT (APM vol. 2, table 14-1). Attributes: see struct hvm_segment. */
static const struct hvm_segment init_segments[HVM_NR_SEGS] = {
	[HVM_ES] = {.attr = 0x093, .limit = 0xffff},
	[HVM_CS] = {0xf000, 0x09b, 0xffff, 0xffff0000},
	[HVM_SS... HVM_GS] = {.attr = 0x093, .limit = 0xffff},
	[HVM_GDTR] = {.limit = 0xffff},
	[HVM_LDTR] = {.attr = 0x082, .limit = 0xffff},
	[HVM_IDTR] = {.limit = 0xffff},
	[HVM_TR] = {.attr = 0x08b, .limit = 0xffff},
};

static const uint64_t init_regs[] = {
	[HVM_CR0] = X86_CR0_ET | X86_CR0_CD | X86_CR0_NW,
	[HVM_DR6] = 0xffff0ff0,
	[HVM_DR7] = 0x400,
	[HVM_EFER] = 0, /* those after it stay as they are */
};

/* Flat 32-bit segments: public start_info.h. */
static const struct hvm_segment pvh_segments[HVM_NR_SEGS] = {
	[HVM_ES] = {.attr = 0xc93, .limit = 0xffffffff},
	[HVM_CS] = {.attr = 0xc9b, .limit = 0xffffffff},
	[HVM_SS... HVM_GS] = {.attr = 0xc93, .limit = 0xffffffff},
	[HVM_GDTR] = {.limit = 0xffff},
	[HVM_LDTR] = {.attr = 0x082, .limit = 0xffff},
	[HVM_IDTR] = {.limit = 0xffff},
	[HVM_TR] = {.attr = 0x08b, .limit = 0x67},
};

static void set_segments(struct vcpu *v, const struct hvm_segment segments[HVM_NR_SEGS])
{
	for (unsigned int i = 0; i < HVM_NR_SEGS; i++)
		virt->set_segment(v, (enum hvm_seg)i, &segments[i]);
}

void hvm_reset_state(struct vcpu *v)
{
	struct hvm_vcpu *h = v->hvm;

	v->regs = (struct guest_regs){.rflags = RFLAGS_FIXED, .rip = 0xfff0, .rdx = 0x600};
	for (unsigned int i = 0; i < ARRAY_SIZE(init_regs); i++)
		virt->set_reg(v, (enum hvm_reg)i, init_regs[i]);
	set_segments(v, init_segments);
	memset(&h->event, 0, sizeof(h->event));
	memset(h->dr, 0, sizeof(h->dr));
	h->nmi_pending = false;
	h->nmi_masked = false;
	h->shadow = false;
	h->accepted = false;
	h->windows = 0;
	for (unsigned int w = 0; w < HVM_NR_WINDOWS; w++)
		virt->set_window(v, (enum hvm_window)w, false);
	h->debug_loaded = false;
	virt->trap_debug_regs(v, true);
}

void hvm_set_pvh_entry(struct vcpu *v, uint32_t rip, uint32_t rbx)
{
	hvm_reset_state(v);
	v->regs.rip = rip;
	v->regs.rbx = rbx;
	v->regs.rdx = 0;
	virt->set_reg(v, HVM_CR0, X86_CR0_PE | X86_CR0_ET);
	set_segments(v, pvh_segments);
	v->hvm->wait_sipi = false;
	vcpu_up(v);
}

/* ---- requests ---- */

void hvm_request_nmi(struct vcpu *v)
{
	__atomic_store_n(&v->hvm->nmi_pending, true, __ATOMIC_SEQ_CST);
	vcpu_kick(v);
}

void hvm_request_init(struct vcpu *v)
{
	/* Of a SIPI before it nothing is left. */
	__atomic_store_n(&v->hvm->requests, HVM_REQ_INIT, __ATOMIC_SEQ_CST);
	vcpu_kick(v);
}

/* A SIPI counts only for a vCPU that had its INIT (APM vol. 2, 16.5). */
void hvm_request_sipi(struct vcpu *v, uint8_t vector)
{
	struct hvm_vcpu *h = v->hvm;

	if (!(__atomic_load_n(&h->requests, __ATOMIC_SEQ_CST) & HVM_REQ_INIT) &&
	    !__atomic_load_n(&h->wait_sipi, __ATOMIC_SEQ_CST))
		return;
	__atomic_store_n(&h->sipi_vector, vector, __ATOMIC_SEQ_CST);
	__atomic_fetch_or(&h->requests, HVM_REQ_SIPI, __ATOMIC_SEQ_CST);
	vcpu_up(v);
}

static void start_at(struct vcpu *v, uint8_t vector)
{
	struct hvm_segment cs = init_segments[HVM_CS];

	cs.sel = (uint16_t)(vector << 8);
	cs.base = (uint64_t)vector << 12;
	virt->set_segment(v, HVM_CS, &cs);
	v->regs.rip = 0;
	__atomic_store_n(&v->hvm->wait_sipi, false, __ATOMIC_SEQ_CST);
}

bool hvm_start_pending(const struct vcpu *v)
{
	return __atomic_load_n(&v->hvm->requests, __ATOMIC_SEQ_CST);
}

/* From an INIT on a SIPI counts: at any time it finds that requested, or @h waiting. */
static uint32_t take_requests(struct hvm_vcpu *h)
{
	uint32_t requests = __atomic_load_n(&h->requests, __ATOMIC_SEQ_CST);

	do {
		if (requests & HVM_REQ_INIT)
			__atomic_store_n(&h->wait_sipi, true, __ATOMIC_SEQ_CST);
	} while (!__atomic_compare_exchange_n(&h->requests, &requests, 0, false, __ATOMIC_SEQ_CST,
					      __ATOMIC_SEQ_CST));
	return requests;
}

bool hvm_handle_requests(struct vcpu *v)
{
	struct hvm_vcpu *h = v->hvm;
	uint32_t requests = take_requests(h);

	if (requests & HVM_REQ_INIT) {
		hvm_reset_state(v);
		vlapic_reset(v);
	}
	if ((requests & HVM_REQ_SIPI) && h->wait_sipi) {
		start_at(v, __atomic_load_n(&h->sipi_vector, __ATOMIC_SEQ_CST));
		return true;
	}
	if (!h->wait_sipi)
		return true;
	vcpu_down(v);
	return false;
}
