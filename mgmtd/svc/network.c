/* SPDX-License-Identifier: Apache-2.0 */
#include "network.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "event.h"
#include "netdev.h"

#define NETWORKS_MAX   64
#define PREFIX_LEAST   16
#define PREFIX_LARGEST 29
#define CHOICE_FIRST   0x0a4d0000u /* 10.77.0.0: where subnets nobody chose come from */
#define CHOICE_PREFIX  24

#define COLUMNS                                                                                    \
	"SELECT id, name, kind, interface, vlan, base, prefix, dhcp, nat, builtin, revision FROM " \
	"network"

static void read_row(struct db_query *q, struct network *out)
{
	memset(out, 0, sizeof(*out));
	snprintf(out->id, sizeof(out->id), "%s", db_text(q, 0));
	snprintf(out->name, sizeof(out->name), "%s", db_text(q, 1));
	out->is_private = !strcmp(db_text(q, 2), "private");
	snprintf(out->interface, sizeof(out->interface), "%s", db_text(q, 3));
	out->vlan = (int)db_int(q, 4);
	out->base = (uint32_t)db_int(q, 5);
	out->prefix = (int)db_int(q, 6);
	out->dhcp = db_int(q, 7);
	out->nat = db_int(q, 8);
	out->builtin = db_int(q, 9);
	out->revision = db_int(q, 10);
}

void network_ipv4(uint32_t address, char out[16])
{
	snprintf(out, 16, "%u.%u.%u.%u", address >> 24, address >> 16 & 255, address >> 8 & 255,
		 address & 255);
}

int network_load(struct svc *svc, const char *id, struct network *out)
{
	auto_query struct db_query *q = db_query(svc->db, COLUMNS " WHERE id = ?", "s", id);
	int rc = q ? db_next(q) : -EIO;

	if (rc != 1)
		return rc ? rc : -ENOENT;
	read_row(q, out);
	return 0;
}

int network_require(struct svc *svc, const char *id, struct network *out, struct problem *p)
{
	int rc = network_load(svc, id, out);

	if (rc == -ENOENT)
		return problem_set(p, 404, "not_found", "There is no network with this id.");
	return rc ? db_problem(p, "network_load") : 0;
}

int network_load_all(struct svc *svc, struct network **out, size_t *count)
{
	struct network *list = calloc(NETWORKS_MAX, sizeof(*list));
	auto_query struct db_query *q = NULL;
	size_t n = 0;
	int rc;

	if (!list)
		return -ENOMEM;
	q = db_query(svc->db, COLUMNS " ORDER BY interface", "");
	while ((rc = q ? db_next(q) : -EIO) == 1 && n < NETWORKS_MAX)
		read_row(q, &list[n++]);
	if (rc < 0) {
		free(list);
		return rc;
	}
	*out = list;
	*count = n;
	return 0;
}

json_t *network_json(struct svc *svc, const char *id)
{
	auto_query struct db_query *q = db_query(svc->db, NETWORK_SELECT " WHERE id = ?", "s", id);

	return q && db_next(q) == 1 ? db_row_json(q) : NULL;
}

static bool is_private_range(uint32_t base)
{
	return base >> 24 == 10 || base >> 20 == 0xac1 || base >> 16 == 0xc0a8;
}

static uint32_t mask_of(int prefix)
{
	return UINT32_MAX << (32 - prefix);
}

static bool is_taken(struct svc *svc, uint32_t base, int prefix)
{
	return db_value(
		svc->db, 0,
		"SELECT 1 FROM network WHERE prefix IS NOT NULL AND"
		" (base & (-1 << (32 - min(prefix, ?1)))) = (?2 & (-1 << (32 - min(prefix, ?1))))",
		"ii", (int64_t)prefix, (int64_t)base);
}

static int choose_subnet(struct svc *svc, struct network *n, struct problem *p)
{
	n->prefix = CHOICE_PREFIX;
	for (uint32_t i = 1; i < 255; i++) {
		n->base = CHOICE_FIRST + (i << 8);
		if (!is_taken(svc, n->base, n->prefix) && !netdev_overlaps(n->base, n->prefix))
			return 0;
	}
	return problem_invalid(p, "subnet", "missing", "No subnet is free: name one.");
}

static int parse_subnet(struct svc *svc, const char *text, struct network *n, struct problem *p)
{
	unsigned int a, b, c, d, prefix;
	int end = 0;

	if (sscanf(text, "%3u.%3u.%3u.%3u/%2u%n", &a, &b, &c, &d, &prefix, &end) != 5 ||
	    text[end] || a > 255 || b > 255 || c > 255 || d > 255 || prefix < PREFIX_LEAST ||
	    prefix > PREFIX_LARGEST)
		return problem_invalid(
			p, "subnet", "invalid",
			"A subnet is written 192.168.50.0/24, with a prefix of %d to %d.",
			PREFIX_LEAST, PREFIX_LARGEST);
	n->base = a << 24 | b << 16 | c << 8 | d;
	n->prefix = (int)prefix;
	if (n->base & ~mask_of(n->prefix))
		return problem_invalid(p, "subnet", "invalid",
				       "The address has bits set beyond its prefix.");
	if (!is_private_range(n->base))
		return problem_invalid(
			p, "subnet", "not_private",
			"It must lie within 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16.");
	if (is_taken(svc, n->base, n->prefix))
		return problem_invalid(p, "subnet", "overlaps", "It overlaps another network's.");
	if (netdev_overlaps(n->base, n->prefix))
		return problem_invalid(p, "subnet", "overlaps",
				       "It overlaps a network that the host itself is on.");
	return 0;
}

static int check_bridge(struct svc *svc, const json_t *spec, struct network *n, struct problem *p)
{
	const char *const foreign[] = {"subnet", "dhcp", "nat"};

	for (size_t i = 0; i < ARRAY_SIZE(foreign); i++)
		if (json_object_get(spec, foreign[i]))
			return problem_invalid(p, foreign[i], "not_applicable",
					       "Only private networks have this.");
	if (!n->vlan)
		return problem_invalid(p, "vlan", "missing",
				       "The network without a tag is there already: name a VLAN.");
	if (db_value(svc->db, 0, "SELECT 1 FROM network WHERE vlan = ?", "i", (int64_t)n->vlan))
		return problem_invalid(p, "vlan", "taken", "This VLAN has a network already.");
	snprintf(n->interface, sizeof(n->interface), "dv%d", n->vlan);
	return 0;
}

static bool flag(const json_t *spec, const char *name, bool otherwise)
{
	const json_t *v = json_object_get(spec, name);

	return v ? json_is_true(v) : otherwise;
}

static int check_private(struct svc *svc, const json_t *spec, struct network *n, struct problem *p)
{
	const char *subnet = json_string_value(json_object_get(spec, "subnet"));

	if (n->vlan)
		return problem_invalid(p, "vlan", "not_applicable",
				       "A private network has no uplink, and so no VLAN.");
	n->dhcp = flag(spec, "dhcp", true);
	n->nat = flag(spec, "nat", false);
	for (int i = 1; i <= NETWORKS_MAX && !n->interface[0]; i++) {
		char name[16];

		snprintf(name, sizeof(name), "dn%d", i);
		if (!db_value(svc->db, 0, "SELECT 1 FROM network WHERE interface = ?", "s", name))
			memcpy(n->interface, name, sizeof(name));
	}
	return subnet ? parse_subnet(svc, subnet, n, p) : choose_subnet(svc, n, p);
}

static int insert(struct svc *svc, const struct network *n, struct problem *p)
{
	auto_json json_t *json = NULL, *vlan = n->vlan ? json_integer(n->vlan) : json_null();
	auto_json json_t *base = n->prefix ? json_integer(n->base) : json_null();
	auto_json json_t *prefix = n->prefix ? json_integer(n->prefix) : json_null();
	char subnet[24], address[16], now[CLOCK_TEXT_LEN];
	int rc;

	network_ipv4(n->base, address);
	snprintf(subnet, sizeof(subnet), "%s/%d", address, n->prefix);
	clock_now(now);
	rc = db_run(
		svc->db,
		"INSERT INTO network (id, name, kind, interface, vlan, subnet, base, prefix, dhcp,"
		" nat, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		"ssssjsjjiis", n->id, n->name, n->is_private ? "private" : "bridge", n->interface,
		vlan, n->prefix ? subnet : NULL, base, prefix, (int64_t)n->dhcp, (int64_t)n->nat,
		now);
	if (rc == -EEXIST)
		return problem_set(p, 409, "name_taken",
				   "There is a network of this name already.");
	json = rc ? NULL : network_json(svc, n->id);
	if (!json || event_add(svc, "network.created", NULL, json))
		return db_problem(p, "network insert");
	return 0;
}

static int applied(struct svc *svc, struct problem *p)
{
	return network_apply(svc) ?
		       problem_set(
			       p, 503, "not_applied",
			       "It is recorded, but the host could not set it up; its log says why.") :
		       0;
}

int network_create(struct svc *svc, const json_t *spec, char id[UUID_TEXT_LEN], struct problem *p)
{
	struct network n = {0};
	int rc = 0;

	n.is_private = !strcmp(json_string_value(json_object_get(spec, "kind")), "private");
	n.vlan = (int)json_integer_value(json_object_get(spec, "vlan"));
	snprintf(n.name, sizeof(n.name), "%s", json_string_value(json_object_get(spec, "name")));
	crypt_uuid(n.id);
	if (db_begin(svc->db))
		return db_problem(p, "network_create");
	if (db_value(svc->db, NETWORKS_MAX, "SELECT count(*) FROM network", "") >= NETWORKS_MAX)
		rc = problem_set(p, 409, "too_many", "There are %d networks already.",
				 NETWORKS_MAX);
	if (!rc)
		rc = n.is_private ? check_private(svc, spec, &n, p) :
				    check_bridge(svc, spec, &n, p);
	if (!rc)
		rc = insert(svc, &n, p);
	if (rc) {
		db_rollback(svc->db);
		return rc;
	}
	if (svc_commit(svc))
		return db_problem(p, "network_create");
	memcpy(id, n.id, UUID_TEXT_LEN);
	return applied(svc, p);
}

static int change(struct svc *svc, const struct network *n, const json_t *patch, struct problem *p)
{
	auto_json json_t *json = NULL;
	const char *name = json_string_value(json_object_get(patch, "name"));
	int rc = db_run(svc->db,
			"UPDATE network SET name = ?, dhcp = ?, nat = ?, revision = revision + 1"
			" WHERE id = ? AND revision = ?",
			"siisi", name ? name : n->name, (int64_t)flag(patch, "dhcp", n->dhcp),
			(int64_t)flag(patch, "nat", n->nat), n->id, n->revision);

	if (rc == -EEXIST)
		return problem_set(p, 409, "name_taken",
				   "There is a network of this name already.");
	if (!rc && !db_changes(svc->db))
		return problem_changed(p);
	json = rc ? NULL : network_json(svc, n->id);
	if (!json || event_add(svc, "network.updated", NULL, json))
		return db_problem(p, "network_update");
	return 0;
}

int network_update(struct svc *svc, const struct network *n, const json_t *patch, struct problem *p)
{
	int rc;

	if (!n->is_private && (json_object_get(patch, "dhcp") || json_object_get(patch, "nat")))
		return problem_invalid(p, json_object_get(patch, "dhcp") ? "dhcp" : "nat",
				       "not_applicable", "Only private networks have this.");
	if (db_begin(svc->db))
		return db_problem(p, "network_update");
	rc = change(svc, n, patch, p);
	if (rc) {
		db_rollback(svc->db);
		return rc;
	}
	if (svc_commit(svc))
		return db_problem(p, "network_update");
	return applied(svc, p);
}

int network_delete(struct svc *svc, const struct network *n, struct problem *p)
{
	auto_json json_t *last = NULL;
	int64_t users;
	int rc = 0;

	if (n->builtin)
		return problem_set(p, 409, "builtin", "This network is part of the appliance.");
	if (db_begin(svc->db))
		return db_problem(p, "network_delete");
	users = db_value(svc->db, -1, "SELECT count(*) FROM nic WHERE network = ?", "s", n->id);
	last = network_json(svc, n->id);
	if (users > 0)
		rc = problem_set(p, 409, "in_use", "%lld network interface%s on it.",
				 (long long)users, users > 1 ? "s are" : " is");
	else if (!last || users < 0 ||
		 db_run(svc->db, "DELETE FROM network WHERE id = ? AND revision = ?", "si", n->id,
			n->revision))
		rc = db_problem(p, "network_delete");
	else if (!db_changes(svc->db))
		rc = problem_changed(p);
	else if (event_add(svc, "network.deleted", NULL, last))
		rc = db_problem(p, "network_delete");
	if (rc) {
		db_rollback(svc->db);
		return rc;
	}
	if (svc_commit(svc))
		return db_problem(p, "network_delete");
	return applied(svc, p);
}
