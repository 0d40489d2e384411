/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "app.h"
#include "util/log.h"

int main(int argc, char **argv)
{
	struct app_config config;
	int rc = app_parse(argc, argv, &config);
	int stop_fd;

	if (rc)
		return rc;
	stop_fd = app_stop_fd();
	if (stop_fd < 0)
		return 1;
	rc = app_run(&config, stop_fd);
	if (rc)
		log_line("stopped: %s", strerror(-rc));
	return rc ? 1 : 0;
}
