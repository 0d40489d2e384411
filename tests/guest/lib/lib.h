/* What guests that go on after their misdeeds need: probes, more processors, words on the console. */
#ifndef TESTS_GUEST_LIB_H
#define TESTS_GUEST_LIB_H

#include "guest.h"

#include <xen/xen.h>

#include <xen/event_channel.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

#define MAX_CPUS  4
#define STACK     16384
#define LAPIC     0xfee00000u
#define AP_PAGE   0x8000u   /* further processors begin there */
#define IMAGE     0x400000u /* where a guest's own code and data lie, all below IMAGE_END */
#define IMAGE_END 0x600000u

/* At the bottom of each stack. */
struct cpu {
	uint64_t recover;             /* stack of the probe that runs, 0: none */
	volatile uint64_t interrupts; /* taken, NMIs too */
	uint64_t random;              /* state of its generator */
	unsigned int id;
};

static inline struct cpu *this_cpu(void)
{
	uint64_t sp;

	__asm__ volatile("mov %%rsp, %0" : "=r"(sp));
	return (struct cpu *)(sp & -(uint64_t)STACK);
}

#define call3(nr, a, b, c) \
	hypercall(nr, (const uint64_t[5]){(uint64_t)(a), (uint64_t)(b), (uint64_t)(c)})
#define call_op(nr, op, arg) call3(nr, op, (uintptr_t)(arg), 0)

void *memcpy(void *to, const void *from, unsigned long n);
void *memset(void *to, int c, unsigned long n);

/** Descriptor tables, console, and the seed and count of the command line ("seed=N calls=N"). */
void guest_setup(void *start_info);
/** Value of @name in the command line, or @otherwise. */
uint64_t guest_option(const char *name, uint64_t otherwise);
/** One of the domain's parameters, HVM_PARAM_*. */
uint64_t guest_param(uint32_t index);
/** Run fn(arg). Return: 0, or the vector + 1 of the exception that ended it. */
int probe(void (*fn)(void *), void *arg);
/** Start processor @id at fn(id), whatever it does now, and wait until it runs. */
void start_cpu(unsigned int id, void (*fn)(unsigned int id));
/** The same with processors 1 to n - 1. */
void start_cpus(unsigned int n, void (*fn)(unsigned int id));
/** The next number of this processor's generator. */
uint64_t next_random(void);
/** On the console; waits for space. */
void say(const char *text);
void say_number(const char *name, uint64_t n);
/** "done", let it be read, and crash the domain by asking for it. */
void finish(void) __attribute__((noreturn));

static inline volatile uint32_t *lapic(unsigned int reg)
{
	return (volatile uint32_t *)(uintptr_t)(LAPIC + reg);
}

#endif
