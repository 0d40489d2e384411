/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "lib/types.h"

#define UART_ISA_IRQ 4

/** Set the first serial port (0x3f8), if there is one, to 115200 8n1. */
void uart_init(void);

/** Bytes that a port with room takes at once. */
#define UART_FIFO_SIZE 16

/**
 * Whether the port has room, or will have when it has sent what it holds; one that isn't there always has.
 * Takes up to 2 ms.
 */
bool uart_has_room(void);

/** Send @len bytes, waiting as the port needs it. Context: any; the caller serialises. */
void uart_write(const char *buf, size_t len);

/** The next byte received, or -1. */
int uart_read(void);

/** Have the port interrupt when bytes come in. */
void uart_enable_input(void);
