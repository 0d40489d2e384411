/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "hvm/svm/asid.h"
#include "hvm/virt_ops.h"

/* The control block (APM vol. 2, appendix B). */

struct vmcb {
	uint32_t intercept[6]; /* 0x000: a bit for every exit code below 0xc0 */
	uint8_t reserved_018[0x3c - 0x18];
	uint16_t pause_threshold;
	uint16_t pause_count;
	uint64_t iopm; /* 0x040 */
	uint64_t msrpm;
	uint64_t tsc_offset;
	uint32_t asid; /* 0x058 */
	uint8_t tlb_control;
	uint8_t reserved_05d[3];
	uint64_t int_ctl; /* 0x060 */
	uint64_t int_state;
	uint64_t exit_code; /* 0x070 */
	uint64_t exit_info_1;
	uint64_t exit_info_2;
	uint64_t exit_int_info;
	uint64_t np_control; /* 0x090 */
	uint8_t reserved_098[0xa8 - 0x98];
	uint64_t event_inj; /* 0x0a8 */
	uint64_t nested_cr3;
	uint64_t lbr_control;
	uint32_t clean; /* 0x0c0 */
	uint32_t reserved_0c4;
	uint64_t next_rip; /* 0x0c8 */
	uint8_t insn_len;  /* 0x0d0 */
	uint8_t insn_bytes[15];
	uint8_t reserved_0e0[0x3e0 - 0xe0];
	struct { /* the hypervisor's own, which the CPU leaves alone */
		struct asid asid;
		uint64_t tlb_gen; /* p2m.tlb_gen its ASID's entries may stem from */
		paddr_t pa;       /* of the block */
	} own;

	struct hvm_segment seg[HVM_NR_SEGS]; /* 0x400 */
	uint8_t reserved_4a0[0x4cb - 0x4a0];
	uint8_t cpl; /* 0x4cb */
	uint32_t reserved_4cc;
	uint64_t efer; /* 0x4d0 */
	uint8_t reserved_4d8[0x548 - 0x4d8];
	uint64_t cr4; /* 0x548 */
	uint64_t cr3;
	uint64_t cr0;
	uint64_t dr7;
	uint64_t dr6;
	uint64_t rflags; /* 0x570 */
	uint64_t rip;
	uint8_t reserved_580[0x5d8 - 0x580];
	uint64_t rsp; /* 0x5d8 */
	uint8_t reserved_5e0[0x5f8 - 0x5e0];
	uint64_t rax; /* 0x5f8 */
	uint64_t star;
	uint64_t lstar;
	uint64_t cstar;
	uint64_t sfmask;
	uint64_t kernel_gs_base;
	uint64_t sysenter_cs;
	uint64_t sysenter_esp;
	uint64_t sysenter_eip;
	uint64_t cr2; /* 0x640 */
	uint8_t reserved_648[0x668 - 0x648];
	uint64_t pat; /* 0x668 */
	uint64_t debugctl;
	uint8_t reserved_678[0x1000 - 0x678];
};
static_assert(sizeof(struct vmcb) == 4096, "one page");
static_assert(offsetof(struct vmcb, int_ctl) == 0x60, "APM vol. 2, table B-1");
static_assert(offsetof(struct vmcb, event_inj) == 0xa8, "APM vol. 2, table B-1");
static_assert(offsetof(struct vmcb, next_rip) == 0xc8, "APM vol. 2, table B-1");
static_assert(offsetof(struct vmcb, own) == 0x3e0, "APM vol. 2, table B-1");
static_assert(offsetof(struct vmcb, cpl) == 0x4cb, "APM vol. 2, table B-2");
static_assert(offsetof(struct vmcb, cr4) == 0x548, "APM vol. 2, table B-2");
static_assert(offsetof(struct vmcb, rsp) == 0x5d8, "APM vol. 2, table B-2");
static_assert(offsetof(struct vmcb, cr2) == 0x640, "APM vol. 2, table B-2");
static_assert(offsetof(struct vmcb, pat) == 0x668, "APM vol. 2, table B-2");

#define SVM_INT_TPR        0xffULL
#define SVM_INT_IRQ        (1ULL << 8)
#define SVM_INT_PRIO_MAX   (0xfULL << 16)
#define SVM_INT_IGNORE_TPR (1ULL << 20)
#define SVM_INT_MASKING    (1ULL << 24)
#define SVM_INT_VECTOR(v)  ((uint64_t)(v) << 32)
#define SVM_INT_VIRTUAL    (SVM_INT_IRQ | SVM_INT_PRIO_MAX | SVM_INT_IGNORE_TPR)

#define SVM_SHADOW 1ULL

#define SVM_EVENT_ERROR (1ULL << 11)
#define SVM_EVENT_VALID (1ULL << 31)

/* Exit codes beside those in exit.c's table (APM vol. 2, appendix C). */
#define SVM_EXIT_CR8_WRITE 0x18
#define SVM_EXIT_VINTR     0x64
#define SVM_EXIT_IRET      0x74
#define SVM_EXIT_PAUSE     0x77
#define SVM_EXIT_NPF       0x400
#define SVM_EXIT_INVALID   (-1) /* 64 bits of it, or 32 */
