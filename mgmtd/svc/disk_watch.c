/* SPDX-License-Identifier: Apache-2.0 */
#include "disk_watch.h"

#include <errno.h>
#include <stdio.h>

#include "../util/log.h"
#include "vm.h"

#define REASON(what)                                                                             \
	"The program that serves this disk (qemu-nbd) " what ", and the guest gets I/O errors. " \
	"Detach the disk and attach it again, or stop and start the machine."

/* As the API has it, by whether the server is stuck. */
static const struct {
	const char *code, *detail;
} reasons[] = {
	{"server_ended", REASON("has ended")},
	{"server_stuck", REASON("did not answer for a minute")},
};

/* The disk in @slot of the machine whose domain is @domid, if it is not known to have failed. */
static bool find(struct svc *svc, const struct ts_disk_server *s, char disk[UUID_TEXT_LEN],
		 char vm[UUID_TEXT_LEN])
{
	auto_query struct db_query *q = db_query(
		svc->db,
		"SELECT d.id, d.vm FROM vm_disk d JOIN vm v ON v.id = d.vm WHERE v.domid = ?"
		" AND v.boot_id = ? AND d.slot = ? AND d.reason_code IS NULL",
		"isi", (int64_t)s->domid, svc->boot_id, (int64_t)s->slot);

	if (!q || db_next(q) != 1)
		return false;
	snprintf(disk, UUID_TEXT_LEN, "%s", db_text(q, 0));
	snprintf(vm, UUID_TEXT_LEN, "%s", db_text(q, 1));
	return true;
}

static int record(struct svc *svc, const char *disk, const char *vm, bool stuck)
{
	if (db_begin(svc->db))
		return -EIO;
	if (db_run(svc->db, "UPDATE vm_disk SET reason_code = ?, reason = ? WHERE id = ?", "sss",
		   reasons[stuck].code, reasons[stuck].detail, disk) ||
	    vm_touch(svc, vm, "vm.updated")) {
		db_rollback(svc->db);
		return -EIO;
	}
	return svc_commit(svc);
}

static void failed(struct svc *svc, const struct ts_disk_server *s)
{
	char disk[UUID_TEXT_LEN], vm[UUID_TEXT_LEN];

	if (!find(svc, s, disk, vm))
		return;
	ts_disk_fail(svc->ts, s->domid, s->slot);
	log_line("vm %s: disk xvd%c: %s", vm, 'a' + (char)s->slot, reasons[s->stuck].detail);
	if (record(svc, disk, vm, s->stuck))
		log_line("vm %s: a disk that failed could not be recorded", vm);
}

size_t disk_watch(struct svc *svc, struct pollfd *fds)
{
	auto_free struct ts_disk_server *list = NULL;
	size_t count = 0, used = 0;

	if (ts_disk_servers(svc->ts, &list, &count))
		return 0;
	for (size_t i = 0; i < count; i++) {
		if (list[i].pidfd < 0)
			failed(svc, &list[i]);
		else if (used < DISK_WATCH_MAX)
			fds[used++] = (struct pollfd){.fd = list[i].pidfd, .events = POLLIN};
		else
			close(list[i].pidfd);
	}
	return used;
}

void disk_watch_end(struct pollfd *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		close(fds[i].fd);
}
