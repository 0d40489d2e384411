/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer target for all that parses a kernel file:
 *   clang -g -fsanitize=fuzzer,address,undefined -I mgmtd/toolstack
 *     tests/unit/toolstack/fuzz_kernel.c mgmtd/toolstack/{kernel_elf,bzimage,error}.c -lz -llzma -llz4 -lzstd
 */
#include <stdlib.h>

#include "bzimage.h"
#include "kernel_elf.h"

#define UNPACKED_MAX (1u << 20) /* keeps a run fast */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse(const uint8_t *data, size_t size)
{
	struct elf_kernel k;
	struct ts_error err;

	if (elf_parse(data, size, &k, &err))
		return;
	for (unsigned int i = 0; i < k.nr_segments; i++)
		if (k.segments[i].offset + k.segments[i].filesz > size ||
		    k.segments[i].paddr + k.segments[i].memsz > k.end)
			abort();
	if (k.entry < k.start || k.entry >= k.end)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bzimage_payload p;
	struct ts_error err;
	uint8_t *out;
	int rc = -1;

	if (elf_probe(data, size))
		parse(data, size);
	else if (bzimage_probe(data, size))
		rc = bzimage_find(data, size, &p, &err);
	else if (gzip_probe(data, size))
		rc = gzip_find(data, size, &p, &err);
	if (rc || p.unpacked_size > UNPACKED_MAX)
		return 0;
	out = malloc(p.unpacked_size);
	if (out && payload_unpack(&p, out, &err) == 0)
		parse(out, p.unpacked_size);
	free(out);
	return 0;
}
