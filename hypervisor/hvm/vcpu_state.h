/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "abi/xen.h"
#include "core/vcpu.h"
#include "hvm/virt_ops.h"

#define HVM_PAT_RESET 0x0007040600070406ULL /* APM vol. 2, 7.8.2 */

#define RFLAGS_FIXED (1ULL << 1)
#define RFLAGS_TF    (1ULL << 8)
#define RFLAGS_IF    (1ULL << 9)
#define RFLAGS_RF    (1ULL << 16)
#define RFLAGS_VM    (1ULL << 17)
#define RFLAGS_AC    (1ULL << 18)

/* Requests of other CPUs, for the vCPU to act on when it next runs. */
#define HVM_REQ_INIT 1u
#define HVM_REQ_SIPI 2u

/* What exits are counted by, and what the toolstack calls it. */
#define HVM_FOR_EACH_EXIT(op)                                                                      \
	op(HVM_EXIT_INTR, "interrupt"), op(HVM_EXIT_NMI, "NMI"), op(HVM_EXIT_WINDOW, "window"),    \
		op(HVM_EXIT_CPUID, "CPUID"), op(HVM_EXIT_HLT, "HLT"),                              \
		op(HVM_EXIT_HYPERCALL, "hypercall"), op(HVM_EXIT_MSR, "MSR"),                      \
		op(HVM_EXIT_IO, "I/O"), op(HVM_EXIT_NPF, "NPF"), op(HVM_EXIT_CACHE, "cache"),      \
		op(HVM_EXIT_PAUSE, "PAUSE"), op(HVM_EXIT_XSETBV, "XSETBV"), op(HVM_EXIT_CR, "CR"), \
		op(HVM_EXIT_DR, "DR"), op(HVM_EXIT_EXCEPTION, "exception"),                        \
		op(HVM_EXIT_FORBIDDEN, "forbidden"), op(HVM_EXIT_FATAL, "fatal")

enum hvm_exit {
#define NUMBER(number, name) number
	HVM_FOR_EACH_EXIT(NUMBER),
#undef NUMBER
	HVM_EXIT_NR,
};

/* Lengths of instructions met at exits, where the hardware does not tell them. */
#define INSN_CACHE_SIZE 16u
struct insn_cache_entry {
	uint64_t rip;
	uint64_t cr3;
	uint8_t what; /* enum emul_op */
	uint8_t len;
};

struct hvm_vcpu {
	void *control;          /* [c] the backend's */
	struct hvm_event event; /* to deliver at the next entry */
	uint32_t requests;      /* [a] HVM_REQ_* */
	uint8_t sipi_vector;    /* [a] */
	bool wait_sipi;         /* started by SIPI only */
	bool nmi_pending;       /* [a] */
	bool nmi_masked;        /* inside its NMI handler */
	bool shadow;            /* interrupts held off for one instruction */
	bool accepted;          /* what was offered last is in service in the local APIC */
	uint8_t windows;        /* what the backend was asked for: bit per enum hvm_window */
	uint64_t next_rip;      /* after the instruction that exited, 0 = not told */
	uint64_t exit_cr3;      /* as it was at the exit */

	bool loaded;       /* FPU and TSC_AUX are in the CPU */
	bool debug_loaded; /* so are DR0-DR3 */
	uint64_t dr[4];
	uint64_t xcr0;
	uint64_t tsc_aux;
	void *xstate; /* [c] one page */

	struct hvm_hw_mtrr mtrr;
	struct insn_cache_entry insn_cache[INSN_CACHE_SIZE];
	uint64_t exits[HVM_EXIT_NR];
};
