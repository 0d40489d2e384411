/* SPDX-License-Identifier: Apache-2.0 */
/* domus-ts: the toolstack by hand, for tests and for looking at a machine without mgmtd. */
#define _GNU_SOURCE
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "toolstack.h"

static int fail(const char *what, const struct ts_error *err)
{
	fprintf(stderr, "%s: %s\n", what, err->detail);
	return EXIT_FAILURE;
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int cmd_host(struct toolstack *ts, int argc, char **argv)
{
	struct ts_host_info h;
	struct ts_error err;

	(void)argc;
	(void)argv;
	if (toolstack_host(ts, &h, &err))
		return fail("host", &err);
	printf("hypervisor %s %s (%s)\n", h.hypervisor, h.version, h.build);
	printf("capabilities %s%s%s%s%s\n", h.capabilities, h.svm ? " svm" : "",
	       h.vmx ? " vmx" : "", h.nested_paging ? " nested-paging" : "",
	       h.iommu ? " iommu" : "");
	printf("cpus %u online of %u\n", h.cpus_online, h.cpus_physical);
	printf("memory %" PRIu64 " total %" PRIu64 " free\n", h.memory_total, h.memory_free);
	printf("uptime %" PRIu64 "\n", h.uptime);
	return EXIT_SUCCESS;
}

static int cmd_list(struct toolstack *ts, int argc, char **argv)
{
	struct ts_domain_info *list;
	struct ts_error err;
	size_t count;

	(void)argc;
	(void)argv;
	if (ts_domain_list(ts, &list, &count, &err))
		return fail("list", &err);
	for (size_t i = 0; i < count; i++) {
		const struct ts_domain_info *d = &list[i];
		char uuid[TS_UUID_STR_LEN];

		ts_uuid_format(d->uuid, uuid);
		printf("%u %s %s%s%s%s vcpus %u/%u memory %" PRIu64 " cpu %" PRIu64 " ms%s%s\n",
		       d->domid, uuid, d->paused ? "paused" : "running", d->dying ? " dying" : "",
		       d->half_built ? " half-built" : "", d->shutdown ? " shutdown" : "",
		       d->vcpus_online, d->vcpus, d->memory, d->cpu_time / 1000000,
		       d->shutdown ? " reason " : "",
		       d->shutdown ? ts_shutdown_name(d->shutdown_reason) : "");
	}
	free(list);
	return EXIT_SUCCESS;
}

struct tracker {
	double start;
	enum ts_stage stage;
	bool verbose;
};

static bool show_progress(void *opaque, unsigned int percent, enum ts_stage stage)
{
	struct tracker *t = opaque;

	if (t->verbose)
		fprintf(stderr, "%9.1f ms %3u%% %s\n", now_ms() - t->start, percent,
			ts_stage_name(stage));
	t->stage = stage;
	return true;
}

static int create_usage(void)
{
	fprintf(stderr,
		"usage: create -k KERNEL [-i INITRD] [-c CMDLINE] [-m MIB] [-p VCPUS] "
		"[-n NAME] [-u UUID] [-d CACHE-DIR] [-r (run it)] [-v] [-b ROUNDS] [-w MS (between them)]\n");
	return EXIT_FAILURE;
}

/* Create; and with -b destroy again, so many times, @wait_ms apart. */
static int create_rounds(struct toolstack *ts, struct ts_domain_spec *spec, struct tracker *t,
			 bool run, unsigned long rounds, unsigned long wait_ms)
{
	struct ts_error err;
	uint32_t domid;

	for (unsigned long i = 0; i < (rounds ? rounds : 1); i++) {
		double made;

		if (i && wait_ms)
			usleep((useconds_t)wait_ms * 1000);
		t->start = now_ms();
		if (ts_domain_create(ts, spec, &domid, &err))
			return fail("create", &err);
		made = now_ms();
		if (run && ts_domain_unpause(ts, domid, &err))
			return fail("unpause", &err);
		printf("domain %u created in %.1f ms", domid, made - t->start);
		if (rounds) {
			double start = now_ms();

			if (ts_domain_destroy(ts, domid, &err))
				return fail("destroy", &err);
			printf(", destroyed in %.1f ms", now_ms() - start);
		}
		printf("\n");
	}
	return EXIT_SUCCESS;
}

static int cmd_create(struct toolstack *ts, int argc, char **argv)
{
	struct tracker tracker = {0};
	struct ts_domain_spec spec = {.name = "guest",
				      .vcpus = 1,
				      .memory = 256ull << 20,
				      .progress = show_progress,
				      .opaque = &tracker};
	unsigned long rounds = 0, wait_ms = 0;
	bool run = false;
	int c;

	if (getrandom(spec.uuid, sizeof(spec.uuid), 0) < 0)
		return EXIT_FAILURE;
	while ((c = getopt(argc, argv, "k:i:c:m:p:n:u:d:b:w:rv")) != -1) {
		switch (c) {
		case 'k': spec.kernel = optarg; break;
		case 'i': spec.initrd = optarg; break;
		case 'c': spec.cmdline = optarg; break;
		case 'm': spec.memory = strtoull(optarg, NULL, 0) << 20; break;
		case 'p': spec.vcpus = (uint32_t)strtoul(optarg, NULL, 0); break;
		case 'n': spec.name = optarg; break;
		case 'd': spec.cache_dir = optarg; break;
		case 'b': rounds = strtoul(optarg, NULL, 0); break;
		case 'w': wait_ms = strtoul(optarg, NULL, 0); break;
		case 'r': run = true; break;
		case 'v': tracker.verbose = true; break;
		case 'u':
			if (ts_uuid_parse(optarg, spec.uuid))
				break;
			return create_usage();
		default: return create_usage();
		}
	}
	if (!spec.kernel)
		return create_usage();
	return create_rounds(ts, &spec, &tracker, run, rounds, wait_ms);
}

static int cmd_cleanup(struct toolstack *ts, int argc, char **argv)
{
	struct ts_error err;
	size_t count;

	(void)argc;
	(void)argv;
	if (ts_cleanup_halfbuilt(ts, &count, NULL, &err))
		return fail("cleanup", &err);
	printf("%zu half-built domains removed\n", count);
	return EXIT_SUCCESS;
}

static int request_poweroff(struct toolstack *ts, uint32_t domid, struct ts_error *err)
{
	return ts_domain_shutdown_request(ts, domid, TS_REQUEST_POWEROFF, err);
}

static int request_reboot(struct toolstack *ts, uint32_t domid, struct ts_error *err)
{
	return ts_domain_shutdown_request(ts, domid, TS_REQUEST_REBOOT, err);
}

static const struct command {
	const char *name;
	int (*run)(struct toolstack *ts, int argc, char **argv); /* or */
	int (*on_domain)(struct toolstack *ts, uint32_t domid, struct ts_error *err);
} commands[] = {
	{"host", cmd_host, NULL},
	{"list", cmd_list, NULL},
	{"create", cmd_create, NULL},
	{"cleanup", cmd_cleanup, NULL},
	{"pause", NULL, ts_domain_pause},
	{"unpause", NULL, ts_domain_unpause},
	{"destroy", NULL, ts_domain_destroy},
	{"poweroff", NULL, request_poweroff},
	{"reboot", NULL, request_reboot},
};

static int run_on_domain(const struct command *cmd, struct toolstack *ts, const char *arg)
{
	double start = now_ms();
	struct ts_error err;

	if (!arg)
		return EXIT_FAILURE;
	if (cmd->on_domain(ts, (uint32_t)strtoul(arg, NULL, 0), &err))
		return fail(cmd->name, &err);
	printf("%s took %.1f ms\n", cmd->name, now_ms() - start);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct toolstack *ts;
	struct ts_error err;
	int rc = EXIT_FAILURE;

	for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(*commands); i++) {
		if (strcmp(argv[1], commands[i].name) != 0)
			continue;
		if (toolstack_open(&ts, &err))
			return fail("domus-ts", &err);
		rc = commands[i].run ? commands[i].run(ts, argc - 1, argv + 1) :
				       run_on_domain(&commands[i], ts, argv[2]);
		toolstack_close(ts);
		return rc;
	}
	fprintf(stderr, "usage: domus-ts COMMAND ...\n");
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		fprintf(stderr, "  %s%s\n", commands[i].name,
			commands[i].on_domain ? " DOMID" : "");
	return rc;
}
