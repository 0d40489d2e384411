// SPDX-License-Identifier: Apache-2.0
/* Kernel files: what the toolstack makes of them, packed or not, and the hypervisor's own loader. */
#include "input.h"

#include <errno.h>

#include "bzimage.h"
#include "kernel_elf.h"

#define UNPACKED_MAX (1u << 20) /* keeps a run fast */
#define RAM_BYTES    (256u << 20)

/* Of hypervisor/dom0/dom0.h, whose types are not the toolstack's. */
int elf_load(const void *image, uint64_t size, int (*put)(void *, uint64_t, const void *, uint64_t),
	     void *ctx, uint32_t *entry, uint64_t *end);

static volatile uint8_t sink;

/* As domain 0's RAM takes it. A segment may be cleared, but not copied, from nowhere. */
static int put(void *ctx, uint64_t gpa, const void *src, uint64_t len)
{
	const uint8_t *p = src;

	(void)ctx;
	if (len > RAM_BYTES || gpa > RAM_BYTES - len)
		return -EFAULT;
	for (uint64_t i = 0; p && i < len; i++)
		sink = p[i];
	return 0;
}

static void parse(const uint8_t *data, size_t size)
{
	struct elf_kernel k;
	struct ts_error err;
	uint32_t entry;
	uint64_t end;

	if (!elf_load(data, size, put, NULL, &entry, &end))
		INSIST(end && end <= RAM_BYTES);
	if (elf_parse(data, size, &k, &err))
		return;
	INSIST(k.nr_segments <= ELF_SEGMENTS_MAX && k.entry >= k.start && k.entry < k.end);
	for (unsigned int i = 0; i < k.nr_segments; i++) {
		INSIST(k.segments[i].offset + k.segments[i].filesz <= size);
		INSIST(k.segments[i].filesz <= k.segments[i].memsz);
		INSIST(k.segments[i].paddr + k.segments[i].memsz <= k.end);
	}
}

static void unpack(const uint8_t *data, size_t size)
{
	struct bzimage_payload p;
	struct ts_error err;
	uint8_t *out;
	int rc = -1;

	if (bzimage_probe(data, size))
		rc = bzimage_find(data, size, &p, &err);
	else if (gzip_probe(data, size))
		rc = gzip_find(data, size, &p, &err);
	if (rc || p.unpacked_size > UNPACKED_MAX)
		return;
	out = malloc(p.unpacked_size);
	if (out && payload_unpack(&p, out, &err) == 0)
		parse(out, p.unpacked_size);
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A file is mapped, so it is aligned; a copy of its exact size shows reads beyond it. */
	uint8_t *copy = malloc(size ? size : 1);

	memcpy(copy, data, size);
	if (elf_probe(copy, size))
		parse(copy, size);
	else
		unpack(copy, size);
	free(copy);
	return 0;
}
