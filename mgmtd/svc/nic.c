/* SPDX-License-Identifier: Apache-2.0 */
#include "nic.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../util/log.h"
#include "netdev.h"
#include "network.h"
#include "task_kinds.h"
#include "vm.h"

#define DEVICE_TIMEOUT_MS 20000 /* until the kernel has made a device */
#define MAC_TRIES         8

struct nic {
	char id[UUID_TEXT_LEN];
	char mac[18];
	char bridge[IFNAMSIZ];
	char device[IFNAMSIZ];
	uint32_t devid;
	uint64_t rate;
	bool link;
};

static void name_device(uint32_t domid, uint32_t devid, char out[IFNAMSIZ])
{
	snprintf(out, IFNAMSIZ, "vif%u.%u", (uint16_t)domid, (uint8_t)devid);
}

/* As the guest counts: what the device here received, the guest sent. */
static json_t *counters(const char *device)
{
	struct netdev_counters c;

	if (netdev_count(device, &c))
		return json_null();
	return json_pack("{sI sI sI sI sI sI}", "rx_bytes", (json_int_t)c.tx_bytes, "rx_packets",
			 (json_int_t)c.tx_packets, "rx_dropped", (json_int_t)c.tx_dropped,
			 "tx_bytes", (json_int_t)c.rx_bytes, "tx_packets", (json_int_t)c.rx_packets,
			 "tx_dropped", (json_int_t)c.rx_dropped);
}

json_t *nic_list_json(struct svc *svc, const char *vm)
{
	auto_query struct db_query *q =
		db_query(svc->db, NIC_SELECT " WHERE vm = ? ORDER BY devid", "s", vm);
	json_t *list = q ? json_array() : NULL;

	while (list && db_next(q) == 1) {
		json_t *nic = db_row_json(q);
		char device[IFNAMSIZ];

		name_device((uint32_t)db_int(q, 7), (uint32_t)db_int(q, 8), device);
		json_object_set_new(nic, "interface",
				    db_null(q, 7) ? json_null() : json_string(device));
		json_object_set_new(nic, "counters",
				    db_null(q, 7) ? json_null() : counters(device));
		json_array_append_new(list, nic);
	}
	return list;
}

json_t *nic_json(struct svc *svc, const char *vm, const char *nic)
{
	auto_query struct db_query *q =
		db_query(svc->db, NIC_SELECT " WHERE vm = ? AND id = ?", "ss", vm, nic);

	return q && db_next(q) == 1 ? db_row_json(q) : NULL;
}

/* The interfaces of a machine, or only the one named @id. Return: how many. */
static size_t load(struct svc *svc, const char *vm, const char *id, uint32_t domid,
		   struct nic out[NICS_MAX])
{
	auto_query struct db_query *q = db_query(
		svc->db,
		"SELECT nic.id, mac, interface, devid, rate, link FROM nic JOIN network ON"
		" network.id = network WHERE vm = ?1 AND (?2 IS NULL OR nic.id = ?2) ORDER BY devid",
		"ss", vm, id);
	size_t n = 0;

	while (q && n < NICS_MAX && db_next(q) == 1) {
		struct nic *nic = &out[n++];

		snprintf(nic->id, sizeof(nic->id), "%s", db_text(q, 0));
		snprintf(nic->mac, sizeof(nic->mac), "%s", db_text(q, 1));
		snprintf(nic->bridge, sizeof(nic->bridge), "%s", db_text(q, 2));
		nic->devid = (uint32_t)db_int(q, 3);
		nic->rate = (uint64_t)db_int(q, 4);
		nic->link = db_int(q, 5);
		name_device(domid, nic->devid, nic->device);
	}
	return n;
}

/* The device of a guest: on its bridge, and forwarding as it should. Its rules stand already. */
static int place(const struct nic *nic)
{
	int rc = netdev_await(nic->device, DEVICE_TIMEOUT_MS);

	if (rc)
		return rc;
	netdev_no_ipv6(nic->device);
	rc = netdev_join(nic->device, nic->bridge);
	return rc ? rc : netdev_up(nic->device, nic->link);
}

static int offer(struct svc *svc, const struct nic *nic, uint32_t domid, struct problem *p)
{
	struct ts_vif vif = {.devid = nic->devid, .rate = nic->rate};
	struct ts_error err = {0};

	memcpy(vif.mac, nic->mac, sizeof(vif.mac));
	if (ts_vif_attach(svc->ts, domid, &vif, &err))
		return ts_problem(&err, p);
	return 0;
}

static int connect_one(struct svc *svc, const struct nic *nic, uint32_t domid, struct problem *p)
{
	struct ts_error err = {0};
	int rc = svc->config.networks ? place(nic) : 0;

	if (rc) {
		log_line("%s: it can't be set up: %s", nic->device, strerror(-rc));
		return problem_set(p, 500, "network", "The host could not set up its end (%s).",
				   strerror(-rc));
	}
	return ts_vif_connected(svc->ts, domid, nic->devid, &err) ? ts_problem(&err, p) : 0;
}

static int attach(struct svc *svc, const char *vm, const char *id, uint32_t domid,
		  struct problem *p)
{
	struct nic nics[NICS_MAX];
	size_t n = load(svc, vm, id, domid, nics);
	int rc = 0;

	if (!n)
		return 0;
	if (db_run(svc->db, "UPDATE nic SET domid = ?1 WHERE vm = ?2 AND (?3 IS NULL OR id = ?3)",
		   "iss", (int64_t)domid, vm, id))
		return db_problem(p, "nic attach");
	for (size_t i = 0; i < n && !rc; i++)
		rc = offer(svc, &nics[i], domid, p);
	if (!rc && network_apply(svc))
		rc = problem_set(p, 500, "network", "The host's networks could not be set up.");
	for (size_t i = 0; i < n && !rc; i++)
		rc = connect_one(svc, &nics[i], domid, p);
	return rc;
}

int nics_attach(struct svc *svc, const char *vm, uint32_t domid, struct problem *p)
{
	return attach(svc, vm, NULL, domid, p);
}

void nics_forget(struct svc *svc, const char *vm)
{
	if (!db_value(svc->db, 0, "SELECT 1 FROM nic WHERE vm = ? AND domid IS NOT NULL", "s", vm))
		return;
	if (db_run(svc->db, "UPDATE nic SET domid = NULL WHERE vm = ?", "s", vm))
		log_line("vm %s: its network interfaces could not be recorded as gone", vm);
	network_apply(svc);
}

void nics_settle(struct svc *svc)
{
	auto_json json_t *running = json_array();
	struct db_query *q;
	const json_t *row;
	size_t i;

	if (db_run(svc->db,
		   "UPDATE nic SET domid = (SELECT domid FROM vm WHERE vm.id = nic.vm)"
		   " WHERE domid IS NOT NULL",
		   ""))
		log_line("network interfaces could not be settled");
	network_apply(svc);
	q = db_query(svc->db,
		     "SELECT DISTINCT vm AS \"vm\", domid AS \"domid:i\" FROM nic"
		     " WHERE domid IS NOT NULL",
		     "");
	while (q && db_next(q) == 1)
		json_array_append_new(running, db_row_json(q));
	db_end(q);
	json_array_foreach(running, i, row) {
		uint32_t domid = (uint32_t)json_integer_value(json_object_get(row, "domid"));
		struct nic nics[NICS_MAX];
		auto_problem struct problem p = {0};
		size_t n =
			load(svc, json_string_value(json_object_get(row, "vm")), NULL, domid, nics);

		for (size_t k = 0; k < n; k++)
			if (netdev_exists(nics[k].device) && connect_one(svc, &nics[k], domid, &p))
				log_line("%s: %s", nics[k].device, p.detail);
	}
}

static int choose_mac(struct svc *svc, const json_t *spec, char mac[18], struct problem *p)
{
	const char *given = json_string_value(json_object_get(spec, "mac"));
	uint8_t random[3];

	if (given && strchr("13579bdf", given[1]))
		return problem_invalid(p, "mac", "invalid", "This is a group address.");
	if (given && !strcmp(given, "00:00:00:00:00:00"))
		return problem_invalid(p, "mac", "invalid", "An interface needs an address.");
	for (int i = 0; i < MAC_TRIES; i++) {
		crypt_random(random, sizeof(random));
		if (given)
			snprintf(mac, 18, "%s", given);
		else
			snprintf(mac, 18, "00:16:3e:%02x:%02x:%02x", random[0] & 0x7f, random[1],
				 random[2]);
		if (!db_value(svc->db, 0, "SELECT 1 FROM nic WHERE mac = ?", "s", mac))
			return 0;
	}
	problem_set(p, 409, "mac_taken", "Another network interface has this MAC address.");
	problem_field(p, "mac", "taken", "is another interface's");
	return -ECANCELED;
}

/* The lowest address that is free, past the host's own; "" on a bridge to the outside. */
static int choose_address(struct svc *svc, const struct network *n, char out[16], struct problem *p)
{
	uint32_t last;

	out[0] = '\0';
	if (!n->is_private)
		return 0;
	last = (n->base | ~(UINT32_MAX << (32 - n->prefix))) - 1;
	for (uint32_t address = n->base + 2; address <= last; address++) {
		network_ipv4(address, out);
		if (!db_value(svc->db, 0, "SELECT 1 FROM nic WHERE network = ? AND address = ?",
			      "ss", n->id, out))
			return 0;
	}
	return problem_set(p, 409, "network_full", "Every address of this network is in use.");
}

static int find_network(struct svc *svc, const json_t *spec, struct network *n, struct problem *p)
{
	int rc = network_load(svc, json_string_value(json_object_get(spec, "network")), n);

	if (rc == -ENOENT)
		return problem_invalid(p, "network", "unknown_network",
				       "There is no network with this id.");
	return rc ? db_problem(p, "network_load") : 0;
}

static int64_t flag(const json_t *spec, const char *name, int64_t otherwise)
{
	const json_t *v = json_object_get(spec, name);

	return v ? json_is_true(v) : otherwise;
}

/* Within a transaction. */
static int insert_row(struct svc *svc, const char *vm, const json_t *spec, const char *id,
		      struct problem *p)
{
	struct network n;
	char mac[18], address[16];
	int64_t devid = 0;

	while (db_value(svc->db, 0, "SELECT 1 FROM nic WHERE vm = ? AND devid = ?", "si", vm,
			devid))
		devid++;
	if (devid >= NICS_MAX)
		return problem_set(p, 409, "too_many", "It has %d network interfaces already.",
				   NICS_MAX);
	if (find_network(svc, spec, &n, p) || choose_mac(svc, spec, mac, p) ||
	    choose_address(svc, &n, address, p))
		return -ECANCELED;
	if (db_run(svc->db,
		   "INSERT INTO nic (id, vm, network, devid, mac, address, rate, spoof_protection,"
		   " link) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
		   "sssissjii", id, vm, n.id, devid, mac, address[0] ? address : NULL,
		   json_object_get(spec, "rate"), flag(spec, "spoof_protection", 1),
		   flag(spec, "link", 1)))
		return db_problem(p, "nic insert");
	return 0;
}

static int insert(struct svc *svc, const char *vm, const json_t *spec, const char *id,
		  struct problem *p)
{
	if (insert_row(svc, vm, spec, id, p))
		return -ECANCELED;
	return vm_touch(svc, vm, "vm.updated") ? db_problem(p, "nic insert") : 0;
}

/* A problem of one interface as one of the request: its fields are those of nics[@index]. */
static void name_fields(struct problem *p, size_t index)
{
	json_t *row;
	size_t i;

	json_array_foreach(json_object_get(p->extra, "errors"), i, row)
		json_object_set_new(row, "field",
				    json_sprintf("nics.%zu.%s", index,
						 json_string_value(json_object_get(row, "field"))));
}

int nics_create(struct svc *svc, const char *vm, const json_t *specs, struct problem *p)
{
	char id[UUID_TEXT_LEN];
	const json_t *spec;
	size_t i;

	json_array_foreach(specs, i, spec) {
		crypt_uuid(id);
		if (insert_row(svc, vm, spec, id, p)) {
			name_fields(p, i);
			return -ECANCELED;
		}
	}
	return 0;
}

static int update(struct svc *svc, const char *vm, const char *nic, const json_t *patch,
		  struct problem *p)
{
	const json_t *rate = json_object_get(patch, "rate");
	char address[16] = "";
	struct network n = {0};
	bool moves;

	if (json_object_get(patch, "network") && find_network(svc, patch, &n, p))
		return -ECANCELED;
	moves = n.id[0] &&
		db_value(svc->db, 1, "SELECT network <> ? FROM nic WHERE id = ?", "ss", n.id, nic);
	if (moves && choose_address(svc, &n, address, p))
		return -ECANCELED;
	if (moves && db_run(svc->db, "UPDATE nic SET network = ?, address = ? WHERE id = ?", "sss",
			    n.id, address[0] ? address : NULL, nic))
		return db_problem(p, "nic update");
	if ((rate && db_run(svc->db, "UPDATE nic SET rate = ? WHERE id = ?", "js", rate, nic)) ||
	    db_run(svc->db,
		   "UPDATE nic SET spoof_protection = iif(?1 < 0, spoof_protection, ?1),"
		   " link = iif(?2 < 0, link, ?2) WHERE id = ?3",
		   "iis", flag(patch, "spoof_protection", -1), flag(patch, "link", -1), nic) ||
	    vm_touch(svc, vm, "vm.updated"))
		return db_problem(p, "nic update");
	return 0;
}

/* Which machine, in a state that will not change under us; @nic: one it must have, or NULL. */
static int enter(struct svc *svc, const char *id, const char *nic, struct vm *vm, struct problem *p)
{
	const unsigned int settled = VM_IN(VM_STOPPED) | VM_IN(VM_CRASHED) | VM_IN(VM_RUNNING) |
				     VM_IN(VM_PAUSED);
	int rc;

	if (vm_require(svc, id, vm, p))
		return -ECANCELED;
	if (!svc_claim(svc, id))
		return problem_stopping(p);
	rc = vm_require(svc, id, vm, p);
	if (!rc && nic &&
	    !db_value(svc->db, 0, "SELECT 1 FROM nic WHERE vm = ? AND id = ?", "ss", id, nic))
		rc = problem_set(p, 404, "not_found", "It has no network interface with this id.");
	if (!rc && !(VM_IN(vm->state) & settled)) {
		rc = problem_set(p, 409, "state_conflict", "The virtual machine is %s.",
				 vm_state_name(vm->state));
		problem_extra(p, "state", json_string(vm_state_name(vm->state)));
	}
	if (rc)
		svc_release(svc, id);
	return rc;
}

static bool has_domain(const struct vm *vm)
{
	return vm->domid >= 0 && (VM_IN(vm->state) & (VM_IN(VM_RUNNING) | VM_IN(VM_PAUSED)));
}

static int transact(struct svc *svc,
		    int (*change)(struct svc *, const char *, const json_t *, const char *,
				  struct problem *),
		    const char *vm, const json_t *spec, const char *nic, struct problem *p)
{
	int rc;

	if (db_begin(svc->db))
		return db_problem(p, "nic");
	rc = change(svc, vm, spec, nic, p);
	if (rc) {
		db_rollback(svc->db);
		return rc;
	}
	return svc_commit(svc) ? db_problem(p, "nic") : 0;
}

static int update_row(struct svc *svc, const char *vm, const json_t *patch, const char *nic,
		      struct problem *p)
{
	return update(svc, vm, nic, patch, p);
}

static int delete_row(struct svc *svc, const char *vm, const json_t *spec, const char *nic,
		      struct problem *p)
{
	(void)spec;
	if (db_run(svc->db, "DELETE FROM nic WHERE id = ?", "s", nic) ||
	    vm_touch(svc, vm, "vm.updated"))
		return db_problem(p, "nic delete");
	return 0;
}

static int remove_entered(struct svc *svc, const struct vm *vm, const char *nic, struct problem *p)
{
	struct nic one[NICS_MAX];
	struct ts_error err = {0};
	int rc;

	if (has_domain(vm) && load(svc, vm->id, nic, (uint32_t)vm->domid, one) &&
	    ts_vif_detach(svc->ts, (uint32_t)vm->domid, one[0].devid, &err))
		return ts_problem(&err, p);
	rc = transact(svc, delete_row, vm->id, NULL, nic, p);
	network_apply(svc);
	return rc;
}

int nic_add(struct svc *svc, const char *id, const json_t *spec, char nic[UUID_TEXT_LEN],
	    struct problem *p)
{
	auto_problem struct problem ignored = {0};
	struct vm vm;
	int rc;

	crypt_uuid(nic);
	if (enter(svc, id, NULL, &vm, p))
		return -ECANCELED;
	rc = transact(svc, insert, id, spec, nic, p);
	if (!rc && has_domain(&vm)) {
		rc = attach(svc, id, nic, (uint32_t)vm.domid, p);
		if (rc && remove_entered(svc, &vm, nic, &ignored))
			log_line("vm %s: an interface that failed could not be removed", id);
	} else if (!rc) {
		network_apply(svc); /* its address is known from now on */
	}
	svc_release(svc, id);
	return rc;
}

static int change_live(struct svc *svc, const struct vm *vm, const char *id, const json_t *patch,
		       struct problem *p)
{
	uint32_t domid = (uint32_t)vm->domid;
	struct ts_error err = {0};
	struct nic nic[NICS_MAX];

	if (!load(svc, vm->id, id, domid, nic))
		return 0;
	if (json_object_get(patch, "rate") &&
	    ts_vif_rate(svc->ts, domid, nic[0].devid, nic[0].rate, &err))
		return ts_problem(&err, p);
	return connect_one(svc, &nic[0], domid, p);
}

int nic_change(struct svc *svc, const char *id, const char *nic, const int64_t *seen,
	       const json_t *patch, struct problem *p)
{
	struct vm vm;
	int rc;

	if (enter(svc, id, nic, &vm, p))
		return -ECANCELED;
	if (seen && *seen != vm.revision)
		rc = problem_changed(p);
	else
		rc = transact(svc, update_row, id, patch, nic, p);
	if (!rc && network_apply(svc))
		rc = problem_set(p, 503, "not_applied",
				 "It is recorded, but the host could not set it up.");
	if (!rc && has_domain(&vm))
		rc = change_live(svc, &vm, nic, patch, p);
	svc_release(svc, id);
	return rc;
}

int nic_remove(struct svc *svc, const char *id, const char *nic, struct problem *p)
{
	struct vm vm;
	int rc;

	if (enter(svc, id, nic, &vm, p))
		return -ECANCELED;
	rc = remove_entered(svc, &vm, nic, p);
	svc_release(svc, id);
	return rc;
}
