/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon as a whole, so that a test can run it as the appliance does. */
#ifndef MGMTD_APP_H
#define MGMTD_APP_H

#include "svc/svc.h"

struct app_config {
	struct svc_config svc;
	const char *password_file; /* or NULL */
	const char *console;       /* gets the made-up password, or NULL */
	const char *http_group;    /* may connect to mgmtd.sock, or NULL */
	int listen_fd;             /* instead of mgmtd.sock, or -1 */
};

/** Parse the command line into @config. Return: 0, or the exit code after a message. */
must_check int app_parse(int argc, char **argv, struct app_config *config);
/** Run until @stop_fd is readable. Return: 0 or -errno. */
must_check int app_run(const struct app_config *config, int stop_fd);
/** Block the signals that end the daemon. Return: a descriptor that tells of them, or -1. */
must_check int app_stop_fd(void);

#endif
