/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_UART_H
#define CORE_UART_H

#include "lib/types.h"

#define UART_ISA_IRQ 4

/** Set the first serial port (0x3f8) to 115200 8n1. Return: whether there is one. */
bool uart_init(void);

/** Send @len bytes, waiting as the port needs it. Context: any; the caller serialises. */
void uart_write(const char *buf, size_t len);

/** The next byte received, or -1. */
int uart_read(void);

/** Have the port interrupt when bytes come in. */
void uart_enable_input(void);

#endif
