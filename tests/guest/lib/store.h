/* What a guest needs for devices of its own: xenstore, grants, and a page shared with the management domain. */
#ifndef TESTS_GUEST_STORE_H
#define TESTS_GUEST_STORE_H

#include "lib.h"

#include <stdbool.h>

#include <xen/grant_table.h>

#define GRANTS 512u

/** The grant table, of version 1: the first 8 entries are the loader's. */
extern grant_entry_v1_t grants[GRANTS];

/** Put the grant table in place. */
void store_setup(void);
/** Read @path (of this domain, if it does not begin with a slash) as a string. Return: false if it can't be. */
bool store_read(const char *path, char *to, unsigned int size);
/** The first of the names below @path. */
bool store_first(const char *path, char *to, unsigned int size);
bool store_write(const char *path, const char *value);
/** "@folder/@name" in a buffer that the next call but three uses again. */
const char *store_path(const char *folder, const char *name);
/** @n in decimal digits, in such a buffer too. */
const char *store_number(uint64_t n);
/** Wait until the number at @path is @value, or one of @seconds have gone. */
bool store_wait(const char *path, char value, unsigned int seconds);
/** Grant the page at @page to domain 0, in entry @ref. */
void grant_page(uint32_t ref, const void *page, uint16_t flags);
/** A port that domain 0 may bind. */
uint32_t new_port(void);
void notify_port(uint32_t port);

#endif
