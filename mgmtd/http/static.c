/* SPDX-License-Identifier: Apache-2.0 */
/* The web interface: files of one directory, with their gzipped siblings. */
#include "internal.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Nothing inline: the terminal's styles come as constructed style sheets, which CSP allows. */
#define POLICY                                                                             \
	"default-src 'none'; script-src 'self'; style-src 'self'; "                        \
	"img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; " \
	"worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

struct static_file {
	struct static_file *next;
	char *path;
	ino_t inode;
	off_t size;
	struct timespec mtime;
	char hash[SHA256_HEX_LEN];
};

static const struct {
	const char *suffix, *type;
} types[] = {
	{".html", "text/html; charset=utf-8"},
	{".js", "text/javascript; charset=utf-8"},
	{".css", "text/css; charset=utf-8"},
	{".json", "application/json"},
	{".webmanifest", "application/manifest+json"},
	{".svg", "image/svg+xml"},
	{".png", "image/png"},
	{".ico", "image/x-icon"},
	{".woff2", "font/woff2"},
	{".wasm", "application/wasm"},
	{".txt", "text/plain; charset=utf-8"},
};

static const char *type_of(const char *path)
{
	size_t len = strlen(path);

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		size_t n = strlen(types[i].suffix);

		if (len > n && !strcmp(path + len - n, types[i].suffix))
			return types[i].type;
	}
	return "application/octet-stream";
}

static bool hash_fd(int fd, char out[SHA256_HEX_LEN])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t digest[32];
	char buf[16384];
	off_t at = 0;
	ssize_t n;

	EVP_DigestInit_ex(ctx, EVP_sha256(), NULL);
	while ((n = pread(fd, buf, sizeof(buf), at)) > 0) {
		EVP_DigestUpdate(ctx, buf, (size_t)n);
		at += n;
	}
	EVP_DigestFinal_ex(ctx, digest, NULL);
	EVP_MD_CTX_free(ctx);
	crypt_hex(digest, sizeof(digest), out);
	return n == 0;
}

static struct static_file *file_find(struct http_server *server, const char *path)
{
	struct static_file *f;

	for (f = server->files; f && strcmp(f->path, path); f = f->next)
		;
	if (f)
		return f;
	f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	f->path = strdup(path);
	if (!f->path) {
		free(f);
		return NULL;
	}
	f->next = server->files;
	server->files = f;
	return f;
}

/* The tag of an open file: from its bytes, remembered as long as the file looks the same. */
static void file_tag(struct http_server *server, const char *path, int fd, const struct stat *st,
		     char out[33])
{
	struct static_file *f;

	pthread_mutex_lock(&server->files_lock);
	f = file_find(server, path);
	if (f &&
	    (f->inode != st->st_ino || f->size != st->st_size ||
	     f->mtime.tv_sec != st->st_mtim.tv_sec || f->mtime.tv_nsec != st->st_mtim.tv_nsec)) {
		if (hash_fd(fd, f->hash)) {
			f->inode = st->st_ino;
			f->size = st->st_size;
			f->mtime = st->st_mtim;
		}
	}
	snprintf(out, 33, "%.32s", f ? f->hash : "");
	pthread_mutex_unlock(&server->files_lock);
}

static int open_regular(const char *path, struct stat *st)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd >= 0 && (fstat(fd, st) || !S_ISREG(st->st_mode))) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Vite names them "name-XXXXXXXX.ext" below assets/: such a file never changes. */
static bool is_hashed(const char *url)
{
	return !strncmp(url, "/assets/", 8) && strrchr(url, '-') && strchr(strrchr(url, '-'), '.');
}

static void harden(struct http_request *req, const char *url)
{
	http_set_header(req, "Content-Security-Policy", "%s", POLICY);
	http_set_header(req, "Referrer-Policy", "no-referrer");
	http_set_header(req, "Cross-Origin-Opener-Policy", "same-origin");
	http_set_header(req, "Cache-Control", "%s",
			is_hashed(url) ? "public, max-age=31536000, immutable" : "no-cache");
	http_set_header(req, "Vary", "Accept-Encoding");
}

static bool send_file(struct http_request *req, const char *url)
{
	const char *accepts = http_header(req, "Accept-Encoding");
	bool gzip = accepts && strstr(accepts, "gzip");
	char path[512], tag[33];
	struct stat st;
	int fd = -1;

	if (gzip) {
		snprintf(path, sizeof(path), "%s%s.gz", req->server->config.webui, url);
		fd = open_regular(path, &st);
		gzip = fd >= 0;
	}
	if (fd < 0) {
		snprintf(path, sizeof(path), "%s%s", req->server->config.webui, url);
		fd = open_regular(path, &st);
	}
	if (fd < 0)
		return false;
	file_tag(req->server, path, fd, &st, tag);
	http_reply_file(req, type_of(url), fd, (uint64_t)st.st_size);
	http_set_header(req, "ETag", "\"%s\"", tag);
	if (gzip)
		http_set_header(req, "Content-Encoding", "gzip");
	harden(req, url);
	return true;
}

static bool is_navigation(const struct http_request *req)
{
	const char *mode = http_header(req, "Sec-Fetch-Mode");
	const char *accept = http_header(req, "Accept");

	if (mode)
		return !strcmp(mode, "navigate");
	return accept && strstr(accept, "text/html");
}

static bool is_plain_path(const char *url)
{
	return url[0] == '/' && !strstr(url, "/.") && !strstr(url, "//") && strlen(url) < 256;
}

void static_serve(struct http_request *req)
{
	if (!http_is_safe(req)) {
		http_fail(req, 405, "method_not_allowed", "This path knows only: GET, HEAD.");
		http_set_header(req, "Allow", "GET, HEAD");
		return;
	}
	if (req->server->config.webui && is_plain_path(req->url)) {
		if (strcmp(req->url, "/") && send_file(req, req->url))
			return;
		if ((!strcmp(req->url, "/") || is_navigation(req)) && send_file(req, "/index.html"))
			return;
	}
	http_fail(req, 404, "not_found", "There is nothing at this path.");
}

void static_fini(struct http_server *server)
{
	while (server->files) {
		struct static_file *f = server->files;

		server->files = f->next;
		free(f->path);
		free(f);
	}
}
