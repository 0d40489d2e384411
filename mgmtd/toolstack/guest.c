/* SPDX-License-Identifier: Apache-2.0 */
#include "guest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hypercall.h"
#include "layout.h"

#define COPY_PAGES  256   /* 1 MiB: what one call copies */
#define BATCH_PAGES 16384 /* 64 MiB: one batch holds any usual kernel */

/* What is put into a window, window by window. */
struct source {
	int (*fill)(const struct source *src, uint8_t *to, uint64_t done, size_t len);
	const uint8_t *data;
	uint64_t offset;
	int fd;
};

static int fill_data(const struct source *src, uint8_t *to, uint64_t done, size_t len)
{
	memcpy(to, src->data + done, len);
	return 0;
}

static int fill_zero(const struct source *src, uint8_t *to, uint64_t done, size_t len)
{
	(void)src;
	(void)done;
	memset(to, 0, len);
	return 0;
}

/* pread() copies from the page cache without a page fault per page, and survives truncation. */
static int fill_file(const struct source *src, uint8_t *to, uint64_t done, size_t len)
{
	while (len) {
		ssize_t n = pread(src->fd, to, len, (off_t)(src->offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO;
		to += n;
		done += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

static uint8_t *map_pages(struct toolstack *ts, uint32_t domid, uint64_t gfn, size_t pages)
{
	TS_CLEANUP(ts_free) xen_pfn_t *list = malloc(pages * sizeof(*list));

	if (!list) {
		errno = ENOMEM;
		return NULL;
	}
	for (size_t i = 0; i < pages; i++)
		list[i] = gfn + i;
	return xenforeignmemory_map(ts->memory, domid, PROT_READ | PROT_WRITE, pages, list, NULL);
}

/* Fill [gpa, gpa + len), which lies within BATCH_PAGES pages. */
static int fill_window(struct toolstack *ts, uint32_t domid, uint64_t gpa, size_t len,
		       const struct source *src, uint64_t done)
{
	uint64_t offset = gpa & (GUEST_PAGE_SIZE - 1);
	size_t pages = (size_t)((offset + len + GUEST_PAGE_SIZE - 1) >> GUEST_PAGE_SHIFT);
	uint8_t *window = map_pages(ts, domid, gpa >> GUEST_PAGE_SHIFT, pages);
	int rc;

	if (!window)
		return errno ? -errno : -EFAULT;
	rc = src->fill(src, window + offset, done, len);
	xenforeignmemory_unmap(ts->memory, window, pages);
	return rc;
}

/* The plain way: works on every hypervisor, at two calls a page. */
static int fill_mapped(struct toolstack *ts, uint32_t domid, uint64_t gpa, uint64_t len,
		       const struct source *src, uint64_t done)
{
	while (done < len) {
		uint64_t room =
			BATCH_PAGES * GUEST_PAGE_SIZE - ((gpa + done) & (GUEST_PAGE_SIZE - 1));
		size_t now = (size_t)(len - done < room ? len - done : room);
		int rc = fill_window(ts, domid, gpa + done, now, src, done);

		if (rc)
			return rc;
		done += now;
	}
	return 0;
}

/*
 * The fast way: the debugger's interface copies a whole buffer in one call. @done: how far it came
 * before the hypervisor refused, which is no error.
 */
static int fill_copied(struct toolstack *ts, uint32_t domid, uint64_t gpa, uint64_t len,
		       const struct source *src, uint64_t *done)
{
	uint8_t *buffer = ts->no_copy_in ? NULL : hv_pages_get(ts, COPY_PAGES);
	int rc = 0;

	if (!buffer)
		return 0;
	while (*done < len) {
		uint64_t room = COPY_PAGES * GUEST_PAGE_SIZE;
		size_t now = (size_t)(len - *done < room ? len - *done : room);
		int refused;

		rc = src->fill(src, buffer, *done, now);
		if (rc)
			break;
		refused = hv_copy_in(ts, domid, gpa + *done, buffer, (uint32_t)now);
		if (hv_absent(refused))
			ts->no_copy_in = true;
		if (refused)
			break;
		*done += now;
	}
	hv_pages_put(ts, buffer, COPY_PAGES);
	return rc;
}

static int fill_range(struct toolstack *ts, uint32_t domid, uint64_t gpa, uint64_t len,
		      const struct source *src)
{
	uint64_t done = 0;
	int rc = fill_copied(ts, domid, gpa, len, src, &done);

	return rc ? rc : fill_mapped(ts, domid, gpa, len, src, done);
}

int guest_write(struct toolstack *ts, uint32_t domid, uint64_t gpa, const void *data, size_t len)
{
	return fill_range(ts, domid, gpa, len, &(struct source){.fill = fill_data, .data = data});
}

int guest_write_file(struct toolstack *ts, uint32_t domid, uint64_t gpa, int fd, uint64_t offset,
		     uint64_t len)
{
	return fill_range(ts, domid, gpa, len,
			  &(struct source){.fill = fill_file, .fd = fd, .offset = offset});
}

int guest_write_mapped(struct toolstack *ts, uint32_t domid, uint64_t gpa, const uint8_t *data,
		       int fd, uint64_t offset, uint64_t len)
{
	const uintptr_t page = GUEST_PAGE_SIZE - 1;
	uint64_t done = 0;

	while (done < len && !ts->no_copy_in) {
		uint64_t room = COPY_PAGES * GUEST_PAGE_SIZE;
		uint32_t now = (uint32_t)(len - done < room ? len - done : room);
		uintptr_t first = (uintptr_t)(data + done) & ~page;
		uintptr_t end = ((uintptr_t)(data + done) + now + page) & ~page;

		/* The hypervisor goes by our page tables, and can't bring in what is not in them. */
		if (madvise((void *)first, end - first, MADV_POPULATE_READ) ||
		    hv_copy_in(ts, domid, gpa + done, data + done, now))
			break;
		done += now;
	}
	if (done == len)
		return 0;
	return guest_write_file(ts, domid, gpa + done, fd, offset + done, len - done);
}

int guest_clear(struct toolstack *ts, uint32_t domid, uint64_t gpa, uint64_t len)
{
	return fill_range(ts, domid, gpa, len, &(struct source){.fill = fill_zero});
}

int guest_clear_page(struct toolstack *ts, uint32_t domid, uint64_t gfn, bool *was_zero)
{
	uint8_t *page = map_pages(ts, domid, gfn, 1);

	if (!page)
		return errno ? -errno : -EFAULT;
	*was_zero = page[0] == 0 && memcmp(page, page + 1, GUEST_PAGE_SIZE - 1) == 0;
	memset(page, 0, GUEST_PAGE_SIZE);
	xenforeignmemory_unmap(ts->memory, page, 1);
	return 0;
}

int guest_seed_grants(struct toolstack *ts, uint32_t domid, const struct guest_grant *grants,
		      unsigned int count)
{
	xenforeignmemory_resource_handle *res;
	grant_entry_v1_t *table;
	void *addr = NULL;

	res = xenforeignmemory_map_resource(ts->memory, (domid_t)domid, XENMEM_resource_grant_table,
					    XENMEM_resource_grant_table_id_shared, 0, 1, &addr,
					    PROT_READ | PROT_WRITE, 0);
	if (!res)
		return errno ? -errno : -EFAULT;
	table = addr;
	for (unsigned int i = 0; i < count; i++)
		table[grants[i].ref] = (grant_entry_v1_t){.flags = GTF_permit_access,
							  .domid = DOMID_MANAGEMENT,
							  .frame = (uint32_t)grants[i].gfn};
	xenforeignmemory_unmap_resource(ts->memory, res);
	return 0;
}
