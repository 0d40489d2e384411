/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "../svc/image.h"
#include "handlers.h"

void handle_image_list(struct http_request *req)
{
	struct page_query pq = {
		.select = IMAGE_SELECT,
		.sort = "name",
		.filters = {{"name", http_query(req, "name")}, {"kind", http_query(req, "kind")}},
	};

	reply_list(req, &pq, NULL);
}

/* An image never changes, so its id is tag enough. */
static void set_etag(struct http_request *req, const char *id)
{
	http_set_header(req, "ETag", "\"%s\"", id);
}

static bool load(struct http_request *req, struct image *image)
{
	int rc = image_load(svc_of(req), req->args[0], image);

	if (rc == -ENOENT)
		http_fail(req, 404, "not_found", "There is no image with this id.");
	else if (rc)
		svc_fail(req);
	return !rc;
}

void handle_image_get(struct http_request *req)
{
	struct image image;
	json_t *json;

	if (!load(req, &image))
		return;
	json = image_json(svc_of(req), image.id);
	if (!json) {
		http_fail(req, 404, "not_found", "There is no image with this id.");
		return;
	}
	http_reply(req, 200, json);
	if (image.sha256[0]) /* else its digest is yet to come */
		set_etag(req, image.id);
}

void handle_image_content(struct http_request *req)
{
	struct image image;
	struct stat st;
	int fd;

	if (!load(req, &image))
		return;
	fd = open(image.path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st)) {
		if (fd >= 0)
			close(fd);
		http_fail(req, 503, "unavailable", "The image's file can't be read.");
		return;
	}
	set_etag(req, image.id);
	http_set_header(req, "Content-Disposition", "attachment; filename=\"%s\"", image.name);
	http_reply_content(req, "application/octet-stream", fd, (uint64_t)st.st_size, NULL);
}

void handle_image_delete(struct http_request *req)
{
	auto_problem struct problem p = {0};
	struct image image;

	char etag[UUID_TEXT_LEN + 2];

	if (!load(req, &image))
		return;
	snprintf(etag, sizeof(etag), "\"%s\"", image.id);
	if (!http_if_match(req, etag))
		return;
	if (image_delete(svc_of(req), &image, &p))
		http_reply_problem(req, &p);
	else
		http_reply(req, 204, NULL);
}

static int take(struct http_request *req, const char *data, size_t len)
{
	auto_problem struct problem p = {0};

	if (!image_upload_write(req->state, data, len, &p))
		return 0;
	http_reply_problem(req, &p);
	return -EIO;
}

static void close_upload(void *state)
{
	image_upload_close(state);
}

void begin_image_create(struct http_request *req)
{
	const char *length = http_header(req, "Content-Length");
	auto_problem struct problem p = {0};
	struct image_upload *up;

	if (image_upload_open(svc_of(req), http_query(req, "name"), http_query(req, "kind"),
			      http_query(req, "sha256"), length ? strtoull(length, NULL, 10) : 0,
			      &up, &p)) {
		http_reply_problem(req, &p);
		return;
	}
	req->state = up;
	req->state_free = close_upload;
	req->sink = take;
}

void handle_image_create(struct http_request *req)
{
	auto_problem struct problem p = {0};
	char id[UUID_TEXT_LEN];
	json_t *json;

	if (image_upload_finish(req->state, id, &p)) {
		http_reply_problem(req, &p);
		return;
	}
	json = image_json(svc_of(req), id);
	if (!json) {
		http_fail(req, 404, "not_found", "The image has been deleted already.");
		return;
	}
	http_reply(req, 201, json);
	http_set_header(req, "Location", "/api/v1/images/%s", id);
	set_etag(req, id);
}
