/* SPDX-License-Identifier: Apache-2.0 */
/* Images that come with the appliance, as its index.json lists them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "../util/log.h"
#include "image.h"

static int make_directory(const char *data, const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", data, name);
	return mkdir(path, 0700) && errno != EEXIST ? -errno : 0;
}

/* Files that no record names are left of uploads that a crash broke off. */
static void sweep(struct svc *svc)
{
	char path[1024];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/images", svc->config.data);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") ||
		    db_value(svc->db, 1, "SELECT count(*) FROM image WHERE id = ?", "s",
			     entry->d_name))
			continue;
		snprintf(path, sizeof(path), "%s/images/%s", svc->config.data, entry->d_name);
		unlink(path);
	}
	if (dir)
		closedir(dir);
}

static int add_builtin(struct svc *svc, const json_t *entry)
{
	const char *id = json_string_value(json_object_get(entry, "id"));
	const char *name = json_string_value(json_object_get(entry, "name"));
	const char *kind = json_string_value(json_object_get(entry, "kind"));
	const char *file = json_string_value(json_object_get(entry, "file"));
	const char *sha256 = json_string_value(json_object_get(entry, "sha256"));
	char path[512], stamp[64], now[CLOCK_TEXT_LEN];
	struct stat st;
	int rc;

	if (!id || !name || !kind || !file || !crypt_is_uuid(id)) {
		log_line("the index of built-in images has an incomplete entry");
		return 0;
	}
	snprintf(path, sizeof(path), "%s/%s", svc->config.images, file);
	if (stat(path, &st)) {
		log_line("built-in image %s: %s", path, strerror(errno));
		return 0;
	}
	clock_now(now);
	snprintf(stamp, sizeof(stamp), "%lld-%lld-%llu", (long long)st.st_size,
		 (long long)st.st_mtim.tv_sec, (unsigned long long)st.st_ino);
	/* A digest is kept for as long as the file looks the same. */
	rc = db_run(svc->db,
		    "INSERT INTO image (id, name, kind, size, sha256, builtin, path, stamp,"
		    " created_at) VALUES (?, ?, ?, ?, ?, 1, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
		    " name = excluded.name, kind = excluded.kind, size = excluded.size,"
		    " path = excluded.path, sha256 = CASE WHEN excluded.sha256 IS NOT NULL OR"
		    " stamp <> excluded.stamp THEN excluded.sha256 ELSE sha256 END,"
		    " stamp = excluded.stamp",
		    "sssissss", id, name, kind, (int64_t)st.st_size, sha256, path, stamp, now);
	if (rc != -EEXIST)
		return rc;
	log_line("built-in image %s is left out: another image has its name", name);
	return 0;
}

int images_prepare(struct svc *svc)
{
	auto_json json_t *index = NULL;
	auto_free char *text = NULL;
	const json_t *entry;
	char path[512];
	size_t i;
	int rc;

	if (make_directory(svc->config.data, "images") || make_directory(svc->config.data, "cache"))
		return -EIO;
	sweep(svc);
	if (!svc->config.images)
		return 0;
	snprintf(path, sizeof(path), "%s/index.json", svc->config.images);
	index = json_load_file(path, 0, NULL);
	if (!json_is_array(index))
		log_line("there is no index of built-in images at %s", path);
	text = index ? json_dumps(index, JSON_COMPACT) : strdup("[]");
	rc = db_begin(svc->db);
	if (rc)
		return rc;
	/* Those of another release go, unless something still boots from them or has them as a disk. */
	rc = db_run(svc->db,
		    "DELETE FROM image WHERE builtin AND id NOT IN (SELECT kernel FROM vm)"
		    " AND id NOT IN (SELECT initrd FROM vm WHERE initrd IS NOT NULL)"
		    " AND id NOT IN (SELECT image FROM vm_disk WHERE image IS NOT NULL)"
		    " AND id NOT IN (SELECT value ->> 'id' FROM json_each(?))",
		    "s", text);
	json_array_foreach(index, i, entry)
		if (!rc)
			rc = add_builtin(svc, entry);
	if (rc) {
		db_rollback(svc->db);
		return rc;
	}
	return db_commit(svc->db);
}

static bool hash_file(struct svc *svc, const char *path, char out[SHA256_HEX_LEN])
{
	auto_free char *buf = malloc(65536);
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t digest[32];
	ssize_t n = -1;

	EVP_DigestInit_ex(ctx, EVP_sha256(), NULL);
	while (buf && fd >= 0 && !svc_stopping(svc) && (n = read(fd, buf, 65536)) > 0)
		EVP_DigestUpdate(ctx, buf, (size_t)n);
	EVP_DigestFinal_ex(ctx, digest, NULL);
	EVP_MD_CTX_free(ctx);
	crypt_hex(digest, sizeof(digest), out);
	return n == 0;
}

static bool next_unhashed(struct svc *svc, char id[UUID_TEXT_LEN], char path[512])
{
	auto_query struct db_query *q =
		db_query(svc->db, "SELECT id, path FROM image WHERE sha256 IS NULL LIMIT 1", "");

	if (!q || db_next(q) != 1)
		return false;
	snprintf(id, UUID_TEXT_LEN, "%s", db_text(q, 0));
	snprintf(path, 512, "%s", db_text(q, 1));
	return true;
}

void images_hash(struct svc *svc)
{
	char id[UUID_TEXT_LEN], path[512], sha256[SHA256_HEX_LEN];

	while (!svc_stopping(svc) && next_unhashed(svc, id, path))
		if (!hash_file(svc, path, sha256) ||
		    db_run(svc->db, "UPDATE image SET sha256 = ? WHERE id = ?", "ss", sha256, id))
			return;
}
