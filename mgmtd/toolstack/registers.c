/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "hypercall.h"

#define ROW(name, field)                                 \
	{                                                \
		name, offsetof(struct hvm_hw_cpu, field) \
	}

static const struct {
	const char *name;
	size_t offset;
} rows[TS_REGISTERS] = {
	ROW("rip", rip), ROW("rflags", rflags), ROW("rsp", rsp),       ROW("rbp", rbp),
	ROW("rax", rax), ROW("rbx", rbx),       ROW("rcx", rcx),       ROW("rdx", rdx),
	ROW("rsi", rsi), ROW("rdi", rdi),       ROW("r8", r8),         ROW("r9", r9),
	ROW("r10", r10), ROW("r11", r11),       ROW("r12", r12),       ROW("r13", r13),
	ROW("r14", r14), ROW("r15", r15),       ROW("cr0", cr0),       ROW("cr2", cr2),
	ROW("cr3", cr3), ROW("cr4", cr4),       ROW("efer", msr_efer), ROW("gs_base", gs_base),
};

int ts_domain_registers(struct toolstack *ts, uint32_t domid, uint32_t vcpu,
			struct ts_register *out, struct ts_error *err)
{
	struct hvm_hw_cpu cpu;
	int rc = hv_get_cpu(ts, domid, vcpu, &cpu);

	if (rc)
		return ts_fail(err, TS_EHYPERVISOR, rc,
			       "the hypervisor does not tell the registers of domain %u: %s", domid,
			       strerror(-rc));
	for (size_t i = 0; i < TS_REGISTERS; i++) {
		out[i].name = rows[i].name;
		memcpy(&out[i].value, (const uint8_t *)&cpu + rows[i].offset, sizeof(out[i].value));
	}
	return 0;
}
