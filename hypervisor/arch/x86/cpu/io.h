/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "lib/types.h"

/* inb() and outb(), and so on. */
#define PORT_IO(size, type)                                                    \
	static inline type in##size(uint16_t port)                             \
	{                                                                      \
		type v;                                                        \
                                                                               \
		__asm__ volatile("in" #size " %1, %0" : "=a"(v) : "Nd"(port)); \
		return v;                                                      \
	}                                                                      \
                                                                               \
	static inline void out##size(uint16_t port, type v)                    \
	{                                                                      \
		__asm__ volatile("out" #size " %0, %1" ::"a"(v), "Nd"(port));  \
	}
PORT_IO(b, uint8_t)
PORT_IO(w, uint16_t)
PORT_IO(l, uint32_t)

static inline uint32_t mmio_read32(const volatile void *p)
{
	return *(const volatile uint32_t *)p;
}

static inline void mmio_write8(volatile void *p, uint8_t v)
{
	*(volatile uint8_t *)p = v;
}

static inline void mmio_write32(volatile void *p, uint32_t v)
{
	*(volatile uint32_t *)p = v;
}
