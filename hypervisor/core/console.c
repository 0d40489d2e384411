/* SPDX-License-Identifier: Apache-2.0 */
#include "core/console.h"

#include "arch/x86/cpu/acpi.h"
#include "arch/x86/cpu/clock.h"
#include "arch/x86/cpu/irq.h"
#include "core/log_ring.h"
#include "core/softirq.h"
#include "core/uart.h"
#include "lib/cmdline.h"
#include "lib/spinlock.h"
#include "lib/string.h"

#define LINE_MAX        256u
#define INPUT_SIZE      4096u /* a paste is faster than its reader */
#define ESCAPE_KEY      1     /* Ctrl-A */
#define ESCAPE_COUNT    3u
#define MAX_KEYS        128u
#define GUEST_LINE_MAX  160u
#define MAX_GUEST_LINES 64u
#define STUCK_NS        2000000000ULL /* without room for so long, nobody reads what we send */

static struct spinlock lock; /* a leaf lock; guards ring, port and guest lines */
static bool forced;          /* in panic: nobody else is left to lock out */
static bool mute;            /* nothing to the serial port */
static int max_level = 2;    /* to the serial port; all goes to the ring */
static uint64_t full_since;  /* when the port was first found without room, or 0 */
static struct log_ring ring;

/* A guest's line being collected; slot by domid. */
static struct guest_line {
	uint16_t domid, len;
	char text[GUEST_LINE_MAX];
} guest_lines[MAX_GUEST_LINES];

static struct {
	char buf[INPUT_SIZE];
	uint32_t head, tail; /* [input_lock] free-running */
	uint32_t escapes;    /* [input_lock] Ctrl-A in a row so far */
	char key;            /* [input_lock] a debug key to be handled, or 0 */
} input;
static struct spinlock input_lock; /* a leaf lock */

static struct {
	const char *what;
	void (*fn)(void);
} keys[MAX_KEYS];

static struct spinlock *console_lock(void)
{
	if (!forced)
		spin_lock(&lock);
	return &lock;
}

static void console_unlock(struct spinlock **l)
{
	if (!forced)
		spin_unlock(*l);
}

/* As spin_guard(). */
#define console_guard() \
	struct spinlock *UNIQUE_NAME(guard) __cleanup(console_unlock) = console_lock()

void console_force(void)
{
	forced = true;
	mute = false;
}

void console_init(void)
{
	uart_init();
}

void console_configure(const char *cmdline)
{
	char buf[8];

	max_level = (int)min(cmdline_number(cmdline, "loglevel", 2), (uint64_t)3);
	if (cmdline_get(cmdline, "console", buf, sizeof(buf)) && !strcmp(buf, "none"))
		mute = true;
}

/* To the port, with the carriage returns that terminals want. */
static void send(const char *buf, size_t len)
{
	size_t start = 0;

	if (mute)
		return;
	for (size_t i = 0; i < len; i++) {
		if (buf[i] != '\n')
			continue;
		uart_write(buf + start, i - start);
		uart_write("\r\n", 2);
		start = i + 1;
	}
	uart_write(buf + start, len - start);
}

static void emit(const char *buf, size_t len, bool to_port)
{
	log_ring_write(&ring, buf, len);
	if (to_port)
		send(buf, len);
}

/* Cut "<n>" off the front of @fmt. */
static int take_level(const char **fmt)
{
	const char *f = *fmt;
	int level = 2;

	if (f[0] == '<' && f[1] >= '0' && f[1] <= '3' && f[2] == '>') {
		level = f[1] - '0';
		*fmt = f + 3;
	}
	return level;
}

void vprintk(const char *fmt, va_list ap)
{
	int level = take_level(&fmt);
	uint64_t us = now_ns() / 1000;
	char line[LINE_MAX];
	size_t len, start;

	start = (size_t)snprintf(line, sizeof(line), "[%5lu.%06lu] ", us / 1000000, us % 1000000);
	len = start + (size_t)vsnprintf(line + start, sizeof(line) - start, fmt, ap);
	/* Every message is a line of its own, ended once. */
	len = min(len, sizeof(line) - 2);
	if (line[len - 1] != '\n')
		line[len++] = '\n';
	console_guard();
	emit(line, len, level <= max_level || forced);
}

void printk(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintk(fmt, ap);
	va_end(ap);
}

static void flush_line(struct guest_line *l)
{
	char line[GUEST_LINE_MAX + 16];
	int n = snprintf(line, sizeof(line), "(d%u) %.*s\n", l->domid, (int)l->len, l->text);

	/* As it is sent: of empty lines a guest could write seven times as much. */
	if (log_guest_allowed((size_t)n))
		emit(line, (size_t)n, true);
	l->len = 0;
}

static void guest_char(struct guest_line *l, char c)
{
	if (c == '\n') {
		flush_line(l);
		return;
	}
	if (c == '\r' || c == '\0')
		return;
	l->text[l->len++] = c >= ' ' || c == '\t' ? c : '?';
	if (l->len == GUEST_LINE_MAX)
		flush_line(l);
}

/*
 * Whoever reads the other end may be slow for a moment, above all where the port is emulated. A port that
 * stays full drops what it is sent until it has room again.
 */
static bool may_send(void)
{
	uint64_t now = now_ns();

	if (mute || uart_has_room()) {
		full_since = 0;
		return true;
	}
	if (!full_since)
		full_since = now;
	return now - full_since >= STUCK_NS;
}

bool console_write_hwdom(const char *buf, size_t len)
{
	console_guard();
	if (!may_send())
		return false;
	emit(buf, len, true);
	return true;
}

void console_write_guest(uint16_t domid, const char *buf, size_t len)
{
	struct guest_line *l = &guest_lines[domid % MAX_GUEST_LINES];

	console_guard();
	if (l->domid != domid && l->len)
		flush_line(l);
	l->domid = domid;
	while (len--)
		guest_char(l, *buf++);
}

uint32_t console_read_ring(char *buf, uint32_t size, bool incremental, uint32_t *index)
{
	console_guard();
	return log_ring_read(&ring, buf, size, incremental, index);
}

void console_clear_ring(void)
{
	console_guard();
	log_ring_clear(&ring);
}

int console_getc(void)
{
	spin_guard(&input_lock);
	return input.head == input.tail ? -1 : (uint8_t)input.buf[input.tail++ % INPUT_SIZE];
}

/* Return: true when the byte was one for the guest. */
static bool accept(char c)
{
	if (input.escapes == ESCAPE_COUNT) {
		input.escapes = 0;
		input.key = c;
		softirq_raise(cpu_id(), SOFTIRQ_CONSOLE);
		return false;
	}
	if (c == ESCAPE_KEY) {
		input.escapes++;
		return false;
	}
	/* Fewer than three were meant for the guest after all. */
	for (; input.escapes; input.escapes--)
		if (input.head - input.tail < INPUT_SIZE)
			input.buf[input.head++ % INPUT_SIZE] = ESCAPE_KEY;
	if (input.head - input.tail < INPUT_SIZE)
		input.buf[input.head++ % INPUT_SIZE] = c;
	return true;
}

void console_push_input(char c)
{
	bool waits;

	spin_lock(&input_lock);
	waits = accept(c);
	spin_unlock(&input_lock);
	if (waits)
		console_input_waits();
}

static void receive_interrupt(void)
{
	int c;

	while ((c = uart_read()) >= 0)
		console_push_input((char)c);
}

static void key_softirq(void)
{
	char key;

	spin_lock(&input_lock);
	key = input.key;
	input.key = 0;
	spin_unlock(&input_lock);
	if (key && !console_handle_key(key))
		printk("key '%c': h lists what there is\n", key);
}

static void list_keys(void)
{
	for (unsigned int k = 0; k < MAX_KEYS; k++)
		if (keys[k].fn)
			printk("key '%c': %s\n", (char)k, keys[k].what);
}

void console_register_key(char key, const char *what, void (*fn)(void))
{
	unsigned int k = (uint8_t)key;

	BUG_ON(k >= MAX_KEYS);
	keys[k].what = what;
	keys[k].fn = fn;
}

bool console_handle_key(char key)
{
	unsigned int k = (uint8_t)key;

	if (k >= MAX_KEYS || !keys[k].fn)
		return false;
	printk("key '%c': %s\n", key, keys[k].what);
	keys[k].fn();
	return true;
}

void console_enable_input(void)
{
	uint16_t flags;
	uint32_t gsi;

	softirq_register(SOFTIRQ_CONSOLE, key_softirq);
	irq_register(IRQ_CONSOLE, receive_interrupt);
	console_register_key('h', "list keys", list_keys);
	acpi_isa_irq(&acpi, UART_ISA_IRQ, &gsi, &flags);
	if (ioapic_write_rte(gsi, IOAPIC_RTE_DEST(this_cpu()->apic_id) | IRQ_CONSOLE))
		printk(LOG_WARN "console: no interrupt for input\n");
	uart_enable_input();
}
