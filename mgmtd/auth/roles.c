/* SPDX-License-Identifier: Apache-2.0 */
#include "roles.h"

#include <string.h>

#include "../util/cleanup.h"

enum role { ROLE_VIEWER, ROLE_OPERATOR, ROLE_ADMIN, ROLES };

static const char *const names[ROLES] = {
	[ROLE_VIEWER] = "viewer",
	[ROLE_OPERATOR] = "operator",
	[ROLE_ADMIN] = "admin",
};

/* Each permission and the least role that has it. */
static const struct {
	const char *name;
	enum role least;
} permissions[] = {
	{"self", ROLE_VIEWER},          {"host.read", ROLE_VIEWER},
	{"network.read", ROLE_VIEWER},  {"network.write", ROLE_ADMIN},
	{"image.read", ROLE_VIEWER},    {"vm.read", ROLE_VIEWER},
	{"task.read", ROLE_VIEWER},     {"event.read", ROLE_VIEWER},
	{"console.view", ROLE_VIEWER},  {"token.manage", ROLE_VIEWER},
	{"console.use", ROLE_OPERATOR}, {"vm.power", ROLE_OPERATOR},
	{"task.cancel", ROLE_OPERATOR}, {"vm.write", ROLE_ADMIN},
	{"image.write", ROLE_ADMIN},    {"host.power", ROLE_ADMIN},
	{"audit.read", ROLE_ADMIN},     {"vm.debug", ROLE_ADMIN},
	{"volume.read", ROLE_VIEWER},   {"volume.write", ROLE_ADMIN},
	{"volume.export", ROLE_ADMIN},  {"image.export", ROLE_ADMIN},
};

static int rank(const char *role)
{
	for (int i = 0; i < ROLES; i++)
		if (!strcmp(names[i], role))
			return i;
	return -1;
}

bool role_may(const char *role, const char *permission)
{
	for (size_t i = 0; i < ARRAY_SIZE(permissions); i++)
		if (!strcmp(permissions[i].name, permission))
			return rank(role) >= (int)permissions[i].least;
	return false;
}

const char *role_least(const char *a, const char *b)
{
	return rank(a) <= rank(b) ? a : b;
}

json_t *role_permissions(const char *role)
{
	json_t *list = json_array();

	for (size_t i = 0; i < ARRAY_SIZE(permissions); i++)
		if (rank(role) >= (int)permissions[i].least)
			json_array_append_new(list, json_string(permissions[i].name));
	return list;
}
