/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "lib/types.h"

/* The control block (APM vol. 2, appendix B). */

struct vmcb_seg {
	uint16_t sel;
	uint16_t attr;
	uint32_t limit;
	uint64_t base;
};

struct vmcb {
	uint32_t intercept_cr; /* 0x000: reads low, writes high */
	uint32_t intercept_dr;
	uint32_t intercept_exceptions;
	uint32_t intercept_1;
	uint32_t intercept_2;
	uint32_t intercept_3;
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
	uint8_t reserved_0e0[0x400 - 0xe0];

	struct vmcb_seg es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr; /* 0x400 */
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
static_assert(offsetof(struct vmcb, cpl) == 0x4cb, "APM vol. 2, table B-2");
static_assert(offsetof(struct vmcb, cr4) == 0x548, "APM vol. 2, table B-2");
static_assert(offsetof(struct vmcb, rsp) == 0x5d8, "APM vol. 2, table B-2");
static_assert(offsetof(struct vmcb, cr2) == 0x640, "APM vol. 2, table B-2");
static_assert(offsetof(struct vmcb, pat) == 0x668, "APM vol. 2, table B-2");

#define SVM_CR_WRITE(n) (1u << (16 + (n)))

#define SVM_INT_TPR        0xffULL
#define SVM_INT_IRQ        (1ULL << 8)
#define SVM_INT_PRIO_MAX   (0xfULL << 16)
#define SVM_INT_IGNORE_TPR (1ULL << 20)
#define SVM_INT_MASKING    (1ULL << 24)

#define SVM_SHADOW 1ULL

#define SVM_EVENT_ERROR (1ULL << 11)
#define SVM_EVENT_VALID (1ULL << 31)

/* Exit codes: APM vol. 2, appendix C. From INTR on they are numbered as their bits in intercept words 1 and 2. */
#define SVM_INTERCEPT(what)    (1u << (SVM_EXIT_##what & 0x1f))
#define SVM_EXIT_CR_WRITE(n)   (0x10 + (n))
#define SVM_EXIT_DR_READ_FIRST 0x20
#define SVM_EXIT_DR_WRITE_LAST 0x3f
#define SVM_EXIT_EXCEPTION(n)  (0x40 + (n))
#define SVM_EXIT_INTR          0x60
#define SVM_EXIT_NMI           0x61
#define SVM_EXIT_SMI           0x62
#define SVM_EXIT_INIT          0x63
#define SVM_EXIT_VINTR         0x64
#define SVM_EXIT_RDPMC         0x6f
#define SVM_EXIT_CPUID         0x72
#define SVM_EXIT_RSM           0x73
#define SVM_EXIT_IRET          0x74
#define SVM_EXIT_INVD          0x76
#define SVM_EXIT_PAUSE         0x77
#define SVM_EXIT_HLT           0x78
#define SVM_EXIT_INVLPGA       0x7a
#define SVM_EXIT_IOIO          0x7b
#define SVM_EXIT_MSR           0x7c
#define SVM_EXIT_TASK_SWITCH   0x7d
#define SVM_EXIT_SHUTDOWN      0x7f
#define SVM_EXIT_VMRUN         0x80
#define SVM_EXIT_VMMCALL       0x81
#define SVM_EXIT_VMLOAD        0x82
#define SVM_EXIT_VMSAVE        0x83
#define SVM_EXIT_STGI          0x84
#define SVM_EXIT_CLGI          0x85
#define SVM_EXIT_SKINIT        0x86
#define SVM_EXIT_WBINVD        0x89
#define SVM_EXIT_MONITOR       0x8a
#define SVM_EXIT_MWAIT         0x8b
#define SVM_EXIT_MWAIT_ARMED   0x8c
#define SVM_EXIT_XSETBV        0x8d
#define SVM_EXIT_NPF           0x400
#define SVM_EXIT_INVALID       (-1) /* 64 bits of it, or 32 */
