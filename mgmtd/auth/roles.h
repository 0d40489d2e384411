/* SPDX-License-Identifier: Apache-2.0 */
/* Roles and the permissions they give. */
#ifndef MGMTD_AUTH_ROLES_H
#define MGMTD_AUTH_ROLES_H

#include <jansson.h>
#include <stdbool.h>

/** May someone with @role do what needs @permission? */
bool role_may(const char *role, const char *permission);
/** The lesser of two roles; an unknown one counts as the least. */
const char *role_least(const char *a, const char *b);
/** All its permissions, as an array of strings. */
json_t *role_permissions(const char *role);

#endif
