/* SPDX-License-Identifier: Apache-2.0 */
/* The first serial port, a 16550. */
#include "core/uart.h"

#include "arch/x86/cpu/asm.h"
#include "arch/x86/cpu/io.h"

#define BASE 0x3f8

#define REG_DATA    (BASE + 0)
#define REG_IER     (BASE + 1)
#define REG_FCR     (BASE + 2)
#define REG_LCR     (BASE + 3)
#define REG_MCR     (BASE + 4)
#define REG_LSR     (BASE + 5)
#define REG_SCRATCH (BASE + 7)

#define IER_RX    0x01
#define LCR_8N1   0x03
#define LCR_DLAB  0x80
#define MCR_READY 0x0b /* DTR, RTS, and OUT2, which lets the interrupt out */
#define LSR_RX    0x01
#define LSR_TX    0x20
#define FIFO_SIZE 16
#define MAX_WAIT  100000u /* about 0.1 s: a port that never empties doesn't hold us up */

static bool present;

bool uart_init(void)
{
	outb(REG_SCRATCH, 0xa5);
	present = inb(REG_SCRATCH) == 0xa5;
	if (!present)
		return false;
	outb(REG_IER, 0);
	outb(REG_LCR, LCR_DLAB | LCR_8N1);
	outb(REG_DATA, 1); /* divisor of 115200 */
	outb(REG_IER, 0);
	outb(REG_LCR, LCR_8N1);
	outb(REG_FCR, 0x07); /* FIFOs on, empty */
	outb(REG_MCR, MCR_READY);
	return true;
}

static bool wait_room(void)
{
	for (uint32_t i = 0; i < MAX_WAIT; i++) {
		if (inb(REG_LSR) & LSR_TX)
			return true;
		cpu_relax();
	}
	return false;
}

void uart_write(const char *buf, size_t len)
{
	while (present && len) {
		if (!wait_room())
			return;
		for (int room = FIFO_SIZE; room && len; room--, len--)
			outb(REG_DATA, (uint8_t)*buf++);
	}
}

int uart_read(void)
{
	if (!present || !(inb(REG_LSR) & LSR_RX))
		return -1;
	return inb(REG_DATA);
}

void uart_enable_input(void)
{
	if (present)
		outb(REG_IER, IER_RX);
}
