/* SPDX-License-Identifier: Apache-2.0 */
/* Passwords at rest: scrypt (RFC 7914) with its parameters beside the hash. */
#ifndef MGMTD_AUTH_PASSWORD_H
#define MGMTD_AUTH_PASSWORD_H

#include <stdbool.h>

#include "../util/cleanup.h"

#define PASSWORD_HASH_LEN 128
#define PASSWORD_MADE_LEN 24 /* 4 groups of 5 with dashes, and the NUL */

/** Hash @password with a fresh salt. Takes 4 MiB and some ten ms. Return: 0 or -ENOMEM. */
must_check int password_hash(const char *password, char out[PASSWORD_HASH_LEN]);
/** Is @password the one @stored was made from? NULL for @stored takes as long and says no. */
bool password_verify(const char *password, const char *stored);
/** Make one for a person to type: 20 unambiguous characters, 98 bits. */
void password_make(char out[PASSWORD_MADE_LEN]);

#endif
