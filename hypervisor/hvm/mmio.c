// SPDX-License-Identifier: Apache-2.0
/* Accesses that nested paging stops, and ports: emulated devices, host device memory, nothing. */
#include "hvm/exits.h"

#include "arch/x86/cpu/regs.h"
#include "core/console.h"
#include "emul/emul.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/frames.h"
#include "vdev/vioapic.h"

#define PORT_PIT_FIRST 0x40
#define PORT_PIT_LAST  0x42
#define PORT_DEBUG     0xe9 /* text for the log, one byte at a time */

/* ---- ports ---- */

/*
 * No device stands behind any port that exits: reads float high, writes are lost. Only the counters of
 * the absent PIT read as zero: Linux calibrates its TSC by waiting for a counter to leave 0xff, and would
 * read 100,000 times before it gives up.
 */
uint32_t hvm_port_read(struct vcpu *v __unused, uint16_t port, unsigned int size)
{
	if (port >= PORT_PIT_FIRST && port <= PORT_PIT_LAST)
		return 0;
	return size >= 4 ? 0xffffffff : (1u << (8 * size)) - 1;
}

void hvm_port_write(struct vcpu *v, uint16_t port, unsigned int size, uint32_t value)
{
	char c = (char)value;

	if (port == PORT_DEBUG && size == 1 && !v->domain->is_hwdom)
		console_write_guest(v->domain->id, &c, 1);
}

/* ---- emulated memory ---- */

struct access {
	struct vcpu *v;
	struct guest_paging paging;
};

static bool is_device(struct vcpu *v, uint64_t gpa)
{
	return vlapic_covers(v, gpa) || vioapic_covers(v->domain, gpa);
}

/* Device registers are 32 bits wide; narrower and unaligned reads see part of one. */
static uint32_t device_read(struct vcpu *v, uint64_t gpa)
{
	return vlapic_covers(v, gpa) ? vlapic_read(v, (uint32_t)(gpa & ~PAGE_MASK)) :
				       vioapic_read(v->domain, gpa);
}

static void read_device(struct vcpu *v, uint64_t gpa, uint8_t *buf, unsigned int len)
{
	while (len) {
		uint32_t value = device_read(v, gpa & ~3ULL) >> (8 * (gpa & 3));
		unsigned int n = min(len, 4 - (unsigned int)(gpa & 3));

		memcpy(buf, &value, n);
		buf += n;
		gpa += n;
		len -= n;
	}
}

/* Only whole, aligned registers can be written (APM vol. 2, 16.3.1). */
static void write_device(struct vcpu *v, uint64_t gpa, const uint8_t *buf, unsigned int len)
{
	uint32_t value;

	if (len < 4 || (gpa & 3))
		return;
	memcpy(&value, buf, sizeof(value));
	if (vlapic_covers(v, gpa))
		vlapic_write(v, (uint32_t)(gpa & ~PAGE_MASK), value);
	else
		vioapic_write(v->domain, gpa, value);
}

/* Within one page. What is not there reads as ones. */
static void read_gpa(struct vcpu *v, uint64_t gpa, uint8_t *buf, unsigned int len)
{
	if (is_device(v, gpa))
		read_device(v, gpa, buf, len);
	else if (guest_read_phys(v->domain, buf, gpa, len))
		memset(buf, 0xff, len);
}

static void write_gpa(struct vcpu *v, uint64_t gpa, const uint8_t *buf, unsigned int len)
{
	if (is_device(v, gpa))
		write_device(v, gpa, buf, len);
	else if (guest_write_phys(v->domain, gpa, buf, len))
		return; /* nothing there: lost */
}

/* Where @len bytes at @gva are: *@first of them at gpa[0], the rest at the next page's gpa[1]. */
static int translate(struct access *a, uint64_t gva, unsigned int len, enum guest_access kind,
		     uint64_t gpa[2], unsigned int *first)
{
	struct guest_fault fault;
	int rc = guest_walk(a->v, &a->paging, gva, kind, &gpa[0], &fault);

	gpa[1] = 0;
	*first = min(len, (unsigned int)(PAGE_SIZE - (gva & ~PAGE_MASK)));
	if (!rc && *first < len)
		rc = guest_walk(a->v, &a->paging, gva + *first, kind, &gpa[1], &fault);
	if (rc)
		hvm_inject_fault(a->v, &fault);
	return rc;
}

static int mem_read(void *arg, uint64_t gva, void *buf, unsigned int len)
{
	struct access *a = arg;
	unsigned int first;
	uint64_t gpa[2];
	int rc = translate(a, gva, len, GUEST_READ, gpa, &first);

	if (rc)
		return rc;
	read_gpa(a->v, gpa[0], buf, first);
	read_gpa(a->v, gpa[1], (uint8_t *)buf + first, len - first);
	return 0;
}

static int mem_write(void *arg, uint64_t gva, const void *buf, unsigned int len)
{
	struct access *a = arg;
	unsigned int first;
	uint64_t gpa[2];
	int rc = translate(a, gva, len, GUEST_WRITE, gpa, &first);

	if (rc)
		return rc;
	write_gpa(a->v, gpa[0], buf, first);
	write_gpa(a->v, gpa[1], (const uint8_t *)buf + first, len - first);
	return 0;
}

static int port_in(void *arg, uint16_t port, unsigned int size, uint32_t *value)
{
	struct access *a = arg;

	*value = hvm_port_read(a->v, port, size);
	return 0;
}

static int port_out(void *arg, uint16_t port, unsigned int size, uint32_t value)
{
	struct access *a = arg;

	hvm_port_write(a->v, port, size, value);
	return 0;
}

static const struct emul_ops ops = {mem_read, mem_write, port_in, port_out};

static uint8_t code_width(struct vcpu *v)
{
	struct hvm_segment cs;

	if (hvm_long_mode(v))
		return 8;
	virt->get_segment(v, HVM_CS, &cs);
	return cs.attr & HVM_SEG_DB ? 4 : 2;
}

static size_t code_bytes(struct vcpu *v, uint8_t *code)
{
	size_t n = virt->insn_bytes(v, code, EMUL_INSN_MAX);

	return n ? n : hvm_fetch(v, code, EMUL_INSN_MAX);
}

void hvm_emulate(struct vcpu *v)
{
	struct access a = {.v = v};
	struct emul_ctx ctx = {.regs = &v->regs, .width = code_width(v), .ops = &ops, .arg = &a};
	struct emul_insn insn;
	uint8_t code[EMUL_INSN_MAX];
	uint64_t rip = v->regs.rip;
	int rc = emul_decode(&ctx, code, code_bytes(v, code), &insn);

	if (rc) {
		/* While an event is delivered it was not the instruction that came here. */
		if (rc == -EINVAL && !v->hvm->event.valid)
			hvm_inject_exception(v, X86_TRAP_UD, HVM_NO_ERROR);
		else
			hvm_inject_exception(v, X86_TRAP_GP, 0);
		return;
	}
	v->domain->ops->get_paging(v, &a.paging);
	for (unsigned int i = 0; i < EMUL_NR_SEGS; i++) {
		struct hvm_segment seg;

		virt->get_segment(v, (enum hvm_seg)i, &seg);
		ctx.seg_base[i] = seg.base;
	}
	/* RIP-relative and register operands were worked out with the bases not needed. */
	if (!emul_perform(&ctx, &insn) && v->regs.rip != rip)
		hvm_advance(v, 0);
}

/*
 * Nearly every access to a device register is a plain MOV of 32 bits. Where it goes the fault has told, so
 * there is no address to work out and no table to walk. Return: false when the emulator must do it.
 */
static bool move_device(struct vcpu *v, uint64_t gpa, bool write)
{
	uint8_t code[EMUL_INSN_MAX] = {0};
	struct emul_mov mov;
	uint32_t value;

	if ((gpa & 3) || !emul_decode_mov(code, code_bytes(v, code), code_width(v), &mov) ||
	    mov.store != write)
		return false;
	if (write) {
		value = (uint32_t)*emul_reg(&v->regs, mov.reg);
		write_device(v, gpa, (const uint8_t *)&value, sizeof(value));
	} else {
		*emul_reg(&v->regs, mov.reg) = device_read(v, gpa);
	}
	hvm_advance(v, mov.len);
	return true;
}

/* ---- nested page faults ---- */

/*
 * The hardware domain owns all memory that is neither RAM nor an emulated device, at its own address.
 * It is mapped as it is touched.
 */
static bool map_host_device(struct domain *d, gfn_t gfn)
{
	if (!d->is_hwdom || gfn.n >= GFN_LIMIT || mfn_valid(mfn_of(gfn.n)) ||
	    gfn.n == VLAPIC_DEFAULT_BASE >> PAGE_SHIFT || vioapic_covers(d, gfn.n << PAGE_SHIFT))
		return false;
	if (p2m_map(d, gfn, mfn_of(gfn.n), ORDER_4K, P2M_MMIO))
		domain_crash(d, "no memory to map device page %#lx", (unsigned long)gfn.n);
	return true;
}

void hvm_exit_npf(struct vcpu *v, uint64_t gpa, bool write, bool exec, bool walk)
{
	struct domain *d = v->domain;
	gfn_t gfn = gfn_of(gpa >> PAGE_SHIFT);
	enum p2m_type type;

	if (is_device(v, gpa) && !exec) {
		if (walk || !move_device(v, gpa, write))
			hvm_emulate(v);
		return;
	}
	p2m_lookup(d, gfn, &type, NULL);
	if (type != P2M_NONE) {
		/* Mapped meanwhile, or a stale entry: the access is simply made again. */
		if (write && type == P2M_GRANT_RO)
			hvm_inject_exception(v, X86_TRAP_GP, 0);
		return;
	}
	if (map_host_device(d, gfn))
		return;
	if (walk)
		domain_crash(d, "vCPU %u: page table at %#lx, where no memory is", v->id,
			     (unsigned long)gpa);
	else if (exec)
		hvm_inject_exception(v, X86_TRAP_GP, 0);
	else
		hvm_emulate(v);
}
