// SPDX-License-Identifier: Apache-2.0
/* Disk images as disk-reader takes them: the header, all tables, and every kind of block. */
#include "input.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reader/qcow2.h"

#define DISK_MAX (16u << 20) /* larger disks are only checked: keeps a run fast */

static int file(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	INSIST(fd >= 0);
	return fd;
}

static void unpack(const struct qcow2 *q)
{
	int to = file("volume"), checked, rc;
	const char *why = NULL;
	struct stat st;

	checked = qcow2_unpack(q, -1, &why);
	INSIST(!checked || why);
	why = NULL;
	rc = q->size > DISK_MAX ? checked : qcow2_unpack(q, to, &why);
	/* What is sound by its tables may still hold packed blocks that are not. */
	INSIST(rc || !checked);
	INSIST(!fstat(to, &st) && (uint64_t)st.st_size <= q->size);
	close(to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int from = file("image");
	const char *why = NULL;
	struct qcow2 q;
	int rc;

	INSIST(write(from, data, size) == (ssize_t)size);
	rc = qcow2_open(from, &q, &why);
	INSIST(!rc || why);
	if (!rc) {
		INSIST(qcow2_is(from) && q.size && q.size % 512 == 0);
		unpack(&q);
	}
	close(from);
	return 0;
}
