/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk-reader check|size|unpack: all that reads disk images, which are hostile, as a program of its
 * own and confined. It has the image as its descriptor 0, the volume to fill, which must read as
 * zeros, as 1, and tells on 2, a line each:
 *   size N    bytes of the disk that the image holds
 *   done N    bytes of it looked at so far
 *   bad WORDS what is wrong with the image
 * It exits with 0, else with 1 after "bad" and with 2 for all that is not the image's fault.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "confine.h"
#include "qcow2.h"

#define CHUNK      (1u << 20)
#define GRAIN      (64u << 10) /* zeros of that size are left out */
#define DONE_EVERY (8ull << 20)
#define IMAGE      0
#define VOLUME     1
#define REPORT     2

enum exit_code { EXIT_GOOD, EXIT_BAD, EXIT_TROUBLE };

__attribute__((format(printf, 1, 2))) static void tell(const char *fmt, ...)
{
	char line[160];
	va_list ap;
	ssize_t n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	/* Nobody there to be told is the end, by SIGPIPE. */
	n = write(REPORT, line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1);
	(void)n;
}

static void tell_done(uint64_t done)
{
	static uint64_t told;

	if (done - told < DONE_EVERY)
		return;
	told = done;
	tell("done %llu\n", (unsigned long long)done);
}

static bool is_zeros(const uint8_t *data, size_t len)
{
	return !data[0] && !memcmp(data, data + 1, len - 1);
}

/* As much of @data as has content, to its place. */
static int write_chunk(const uint8_t *data, size_t len, uint64_t at)
{
	int rc = 0;

	for (size_t i = 0; i < len && !rc; i += GRAIN) {
		size_t n = len - i < GRAIN ? len - i : GRAIN;

		if (!is_zeros(data + i, n))
			rc = write_all_at(VOLUME, data + i, n, at + i);
	}
	return rc;
}

static int copy_raw(uint64_t size)
{
	auto_free uint8_t *chunk = malloc(CHUNK);
	int rc = chunk ? 0 : -ENOMEM;

	for (uint64_t at = 0; at < size && !rc; at += CHUNK) {
		size_t n = size - at < CHUNK ? (size_t)(size - at) : CHUNK;

		rc = read_all_at(IMAGE, chunk, n, at);
		if (!rc)
			rc = write_chunk(chunk, n, at);
		tell_done(at);
	}
	return rc;
}

static int read_qcow2(const char *what, const char **why)
{
	struct qcow2 q;
	int rc = qcow2_open(IMAGE, &q, why);

	if (rc)
		return rc;
	tell("size %llu\n", (unsigned long long)q.size);
	if (!strcmp(what, "size"))
		return 0;
	q.done = tell_done;
	return qcow2_unpack(&q, strcmp(what, "unpack") ? -1 : VOLUME, why);
}

static int read_raw(const char *what)
{
	off_t size = lseek(IMAGE, 0, SEEK_END);

	if (size < 0)
		return -errno;
	tell("size %lld\n", (long long)size);
	return strcmp(what, "unpack") ? 0 : copy_raw((uint64_t)size);
}

static int trouble(const char *where, int rc)
{
	tell("trouble: %s: %s\n", where, strerror(-rc));
	return EXIT_TROUBLE;
}

/* How far it may write: a block device ends by itself. */
static uint64_t most(const struct stat *volume)
{
	return S_ISREG(volume->st_mode) ? (uint64_t)volume->st_size :
	       S_ISBLK(volume->st_mode) ? UINT64_MAX :
					  0;
}

int main(int argc, char **argv)
{
	const char *why = NULL;
	struct stat volume;
	int rc;

	if (argc != 2 || fstat(VOLUME, &volume))
		return EXIT_TROUBLE;
	rc = confine(most(&volume));
	if (rc)
		return trouble("it can't be confined", rc);
	rc = qcow2_is(IMAGE) ? read_qcow2(argv[1], &why) : read_raw(argv[1]);
	if (rc == -EINVAL && why) {
		tell("bad %s\n", why);
		return EXIT_BAD;
	}
	return rc ? trouble(argv[1], rc) : EXIT_GOOD;
}
