/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A toolstack without a hypervisor. Its domains live in a file ($DOMUS_FAKE_STATE), so that they
 * outlive the daemon as real ones do.
 *
 * Words on a domain's command line say how its guest behaves: fake.crash (soon after its start),
 * fake.poweroff (the same, in good order), fake.reboot, fake.ignore (does not obey requests),
 * fake.slow=MS (takes so long to build).
 */
#include "toolstack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "disks.h"

#define DOMAINS_MAX  64
#define MEMORY_TOTAL (3ull << 30)
#define MEMORY_OWN   (64ull << 20)
#define GUEST_MS     300 /* what a guest takes for anything it does */

struct fake_domain {
	bool used, half_built, paused, shutdown, ignores;
	uint32_t domid, vcpus;
	uint8_t uuid[TS_UUID_LEN];
	uint64_t memory, memory_max;
	struct ts_tuning tuning;
	int64_t ends_ms; /* when it ends of itself, 0: never */
	enum ts_shutdown ends_by, first_end;
	int64_t first_end_after;
};

struct fake_host {
	uint32_t next_domid;
	struct fake_domain domains[DOMAINS_MAX];
};

struct toolstack {
	struct fake_host *host;
	int fd; /* of the state file; its lock guards the host */
	int timer;
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int fail(struct ts_error *err, enum ts_code code, const char *detail)
{
	if (err) {
		memset(err, 0, sizeof(*err));
		err->code = code;
		snprintf(err->detail, sizeof(err->detail), "%s", detail);
	}
	return code == TS_ENODOM ? -ESRCH : -EIO;
}

/* lockf() would be per process and flock() per open file: a mutex for threads, a file for processes. */
#include <pthread.h>
static pthread_mutex_t threads = PTHREAD_MUTEX_INITIALIZER;

static void lock(struct toolstack *ts)
{
	pthread_mutex_lock(&threads);
	flock(ts->fd, LOCK_EX);
	for (int i = 0; i < DOMAINS_MAX; i++) {
		struct fake_domain *d = &ts->host->domains[i];

		if (d->used && d->ends_ms && d->ends_ms <= now_ms() && !d->paused && !d->shutdown) {
			d->shutdown = true;
			d->ends_ms = 0;
		}
	}
}

static void unlock(struct toolstack *ts)
{
	flock(ts->fd, LOCK_UN);
	pthread_mutex_unlock(&threads);
}

int toolstack_open(struct toolstack **out, struct ts_error *err)
{
	const struct itimerspec tick = {.it_interval.tv_nsec = 50000000, .it_value.tv_nsec = 1};
	const char *path = getenv("DOMUS_FAKE_STATE");
	struct toolstack *ts = calloc(1, sizeof(*ts));

	if (!ts)
		return fail(err, TS_ENOMEM, "no memory");
	ts->fd = open(path ? path : "/tmp/domus-fake-state", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (ts->fd < 0 || ftruncate(ts->fd, sizeof(*ts->host)))
		return fail(err, TS_EHYPERVISOR, "the fake's state file can't be opened");
	ts->host = mmap(NULL, sizeof(*ts->host), PROT_READ | PROT_WRITE, MAP_SHARED, ts->fd, 0);
	ts->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	timerfd_settime(ts->timer, 0, &tick, NULL);
	*out = ts;
	return 0;
}

void toolstack_close(struct toolstack *ts)
{
	if (!ts)
		return;
	munmap(ts->host, sizeof(*ts->host));
	close(ts->timer);
	close(ts->fd);
	free(ts);
}

int toolstack_ping(struct toolstack *ts, struct ts_error *err)
{
	(void)ts;
	(void)err;
	return 0;
}

static uint64_t memory_free(const struct toolstack *ts)
{
	uint64_t bytes = MEMORY_TOTAL - MEMORY_OWN;

	for (int i = 0; i < DOMAINS_MAX; i++)
		if (ts->host->domains[i].used)
			bytes -= ts->host->domains[i].memory;
	return bytes;
}

int toolstack_host(struct toolstack *ts, struct ts_host_info *out, struct ts_error *err)
{
	(void)err;
	*out = (struct ts_host_info){
		.hypervisor = "Fake",
		.version = "4.17-fake",
		.build = "none",
		.capabilities = "hvm-3.0-x86_64",
		.svm = true,
		.hvm = true,
		.nested_paging = true,
		.counters = true,
		.cpus_physical = 2,
		.cpus_online = 2,
		.max_vcpus = 64,
		.memory_total = MEMORY_TOTAL,
		.uptime = (uint64_t)now_ms() / 1000,
	};
	lock(ts);
	out->memory_free = memory_free(ts);
	unlock(ts);
	return 0;
}

static struct fake_domain *by_domid(struct toolstack *ts, uint32_t domid)
{
	for (int i = 0; i < DOMAINS_MAX; i++)
		if (ts->host->domains[i].used && ts->host->domains[i].domid == domid)
			return &ts->host->domains[i];
	return NULL;
}

static void behave(struct fake_domain *d, const char *cmdline)
{
	static const struct {
		const char *word;
		enum ts_shutdown how;
	} words[] = {
		{"fake.crash", TS_SHUTDOWN_CRASH},
		{"fake.poweroff", TS_SHUTDOWN_POWEROFF},
		{"fake.reboot", TS_SHUTDOWN_REBOOT},
	};

	d->ignores = cmdline && strstr(cmdline, "fake.ignore");
	for (size_t i = 0; cmdline && i < sizeof(words) / sizeof(words[0]); i++) {
		if (strstr(cmdline, words[i].word)) {
			d->first_end = words[i].how;
			d->first_end_after = GUEST_MS;
		}
	}
}

static bool build_slowly(const struct ts_domain_spec *spec)
{
	const char *word = spec->cmdline ? strstr(spec->cmdline, "fake.slow=") : NULL;
	int64_t ms = word ? atoi(word + 10) : 40, begun = now_ms();

	for (;;) {
		int64_t at = now_ms() - begun;

		if (at > ms)
			return true;
		if (spec->progress &&
		    !spec->progress(spec->opaque, (unsigned int)(at * 100 / (ms + 1)),
				    TS_STAGE_MEMORY))
			return false;
		usleep(10000);
	}
}

static struct fake_domain *add(struct toolstack *ts, const struct ts_domain_spec *spec)
{
	for (int i = 0; i < DOMAINS_MAX; i++) {
		struct fake_domain *d = &ts->host->domains[i];

		if (d->used)
			continue;
		*d = (struct fake_domain){
			.used = true,
			.half_built = true,
			.paused = true,
			.vcpus = spec->vcpus,
			.tuning.vcpus = spec->vcpus,
			.memory = spec->memory,
			.memory_max = spec->memory,
			.domid = ++ts->host->next_domid,
		};
		memcpy(d->uuid, spec->uuid, sizeof(d->uuid));
		behave(d, spec->cmdline);
		return d;
	}
	return NULL;
}

int ts_domain_create(struct toolstack *ts, const struct ts_domain_spec *spec, uint32_t *domid,
		     struct ts_error *err)
{
	struct fake_domain *d = NULL;
	uint64_t has;
	bool built;
	int rc;

	rc = ts_kernel_check(spec->kernel, NULL, err);
	if (rc)
		return rc;
	lock(ts);
	has = memory_free(ts);
	if (spec->memory <= has)
		d = add(ts, spec);
	unlock(ts);
	if (!d) {
		fail(err, TS_ENOMEM_HOST, "the host has too little free memory");
		err->needed = spec->memory;
		err->free = has;
		return -ENOMEM;
	}
	built = build_slowly(spec);
	lock(ts);
	d->half_built = false;
	if (!built)
		d->used = false;
	*domid = d->domid;
	unlock(ts);
	return built ? 0 : fail(err, TS_ECANCELED, "it was cancelled");
}

int ts_kernel_check(const char *path, const char *cache_dir, struct ts_error *err)
{
	char head[0x206] = "";
	FILE *f = fopen(path, "re");

	(void)cache_dir;
	if (!f)
		return fail(err, TS_EIO, "the kernel can't be opened");
	if (fread(head, 1, sizeof(head), f) < 4)
		head[0] = '\0';
	fclose(f);
	if (!memcmp(head, "\177ELF", 4) || !memcmp(head + 0x202, "HdrS", 4))
		return 0;
	return fail(err, TS_EKERNEL, "it is neither a bzImage nor an ELF file");
}

static int with_domain(struct toolstack *ts, uint32_t domid, void (*fn)(struct fake_domain *d),
		       struct ts_error *err)
{
	struct fake_domain *d;

	lock(ts);
	d = by_domid(ts, domid);
	if (d)
		fn(d);
	unlock(ts);
	return d ? 0 : fail(err, TS_ENODOM, "there is no such domain");
}

static void unpause(struct fake_domain *d)
{
	d->paused = false;
	if (d->first_end_after) {
		d->ends_ms = now_ms() + d->first_end_after;
		d->ends_by = d->first_end;
		d->first_end_after = 0;
	}
}

static void pause_it(struct fake_domain *d)
{
	d->paused = true;
}

static void destroy(struct fake_domain *d)
{
	d->used = false;
}

static void end_by_poweroff(struct fake_domain *d)
{
	d->ends_ms = d->ignores ? d->ends_ms : now_ms() + GUEST_MS;
	d->ends_by = TS_SHUTDOWN_POWEROFF;
}

static void end_by_reboot(struct fake_domain *d)
{
	d->ends_ms = d->ignores ? d->ends_ms : now_ms() + GUEST_MS;
	d->ends_by = TS_SHUTDOWN_REBOOT;
}

static void do_nothing(struct fake_domain *d)
{
	(void)d;
}

int ts_disk_attach(struct toolstack *ts, uint32_t domid, const struct ts_disk *disk,
		   struct ts_error *err)
{
	if (access(disk->path, disk->read_only ? R_OK : R_OK | W_OK))
		return fail(err, TS_EIO, "the disk's file can't be opened");
	return with_domain(ts, domid, do_nothing, err);
}

int ts_disk_detach(struct toolstack *ts, uint32_t domid, uint32_t slot, bool force,
		   struct ts_error *err)
{
	(void)slot;
	(void)force;
	return with_domain(ts, domid, do_nothing, err);
}

int ts_disk_resize(struct toolstack *ts, uint32_t domid, uint32_t slot, struct ts_error *err)
{
	(void)slot;
	return with_domain(ts, domid, do_nothing, err);
}

static struct ts_disk_server served;

void fake_disk_server(uint32_t domid, uint32_t slot, int pidfd)
{
	served = (struct ts_disk_server){domid, slot, pidfd, pidfd == FAKE_STUCK};
}

int ts_disk_servers(struct toolstack *ts, struct ts_disk_server **list, size_t *count)
{
	(void)ts;
	*list = calloc(1, sizeof(**list));
	if (!*list)
		return -ENOMEM;
	**list = served;
	if (served.domid && served.pidfd >= 0)
		(*list)->pidfd = dup(served.pidfd);
	*count = served.domid ? 1 : 0;
	return 0;
}

void ts_disk_fail(struct toolstack *ts, uint32_t domid, uint32_t slot)
{
	(void)ts;
	(void)domid;
	(void)slot;
}

void ts_disks_sweep(void)
{
}

int ts_domain_unpause(struct toolstack *ts, uint32_t domid, struct ts_error *err)
{
	return with_domain(ts, domid, unpause, err);
}

int ts_domain_pause(struct toolstack *ts, uint32_t domid, struct ts_error *err)
{
	return with_domain(ts, domid, pause_it, err);
}

int ts_domain_destroy(struct toolstack *ts, uint32_t domid, struct ts_error *err)
{
	return with_domain(ts, domid, destroy, err);
}

int ts_domain_shutdown_request(struct toolstack *ts, uint32_t domid, enum ts_request request,
			       struct ts_error *err)
{
	return with_domain(ts, domid,
			   request == TS_REQUEST_REBOOT ? end_by_reboot : end_by_poweroff, err);
}

static void describe(const struct fake_domain *d, struct ts_domain_info *info)
{
	*info = (struct ts_domain_info){
		.domid = d->domid,
		.paused = d->paused,
		.shutdown = d->shutdown,
		.shutdown_reason = d->ends_by,
		.half_built = d->half_built,
		.memory = d->memory,
		.memory_max = d->memory_max,
		.vcpus = d->vcpus,
		.vcpus_online = d->tuning.vcpus,
	};
	memcpy(info->uuid, d->uuid, sizeof(info->uuid));
}

int ts_domain_list(struct toolstack *ts, struct ts_domain_info **list, size_t *count,
		   struct ts_error *err)
{
	struct ts_domain_info *all = calloc(DOMAINS_MAX, sizeof(*all));
	size_t n = 0;

	if (!all)
		return fail(err, TS_ENOMEM, "no memory");
	lock(ts);
	for (int i = 0; i < DOMAINS_MAX; i++)
		if (ts->host->domains[i].used)
			describe(&ts->host->domains[i], &all[n++]);
	unlock(ts);
	*list = all;
	*count = n;
	return 0;
}

int ts_domain_info(struct toolstack *ts, uint32_t domid, struct ts_domain_info *out,
		   struct ts_error *err)
{
	const struct fake_domain *d;

	lock(ts);
	d = by_domid(ts, domid);
	if (d)
		describe(d, out);
	unlock(ts);
	return d ? 0 : fail(err, TS_ENODOM, "there is no such domain");
}

int ts_domain_find(struct toolstack *ts, const uint8_t uuid[TS_UUID_LEN],
		   struct ts_domain_info *out, struct ts_error *err)
{
	bool found = false;

	lock(ts);
	for (int i = 0; i < DOMAINS_MAX && !found; i++) {
		const struct fake_domain *d = &ts->host->domains[i];

		found = d->used && !memcmp(d->uuid, uuid, TS_UUID_LEN);
		if (found)
			describe(d, out);
	}
	unlock(ts);
	return found ? 0 : fail(err, TS_ENODOM, "there is no such domain");
}

int ts_domain_registers(struct toolstack *ts, uint32_t domid, uint32_t vcpu,
			struct ts_register *out, struct ts_error *err)
{
	const struct fake_domain *d;

	lock(ts);
	d = by_domid(ts, domid);
	unlock(ts);
	if (!d || vcpu >= d->vcpus)
		return fail(err, TS_EHYPERVISOR, "there is no such vCPU");
	for (uint64_t i = 0; i < TS_REGISTERS; i++)
		out[i] = (struct ts_register){i ? "rax" : "rip", 0x1000 * (vcpu + 1)};
	return 0;
}

/* Its guests obey at once. */
int ts_domain_tune(struct toolstack *ts, uint32_t domid, const struct ts_tuning *tuning,
		   struct ts_error *err)
{
	struct fake_domain *d;
	uint64_t has;
	bool fits;

	lock(ts);
	d = by_domid(ts, domid);
	has = memory_free(ts);
	fits = d && (tuning->memory <= d->memory || tuning->memory - d->memory <= has);
	if (fits) {
		d->tuning = *tuning;
		d->memory = tuning->memory;
	}
	unlock(ts);
	if (!d)
		return fail(err, TS_ENODOM, "there is no such domain");
	if (fits)
		return 0;
	fail(err, TS_ENOMEM_HOST, "the host has too little free memory");
	err->needed = tuning->memory - d->memory;
	err->free = has;
	return -ENOMEM;
}

int ts_vcpu_info(struct toolstack *ts, uint32_t domid, uint32_t vcpu, struct ts_vcpu_info *out,
		 struct ts_error *err)
{
	const struct fake_domain *d;

	lock(ts);
	d = by_domid(ts, domid);
	unlock(ts);
	if (!d || vcpu >= d->vcpus)
		return fail(err, TS_EHYPERVISOR, "there is no such vCPU");
	*out = (struct ts_vcpu_info){.online = vcpu < d->tuning.vcpus, .cpu_time = 1000};
	return 0;
}

int ts_counters(struct toolstack *ts, uint32_t domid, uint32_t vcpu, struct ts_counter *out,
		size_t *count, struct ts_error *err)
{
	static const struct ts_counter of_domain[] = {
		{"xen_version", TS_COUNTER_HYPERCALL, 12, 0},
		{"number 40", TS_COUNTER_HYPERCALL, 3, 3},
		{"used", TS_COUNTER_GRANT, 5, 0},
		{"2m", TS_COUNTER_MAPPING, 32, 0},
	};
	static const struct ts_counter of_vcpu[] = {
		{"running", TS_COUNTER_RUNSTATE, 1000, 0},
		{"blocked", TS_COUNTER_RUNSTATE, 5000, 0},
		{"CPUID", TS_COUNTER_EXIT, 70, 0},
		{"HLT", TS_COUNTER_EXIT, 700, 0},
	};
	bool whole = vcpu == TS_WHOLE_DOMAIN, there;

	lock(ts);
	there = by_domid(ts, domid);
	unlock(ts);
	if (!there)
		return fail(err, TS_ENODOM, "there is no such domain");
	*count = 4;
	memcpy(out, whole ? of_domain : of_vcpu, *count * sizeof(*out));
	return 0;
}

void ts_crash_reason(struct toolstack *ts, uint32_t domid, char out[TS_REASON_SIZE])
{
	(void)ts;
	snprintf(out, TS_REASON_SIZE, "%s", domid % 2 ? "vCPU 0: triple fault at 0x1000" : "");
}

int ts_channels(struct toolstack *ts, uint32_t domid, struct ts_channel **list, size_t *count,
		struct ts_error *err)
{
	(void)ts;
	(void)domid;
	(void)err;
	*count = 2;
	*list = calloc(2, sizeof(**list));
	(*list)[0] = (struct ts_channel){.port = 1, .kind = TS_CHANNEL_INTERDOMAIN, .number = 7};
	(*list)[1] = (struct ts_channel){.port = 2, .kind = TS_CHANNEL_VIRQ};
	return 0;
}

int ts_disk_stats(uint32_t domid, uint32_t slot, struct ts_disk_stats *out)
{
	(void)domid;
	*out = (struct ts_disk_stats){.reads = 3, .bytes_read = 4096, .writes = slot};
	return 0;
}

int ts_uptime(struct toolstack *ts, uint64_t *ns, struct ts_error *err)
{
	(void)ts;
	(void)err;
	*ns = (uint64_t)now_ms() * 1000000;
	return 0;
}

int ts_hypervisor_log(struct toolstack *ts, char **text, size_t *len, struct ts_error *err)
{
	(void)ts;
	(void)err;
	*text = strdup("(fake) up\n");
	*len = *text ? strlen(*text) : 0;
	return 0;
}

int ts_cleanup_halfbuilt(struct toolstack *ts, size_t *count, uint8_t (**uuids)[TS_UUID_LEN],
			 struct ts_error *err)
{
	(void)uuids;
	(void)err;
	*count = 0;
	lock(ts);
	for (int i = 0; i < DOMAINS_MAX; i++) {
		struct fake_domain *d = &ts->host->domains[i];

		if (d->used && d->half_built) {
			d->used = false;
			++*count;
		}
	}
	unlock(ts);
	return 0;
}

int ts_watch_fd(struct toolstack *ts)
{
	return ts->timer;
}

int ts_watch_read(struct toolstack *ts)
{
	uint64_t ticks;

	return read(ts->timer, &ticks, sizeof(ticks)) == sizeof(ticks) ? 1 : 0;
}

const char *ts_stage_name(enum ts_stage stage)
{
	return stage == TS_STAGE_DONE ? "done" : "populating memory";
}

const char *ts_shutdown_name(enum ts_shutdown reason)
{
	static const char *const names[] = {"poweroff", "reboot", "suspend", "crash", "watchdog"};

	return (unsigned int)reason < 5 ? names[reason] : "unknown";
}

int ts_vif_attach(struct toolstack *ts, uint32_t domid, const struct ts_vif *vif,
		  struct ts_error *err)
{
	struct ts_domain_info info;

	(void)vif;
	return ts_domain_info(ts, domid, &info, err);
}

int ts_vif_connected(struct toolstack *ts, uint32_t domid, uint32_t devid, struct ts_error *err)
{
	struct ts_domain_info info;

	(void)devid;
	return ts_domain_info(ts, domid, &info, err);
}

int ts_vif_rate(struct toolstack *ts, uint32_t domid, uint32_t devid, uint64_t rate,
		struct ts_error *err)
{
	(void)rate;
	return ts_vif_connected(ts, domid, devid, err);
}

int ts_vif_detach(struct toolstack *ts, uint32_t domid, uint32_t devid, struct ts_error *err)
{
	return ts_vif_connected(ts, domid, devid, err);
}
