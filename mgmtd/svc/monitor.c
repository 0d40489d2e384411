/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "../util/log.h"
#include "disk_watch.h"
#include "nic.h"
#include "vm_end.h"

#define FALLBACK_MS 60000 /* look again though nothing was announced */

static void vanish(struct svc *svc, const struct vm *vm)
{
	bool meant = vm->state == VM_STOPPING;

	log_line("vm %s: its domain is gone", vm->id);
	if (vm_set_state(svc, vm->id, VM_STOPPED, meant ? NULL : "domain_gone",
			 meant ? NULL : "Its domain was destroyed by someone else on the host."))
		log_line("vm %s: its state could not be recorded", vm->id);
	nics_forget(svc, vm->id);
}

static const struct ts_domain_info *find(const struct ts_domain_info *list, size_t count,
					 const char *id)
{
	uint8_t uuid[TS_UUID_LEN];

	if (!ts_uuid_parse(id, uuid))
		return NULL;
	for (size_t i = 0; i < count; i++)
		if (!memcmp(list[i].uuid, uuid, sizeof(uuid)) && !list[i].dying)
			return &list[i];
	return NULL;
}

/* Context: the claim is ours. */
static void examine(struct svc *svc, const char *id, const struct ts_domain_info *list,
		    size_t count)
{
	const struct ts_domain_info *info = find(list, count, id);
	struct vm vm;

	if (vm_load(svc, id, &vm) ||
	    !(VM_IN(vm.state) & (VM_IN(VM_RUNNING) | VM_IN(VM_PAUSED) | VM_IN(VM_STOPPING))))
		return;
	if (!info)
		vanish(svc, &vm);
	else if (info->shutdown)
		vm_ended(svc, &vm, info);
	else if (vm.state != VM_STOPPING && info->paused != (vm.state == VM_PAUSED) &&
		 vm_set_running(svc, id, info->domid, info->paused))
		log_line("vm %s: its state could not be recorded", id);
}

void monitor_scan(struct svc *svc)
{
	auto_json json_t *ids = json_array();
	struct db_query *q = db_query(svc->db,
				      "SELECT id FROM vm WHERE state IN ('running', 'paused',"
				      " 'stopping')",
				      "");
	const json_t *id;
	size_t i;

	while (q && db_next(q) == 1)
		json_array_append_new(ids, json_string(db_text(q, 0)));
	db_end(q);
	json_array_foreach(ids, i, id) {
		auto_free struct ts_domain_info *list = NULL;
		struct ts_error err = {0};
		size_t count;

		/* Whoever has the claim makes us look again when he gives it up. */
		if (!svc_try_claim(svc, json_string_value(id)))
			continue;
		if (ts_domain_list(svc->ts, &list, &count, &err))
			log_line("the domains can't be listed: %s", err.detail);
		else
			examine(svc, json_string_value(id), list, count);
		svc_unclaim(svc, json_string_value(id));
	}
}

static void *monitor_main(void *arg)
{
	struct svc *svc = arg;
	struct pollfd fds[2 + DISK_WATCH_MAX] = {
		{.fd = svc->kick_fd, .events = POLLIN},
		{.fd = ts_watch_fd(svc->ts), .events = POLLIN},
	};
	size_t disks = 0;
	int timeout = FALLBACK_MS;
	uint64_t count;

	while (!svc_stopping(svc)) {
		if (poll(fds, 2 + disks, timeout) < 0 && errno != EINTR)
			break;
		if (fds[0].revents && read(svc->kick_fd, &count, sizeof(count)) < 0)
			continue;
		if (fds[1].fd >= 0 && fds[1].revents && ts_watch_read(svc->ts) < 0)
			fds[1].fd = -1;
		if (svc_stopping(svc))
			break;
		monitor_scan(svc);
		disk_watch_end(fds + 2, disks);
		disks = disk_watch(svc, fds + 2);
		timeout = vm_restart_due(svc, FALLBACK_MS);
	}
	disk_watch_end(fds + 2, disks);
	return NULL;
}

int monitor_start(struct svc *svc)
{
	int rc = pthread_create(&svc->monitor, NULL, monitor_main, svc);

	svc->monitor_runs = !rc;
	return -rc;
}

void monitor_stop(struct svc *svc)
{
	if (!svc->monitor_runs)
		return;
	svc_kick(svc);
	pthread_join(svc->monitor, NULL);
	svc->monitor_runs = false;
}
