/* SPDX-License-Identifier: Apache-2.0 */
/* Images: files that virtual machines boot from. */
#ifndef MGMTD_SVC_IMAGE_H
#define MGMTD_SVC_IMAGE_H

#include "svc.h"

#define IMAGE_MAX_BYTES      (1ull << 30) /* kernels, initial RAM disks */
#define IMAGE_MAX_DISK_BYTES (1ull << 40) /* of kind disk or iso */

#define IMAGE_SELECT \
	"SELECT id, name, kind, size AS \"size:i\", disk_size AS \"disk_size:i\", sha256, builtin AS \"builtin:b\", created_at FROM image"

struct image {
	char id[UUID_TEXT_LEN];
	char name[64];
	char kind[16];
	char sha256[SHA256_HEX_LEN]; /* "" when not known yet */
	char path[512];
	bool builtin;
};

struct image_upload;

/** Return: 0, -ENOENT, -EIO. */
must_check int image_load(struct svc *svc, const char *id, struct image *out);
/** The resource as the API shows it, or NULL. */
json_t *image_json(struct svc *svc, const char *id);
/** Forget what was unpacked of kernels with this digest, unless there still is one. */
void image_uncache(struct svc *svc, const char *sha256);
must_check int image_delete(struct svc *svc, const struct image *image, struct problem *p);

/** Begin an upload of (if known, else 0) @length bytes. @sha256: what it must have, or NULL. */
must_check int image_upload_open(struct svc *svc, const char *name, const char *kind,
				 const char *sha256, uint64_t length, struct image_upload **out,
				 struct problem *p);
must_check int image_upload_write(struct image_upload *up, const char *data, size_t len,
				  struct problem *p);
/** It is all there: check it and keep it. Slow. @id names the image. */
must_check int image_upload_finish(struct image_upload *up, char id[UUID_TEXT_LEN],
				   struct problem *p);
/** End an upload; what was not finished is removed. NULL is fine. */
void image_upload_close(struct image_upload *up);

/** At start-up: remove what broken uploads left, and list the built-in images. */
must_check int images_prepare(struct svc *svc);
/** Hash what built-in images have no digest yet. Slow, for a thread of its own. */
void images_hash(struct svc *svc);

#endif
