/* SPDX-License-Identifier: Apache-2.0 */
#include "confine.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../util/cleanup.h"
#include "filter.h"

#define NOBODY 65534u
#define NICE   10

/* seccomp(2). The rest of the kernel is out of reach, the network with it. */
static struct sock_filter filter[] = {
	LOAD_CALL,
	ALLOW(pread64),
	ALLOW(pwrite64),
	ALLOW(write),
	ALLOW(fdatasync),
	ALLOW(lseek),
	ALLOW(brk),
	ALLOW(munmap),
	ALLOW(mremap),
	ALLOW(getrandom), /* the allocator's */
	ALLOW(exit_group),
	ONLY_IF(SYS_mmap),
	BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0),
	END(SECCOMP_RET_KILL_PROCESS),
	LOAD(args[2]), /* the protection: never code */
	BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1),
	END(SECCOMP_RET_KILL_PROCESS),
	END(SECCOMP_RET_ALLOW),
};

static int limit(uint64_t file_max)
{
	const struct {
		__rlimit_resource_t resource;
		rlim_t most;
	} limits[] = {
		{RLIMIT_AS, CONFINE_MEMORY},
		{RLIMIT_FSIZE, file_max},
		{RLIMIT_CORE, 0},
		{RLIMIT_NPROC, 0},
		{RLIMIT_NOFILE, 3},
		{RLIMIT_CPU, file_max ? RLIM_INFINITY : CONFINE_SECONDS},
	};

	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		const struct rlimit r = {limits[i].most, limits[i].most};

		if (setrlimit(limits[i].resource, &r))
			return -errno;
	}
	return 0;
}

int confine_user(int own, const char *name)
{
	const struct passwd *user = geteuid() ? NULL : getpwnam(name);
	uid_t uid = user ? user->pw_uid : NOBODY;
	gid_t gid = user ? user->pw_gid : NOBODY;

	if (geteuid())
		return 0;
	if ((own >= 0 && fchown(own, uid, gid)) || setgroups(0, NULL) || setresgid(gid, gid, gid) ||
	    setresuid(uid, uid, uid))
		return -errno;
	return 0;
}

int confine_calls(const struct sock_fprog *program)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program))
		return -errno;
	return 0;
}

int confine(uint64_t file_max)
{
	const struct sock_fprog program = {ARRAY_SIZE(filter), filter};
	int rc;

	/* Too long a file is an error of the write, and a parent that is gone ends it. */
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGPIPE, SIG_DFL);
	if (nice(NICE) == -1 || close_range(3, UINT32_MAX, 0))
		return -errno;
	rc = confine_user(-1, CONFINE_USER);
	if (!rc)
		rc = limit(file_max);
	if (rc)
		return rc;
	return prctl(PR_SET_PDEATHSIG, SIGKILL) ? -errno : confine_calls(&program);
}
