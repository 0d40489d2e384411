/* SPDX-License-Identifier: Apache-2.0 */
#include "app.h"

#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>

#include "auth/users.h"
#include "handlers/handlers.h"
#include "svc/host.h"
#include "util/log.h"
#include "util/unix_socket.h"

#define HTTP_THREADS 2

static const struct option options[] = {
	{"data", required_argument, NULL, 'd'},
	{"run", required_argument, NULL, 'r'},
	{"webui", required_argument, NULL, 'w'},
	{"images", required_argument, NULL, 'i'},
	{"admin-password-file", required_argument, NULL, 'p'},
	{"local-console", required_argument, NULL, 'c'},
	{"http-group", required_argument, NULL, 'g'},
	{"tickets-group", required_argument, NULL, 't'},
	{"power-command", required_argument, NULL, 'x'},
	{"disk-reader", required_argument, NULL, 'k'},
	{"disk-server", required_argument, NULL, 'v'},
	{"networks", required_argument, NULL, 'n'},
	{"shutdown-timeout", required_argument, NULL, 's'},
	{NULL, 0, NULL, 0},
};

/* Where the argument of each option goes. */
static const char **option_target(struct app_config *config, int option)
{
	const struct {
		int option;
		const char **target;
	} targets[] = {
		{'d', &config->svc.data},          {'r', &config->svc.run},
		{'w', &config->svc.webui},         {'i', &config->svc.images},
		{'p', &config->password_file},     {'c', &config->console},
		{'g', &config->http_group},        {'t', &config->svc.tickets_group},
		{'x', &config->svc.power_command}, {'s', &config->svc.shutdown_timeout},
		{'n', &config->svc.networks},      {'k', &config->svc.disk_reader},
		{'v', &config->svc.disk_server},
	};

	for (size_t i = 0; i < ARRAY_SIZE(targets); i++)
		if (targets[i].option == option)
			return targets[i].target;
	return NULL;
}

int app_parse(int argc, char **argv, struct app_config *config)
{
	int option;

	*config = (struct app_config){
		.svc = {.data = "/data",
			.run = "/run/domus",
			.tickets_group = "domus-console",
			.power_command = "/usr/lib/domus/host-power",
			.disk_reader = "/usr/lib/domus/disk-reader",
			.disk_server = "/usr/lib/domus/disk-server",
			.shutdown_timeout = "30"},
		.console = "/dev/console",
		.http_group = "haproxy",
		.listen_fd = -1,
	};
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		const char **target = option_target(config, option);

		if (!target)
			return 2;
		*target = optarg;
	}
	if (optind == argc)
		return 0;
	fprintf(stderr,
		"usage: mgmtd [--data DIR] [--run DIR] [--webui DIR] [--images DIR]\n"
		"             [--admin-password-file FILE] [--local-console FILE]\n"
		"             [--http-group GROUP] [--tickets-group GROUP] [--power-command FILE]\n"
		"             [--shutdown-timeout SECONDS] [--networks DIR]\n"
		"             [--disk-reader FILE] [--disk-server FILE]\n");
	return 2;
}

int app_stop_fd(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	if (pthread_sigmask(SIG_BLOCK, &set, NULL))
		return -1;
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

/* SIGUSR1: the machine's power button. Return: is it something else, the order to stop? */
static bool is_stop(struct svc *svc, int stop_fd)
{
	auto_problem struct problem p = {0};
	struct signalfd_siginfo info;
	char task[UUID_TEXT_LEN];

	if (read(stop_fd, &info, sizeof(info)) != sizeof(info) || info.ssi_signo != SIGUSR1)
		return true;
	log_line("the power button was pressed");
	if (host_act(svc, "shutdown", -1, "power button", "-", task, &p))
		log_line("the host can't be shut down: %s", p.detail);
	return false;
}

static int serve(const struct app_config *config, struct svc *svc, int stop_fd)
{
	struct http_config http = {
		.operations = http_operations,
		.webui = config->svc.webui,
		.threads = HTTP_THREADS,
		.opaque = svc,
		.authenticate = handlers_authenticate,
		.begin = handlers_begin,
		.end = handlers_end,
		.listen_fd = config->listen_fd,
	};
	struct pollfd stop = {.fd = stop_fd, .events = POLLIN};
	char path[256];
	int rc;

	snprintf(path, sizeof(path), "%s/mgmtd.sock", config->svc.run);
	if (http.listen_fd < 0) {
		rc = unix_listen(path, config->http_group, &http.listen_fd);
		if (rc)
			return rc;
	}
	rc = http_start(&http, &svc->http);
	if (rc)
		return rc;
	rc = svc_start(svc);
	if (!rc) {
		log_line("ready");
		while (poll(&stop, 1, -1) < 0 ? errno == EINTR : !is_stop(svc, stop_fd))
			;
		log_line("stopping");
	}
	svc_stop(svc); /* before the server: they wake its clients */
	http_stop(svc->http);
	svc->http = NULL;
	return rc;
}

int app_run(const struct app_config *config, int stop_fd)
{
	struct svc svc;
	int rc;

	/* Few arenas: what a burst of threads took goes back. */
	mallopt(M_ARENA_MAX, 2);
	mallopt(M_TRIM_THRESHOLD, 256 << 10);
	rc = svc_open(&config->svc, &svc);
	if (rc)
		return rc;
	rc = users_bootstrap(svc.db, config->password_file, config->console);
	if (!rc)
		rc = serve(config, &svc, stop_fd);
	svc_close(&svc);
	return rc;
}
