// SPDX-License-Identifier: Apache-2.0
/*
 * What a disk and a network card do, seen by an ordinary Linux program; the same one runs in guests and in the
 * management domain. Prints a line "io NAME NUMBER" per figure, then "io end".
 *
 *   bench-io disk PATH   4 KiB reads and writes past the page cache, one and DEPTH at a time: how many a second
 *   bench-io give        serve whoever takes, until killed
 *   bench-io take HOST   one TCP stream from there, in bytes a second, and small UDP packets, in packets a second
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK = 4096, DEPTH = 16, OPERATIONS = 256, ROUNDS = 3 };
enum { STREAM_PORT = 7000, PACKET_PORT = 7001, PACKETS = 3000, PACKET = 64, END = 1, ENDS = 16 };

#define STREAM (4L << 20)
#define CHUNK  (64 << 10)

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- disks ---- */

struct pattern {
	const char *name;
	bool write, random;
	long depth;
};

static const struct pattern patterns[] = {
	{"read_sequential", false, false, 1},          {"read_random", false, true, 1},
	{"write_sequential", true, false, 1},          {"write_random", true, true, 1},
	{"read_sequential_deep", false, false, DEPTH}, {"read_random_deep", false, true, DEPTH},
	{"write_sequential_deep", true, false, DEPTH}, {"write_random_deep", true, true, DEPTH},
};

/* @p->depth operations given at once, and all of them awaited. */
static void batch(int fd, aio_context_t ctx, const struct pattern *p, char *buffer, long first,
		  long blocks)
{
	struct iocb cb[DEPTH], *list[DEPTH];
	struct io_event done[DEPTH];

	for (long i = 0; i < p->depth; i++) {
		long block = p->random ? random() : first + i;

		cb[i] = (struct iocb){
			.aio_lio_opcode = p->write ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD,
			.aio_fildes = (unsigned int)fd,
			.aio_buf = (uintptr_t)(buffer + i * BLOCK),
			.aio_nbytes = BLOCK,
			.aio_offset = block % blocks * BLOCK,
		};
		list[i] = &cb[i];
	}
	if (syscall(SYS_io_submit, ctx, p->depth, list) != p->depth ||
	    syscall(SYS_io_getevents, ctx, p->depth, p->depth, done, NULL) != p->depth)
		err(1, "%s", p->name);
	for (long i = 0; i < p->depth; i++)
		if (done[i].res != BLOCK)
			errx(1, "%s: short", p->name);
}

static void disk(const char *path)
{
	int fd = open(path, O_RDWR | O_DIRECT);
	long blocks = fd < 0 ? 0 : lseek(fd, 0, SEEK_END) / BLOCK;
	char *buffer = aligned_alloc(BLOCK, DEPTH * BLOCK);
	aio_context_t ctx = 0;

	if (blocks < OPERATIONS || !buffer || syscall(SYS_io_setup, DEPTH, &ctx))
		err(1, "%s", path);
	memset(buffer, 7, DEPTH * BLOCK);
	for (size_t n = 0; n < sizeof(patterns) / sizeof(patterns[0]); n++) {
		const struct pattern *p = &patterns[n];
		double best = 0;

		for (int round = 0; round < ROUNDS; round++) {
			double began = now(), rate;

			for (long i = 0; i < OPERATIONS; i += p->depth)
				batch(fd, ctx, p, buffer, i, blocks);
			rate = OPERATIONS / (now() - began);
			best = rate > best ? rate : best;
		}
		printf("io %s %.0f\n", p->name, best);
	}
}

/* ---- networks ---- */

static struct sockaddr_in address(const char *host, int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

	if (host && inet_pton(AF_INET, host, &a.sin_addr) != 1)
		errx(1, "%s is no address", host);
	return a;
}

static int bound(int type, int port)
{
	const struct sockaddr_in a = address(NULL, port);
	int fd = socket(AF_INET, type, 0), yes = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(fd, (const void *)&a, sizeof(a)))
		err(1, "bind");
	return fd;
}

static int connected(const char *host, int type, int port)
{
	const struct sockaddr_in a = address(host, port);
	int fd = socket(AF_INET, type, 0);

	if (connect(fd, (const void *)&a, sizeof(a)))
		err(1, "connect");
	return fd;
}

static void give_streams(void)
{
	static const char chunk[CHUNK];
	int server = bound(SOCK_STREAM, STREAM_PORT);

	listen(server, 1);
	for (;;) {
		int fd = accept(server, NULL, NULL);
		ssize_t n = 0;

		for (long left = STREAM; left > 0 && n >= 0; left -= n)
			n = send(fd, chunk, left < CHUNK ? (size_t)left : CHUNK, MSG_NOSIGNAL);
		close(fd);
	}
}

/* Whoever asks gets PACKETS as fast as they go, and then some that say it was all. */
static void give_packets(void)
{
	int fd = bound(SOCK_DGRAM, PACKET_PORT);
	char packet[PACKET] = {0};

	for (;;) {
		struct sockaddr_in to;
		socklen_t len = sizeof(to);

		if (recvfrom(fd, packet, sizeof(packet), 0, (void *)&to, &len) < 0)
			continue;
		for (int i = 0; i < PACKETS; i++)
			sendto(fd, packet, PACKET, 0, (void *)&to, len);
		for (int i = 0; i < ENDS; i++) {
			usleep(5000);
			sendto(fd, packet, END, 0, (void *)&to, len);
		}
	}
}

static double take_stream(const char *host)
{
	static char chunk[CHUNK];
	int fd = connected(host, SOCK_STREAM, STREAM_PORT);
	double began = now(), took;
	long got = 0;
	ssize_t n;

	while ((n = recv(fd, chunk, sizeof(chunk), 0)) > 0)
		got += n;
	took = now() - began;
	close(fd);
	if (got != STREAM)
		errx(1, "%ld bytes of the stream", got);
	return (double)got / took;
}

static double take_packets(const char *host)
{
	int fd = connected(host, SOCK_DGRAM, PACKET_PORT);
	const struct timeval patience = {.tv_sec = 20};
	double first = 0, last = 0;
	char packet[PACKET];
	int got = 0;
	ssize_t n;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	send(fd, packet, END, 0);
	while ((n = recv(fd, packet, sizeof(packet), 0)) == PACKET) {
		last = now();
		if (!got++)
			first = last;
	}
	close(fd);
	if (n != END || got < 2)
		errx(1, "%d packets, and no end", got);
	fprintf(stderr, "%d of %d packets arrived\n", got, PACKETS);
	return (got - 1) / (last - first);
}

static double best_of(double (*take)(const char *), const char *host)
{
	double best = 0;

	for (int round = 0; round < ROUNDS; round++) {
		double rate = take(host);

		best = rate > best ? rate : best;
	}
	return best;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "", *where = argc > 2 ? argv[2] : "";

	if (!strcmp(what, "disk")) {
		disk(where);
	} else if (!strcmp(what, "give")) {
		if (fork())
			give_streams();
		give_packets();
	} else if (!strcmp(what, "take")) {
		printf("io stream %.0f\n", best_of(take_stream, where));
		printf("io packets %.0f\n", best_of(take_packets, where));
	} else {
		errx(2, "disk PATH | give | take HOST");
	}
	puts("io end");
	return 0;
}
