/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "lib/printf.h"

#define CONSOLE_RING_SIZE 65536u

/** Prepare the log ring and the first serial port (115200 8n1). Context: boot, first of all. */
void console_init(void);

/** Apply `loglevel=` and `console=none` of @cmdline. */
void console_configure(const char *cmdline);

/** Enable the receive interrupt, once the IO-APIC works. */
void console_enable_input(void);

/**
 * Write @len bytes of domain 0's console as they are, @len so few that a port with room takes them at once.
 * Return: false if it has no room, and nothing was written. Context: any.
 */
bool must_check console_write_hwdom(const char *buf, size_t len);

/**
 * Write @len bytes of domain @domid's console, line by line with its domid in front, and no more than
 * the log can bear. Context: any.
 */
void console_write_guest(uint16_t domid, const char *buf, size_t len);

/**
 * Copy log bytes from the ring, from position *@index on when @incremental (older ones that
 * were overwritten are skipped), else from the oldest.
 * *@index becomes the position to go on from. Return: bytes copied, at most @size.
 */
uint32_t console_read_ring(char *buf, uint32_t size, bool incremental, uint32_t *index);

/** Forget what is in the ring. */
void console_clear_ring(void);

/** The next byte typed on the serial port, or -1. Context: any. */
int console_getc(void);

/** Put a byte into the input as if typed. */
void console_push_input(char c);

/** Called (from the receive interrupt) when input waits: raises VIRQ_CONSOLE; hypercall/table.c's. */
void console_input_waits(void);

/** Call @fn when Ctrl-A three times and then the key @key are typed. */
void console_register_key(char key, const char *what, void (*fn)(void));

/** Do what @key does; false when nothing is registered for it. */
bool console_handle_key(char key);

/** From now on print without taking locks, at any level. Context: panic. */
void console_force(void);

/** Register the debug keys about the host itself. Context: boot, once. */
void keys_init(void);
