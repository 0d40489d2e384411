// SPDX-License-Identifier: Apache-2.0
/* What rooms under test call and no test looks at: the console, the wall clock, hardware virtualization. */
#include <string.h>

#include "arch/x86/cpu/clock.h"
#include "core/console.h"
#include "core/wallclock.h"
#include "hvm/hvm.h"
#include "lib/errno.h"
#include "vdev/vlapic.h"

struct clock_scale clock_scale = {.mul_frac = 1U << 31, .shift = 1};
uint64_t clock_tsc_khz = 1000000;
struct boot_info boot_info = {.cmdline = "console=com1"};

/* ---- console, wall clock ---- */

void printk(const char *fmt, ...)
{
	(void)fmt;
}

void console_register_key(char key, const char *what, void (*fn)(void))
{
	(void)key;
	(void)what;
	(void)fn;
}

bool console_handle_key(char key)
{
	return key == 'h';
}

void wallclock_update_domain(struct domain *d)
{
	(void)d;
}

void wallclock_set(uint64_t sec, uint32_t nsec, uint64_t system_time)
{
	(void)sec;
	(void)nsec;
	(void)system_time;
}

/* ---- hardware virtualization ---- */

const char *hvm_exit_count(const struct vcpu *v, unsigned int why, uint64_t *count)
{
	static const char *const names[] = {"first", "never", "last"};

	if (why >= ARRAY_SIZE(names))
		return NULL;
	*count = why == 1 ? 0 : v->exits + why;
	return names[why];
}

size_t hvm_save_size(struct domain *d)
{
	return 8u * d->max_vcpus;
}

int hvm_save(struct domain *d, void *buf, size_t size, size_t *written)
{
	if (size < hvm_save_size(d))
		return -ENOSPC;
	memset(buf, 0x5a, hvm_save_size(d));
	*written = hvm_save_size(d);
	return 0;
}

int hvm_load(struct domain *d, const void *buf, size_t size)
{
	(void)d;
	return size && *(const uint8_t *)buf == 0x5a ? 0 : -EINVAL;
}

int hvm_save_one(struct domain *d, uint32_t type, uint32_t instance, union hvm_record *data,
		 size_t *len)
{
	if (type != HVM_SAVE_CODE(CPU) || instance >= d->max_vcpus)
		return -EINVAL;
	data->cpu = (struct hvm_hw_cpu){.rip = 0x1234};
	*len = sizeof(data->cpu);
	return 0;
}

void hvm_cpuid(struct vcpu *v, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
	(void)v;
	(void)subleaf;
	memset(out, 0, 4 * sizeof(out[0]));
	if (leaf == 0)
		out[0] = 0xd;
	if (leaf == 0x80000000)
		out[0] = 0x80000008;
	if (leaf == 1)
		out[1] = 0xff000000;
}

void hvm_request_nmi(struct vcpu *v)
{
	(void)v;
}

void vlapic_deliver_msi(struct domain *d, uint64_t address, uint32_t data)
{
	(void)d;
	(void)address;
	(void)data;
}
