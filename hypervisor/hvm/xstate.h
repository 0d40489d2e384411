/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "core/vcpu.h"

/** Components guests may enable in XCR0; 0 when the host has no XSAVE. */
extern uint64_t xstate_mask;
/** Bytes of an area that holds @components, of which the CPU has all. In cpuid.c. */
uint32_t xstate_size(uint64_t components);
/** Find out what the host has. Boot CPU. Return: 0, -ENOMEM. */
int must_check xstate_init(void);
/** The state after power-on. */
void xstate_reset(struct vcpu *v);
/** Put @v's state into this CPU, and take it out. */
void xstate_load(struct vcpu *v);
void xstate_save(struct vcpu *v);
/** XSETBV by @v, current. Return: 0, or -EINVAL for #GP. */
int must_check xstate_set_xcr0(struct vcpu *v, uint64_t xcr0);
/** Set the FXSAVE image that the state of a vCPU that does not run begins with. */
void xstate_set_legacy(struct vcpu *v, const uint8_t image[512]);
