/* Four pages that are mapped as one likes, and code run in them (or anywhere) with chosen registers. */
#ifndef TESTS_GUEST_WINDOW_H
#define TESTS_GUEST_WINDOW_H

#include "lib.h"

#define WINDOW       0x40000000u
#define WINDOW_PAGES 4u

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI };

/* In the order of the instruction set; RSP is not set. */
struct regs {
	uint64_t r[16];
	uint64_t flags;
};

/** Map page @page of the window to physical address @at, or to nothing if that is 0. */
void window_map(unsigned int page, uint64_t at);
/** The page's own memory, at its address outside the window; window_map() it to see it there. */
uint8_t *window_frame(unsigned int page);
/** Call the code at @at with @r, which then holds what it left. Return: as of probe(); then @r is as before. */
int execute(struct regs *r, uint64_t at);
/** "name: " and the bytes, on the console. */
void say_bytes(const char *name, const uint8_t *bytes, unsigned int n);

#endif
