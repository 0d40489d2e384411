/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "core/hypercall.h"
#include "lib/errno.h"

/* How an operation is called. */
enum {
	OP_BACK =
		1, /* its argument carries an answer: copied back when it succeeds, or says -ENOBUFS */
	OP_HWDOM = 2,    /* by the hardware domain alone: -EPERM */
	OP_NOT_SELF = 4, /* on any domain but the caller's own: -EINVAL */
	OP_ALIVE = 8,    /* not on a domain that is being destroyed: -EINVAL */
	OP_FIXED = 16,   /* has no function: the answer is always the same */
	OP_PAUSED = 32,  /* the domain's vCPUs stand still meanwhile; with OP_NOT_SELF */
};

/* One operation of a hypercall that has many. */
struct op_row {
	hypercall_fn *fn;
	int32_t answer; /* OP_FIXED's */
	uint32_t cmd;   /* its number, if that is not its place in the table */
	uint8_t size;   /* of the argument; 0: the operation finds its own, if any */
	uint8_t domid;  /* 1 + where in it the domain is named; 0: nowhere */
	uint8_t flags;  /* OP_* */
};

#define OP(f, type, how)                                        \
	{                                                       \
		.fn = (f), .size = sizeof(type), .flags = (how) \
	}
#define OP_ON(f, type, field, how)                                                   \
	{                                                                            \
		.fn = (f), .size = sizeof(type), .domid = 1 + offsetof(type, field), \
		.flags = (how)                                                       \
	}
/* At a number far from the others; such rows stand last. */
#define OP_AT(nr, f, type, field, how)                                                            \
	{                                                                                         \
		.fn = (f), .cmd = (nr), .size = sizeof(type), .domid = 1 + offsetof(type, field), \
		.flags = (how)                                                                    \
	}
#define OP_ANSWER(n)                             \
	{                                        \
		.answer = (n), .flags = OP_FIXED \
	}

/**
 * Perform @row on the argument that is at hc->op: find and hold the domain it names, call, copy back.
 * Return: what the operation does; -ESRCH, -EPERM, -EINVAL, -EFAULT.
 */
long op_perform(struct hypercall *hc, const struct op_row *row);
/**
 * A hypercall of the tools: its one argument, of @size bytes, begins with the operation's number and the
 * version of the interface. Return: as op_perform(), -EFAULT, -EACCES (another version), -ENOSYS.
 */
long op_run_versioned(struct hypercall *hc, const struct op_row *rows, size_t nr, size_t size,
		      uint32_t version);
/** op_perform() after copying the argument in from hc->gva. */
long op_copy_perform(struct hypercall *hc, const struct op_row *row);

/** Operation @cmd of the @nr there are, with its argument at @gva. Return: as op_perform(), or -ENOSYS. */
static inline long op_run(struct hypercall *hc, const struct op_row *rows, size_t nr, uint64_t cmd,
			  uint64_t gva)
{
	if (cmd >= nr)
		return -ENOSYS;
	if (!rows[cmd].fn)
		return rows[cmd].flags & OP_FIXED ? rows[cmd].answer : -ENOSYS;
	hc->gva = gva;
	return rows[cmd].size ? op_copy_perform(hc, &rows[cmd]) : rows[cmd].fn(hc);
}
