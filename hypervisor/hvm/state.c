// SPDX-License-Identifier: Apache-2.0
/* vCPU state: INIT and SIPI, the PVH entry, debug registers, what other CPUs request. */
#include "hvm/exits.h"

#include "arch/x86/cpu/regs.h"
#include "hvm/hvm.h"
#include "lib/string.h"

#define CR0_RESET (X86_CR0_ET | X86_CR0_CD | X86_CR0_NW)
#define DR6_RESET 0xffff0ff0u
#define DR7_RESET 0x400u

/* Attributes of segments (see struct hvm_segment). */
#define ATTR_CODE16 0x09b
#define ATTR_DATA16 0x093
#define ATTR_CODE32 0xc9b
#define ATTR_DATA32 0xc93
#define ATTR_LDT    0x082
#define ATTR_TSS    0x08b

static void set_seg(struct vcpu *v, enum hvm_seg seg, uint16_t sel, uint64_t base, uint32_t limit,
		    uint16_t attr)
{
	struct hvm_segment s = {.sel = sel, .attr = attr, .limit = limit, .base = base};

	virt->set_segment(v, seg, &s);
}

static void set_data_segs(struct vcpu *v, uint32_t limit, uint16_t attr)
{
	static const enum hvm_seg data[] = {HVM_DS, HVM_ES, HVM_SS, HVM_FS, HVM_GS};

	for (size_t i = 0; i < ARRAY_SIZE(data); i++)
		set_seg(v, data[i], 0, 0, limit, attr);
}

static void reset_system_regs(struct vcpu *v)
{
	virt->set_reg(v, HVM_CR0, CR0_RESET);
	virt->set_reg(v, HVM_CR2, 0);
	virt->set_reg(v, HVM_CR3, 0);
	virt->set_reg(v, HVM_CR4, 0);
	virt->set_reg(v, HVM_EFER, 0);
	virt->set_reg(v, HVM_DR6, DR6_RESET);
	virt->set_reg(v, HVM_DR7, DR7_RESET);
}

void hvm_reset_state(struct vcpu *v)
{
	struct hvm_vcpu *h = v->hvm;

	memset(&v->regs, 0, sizeof(v->regs));
	v->regs.rflags = RFLAGS_FIXED;
	v->regs.rip = 0xfff0;
	v->regs.rdx = 0x600;
	reset_system_regs(v);
	set_seg(v, HVM_CS, 0xf000, 0xffff0000, 0xffff, ATTR_CODE16);
	set_data_segs(v, 0xffff, ATTR_DATA16);
	set_seg(v, HVM_LDTR, 0, 0, 0xffff, ATTR_LDT);
	set_seg(v, HVM_TR, 0, 0, 0xffff, ATTR_TSS);
	set_seg(v, HVM_GDTR, 0, 0, 0xffff, 0);
	set_seg(v, HVM_IDTR, 0, 0, 0xffff, 0);
	memset(&h->event, 0, sizeof(h->event));
	memset(h->dr, 0, sizeof(h->dr));
	h->nmi_pending = false;
	h->nmi_masked = false;
	h->shadow = false;
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
	set_seg(v, HVM_CS, 0, 0, 0xffffffff, ATTR_CODE32);
	set_data_segs(v, 0xffffffff, ATTR_DATA32);
	set_seg(v, HVM_TR, 0, 0, 0x67, ATTR_TSS);
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
	__atomic_fetch_or(&v->hvm->requests, HVM_REQ_INIT, __ATOMIC_SEQ_CST);
	vcpu_kick(v);
}

/* A SIPI counts only for a vCPU that had its INIT (APM vol. 2, 16.5). */
void hvm_request_sipi(struct vcpu *v, uint8_t vector)
{
	struct hvm_vcpu *h = v->hvm;

	if (!__atomic_load_n(&h->wait_sipi, __ATOMIC_SEQ_CST) &&
	    !(__atomic_load_n(&h->requests, __ATOMIC_SEQ_CST) & HVM_REQ_INIT))
		return;
	__atomic_store_n(&h->sipi_vector, vector, __ATOMIC_SEQ_CST);
	__atomic_fetch_or(&h->requests, HVM_REQ_SIPI, __ATOMIC_SEQ_CST);
	vcpu_up(v);
}

static void start_at(struct vcpu *v, uint8_t vector)
{
	set_seg(v, HVM_CS, (uint16_t)(vector << 8), (uint64_t)vector << 12, 0xffff, ATTR_CODE16);
	v->regs.rip = 0;
	__atomic_store_n(&v->hvm->wait_sipi, false, __ATOMIC_SEQ_CST);
}

bool hvm_handle_requests(struct vcpu *v)
{
	struct hvm_vcpu *h = v->hvm;
	uint32_t requests = __atomic_exchange_n(&h->requests, 0, __ATOMIC_SEQ_CST);

	if (requests & HVM_REQ_INIT) {
		hvm_reset_state(v);
		vlapic_reset(v);
		__atomic_store_n(&h->wait_sipi, true, __ATOMIC_SEQ_CST);
	}
	if ((requests & HVM_REQ_SIPI) && h->wait_sipi) {
		start_at(v, __atomic_load_n(&h->sipi_vector, __ATOMIC_SEQ_CST));
		return true;
	}
	if (!h->wait_sipi)
		return true;
	vcpu_down(v);
	/* A SIPI that came while it went down found it still up. */
	if (__atomic_load_n(&h->requests, __ATOMIC_SEQ_CST))
		vcpu_up(v);
	return false;
}
