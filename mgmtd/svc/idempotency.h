/* SPDX-License-Identifier: Apache-2.0 */
/* Idempotency-Key: a repeated POST gets the first one's answer and does nothing. */
#ifndef MGMTD_SVC_IDEMPOTENCY_H
#define MGMTD_SVC_IDEMPOTENCY_H

#include "svc.h"

/** Has this been done already? Replies if so, or if the key can't be used. */
void idempotency_begin(struct svc *svc, struct http_request *req);
/** Keep the answer, if it is one to be kept. */
void idempotency_end(struct svc *svc, struct http_request *req);

#endif
