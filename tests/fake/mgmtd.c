/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mgmtd on a box without a hypervisor: the daemon itself over a fake toolstack and console broker.
 * mgmtd-fake [--port N] [options of mgmtd]
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../mgmtd/app.h"
#include "broker.h"

static int listen_tcp(int port)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 64)) {
		perror("mgmtd-fake: port");
		return -1;
	}
	return fd;
}

int main(int argc, char **argv)
{
	struct app_config config;
	char broker[256];
	int port = 0, rc, stop_fd;

	if (argc > 2 && !strcmp(argv[1], "--port")) {
		port = atoi(argv[2]);
		argv[2] = argv[0];
		argc -= 2;
		argv += 2;
	}
	rc = app_parse(argc, argv, &config);
	if (rc)
		return rc;
	if (access(config.svc.disk_reader, X_OK)) /* on a box where it is not installed */
		config.svc.disk_reader = DISK_READER;
	config.svc.disk_server = DISK_SERVER;
	config.svc.tickets_group = config.http_group = NULL;
	if (port && (config.listen_fd = listen_tcp(port)) < 0)
		return 1;
	stop_fd = app_stop_fd();
	snprintf(broker, sizeof(broker), "%s/broker.sock", config.svc.run);
	rc = fake_broker_start(broker);
	if (rc || stop_fd < 0)
		return 1;
	return app_run(&config, stop_fd) ? 1 : 0;
}
