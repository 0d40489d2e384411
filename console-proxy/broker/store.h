/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of histories. Each is a file on a tmpfs, mapped, so that a broker that is killed finds
 * all of it again. Space is claimed in steps before it is written: a full tmpfs must never be
 * learnt by SIGBUS. Without a directory, or when it is full, a history lives in plain memory.
 */
#ifndef BROKER_STORE_H
#define BROKER_STORE_H

#include "history.h"

struct store {
	struct history history;
	size_t size;    /* of the history's ring */
	size_t claimed; /* bytes of the ring that have backing */
	int fd;         /* -1: plain memory */
};

/**
 * Open or begin the history of @uuid in directory @dirfd (-1: none).
 * Return: 0 or -ENOMEM.
 */
must_check int store_open(struct store *s, int dirfd, const char *uuid, size_t size);

/** Append to the history, claiming backing for it first; moves to plain memory if there is none. */
void store_append(struct store *s, const void *data, size_t len);

/** Release the memory; the file stays. */
void store_close(struct store *s);

/** Remove the file of @uuid, if there is one. */
void store_remove(int dirfd, const char *uuid);

#endif
