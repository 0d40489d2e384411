// SPDX-License-Identifier: Apache-2.0
/*
 * What a guest's instruction does where the hardware stops it: the code is fetched and decoded, and its
 * accesses go to memory, emulated devices, host device memory, ports, or nothing.
 */
#include "hvm/exits.h"

#include "arch/x86/cpu/regs.h"
#include "core/console.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/frames.h"
#include "vdev/vioapic.h"

#define PORT_PIT_FIRST 0x40
#define PORT_PIT_LAST  0x42
#define PORT_DEBUG     0xe9 /* text for the log, one byte at a time */

/* ---- code ---- */

static uint8_t code_width(const struct vcpu *v)
{
	struct hvm_segment cs;

	if (virt->get_mode(v).code64)
		return 8;
	virt->get_segment(v, HVM_CS, &cs);
	return cs.attr & HVM_SEG_DB ? 4 : 2;
}

/* The bytes at RIP, from the hardware if it gives them. Return: how many. */
static size_t code_bytes(struct vcpu *v, uint8_t code[EMUL_INSN_MAX])
{
	size_t got = virt->insn_bytes(v, code, EMUL_INSN_MAX);
	struct guest_paging paging;
	struct hvm_segment cs;
	uint64_t at = v->regs.rip;

	if (got)
		return got;
	if (!virt->get_mode(v).code64) {
		virt->get_segment(v, HVM_CS, &cs);
		at = (at + cs.base) & 0xffffffff;
	}
	virt->get_paging(v, &paging);
	while (got < EMUL_INSN_MAX) {
		size_t n = min(EMUL_INSN_MAX - got, (size_t)(PAGE_SIZE - (at & ~PAGE_MASK)));

		if (guest_fetch(v, &paging, code + got, at, n))
			break;
		got += n;
		at += n;
	}
	return got;
}

int hvm_decode(struct vcpu *v, struct emul_insn *insn)
{
	uint8_t code[EMUL_INSN_MAX];
	size_t len = code_bytes(v, code);

	return emul_decode(&v->regs, code_width(v), code, len, insn);
}

__noinline unsigned int hvm_insn_find(struct vcpu *v, enum emul_op what)
{
	struct emul_insn insn;

	if (hvm_decode(v, &insn) || insn.op != what)
		return 0;
	*hvm_insn_slot(v) =
		(struct insn_cache_entry){v->regs.rip, v->hvm->exit_cr3, (uint8_t)what, insn.len};
	return insn.len;
}

/* ---- ports ---- */

/*
 * No device stands behind any port that exits: reads float high, writes are lost. Only the counters of
 * the absent PIT read as zero: Linux calibrates its TSC by waiting for a counter to leave 0xff, and would
 * read 100,000 times before it gives up.
 */
static int access_port(void *arg, uint16_t port, unsigned int size, uint32_t *value, bool write)
{
	const struct vcpu *v = arg;
	char c = (char)*value;

	if (write) {
		if (port == PORT_DEBUG && size == 1 && !v->domain->is_hwdom)
			console_write_guest(v->domain->id, &c, 1);
	} else if (port >= PORT_PIT_FIRST && port <= PORT_PIT_LAST) {
		*value = 0;
	} else {
		*value = size >= 4 ? 0xffffffff : (1u << (8 * size)) - 1;
	}
	return 0;
}

/* ---- memory ---- */

static bool is_device(struct vcpu *v, uint64_t gpa)
{
	return vlapic_covers(v, gpa) || vioapic_covers(v->domain, gpa);
}

static uint32_t read_register(struct vcpu *v, uint64_t gpa)
{
	return vlapic_covers(v, gpa) ? vlapic_read(v, (uint32_t)(gpa & ~PAGE_MASK)) :
				       vioapic_read(v->domain, gpa);
}

static void write_register(struct vcpu *v, uint64_t gpa, uint32_t value)
{
	if (vlapic_covers(v, gpa))
		vlapic_write(v, (uint32_t)(gpa & ~PAGE_MASK), value);
	else
		vioapic_write(v->domain, gpa, value);
}

/*
 * Device registers are 32 bits wide; narrower and unaligned reads see part of one, but only whole, aligned
 * registers can be written (APM vol. 2, 16.3.1).
 */
static void access_device(struct vcpu *v, uint64_t gpa, uint8_t *buf, unsigned int len, bool write)
{
	uint32_t value;

	if (write && len >= 4 && !(gpa & 3)) {
		memcpy(&value, buf, sizeof(value));
		write_register(v, gpa, value);
	}
	while (!write && len) {
		unsigned int n = min(len, 4 - (unsigned int)(gpa & 3));

		value = read_register(v, gpa & ~3ULL) >> (8 * (gpa & 3));
		memcpy(buf, &value, n);
		buf += n;
		gpa += n;
		len -= n;
	}
}

/* Within one page. What is not there reads as ones, and writes to it are lost. */
static void access_gpa(struct vcpu *v, uint64_t gpa, uint8_t *buf, unsigned int len, bool write)
{
	int rc;

	if (is_device(v, gpa)) {
		access_device(v, gpa, buf, len, write);
		return;
	}
	rc = write ? guest_write_phys(v->domain, gpa, buf, len) :
		     guest_read_phys(v->domain, buf, gpa, len);
	if (rc && !write)
		memset(buf, 0xff, len);
}

/* The operand may reach into a second page; both are found before either is touched. */
static int access_memory(void *arg, uint64_t gva, void *buf, unsigned int len, bool write)
{
	unsigned int first = min(len, (unsigned int)(PAGE_SIZE - (gva & ~PAGE_MASK)));
	enum guest_access kind = write ? GUEST_WRITE : GUEST_READ;
	struct guest_paging paging;
	struct guest_fault fault;
	uint64_t gpa[2] = {0};
	struct vcpu *v = arg;
	int rc;

	virt->get_paging(v, &paging);
	rc = guest_walk(v, &paging, gva, kind, &gpa[0], &fault);
	if (!rc && first < len)
		rc = guest_walk(v, &paging, gva + first, kind, &gpa[1], &fault);
	if (rc) {
		hvm_inject_fault(v, &fault);
		return rc;
	}
	access_gpa(v, gpa[0], buf, first, write);
	access_gpa(v, gpa[1], (uint8_t *)buf + first, len - first, write);
	return 0;
}

/* ---- instructions ---- */

/* Emulate the instruction at RIP on whatever its operands are. */
static void emulate(struct vcpu *v)
{
	struct emul_ctx ctx = {.regs = &v->regs,
			       .width = code_width(v),
			       .mem = access_memory,
			       .port = access_port,
			       .arg = v};
	struct emul_insn insn;
	uint64_t rip = v->regs.rip;
	int rc = hvm_decode(v, &insn);

	if (!rc && insn.form < EMUL_STRING)
		rc = -EINVAL; /* it has been changed meanwhile */
	if (rc) {
		/* While an event is delivered it was not the instruction that came here. */
		if (rc == -EINVAL && !v->hvm->event.valid)
			hvm_inject_exception(v, X86_TRAP_UD, HVM_NO_ERROR);
		else
			hvm_inject_exception(v, X86_TRAP_GP, 0);
		return;
	}
	for (unsigned int i = 0; i < EMUL_NR_SEGS; i++) {
		struct hvm_segment seg;

		virt->get_segment(v, (enum hvm_seg)i, &seg);
		ctx.seg_base[i] = seg.base;
	}
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
	size_t got = code_bytes(v, code);
	unsigned int reg, len = emul_decode_mov(code, got, code_width(v), write, &reg);

	if (!len || (gpa & 3))
		return false;
	if (write)
		write_register(v, gpa, (uint32_t)v->regs.gpr[reg]);
	else
		v->regs.gpr[reg] = read_register(v, gpa);
	hvm_advance(v, len);
	return true;
}

/* ---- exits ---- */

void hvm_exit_io(struct vcpu *v, uint16_t port, unsigned int size, bool write, uint64_t next_rip)
{
	uint32_t value = (uint32_t)v->regs.rax;

	access_port(v, port, size, &value, write);
	if (!write)
		emul_set_reg(&v->regs.rax, size, value);
	hvm_advance(v, (unsigned int)(next_rip - v->regs.rip));
}

void hvm_exit_string_io(struct vcpu *v)
{
	emulate(v);
}

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
			emulate(v);
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
		emulate(v);
}
