// SPDX-License-Identifier: Apache-2.0
/*
 * Hypercalls of domain 0 and of guests, on the hosted hypervisor. An input is records; the low two bits of
 * the first byte say who acts (see act_as()), the rest what:
 *   0-4  a hypercall: number (1 byte), three arguments (4 each), what it points to (length 1, bytes)
 *   5    bytes for what guests can name: offset (2), length (1), bytes
 *   6    bytes for a frame of the domain: number (2, the top bit asks for a grant frame), offset (2), length (1)
 *   7    time passes (2, microseconds), timers and softirqs run, preemption every so many checks (1)
 * A number 0xf0xxxx in arguments and, at multiples of eight, in bytes is made a pointer to byte xxxx.
 * After each input all domains die, and every page must be free again.
 */
#include "input.h"

#include <setjmp.h>

#include "arch/x86/mm/map.h"
#include "hv_host.h"
#include "ipc/gnttab.h"
#include "mm/frames.h"

#define POINTER     0xf00000u
#define MAX_RECORDS 64

static jmp_buf machine_gone;

static void end_machine(void)
{
	longjmp(machine_gone, 1);
}

static uint64_t relocate(uint64_t v)
{
	return v >> 16 == POINTER >> 16 ? FAKE_GVA(v & 0xffff) : v;
}

static uint64_t argument(struct input *in)
{
	uint64_t v = input_number(in, 4);

	return v == 0xffffffff ? ~0ULL : relocate(v);
}

/* Fill @to from the input. */
static void bytes_at(struct input *in, uint8_t *to, size_t offset, size_t len, size_t room)
{
	uint64_t word;

	if (offset > room)
		return;
	if (len > room - offset)
		len = room - offset;
	input_bytes(in, to + offset, len);
	for (size_t i = ALIGN_UP(offset, 8); i + 8 <= offset + len; i += 8) {
		memcpy(&word, to + i, 8);
		word = relocate(word);
		memcpy(to + i, &word, 8);
	}
}

/* 0: domain 0; 1, 2: a guest; 3: the second vCPU of guest 1. Guests that are gone are domain 0. */
static void act_as(unsigned int who)
{
	struct domain *d = domain_get(who == 3 ? 1 : (domid_t)who);
	struct vcpu *v = hwdom->vcpus[0];

	if (d && !d->dying)
		v = d->vcpus[who == 3];
	if (d)
		domain_put(d);
	fake_run_as(v);
}

static void call(struct input *in)
{
	uint64_t nr = input_number(in, 1) % 64, arg[3];

	for (unsigned int i = 0; i < 3; i++)
		arg[i] = argument(in);
	bytes_at(in, fake_guest_mem, 0, input_number(in, 1), sizeof(fake_guest_mem));
	fake_hypercall(nr, arg[0], arg[1], arg[2]);
}

static void poke_frame(struct input *in)
{
	struct domain *d = vcpu_current()->domain;
	uint64_t nr = input_number(in, 2), offset = input_number(in, 2) % PAGE_SIZE;
	size_t len = input_number(in, 1);
	mfn_t mfn;

	if (nr & 0x8000 ? gnttab_get_frame(d, nr & 0x4000, nr & 0xff, &mfn) :
			  p2m_get_own_frame(d, gfn_of(nr), true, &mfn))
		return;
	bytes_at(in, mfn_to_virt(mfn), offset, len, PAGE_SIZE);
	frame_put(mfn);
}

static void pass_time(struct input *in)
{
	fake_now += input_number(in, 2) * 1000;
	fake_preempt_every = (unsigned int)input_number(in, 1);
	/* Twice a check would never get anywhere. */
	if (fake_preempt_every == 1)
		fake_preempt_every = 2;
	fake_timers();
	fake_softirqs();
}

static void record(struct input *in)
{
	unsigned int head = (unsigned int)input_number(in, 1);
	size_t offset;

	act_as(head & 3);
	switch (head >> 2 & 7) {
	case 5:
		offset = input_number(in, 2);
		bytes_at(in, fake_guest_mem, offset, input_number(in, 1), sizeof(fake_guest_mem));
		break;
	case 6: poke_frame(in); break;
	case 7: pass_time(in); break;
	default: call(in);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct input in;

	in = (struct input){data, size};
	fake_machine_end = end_machine;
	fake_host_init();
	fake_domain_id(1, 2, 16);
	fake_domain_id(2, 1, 8);
	if (!setjmp(machine_gone))
		for (unsigned int i = 0; i < MAX_RECORDS && in.left; i++)
			record(&in);
	fake_preempt_every = 0;
	INSIST(!fake_host_fini());
	return 0;
}
