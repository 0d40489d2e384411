/* SPDX-License-Identifier: Apache-2.0 */
/* Who makes a request. */
#ifndef MGMTD_HTTP_IDENTITY_H
#define MGMTD_HTTP_IDENTITY_H

#include <stdint.h>

enum identity_kind { IDENTITY_NONE, IDENTITY_SESSION, IDENTITY_TOKEN };

struct identity {
	enum identity_kind kind;
	char user_id[37];
	char user[64];
	char role[16];       /* what the credential allows: the least of the user's and its own */
	char credential[65]; /* hash of the session or id of the token */
	char csrf[44];       /* sessions only */
	int64_t expires_ms;  /* wall */
};

#endif
