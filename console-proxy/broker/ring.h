/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shared page of a PV console (xen/io/console.h). The guest can write every byte of it at any
 * moment, so each index is read once, checked, and only then used.
 */
#ifndef BROKER_RING_H
#define BROKER_RING_H

#include <stddef.h>
#include <stdint.h>
#include <xen/io/console.h>

#define RING_OUT_SIZE sizeof(((struct xencons_interface *)0)->out)
#define RING_IN_SIZE  sizeof(((struct xencons_interface *)0)->in)

/**
 * Take all output the guest has published, at most RING_OUT_SIZE bytes.
 * @broken is set when the guest's indexes were impossible; the ring is then emptied and 0 returned.
 * Return: bytes stored in @buf.
 */
size_t ring_take_output(struct xencons_interface *ring, uint8_t buf[RING_OUT_SIZE], int *broken);

/**
 * Put as much of @data as fits where the guest reads its input.
 * Impossible indexes count as a full ring.
 * Return: bytes taken from @data.
 */
size_t ring_put_input(struct xencons_interface *ring, const uint8_t *data, size_t len);

#endif
