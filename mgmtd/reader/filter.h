/* SPDX-License-Identifier: Apache-2.0 */
/* Statements of seccomp(2) filters. */
#ifndef MGMTD_READER_FILTER_H
#define MGMTD_READER_FILTER_H

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/syscall.h>

#define LOAD(field)    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define END(action)    BPF_STMT(BPF_RET | BPF_K, action)
/* Go on with the next statement when it is @value, else leave one out. */
#define ONLY_IF(value) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1)
#define ALLOW(call)    ONLY_IF(SYS_##call), END(SECCOMP_RET_ALLOW)
/* The number of the call; another architecture's calls end the process. */
#define LOAD_CALL                                                                 \
	LOAD(arch), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0), \
		END(SECCOMP_RET_KILL_PROCESS), LOAD(nr)

#endif
