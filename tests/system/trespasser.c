// SPDX-License-Identifier: Apache-2.0
/*
 * Stands in for a program that somebody has taken over: tries what it should not be able to do, and writes to
 * descriptor 0 what came of each, as "WHAT ERRNO", then "end". Arguments are of no interest.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <unistd.h>

/* All of these are open to everybody as far as their modes go; the test makes the first. */
static const struct {
	const char *path;
	int flags;
} files[] = {
	{"/run/anybodys", O_RDWR},        {"/etc/passwd", O_RDONLY},
	{"/proc/1/status", O_RDONLY},     {"/sys/block", O_RDONLY | O_DIRECTORY},
	{"/tmp", O_RDONLY | O_DIRECTORY}, {"/tmp/trespasser", O_WRONLY | O_CREAT},
};

static void tell(const char *what, long rc)
{
	dprintf(0, "%s %d\n", what, rc < 0 ? errno : 0);
}

int main(void)
{
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		tell(files[i].path, open(files[i].path, files[i].flags, 0600));
	tell("socket", socket(AF_INET, SOCK_STREAM, 0));
	tell("kill", kill(getpid(), 0));
	tell("rename", rename("/tmp/trespasser", "/tmp/trespasser-2"));
	tell("ptrace", ptrace(PTRACE_TRACEME, 0, NULL, NULL));
	dprintf(0, "end\n");
	return 0;
}
