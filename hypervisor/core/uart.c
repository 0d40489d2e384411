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
/* Looks at the port, of some 1 us each. */
#define FIFO_WAIT 2000u  /* a FIFO takes 1.4 ms to empty */
#define MAX_WAIT  20000u /* far more than that */

static bool present;
static bool stuck; /* nobody takes what we send: bytes are dropped until the port has room again */

void uart_init(void)
{
	outb(REG_SCRATCH, 0xa5);
	present = inb(REG_SCRATCH) == 0xa5;
	if (!present)
		return;
	outb(REG_IER, 0);
	outb(REG_LCR, LCR_DLAB | LCR_8N1);
	outb(REG_DATA, 1); /* divisor of 115200 */
	outb(REG_IER, 0);
	outb(REG_LCR, LCR_8N1);
	outb(REG_FCR, 0x07); /* FIFOs on, empty */
	outb(REG_MCR, MCR_READY);
}

static bool poll_room(uint32_t tries)
{
	while (tries--) {
		if (inb(REG_LSR) & LSR_TX)
			return true;
		cpu_relax();
	}
	return false;
}

bool uart_has_room(void)
{
	return !present || poll_room(stuck ? 1 : FIFO_WAIT);
}

/* A port that never empties (flow control, a terminal server that hangs) holds us up once only. */
static bool wait_room(void)
{
	stuck = !poll_room(stuck ? 1 : MAX_WAIT);
	return !stuck;
}

void uart_write(const char *buf, size_t len)
{
	while (present && len) {
		if (!wait_room())
			return;
		for (int room = UART_FIFO_SIZE; room && len; room--, len--)
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
