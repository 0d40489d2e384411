/* SPDX-License-Identifier: Apache-2.0 */
/* From a request's credentials to who it is, and whether he may. */
#ifndef MGMTD_AUTH_AUTHENTICATE_H
#define MGMTD_AUTH_AUTHENTICATE_H

#include "../http/http.h"
#include "../store/db.h"

/**
 * Fill in req->who, or reply 401 or 403. Operations without a permission are open to all.
 * Return: 0, or -EIO with nothing replied.
 */
must_check int authenticate(struct db *db, struct http_request *req);

#endif
