/* SPDX-License-Identifier: Apache-2.0 */
/* Formats of disks: files that are made and enlarged here, and qemu-nbd that serves them. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/nbd.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "disk/nbd.h"
#include "disk/netlink.h"
#include "fixture.h"
#include "reader/qcow2.h"

#define SIZE (20 * MIB)

static char path[160];

static void setup(void)
{
	test_dir_make();
	snprintf(path, sizeof(path), "%s/disk", test_dir);
}

static int make(const char *format, uint64_t size)
{
	int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(disk_format(format)->create(fd, size), 0);
	return fd;
}

START_TEST(formats_are_found_by_name)
{
	ck_assert_ptr_eq(disk_format(NULL), disk_format("raw"));
	ck_assert_str_eq(disk_format("qcow2")->name, "qcow2");
	ck_assert_ptr_null(disk_format("vmdk"));
}
END_TEST

START_TEST(raw_files_are_the_disk)
{
	int fd = make("raw", SIZE);
	struct stat st;
	char byte[1];

	ck_assert_int_eq(pwrite(fd, "left over", 9, 0), 9);
	close(fd);
	fd = make("raw", SIZE);
	ck_assert_int_eq(disk_format("raw")->resize(fd, SIZE + 2 * MIB), 0);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(st.st_size, SIZE + 2 * MIB);
	ck_assert_int_eq(disk_format("raw")->resize(fd, SIZE + MIB), 0);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(st.st_size, SIZE + MIB);
	ck_assert_int_le(st.st_blocks * 512, SIZE + MIB);
	ck_assert_int_eq(pread(fd, byte, 1, 0), 1);
	ck_assert_int_eq(byte[0], 0);
	/* What a guest discards is not taken again with what is new. */
	ck_assert_int_eq(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, SIZE / 2), 0);
	ck_assert_int_eq(disk_format("raw")->resize(fd, SIZE + 2 * MIB), 0);
	ck_assert_int_eq(disk_format("raw")->resize(fd, SIZE + 2 * MIB), 0);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(st.st_size, SIZE + 2 * MIB);
	ck_assert_int_lt(st.st_blocks * 512, SIZE);
	close(fd);
}
END_TEST

/* What disk-reader, who trusts nothing, finds in a file. */
static uint64_t size_of(int fd)
{
	const char *why = NULL;
	struct qcow2 q;

	ck_assert_msg(!qcow2_open(fd, &q, &why), "%s", why);
	ck_assert_msg(!qcow2_unpack(&q, -1, &why), "%s", why);
	return q.size;
}

static void check_by_qemu(void)
{
	char command[300];

	snprintf(command, sizeof(command), "qemu-img check -q -f qcow2 %s", path);
	ck_assert_int_eq(system(command), 0);
}

/* From the smallest to the largest, sound to others, and next to nothing on the disk. */
START_TEST(qcow2_files_are_made_and_enlarged)
{
	static const uint64_t sizes[] = {MIB, SIZE, 513 * MIB, 3ull << 40, 64ull << 40};
	const struct disk_format *format = disk_format("qcow2");
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		int fd = make("qcow2", sizes[i]);

		check_by_qemu();
		if (sizes[i] < 1ull << 40)
			ck_assert_uint_eq(size_of(fd), sizes[i]);
		ck_assert_int_eq(fstat(fd, &st), 0);
		ck_assert_int_le(st.st_blocks * 512, 64 << 10);
		ck_assert_int_eq(format->resize(fd, 64ull << 40), 0);
		check_by_qemu();
		ck_assert_int_eq(format->resize(fd, (64ull << 40) + MIB), -EFBIG);
		ck_assert_int_eq(format->resize(fd, sizes[i]), 0);
		check_by_qemu();
		close(fd);
	}
}
END_TEST

START_TEST(what_is_no_qcow2_is_not_enlarged)
{
	int fd = make("raw", MIB);

	ck_assert_int_eq(disk_format("qcow2")->resize(fd, 2 * MIB), -EINVAL);
	close(fd);
}
END_TEST

static struct disk_opening opening(bool read_only)
{
	return (struct disk_opening){
		.path = path,
		.read_only = read_only,
		.server = DISK_SERVER,
		.domid = 5,
	};
}

/* A request to the server, and the error it answers with. */
static uint32_t ask(int sock, uint32_t type, uint64_t from, void *data, uint32_t len)
{
	struct nbd_request request = {
		.magic = htobe32(NBD_REQUEST_MAGIC),
		.type = htobe32(type),
		.from = htobe64(from),
		.len = htobe32(len),
	};
	struct nbd_reply reply;

	ck_assert_int_eq(send(sock, &request, sizeof(request), 0), sizeof(request));
	if (type == NBD_CMD_WRITE)
		ck_assert_int_eq(send(sock, data, len, 0), len);
	ck_assert_int_eq(recv(sock, &reply, sizeof(reply), MSG_WAITALL), sizeof(reply));
	ck_assert_uint_eq(be32toh(reply.magic), NBD_REPLY_MAGIC);
	if (type == NBD_CMD_READ && !reply.error)
		ck_assert_int_eq(recv(sock, data, len, MSG_WAITALL), len);
	return be32toh(reply.error);
}

static void read_status(pid_t pid, const char *key, char *value, size_t size)
{
	char name[64], line[256];
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%d/status", pid);
	f = fopen(name, "re");
	ck_assert_ptr_nonnull(f);
	value[0] = '\0';
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)) && line[strlen(key)] == ':')
			snprintf(value, size, "%s", line + strlen(key) + 2);
	fclose(f);
}

/* Root's powers are given up, by whom has them; the rest of the walls stands for anybody. */
static void check_confined(pid_t pid)
{
	char value[128];

	read_status(pid, "CapEff", value, sizeof(value));
	ck_assert_uint_eq(strtoull(value, NULL, 16), 0);
	read_status(pid, "Uid", value, sizeof(value));
	ck_assert_int_ne(atoi(value), 0);
	read_status(pid, "NoNewPrivs", value, sizeof(value));
	ck_assert_int_eq(atoi(value), 1);
	read_status(pid, "Seccomp", value, sizeof(value));
	ck_assert_int_eq(atoi(value), 2);
	ck_assert_int_ne(getsid(pid), getsid(0));
}

/* It keeps what it was given, is alone with it, and ends with its connection. */
START_TEST(a_server_has_its_file_alone)
{
	char data[4096], back[4096];
	struct disk_opening o = opening(false);
	struct nbd_export export = {0};
	int fd = make("qcow2", SIZE), second, sock;

	memset(data, 0x5a, sizeof(data));
	ck_assert_int_eq(disk_file_lock(fd, false, 0), 0);
	sock = nbd_serve(&o, fd, &export);
	ck_assert_msg(sock >= 0, "%s", o.why);
	close(fd);
	ck_assert_uint_eq(export.size, SIZE);
	ck_assert_uint_eq(export.flags & (NBD_FLAG_SEND_FLUSH | NBD_FLAG_SEND_FUA |
					  NBD_FLAG_SEND_TRIM | NBD_FLAG_READ_ONLY),
			  NBD_FLAG_SEND_FLUSH | NBD_FLAG_SEND_FUA | NBD_FLAG_SEND_TRIM);
	check_confined(export.pid);
	ck_assert_uint_eq(ask(sock, NBD_CMD_WRITE, 17 * MIB, data, sizeof(data)), 0);
	ck_assert_uint_eq(ask(sock, NBD_CMD_FLUSH, 0, NULL, 0), 0);
	ck_assert_uint_eq(ask(sock, NBD_CMD_READ, 17 * MIB, back, sizeof(back)), 0);
	ck_assert_mem_eq(data, back, sizeof(data));
	ck_assert_uint_eq(ask(sock, NBD_CMD_TRIM, 0, NULL, MIB), 0);

	second = open(path, O_RDWR | O_CLOEXEC);
	ck_assert_int_eq(disk_format("qcow2")->resize(second, 2 * SIZE), -EBUSY);
	ck_assert_int_eq(disk_file_lock(second, true, 40), -EBUSY);
	close(sock);
	ck_assert_int_eq(disk_file_lock(second, false, 20000), 0);
	check_by_qemu();
	ck_assert_int_eq(disk_format("qcow2")->resize(second, 2 * SIZE), 0);
	ck_assert_uint_eq(size_of(second), 2 * SIZE);
	close(second);
}
END_TEST

/* One that does not even notice the end of its connection is seen, and ended; of others' files nothing is touched. */
START_TEST(stuck_servers_are_evicted)
{
	struct disk_opening o = opening(false);
	struct nbd_export export = {0};
	int fd = make("qcow2", SIZE), sock, again, server;

	ck_assert_int_eq(disk_file_lock(fd, false, 0), 0);
	sock = nbd_serve(&o, fd, &export);
	ck_assert_msg(sock >= 0, "%s", o.why);
	close(fd);
	server = pidfd_open(export.pid, 0);
	ck_assert(!nbd_given_up(server));
	ck_assert_int_eq(kill(export.pid, SIGSTOP), 0);
	ck_assert(!nbd_given_up(server));
	shutdown(sock, SHUT_RDWR); /* as the kernel does when it had no answer for too long */
	ck_assert(nbd_given_up(server));
	close(server);
	close(sock);
	again = open(path, O_RDWR | O_CLOEXEC);
	nbd_evict(test_dir);
	ck_assert_int_eq(disk_file_lock(again, false, 100), -EBUSY);
	nbd_evict(path);
	ck_assert_int_eq(disk_file_lock(again, false, 20000), 0);
	close(again);
}
END_TEST

START_TEST(readers_share_a_file)
{
	struct disk_opening o = opening(true);
	struct nbd_export export = {0};
	char byte[512];
	int socks[2];

	close(make("qcow2", SIZE));
	for (int i = 0; i < 2; i++) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);

		ck_assert_int_eq(disk_file_lock(fd, true, 0), 0);
		socks[i] = nbd_serve(&o, fd, &export);
		ck_assert_msg(socks[i] >= 0, "%s", o.why);
		ck_assert(export.flags & NBD_FLAG_READ_ONLY);
		close(fd);
	}
	ck_assert_uint_eq(ask(socks[1], NBD_CMD_READ, 0, byte, sizeof(byte)), 0);
	ck_assert_uint_ne(ask(socks[1], NBD_CMD_WRITE, 0, byte, sizeof(byte)), 0);
	close(socks[0]);
	close(socks[1]);
}
END_TEST

START_TEST(what_can_not_be_served_is_told)
{
	struct disk_opening o = opening(false);
	struct nbd_export export = {0};
	int fd = make("raw", SIZE);

	/* At once, not when its time is over. */
	ck_assert_int_eq(nbd_serve(&o, fd, &export), -ECONNRESET);
	ck_assert_ptr_nonnull(strstr(o.why, "does not take it"));
	o.server = "/nowhere/disk-server";
	o.why[0] = '\0';
	ck_assert_int_lt(nbd_serve(&o, fd, &export), 0);
	ck_assert_ptr_nonnull(strstr(o.why, "can't be started"));
	test_file("broken", "#!/bin/sh\necho pid $$\necho No such luck\n");
	snprintf(path, sizeof(path), "%s/broken", test_dir);
	ck_assert_int_eq(chmod(path, 0700), 0);
	o.server = path;
	o.why[0] = '\0';
	ck_assert_int_lt(nbd_serve(&o, fd, &export), 0);
	ck_assert_str_eq(o.why, "its server did not start: No such luck");
	close(fd);
}
END_TEST

/* Servers that say something else than they should, or stop in the middle of it. */
START_TEST(handshakes_that_go_wrong)
{
	static const struct {
		const char *bytes;
		size_t len;
		bool hangs;
		int rc;
	} cases[] = {
		{"", 0, false, -ECONNRESET},
		{"", 0, true, -ETIMEDOUT},
		{"NBDMAGICIHAVE", 13, true, -ETIMEDOUT},
		{"NBDMAGICIHAVEOPT\0\3", 18, false, -ECONNRESET},
		{"NBDMAGICIHAVEOPT\0\1", 18, false, -EPROTO}, /* zeros to follow */
		{"NBDMAGIC\0\0\4\x20\x02\x81\x86\x12\0\3", 18, false, -EPROTO}, /* oldstyle */
		{"NBDMAGICIHAVEOPT\0\3\0\0\0\0\0\x10\0\0\0", 27, true, -ETIMEDOUT},
		{"NBDMAGICIHAVEOPT\0\3\0\0\0\0\0\0\0\0\0\1", 28, false, -EPROTO}, /* no bytes */
		{"NBDMAGICIHAVEOPT\0\3\xff\xff\0\0\0\0\0\0\0\1", 28, false, -EPROTO},
		{"NBDMAGICIHAVEOPT\0\3\0\0\0\0\0\x10\0\0\0\1", 28, false, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct nbd_export export = {0};
		int ends[2];

		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
		ck_assert_int_eq(write(ends[1], cases[i].bytes, cases[i].len), cases[i].len);
		if (!cases[i].hangs)
			shutdown(ends[1], SHUT_WR);
		ck_assert_int_eq(nbd_handshake(ends[0], 50, &export), cases[i].rc);
		if (!cases[i].rc)
			ck_assert_uint_eq(export.size, MIB);
		close(ends[0]);
		close(ends[1]);
	}
}
END_TEST

/* Of the kernel's own families, for nbd's is in a module that need not be here. */
START_TEST(netlink_families_are_found)
{
	int fd = netlink_open();
	uint16_t family = 0;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(netlink_family(fd, "nlctrl", &family), 0);
	ck_assert_uint_eq(family, 16);
	ck_assert_int_eq(netlink_family(fd, "no-such", &family), -ENOENT);
	close(fd);
}
END_TEST

START_TEST(netlink_messages_nest)
{
	struct netlink_message m;
	size_t outer;

	netlink_begin(&m, 0x123, 4, 1);
	outer = netlink_nest(&m, 7);
	netlink_put(&m, 1, "abc", 3);
	netlink_put_u32(&m, 2, 0x01020304);
	netlink_nest_end(&m, outer);
	netlink_put_u64(&m, 3, 9);
	ck_assert_uint_eq(m.len, 16 + 4 + 4 + 8 + 8 + 12);
	ck_assert_mem_eq(m.bytes + 20, "\x14\0\x07\x80\x07\0\1\0abc\0\x08\0\2\0\4\3\2\1\x0c\0\3\0",
			 24);
}
END_TEST

Suite *suite_disk(void)
{
	Suite *s = suite_create("disk");
	TCase *t = tcase_create("all");

	tcase_add_checked_fixture(t, setup, test_dir_remove);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, formats_are_found_by_name);
	tcase_add_test(t, raw_files_are_the_disk);
	tcase_add_test(t, qcow2_files_are_made_and_enlarged);
	tcase_add_test(t, what_is_no_qcow2_is_not_enlarged);
	tcase_add_test(t, a_server_has_its_file_alone);
	tcase_add_test(t, stuck_servers_are_evicted);
	tcase_add_test(t, readers_share_a_file);
	tcase_add_test(t, what_can_not_be_served_is_told);
	tcase_add_test(t, handshakes_that_go_wrong);
	tcase_add_test(t, netlink_families_are_found);
	tcase_add_test(t, netlink_messages_nest);
	suite_add_tcase(s, t);
	return s;
}
