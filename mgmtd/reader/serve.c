/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk-server rw|ro: becomes qemu-nbd, which serves one qcow2 file and is confined to that. It has
 * the file as its descriptor 0 and a listening socket as 3, and tells on 1 its process id ("pid N")
 * and, until qemu-nbd has taken over, what went wrong. It is nobody's child: whoever started it may
 * end, and it goes on until its one connection does.
 *
 * What is left to it: a user of its own, who owns that file; by Landlock no other file but programs
 * and libraries, and no other process' memory; by seccomp the calls below, none of which makes
 * a socket, signals another process or changes what a file is called.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../util/cleanup.h"
#include "confine.h"
#include "filter.h"

#define SERVER      "/usr/bin/qemu-nbd"
#define SERVER_USER "domus-nbd"
#define DISK        0
#define REPORT      1
#define REPORT_KEPT 10           /* where it is until qemu-nbd begins */
#define LISTENER    3            /* as sd_listen_fds(3) has it */
#define MEMORY      (2ull << 30) /* bytes of address space: up to 64 threads and their stacks */
#define STACK       (1u << 20)

/* What qemu-nbd uses; an error is all it gets for others. */
static struct sock_filter filter[] = {
	LOAD_CALL,
	/* files */
	ALLOW(read),
	ALLOW(write),
	ALLOW(pread64),
	ALLOW(pwrite64),
	ALLOW(readv),
	ALLOW(writev),
	ALLOW(preadv),
	ALLOW(pwritev),
	ALLOW(lseek),
	ALLOW(fsync),
	ALLOW(fdatasync),
	ALLOW(sync_file_range),
	ALLOW(fallocate),
	ALLOW(ftruncate),
	ALLOW(openat),
	ALLOW(close),
	ALLOW(newfstatat),
	ALLOW(fstat),
	ALLOW(statfs),
	ALLOW(fstatfs),
	ALLOW(access),
	ALLOW(faccessat),
	ALLOW(faccessat2),
	ALLOW(readlink),
	ALLOW(readlinkat),
	ALLOW(getcwd),
	ALLOW(chdir),
	ALLOW(getdents64),
	ALLOW(fcntl),
	ALLOW(fadvise64),
	/* memory */
	ALLOW(mmap),
	ALLOW(munmap),
	ALLOW(mremap),
	ALLOW(mprotect),
	ALLOW(madvise),
	ALLOW(brk),
	/* the connection */
	ALLOW(accept4),
	ALLOW(recvmsg),
	ALLOW(sendmsg),
	ALLOW(recvfrom),
	ALLOW(sendto),
	ALLOW(shutdown),
	ALLOW(getsockname),
	ALLOW(getpeername),
	ALLOW(getsockopt),
	ALLOW(setsockopt),
	/* threads, waiting, time */
	ALLOW(clone),
	ALLOW(clone3),
	ALLOW(futex),
	ALLOW(set_robust_list),
	ALLOW(rseq),
	ALLOW(set_tid_address),
	ALLOW(arch_prctl),
	ALLOW(prctl),
	ALLOW(sched_yield),
	ALLOW(sched_getaffinity),
	ALLOW(get_mempolicy),
	ALLOW(set_mempolicy),
	ALLOW(poll),
	ALLOW(ppoll),
	ALLOW(epoll_create1),
	ALLOW(epoll_ctl),
	ALLOW(epoll_wait),
	ALLOW(epoll_pwait),
	ALLOW(eventfd2),
	ALLOW(signalfd4),
	ALLOW(timerfd_create),
	ALLOW(timerfd_settime),
	ALLOW(clock_gettime),
	ALLOW(clock_getres),
	ALLOW(clock_nanosleep),
	ALLOW(nanosleep),
	ALLOW(gettimeofday),
	/* itself */
	ALLOW(execve),
	ALLOW(exit),
	ALLOW(exit_group),
	ALLOW(getpid),
	ALLOW(gettid),
	ALLOW(getppid),
	ALLOW(getuid),
	ALLOW(geteuid),
	ALLOW(getgid),
	ALLOW(getegid),
	ALLOW(uname),
	ALLOW(sysinfo),
	ALLOW(getrandom),
	ALLOW(prlimit64),
	ALLOW(getrlimit),
	ALLOW(getrusage),
	ALLOW(rt_sigaction),
	ALLOW(rt_sigprocmask),
	ALLOW(rt_sigreturn),
	ALLOW(sigaltstack),
	ALLOW(restart_syscall),
	END(SECCOMP_RET_ERRNO | ENOSYS),
};

/* landlock(7), all of its first version. */
#define READ  (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITE LANDLOCK_ACCESS_FS_WRITE_FILE
#define RUN   LANDLOCK_ACCESS_FS_EXECUTE
#define ALL   (2 * LANDLOCK_ACCESS_FS_MAKE_SYM - 1)

static int allow(int rules, int fd, uint64_t access)
{
	const struct landlock_path_beneath_attr rule = {.allowed_access = access, .parent_fd = fd};

	return syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) ?
		       -errno :
		       0;
}

/* Beside the disk; what this system does not have is left out. */
static const struct {
	const char *path;
	uint64_t access;
} files[] = {
	{"/dev/null", LANDLOCK_ACCESS_FS_READ_FILE | WRITE}, /* to try kinds of locks on */
	{"/usr/lib", READ | RUN},
	{"/usr/lib64", READ | RUN},
	{"/lib64", READ | RUN},
	{SERVER, LANDLOCK_ACCESS_FS_READ_FILE | RUN},
};

/* A kernel without Landlock leaves what the user may, which is little. */
static int limit_files(bool read_only)
{
	const struct landlock_ruleset_attr all = {.handled_access_fs = ALL};
	auto_fd int rules = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof(all), 0);
	int rc;

	if (rules < 0)
		return errno == ENOSYS || errno == EOPNOTSUPP ? 0 : -errno;
	rc = allow(rules, DISK, LANDLOCK_ACCESS_FS_READ_FILE | (read_only ? 0 : WRITE));
	for (size_t i = 0; !rc && i < ARRAY_SIZE(files); i++) {
		auto_fd int fd = open(files[i].path, O_PATH | O_CLOEXEC);

		rc = fd < 0 ? 0 : allow(rules, fd, files[i].access);
	}
	if (!rc && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
		    syscall(SYS_landlock_restrict_self, rules, 0)))
		rc = -errno;
	return rc;
}

static int limit_resources(void)
{
	const struct {
		__rlimit_resource_t resource;
		rlim_t most;
	} limits[] = {
		{RLIMIT_AS, MEMORY},
		{RLIMIT_STACK, STACK},
		{RLIMIT_CORE, 0},
		{RLIMIT_NOFILE, 64},
	};
	auto_fd int oom = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	/* One disk less rather than no management. */
	if (oom >= 0 && write(oom, "500", 3) < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		const struct rlimit r = {limits[i].most, limits[i].most};

		if (setrlimit(limits[i].resource, &r))
			return -errno;
	}
	return 0;
}

/* A session of its own, and of what it was started with the file, the listener and the log. */
static int detach(void)
{
	sigset_t none;
	int null;

	sigemptyset(&none);
	signal(SIGPIPE, SIG_DFL);
	if (sigprocmask(SIG_SETMASK, &none, NULL) || setsid() < 0 || chdir("/") ||
	    dup3(REPORT, REPORT_KEPT, O_CLOEXEC) < 0)
		return -errno;
	null = open("/dev/null", O_WRONLY);
	if (null < 0 || dup2(null, REPORT) < 0)
		return -errno;
	if (close_range(LISTENER + 1, REPORT_KEPT - 1, 0) ||
	    close_range(REPORT_KEPT + 1, UINT32_MAX, 0))
		return -errno;
	return 0;
}

static int run(bool read_only)
{
	char pid[32];
	char *argv[] = {
		(char *)(uintptr_t) "qemu-nbd",
		(char *)(uintptr_t) "--image-opts",
		(char *)(uintptr_t) "driver=qcow2,file.driver=file,file.filename=/proc/self/fd/0",
		(char *)(uintptr_t) "--cache=writeback",
		(char *)(uintptr_t) "--aio=threads",
		(char *)(uintptr_t) "--discard=unmap",
		(char *)(uintptr_t)(read_only ? "--read-only" : NULL),
		NULL,
	};
	char *envp[] = {
		pid,
		(char *)(uintptr_t) "LISTEN_FDS=1",
		(char *)(uintptr_t) "MALLOC_ARENA_MAX=2",
		NULL,
	};

	snprintf(pid, sizeof(pid), "LISTEN_PID=%d", getpid());
	execve(SERVER, argv, envp);
	return -errno;
}

static int serve(bool read_only)
{
	const struct sock_fprog program = {ARRAY_SIZE(filter), filter};
	int rc = limit_resources();

	if (!rc)
		rc = confine_user(DISK, SERVER_USER);
	if (!rc)
		rc = limit_files(read_only);
	if (!rc)
		rc = confine_calls(&program);
	return rc ? rc : run(read_only);
}

int main(int argc, char **argv)
{
	bool read_only = argc == 2 && !strcmp(argv[1], "ro");
	pid_t pid;
	int rc;

	if (argc != 2 || (!read_only && strcmp(argv[1], "rw")))
		return 2;
	pid = fork();
	if (pid)
		return pid < 0;
	rc = detach();
	if (rc)
		return 1;
	dprintf(REPORT_KEPT, "pid %d\n", getpid());
	rc = serve(read_only);
	dprintf(REPORT_KEPT, "%s\n", strerror(-rc));
	return 1;
}
