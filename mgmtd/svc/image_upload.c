/* SPDX-License-Identifier: Apache-2.0 */
/* Images on their way in: to disk and through SHA-256 as the bytes come. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "disk_image.h"
#include "event.h"
#include "image.h"

#define SPARE_BYTES (16ull << 20) /* disk space an upload may not take */

struct image_upload {
	struct svc *svc;
	char name[64];
	char kind[16];
	char wanted[SHA256_HEX_LEN];
	char path[512]; /* where it grows */
	int fd;
	uint64_t size;
	uint64_t disk_size; /* of the disk in it, bytes; 0: it is none */
	EVP_MD_CTX *digest;
};

static int disk_full(struct problem *p, uint64_t needed, uint64_t has)
{
	problem_set(p, 507, "insufficient_storage",
		    "The image needs %" PRIu64 " bytes, but the data"
		    " disk has %" PRIu64 " bytes to spare.",
		    needed, has);
	problem_extra(p, "needed", json_integer((json_int_t)needed));
	problem_extra(p, "free", json_integer((json_int_t)has));
	return -ECANCELED;
}

static uint64_t disk_free(struct svc *svc)
{
	struct statvfs fs;
	uint64_t bytes;

	if (statvfs(svc->config.data, &fs))
		return 0;
	bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	return bytes > SPARE_BYTES ? bytes - SPARE_BYTES : 0;
}

static bool is_disk(const char *kind)
{
	return !strcmp(kind, "disk") || !strcmp(kind, "iso");
}

static uint64_t max_bytes(const char *kind)
{
	return is_disk(kind) ? IMAGE_MAX_DISK_BYTES : IMAGE_MAX_BYTES;
}

static int too_large(const char *kind, struct problem *p)
{
	return problem_set(p, 413, "too_large", "An image may have at most %" PRIu64 " bytes.",
			   max_bytes(kind));
}

static int name_taken(struct problem *p)
{
	problem_set(p, 409, "name_taken", "There is an image of this name already.");
	problem_field(p, "name", "taken", "is the name of another image");
	return -ECANCELED;
}

int image_upload_open(struct svc *svc, const char *name, const char *kind, const char *sha256,
		      uint64_t length, struct image_upload **out, struct problem *p)
{
	char id[UUID_TEXT_LEN];
	struct image_upload *up;
	int rc = 0;

	if (length > max_bytes(kind))
		return too_large(kind, p);
	if (length > disk_free(svc))
		return disk_full(p, length, disk_free(svc));
	if (db_value(svc->db, 0, "SELECT 1 FROM image WHERE name = ?", "s", name))
		return name_taken(p);
	up = calloc(1, sizeof(*up));
	if (!up)
		return problem_internal(p, "memory for an upload");
	crypt_uuid(id);
	up->svc = svc;
	snprintf(up->name, sizeof(up->name), "%s", name);
	snprintf(up->kind, sizeof(up->kind), "%s", kind);
	snprintf(up->wanted, sizeof(up->wanted), "%s", sha256 ? sha256 : "");
	snprintf(up->path, sizeof(up->path), "%s/images/.upload-%s", svc->config.data, id);
	up->digest = EVP_MD_CTX_new();
	up->fd = open(up->path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	if (up->fd < 0)
		rc = problem_failed(p, -errno, "an upload's file can't be made");
	else if (!up->digest || !EVP_DigestInit_ex(up->digest, EVP_sha256(), NULL))
		rc = problem_internal(p, "an upload's digest can't be made");
	if (rc) {
		image_upload_close(up);
		return rc;
	}
	*out = up;
	return 0;
}

int image_upload_write(struct image_upload *up, const char *data, size_t len, struct problem *p)
{
	uint64_t has;

	if (up->size + len > max_bytes(up->kind))
		return too_large(up->kind, p);
	/* Its length may not have been told, or others have taken the room meanwhile. */
	has = disk_free(up->svc);
	if (len > has)
		return disk_full(p, up->size + len, up->size + has);
	EVP_DigestUpdate(up->digest, data, len);
	up->size += len;
	while (len) {
		ssize_t n = write(up->fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return problem_failed(p, -errno, "an upload can't be written");
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

#define SECTOR    512
#define ISO_MAGIC "CD001"
#define ISO_AT    0x8001 /* ECMA-119, 8.1.2: in the first volume descriptor */

/* Other formats than raw are told by their first bytes; taken as raw they would be of no use. */
static const struct {
	const char *magic, *name;
} foreign_formats[] = {
	{"KDMV", "VMDK"},
	{"vhdxfile", "VHDX"},
	{"conectix", "VHD"},
	{"# Disk Descr", "VMDK"},
};

static bool goes_on(void *opaque, uint64_t done, uint64_t size)
{
	struct svc *svc = opaque;
	bool stopping;

	(void)done;
	(void)size;
	pthread_mutex_lock(&svc->lock);
	stopping = svc->stopping;
	pthread_mutex_unlock(&svc->lock);
	return !stopping;
}

static int check_content(struct image_upload *up, int fd, struct problem *p)
{
	const struct disk_image_job job = {DISK_IMAGE_CHECK, fd, -1, goes_on, up->svc};
	struct disk_image disk;
	int rc = disk_image_read(up->svc, &job, &disk);

	if (rc == -ECANCELED)
		return problem_stopping(p);
	if (rc == -EINVAL)
		return problem_set(p, 422, "invalid_disk", "This disk image is not taken. %s",
				   disk.why);
	if (rc)
		return problem_internal(p, "a disk image can't be read");
	if (disk.size > IMAGE_MAX_DISK_BYTES)
		return problem_set(p, 422, "invalid_disk",
				   "This disk image is not taken: a disk may have at most %" PRIu64
				   " bytes, not %" PRIu64 ".",
				   (uint64_t)IMAGE_MAX_DISK_BYTES, disk.size);
	if (disk.size % SECTOR)
		return problem_set(p, 422, "invalid_disk",
				   "This is no disk image: its size is no multiple of 512 bytes.");
	up->disk_size = disk.size;
	return 0;
}

static int check_disk(struct image_upload *up, struct problem *p)
{
	auto_fd int fd = open(up->path, O_RDONLY | O_CLOEXEC);
	char head[16] = "", iso[sizeof(ISO_MAGIC)] = "";

	if (fd < 0 || pread(fd, head, sizeof(head), 0) < 0 ||
	    pread(fd, iso, sizeof(iso) - 1, ISO_AT) < 0)
		return problem_internal(p, "an upload can't be read");
	for (size_t i = 0; i < ARRAY_SIZE(foreign_formats); i++)
		if (!memcmp(head, foreign_formats[i].magic, strlen(foreign_formats[i].magic)))
			return problem_set(p, 422, "unsupported_format",
					   "This is a %s image; disk images must be raw or qcow2.",
					   foreign_formats[i].name);
	if (!strcmp(up->kind, "iso") && strcmp(iso, ISO_MAGIC))
		return problem_set(p, 422, "invalid_iso", "This is no ISO 9660 image.");
	return check_content(up, fd, p);
}

static int check(struct image_upload *up, const char *sha256, struct problem *p)
{
	struct ts_error err = {0};
	char cache[512];

	if (!up->size)
		return problem_set(p, 422, "empty", "The image is empty.");
	if (up->wanted[0] && strcmp(up->wanted, sha256))
		return problem_invalid(p, "sha256", "wrong_digest",
				       "The bytes that came have the"
				       " digest %s.",
				       sha256);
	if (is_disk(up->kind))
		return check_disk(up, p);
	if (strcmp(up->kind, "kernel"))
		return 0;
	snprintf(cache, sizeof(cache), "%s/cache", up->svc->config.data);
	if (!ts_kernel_check(up->path, cache, &err))
		return 0;
	if (err.code == TS_EKERNEL || err.code == TS_EINVAL)
		return problem_set(p, 422, "invalid_kernel",
				   "This is not a kernel that can be booted:"
				   " %s.",
				   err.detail);
	return problem_internal(p, err.detail);
}

static int record(struct image_upload *up, const char *id, const char *path, const char *sha256,
		  struct problem *p)
{
	auto_json json_t *json = NULL;
	struct svc *svc = up->svc;
	char now[CLOCK_TEXT_LEN];
	int rc;

	clock_now(now);
	if (db_begin(svc->db))
		return db_problem(p, "image record");
	rc = db_run(svc->db,
		    "INSERT INTO image (id, name, kind, size, disk_size, sha256, path, created_at)"
		    " VALUES (?, ?, ?, ?, nullif(?, 0), ?, ?, ?)",
		    "sssiisss", id, up->name, up->kind, (int64_t)up->size, (int64_t)up->disk_size,
		    sha256, path, now);
	if (rc == -EEXIST)
		rc = name_taken(p);
	else if (rc || !(json = image_json(svc, id)) || event_add(svc, "image.created", NULL, json))
		rc = db_problem(p, "image record");
	if (rc) {
		db_rollback(svc->db);
		return rc;
	}
	return svc_commit(svc) ? db_problem(p, "image record") : 0;
}

/* A record, once there, must find the file by its name after a power failure, too. */
static int flush_names(struct svc *svc, struct problem *p)
{
	auto_fd int fd = -1;
	char path[512];

	snprintf(path, sizeof(path), "%s/images", svc->config.data);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd))
		return problem_failed(p, -errno, "the name of an upload can't be flushed");
	return 0;
}

int image_upload_finish(struct image_upload *up, char id[UUID_TEXT_LEN], struct problem *p)
{
	char sha256[SHA256_HEX_LEN], path[512];
	uint8_t digest[32];

	if (fdatasync(up->fd))
		return problem_failed(p, -errno, "an upload can't be flushed");
	EVP_DigestFinal_ex(up->digest, digest, NULL);
	crypt_hex(digest, sizeof(digest), sha256);
	if (check(up, sha256, p))
		return -ECANCELED;
	crypt_uuid(id);
	snprintf(path, sizeof(path), "%s/images/%s", up->svc->config.data, id);
	if (rename(up->path, path))
		return problem_failed(p, -errno, "an upload can't be renamed");
	up->path[0] = '\0';
	if (flush_names(up->svc, p) || record(up, id, path, sha256, p)) {
		unlink(path);
		image_uncache(up->svc, sha256);
		return -ECANCELED;
	}
	return 0;
}

void image_upload_close(struct image_upload *up)
{
	if (!up)
		return;
	if (up->fd >= 0) {
		close(up->fd);
		if (up->path[0])
			unlink(up->path);
	}
	EVP_MD_CTX_free(up->digest);
	free(up);
}
