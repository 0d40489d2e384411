/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "core/guest_ops.h"
#include "core/vcpu.h"

/* Segments: the six of the instruction set in its numbering, then the system ones; SVM's order. */
enum hvm_seg {
	HVM_ES,
	HVM_CS,
	HVM_SS,
	HVM_DS,
	HVM_FS,
	HVM_GS,
	HVM_GDTR,
	HVM_LDTR,
	HVM_IDTR,
	HVM_TR,
	HVM_NR_SEGS,
};

/* Attributes packed into 12 bits: type 0-3, S 4, DPL 5-6, P 7, AVL 8, L 9, D/B 10, G 11. */
#define HVM_SEG_L  (1u << 9)
#define HVM_SEG_DB (1u << 10)

struct hvm_segment {
	uint16_t sel;
	uint16_t attr;
	uint32_t limit; /* in bytes */
	uint64_t base;
};

/* Registers beside the general ones, and the names of their fields in the control block. */
#define HVM_FOR_EACH_REG(op)                                                                      \
	op(HVM_CR0, cr0), op(HVM_CR2, cr2), op(HVM_CR3, cr3), op(HVM_CR4, cr4), op(HVM_DR6, dr6), \
		op(HVM_DR7, dr7), op(HVM_EFER, efer), op(HVM_PAT, pat),                           \
		op(HVM_SYSENTER_CS, sysenter_cs), op(HVM_SYSENTER_ESP, sysenter_esp),             \
		op(HVM_SYSENTER_EIP, sysenter_eip), op(HVM_KERNEL_GS_BASE, kernel_gs_base),       \
		op(HVM_LSTAR, lstar), op(HVM_STAR, star), op(HVM_CSTAR, cstar),                   \
		op(HVM_SFMASK, sfmask)

enum hvm_reg {
#define NAME(reg, field) reg
	HVM_FOR_EACH_REG(NAME),
#undef NAME
	HVM_NR_REGS,
};

/* What its code may do and how it is decoded. */
struct hvm_mode {
	uint8_t cpl;
	bool code64; /* 64-bit code: long mode, not its compatibility mode */
};

/* Events as EVENTINJ (APM vol. 2, 15.20) and save records number their types. */
enum hvm_event_type { HVM_EV_INTR = 0, HVM_EV_NMI = 2, HVM_EV_EXCEPTION = 3, HVM_EV_SOFT = 4 };

struct hvm_event {
	bool valid;
	uint8_t type;
	uint8_t vector;
	bool has_error;
	uint32_t error;
};

/* Exits the backend can be asked to make, until asked otherwise. */
enum hvm_window {
	HVM_WINDOW_INTR, /* when the guest could take an interrupt */
	HVM_WINDOW_NMI,  /* when it leaves its NMI handler */
	HVM_WINDOW_TPR,  /* when it lowers CR8 */
	HVM_NR_WINDOWS,
};

/**
 * One kind of virtualization hardware. All calls but init work on a vCPU that runs here or is
 * descheduled; nobody else knows what the hardware's control block looks like.
 */
struct virt_ops {
	/** Boot CPU: is the hardware usable? Return: 0, -ENODEV. */
	int (*init)(void);
	/** Switch it on, on this CPU. */
	int (*cpu_init)(void);
	/** A control block in the state after INIT. */
	int (*vcpu_init)(struct vcpu *v);
	void (*vcpu_fini)(struct vcpu *v);
	/**
	 * Run the guest until its next exit. v->regs and hvm->shadow go in and come out; hvm->exit_cr3
	 * comes out, and hvm->next_rip if the hardware tells the address of the next instruction.
	 */
	void (*enter)(struct vcpu *v);
	/** Act on the exit that ended enter(). */
	void (*handle_exit)(struct vcpu *v);
	void (*get_segment)(const struct vcpu *v, enum hvm_seg seg, struct hvm_segment *out);
	void (*set_segment)(struct vcpu *v, enum hvm_seg seg, const struct hvm_segment *in);
	uint64_t (*get_reg)(const struct vcpu *v, enum hvm_reg reg);
	void (*set_reg)(struct vcpu *v, enum hvm_reg reg, uint64_t value);
	struct hvm_mode (*get_mode)(const struct vcpu *v);
	void (*get_paging)(const struct vcpu *v, struct guest_paging *paging);
	/** Deliver @event, which is no interrupt, by the next entry; once an entry. */
	void (*inject)(struct vcpu *v, const struct hvm_event *event);
	/** Ask for exits, or no longer. HVM_WINDOW_INTR, set or closed, ends what offer() began. */
	void (*set_window)(struct vcpu *v, enum hvm_window window, bool on);
	/** Deliver the interrupt @vector as soon as the guest can take one, after what inject() gave it. */
	void (*offer)(struct vcpu *v, uint8_t vector);
	/** Whether what was offered last is still to be taken; not for when HVM_WINDOW_INTR is set. */
	bool (*offers)(const struct vcpu *v);
	/** The guest's debug registers are (not) in the CPU: trap accesses when not. */
	void (*trap_debug_regs)(struct vcpu *v, bool trap);
	/** Bytes of the instruction that made the exit, if the hardware gave them. Return: how many. */
	size_t (*insn_bytes)(const struct vcpu *v, uint8_t *buf, size_t size);
	/** One line on the last exit, for the log of a crash. */
	void (*describe_exit)(const struct vcpu *v, char *buf, size_t size);
};

extern const struct virt_ops *virt;
extern const struct virt_ops svm_ops;
