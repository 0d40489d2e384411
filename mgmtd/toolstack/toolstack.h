/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The toolstack: builds, runs and tears down domains on a hypervisor that speaks the Xen 4.17 ABI.
 * This is the only room that talks to libxen*; nothing of Xen appears in this header.
 *
 * Threads. One struct toolstack may be used from any number of threads: every function but
 * toolstack_open() and toolstack_close() is safe to call at any time. Calls about one domain are
 * not ordered among themselves, so the caller keeps at most one create or destroy per domain going.
 *
 * Results. 0, or a negative errno with @err (when not NULL) filled in: a code the caller can branch
 * on and a sentence an administrator can read. Outputs are written on success only.
 */
#ifndef DOMUS_TOOLSTACK_H
#define DOMUS_TOOLSTACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TS_UUID_LEN     16
#define TS_UUID_STR_LEN 37  /* with the final NUL */
#define TS_NAME_MAX     128 /* bytes, with the final NUL */

#define TS_MEMORY_MIN (8ull << 20) /* bytes */
#define TS_MEMORY_MAX (1ull << 40) /* bytes */
#define TS_VCPUS_MAX  128

#define TS_DOMID_NONE UINT32_MAX

/** Why a call failed. */
enum ts_code {
	TS_OK,
	TS_EINVAL,      /* a value in the request is out of range */
	TS_ENOMEM_HOST, /* the host has too little free memory: needed/free are set */
	TS_ENOMEM,      /* this process ran out of memory */
	TS_EKERNEL,     /* the kernel file is unusable: detail says why */
	TS_EINITRD,     /* the initrd file is unusable */
	TS_ENODOM,      /* no such domain */
	TS_EEXIST,      /* a domain with this uuid exists already */
	TS_EHYPERVISOR, /* a hypercall was refused */
	TS_EXENSTORE,   /* xenstored refused or is not there */
	TS_ECANCELED,   /* the progress callback asked to stop */
	TS_EIO,         /* a file could not be read or written */
	TS_ETIMEDOUT,   /* the domain did not go away in time */
};

struct ts_error {
	enum ts_code code;
	uint64_t needed;  /* bytes; TS_ENOMEM_HOST only */
	uint64_t free;    /* bytes; TS_ENOMEM_HOST only */
	char detail[256]; /* one sentence without a full stop */
};

struct toolstack;

/** Connect to the hypervisor and to xenstored. */
int toolstack_open(struct toolstack **out, struct ts_error *err);
/** Close all connections; NULL is fine. No other call may be under way. */
void toolstack_close(struct toolstack *ts);

/** Is everything a create needs there (hypervisor and xenstored answer)? Cheap: for /health. */
int toolstack_ping(struct toolstack *ts, struct ts_error *err);

struct ts_host_info {
	char hypervisor[16];    /* "Domus" or "Xen" */
	char version[32];       /* "4.17-domus" */
	char build[128];        /* compiler, date, who built it */
	char capabilities[256]; /* as XENVER_capabilities tells it: "hvm-3.0-x86_64 ..." */
	bool svm;               /* which CPU extension is in use */
	bool vmx;
	bool hvm; /* HVM and PVH domains can run */
	bool nested_paging;
	bool iommu;
	bool counters; /* ts_counters() has something to tell */
	uint32_t cpus_physical;
	uint32_t cpus_online;
	uint32_t max_vcpus;    /* per domain */
	uint64_t memory_total; /* bytes */
	uint64_t memory_free; /* bytes, at this moment; a domain being destroyed still counts as used */
	uint64_t uptime;      /* seconds since the hypervisor started, 0 when it cannot be asked */
};

int toolstack_host(struct toolstack *ts, struct ts_host_info *out, struct ts_error *err);

/** Steps of a create, in this order. */
enum ts_stage {
	TS_STAGE_KERNEL,   /* reading and unpacking the kernel */
	TS_STAGE_DOMAIN,   /* the empty domain and its vCPUs */
	TS_STAGE_MEMORY,   /* populating RAM */
	TS_STAGE_LOAD,     /* copying kernel and initrd */
	TS_STAGE_XENSTORE, /* nodes and introduction */
	TS_STAGE_DONE,
};

/** A stage in words ("loading kernel"). */
const char *ts_stage_name(enum ts_stage stage);

/**
 * Told about progress of a create, from the caller's own thread.
 * @percent: 0-100, never falling.
 * Return: true to go on, false to give the create up (TS_ECANCELED).
 */
typedef bool (*ts_progress_fn)(void *opaque, unsigned int percent, enum ts_stage stage);

struct ts_domain_spec {
	uint8_t uuid[TS_UUID_LEN];
	const char *name;
	uint32_t vcpus;
	uint64_t memory;           /* bytes, a multiple of 4 KiB */
	const char *kernel;        /* path: bzImage, or ELF with a PVH note, possibly gzipped */
	const char *initrd;        /* path or NULL */
	const char *cmdline;       /* or NULL */
	const char *cache_dir;     /* for unpacked kernels; NULL: no cache */
	const char *kernel_sha256; /* 64 hex digits when known, saves hashing the file; or NULL */
	ts_progress_fn progress;   /* or NULL */
	void *opaque;              /* for @progress */
};

/**
 * Build a PVH domain. On success it is complete, known to xenstored and paused: let it go with
 * ts_domain_unpause(). On failure nothing is left of it.
 */
int ts_domain_create(struct toolstack *ts, const struct ts_domain_spec *spec, uint32_t *domid,
		     struct ts_error *err);

/**
 * Check a kernel file as ts_domain_create() would, without a hypervisor (no struct toolstack).
 * @cache_dir: NULL, or where the unpacked kernel is left for the next create.
 */
int ts_kernel_check(const char *path, const char *cache_dir, struct ts_error *err);

/** Let a domain run, and hold it. 0 also when it is as it should be. */
int ts_domain_unpause(struct toolstack *ts, uint32_t domid, struct ts_error *err);
int ts_domain_pause(struct toolstack *ts, uint32_t domid, struct ts_error *err);

/**
 * Destroy a domain and wait until the hypervisor has forgotten it and its memory is back (at most
 * 60 s, normally milliseconds), then remove its xenstore nodes. TS_ENODOM when there is none.
 */
int ts_domain_destroy(struct toolstack *ts, uint32_t domid, struct ts_error *err);

#define TS_DISKS_MAX 16

struct ts_disk {
	uint32_t slot; /* 0 is xvda */
	const char *path;
	const char *format; /* of that file; NULL: raw */
	const char *server; /* the program disk-server */
	bool read_only;     /* enforced here, whatever the guest does */
	bool cdrom;         /* read_only, too */
};

/**
 * Give a domain a disk, while it is still paused after its creation or as it runs. Waits until the
 * backend has opened the file, at most 10 s, and for a format that has one its server has started; the
 * guest sees the disk when it looks.
 * TS_EEXIST when the slot is taken, TS_EIO when the file can't be used. Nothing is left on failure.
 */
int ts_disk_attach(struct toolstack *ts, uint32_t domid, const struct ts_disk *disk,
		   struct ts_error *err);
/**
 * Ask the guest to give a disk back, and take it. A guest that has not done so after 10 s keeps it
 * (TS_ETIMEDOUT), unless @force. 0 also when there is none. Disks end with their domain by
 * themselves.
 */
int ts_disk_detach(struct toolstack *ts, uint32_t domid, uint32_t slot, bool force,
		   struct ts_error *err);

/**
 * The file of a disk has grown: let the domain have the rest. Its backend tells the guest with the
 * next block that is read or written. 0 also when there is no such disk.
 */
int ts_disk_resize(struct toolstack *ts, uint32_t domid, uint32_t slot, struct ts_error *err);

/** The program that serves a disk of a domain. */
struct ts_disk_server {
	uint32_t domid, slot;
	int pidfd;  /* [owned] readable when it ends; -1: it has ended, or */
	bool stuck; /* did not answer in time, and the disk gives errors ever since */
};

/** Those of all disks that have one. @list: to be freed with free(). Return: 0 or -errno. */
int ts_disk_servers(struct toolstack *ts, struct ts_disk_server **list, size_t *count);
/** A disk's server is gone: whatever the guest has asked of it, or will ask, fails at once. */
void ts_disk_fail(struct toolstack *ts, uint32_t domid, uint32_t slot);
/** At start-up: take away what was opened for a disk and never became one. */
void ts_disks_sweep(void);

enum ts_request { TS_REQUEST_POWEROFF, TS_REQUEST_REBOOT };

/** Ask the guest by control/shutdown; it may take its time or ignore it. */
int ts_domain_shutdown_request(struct toolstack *ts, uint32_t domid, enum ts_request request,
			       struct ts_error *err);

/** What can be changed of a domain while it is there. */
struct ts_tuning {
	uint32_t vcpus;  /* to be in use, of those it was made with */
	uint64_t memory; /* bytes of RAM to be in use, at most what it was made with */
	uint32_t weight; /* share of the CPUs beside others', 1-65535 */
	uint32_t cap;    /* percent of one CPU, 0: none */
	uint64_t affinity[TS_VCPUS_MAX]; /* bits of the CPUs each vCPU may run on, 0: all */
};

/**
 * Put @tuning in effect. Memory it is to grow by is reserved first: TS_ENOMEM_HOST when the host has
 * too little, and then nothing has changed. After another failure part of it may be in effect: call
 * again with what was before. vCPUs and memory are the guest's to follow.
 */
int ts_domain_tune(struct toolstack *ts, uint32_t domid, const struct ts_tuning *tuning,
		   struct ts_error *err);

struct ts_vcpu_info {
	bool online, blocked, running;
	uint32_t cpu;      /* it ran on last */
	uint64_t cpu_time; /* ns */
};

int ts_vcpu_info(struct toolstack *ts, uint32_t domid, uint32_t vcpu, struct ts_vcpu_info *out,
		 struct ts_error *err);

/* What the hypervisor counts beyond that, if it is one that tells (ts_host_info.counters). */
#define TS_COUNTERS_MAX 160
#define TS_WHOLE_DOMAIN UINT32_MAX

enum ts_counter_kind {
	TS_COUNTER_RUNSTATE,  /* of a vCPU: ns running, runnable, blocked, offline */
	TS_COUNTER_EXIT,      /* of a vCPU: exits to the hypervisor by reason */
	TS_COUNTER_HYPERCALL, /* of a domain: calls by name */
	TS_COUNTER_GRANT,     /* of a domain: grants used by others, and mapped by it */
	TS_COUNTER_MAPPING,   /* of a domain: "4k", "2m", "1g" entries of its nested page table */
};

struct ts_counter {
	char name[20];
	enum ts_counter_kind kind;
	uint64_t value;
	uint64_t absent; /* hypercalls: of them, those that the hypervisor does not have */
};

/**
 * The counters of a vCPU, or with TS_WHOLE_DOMAIN of a domain, that are not zero.
 * @out: room for TS_COUNTERS_MAX. TS_EHYPERVISOR also when the hypervisor does not tell any.
 */
int ts_counters(struct toolstack *ts, uint32_t domid, uint32_t vcpu, struct ts_counter *out,
		size_t *count, struct ts_error *err);

#define TS_REASON_SIZE 97

/**
 * Why the hypervisor ended a crashed domain, in words; "" when its guest reported the crash itself, or
 * the hypervisor does not tell.
 */
void ts_crash_reason(struct toolstack *ts, uint32_t domid, char out[TS_REASON_SIZE]);

enum ts_channel_kind {
	TS_CHANNEL_UNBOUND,     /* waits for domain @remote */
	TS_CHANNEL_INTERDOMAIN, /* to port @number of domain @remote */
	TS_CHANNEL_VIRQ,        /* @number of the ABI */
	TS_CHANNEL_IPI,
	TS_CHANNEL_PIRQ, /* interrupt @number of the machine */
};

struct ts_channel {
	uint32_t port;
	uint32_t vcpu; /* that is told */
	enum ts_channel_kind kind;
	uint32_t remote;
	uint32_t number;
};

/** A domain's event channels by port. @list: to be freed with free(). */
int ts_channels(struct toolstack *ts, uint32_t domid, struct ts_channel **list, size_t *count,
		struct ts_error *err);

struct ts_disk_stats {
	uint64_t reads, writes, flushes, discards; /* requests */
	uint64_t bytes_read, bytes_written;
};

/** What the backend of a disk has counted since it was attached. Return: 0 or -ENOENT. */
int ts_disk_stats(uint32_t domid, uint32_t slot, struct ts_disk_stats *out);

/** The hypervisor's own clock, for CPU times: ns since the management domain's first vCPU was made. */
int ts_uptime(struct toolstack *ts, uint64_t *ns, struct ts_error *err);
/** What the hypervisor said last. @text: @len bytes, to be freed with free(). */
int ts_hypervisor_log(struct toolstack *ts, char **text, size_t *len, struct ts_error *err);

#define TS_REGISTERS 24

struct ts_register {
	const char *name; /* as the processor's manuals name it, lower case */
	uint64_t value;
};

/**
 * The registers of a vCPU, for a report: of use when the domain is paused or has ended.
 * @out: TS_REGISTERS of them. TS_EHYPERVISOR when it has no such vCPU.
 */
int ts_domain_registers(struct toolstack *ts, uint32_t domid, uint32_t vcpu,
			struct ts_register *out, struct ts_error *err);

/** Values of ts_domain_info.shutdown_reason, as the ABI numbers them. */
enum ts_shutdown {
	TS_SHUTDOWN_POWEROFF = 0,
	TS_SHUTDOWN_REBOOT = 1,
	TS_SHUTDOWN_SUSPEND = 2,
	TS_SHUTDOWN_CRASH = 3,
	TS_SHUTDOWN_WATCHDOG = 4,
};

/** "poweroff", "reboot", "suspend", "crash", "watchdog" or "unknown". */
const char *ts_shutdown_name(enum ts_shutdown reason);

struct ts_domain_info {
	uint32_t domid;
	uint8_t uuid[TS_UUID_LEN];
	bool paused;     /* by us */
	bool dying;      /* being torn down, memory not all back */
	bool shutdown;   /* the guest has stopped: see shutdown_reason */
	bool half_built; /* a create of it is under way, or was when its maker died */
	enum ts_shutdown shutdown_reason;
	uint64_t cpu_time;   /* ns, all vCPUs */
	uint64_t memory;     /* bytes in use now */
	uint64_t memory_max; /* bytes */
	uint32_t vcpus_online;
	uint32_t vcpus;
};

/**
 * All domains but the management domain, ascending by domid.
 * @list: an array to be freed with free(), NULL when @count is 0.
 */
int ts_domain_list(struct toolstack *ts, struct ts_domain_info **list, size_t *count,
		   struct ts_error *err);
int ts_domain_info(struct toolstack *ts, uint32_t domid, struct ts_domain_info *out,
		   struct ts_error *err);
/** The domain with this uuid that is not dying; TS_ENODOM when there is none. */
int ts_domain_find(struct toolstack *ts, const uint8_t uuid[TS_UUID_LEN],
		   struct ts_domain_info *out, struct ts_error *err);

/**
 * Destroy every domain whose creation was never finished, and remove xenstore nodes of domains
 * that are gone or dying. For start-up, while no create is under way.
 * @count: how many domains were destroyed; @uuids (optional): theirs, to be freed with free().
 */
int ts_cleanup_halfbuilt(struct toolstack *ts, size_t *count, uint8_t (**uuids)[TS_UUID_LEN],
			 struct ts_error *err);

/**
 * A descriptor that polls readable when some domain appeared, shut down or went away. It also does
 * so once after toolstack_open(). -1 when there is none.
 */
int ts_watch_fd(struct toolstack *ts);
/** Take all pending notices, so that the descriptor is quiet again. Return: how many, or -errno. */
int ts_watch_read(struct toolstack *ts);

/** A network interface of a domain. */
struct ts_vif {
	uint32_t devid;
	char mac[18];  /* aa:bb:cc:dd:ee:ff */
	uint64_t rate; /* bytes per second that the guest may send; 0: any */
};

/**
 * Offer a network interface to a domain. The kernel then makes a device vif<domid>.<devid>, which
 * the caller puts in its place before ts_vif_connected().
 */
int ts_vif_attach(struct toolstack *ts, uint32_t domid, const struct ts_vif *vif,
		  struct ts_error *err);
/** Its device is in place: guest and back end may connect. */
int ts_vif_connected(struct toolstack *ts, uint32_t domid, uint32_t devid, struct ts_error *err);
/** Change the rate of one that is attached. */
int ts_vif_rate(struct toolstack *ts, uint32_t domid, uint32_t devid, uint64_t rate,
		struct ts_error *err);
/** Ask the guest to let it go (at most 5 s), and remove it either way. */
int ts_vif_detach(struct toolstack *ts, uint32_t domid, uint32_t devid, struct ts_error *err);

/** Write @uuid as 8-4-4-4-12 lower-case hex digits. */
void ts_uuid_format(const uint8_t uuid[TS_UUID_LEN], char out[TS_UUID_STR_LEN]);
/** The opposite; false when @text is no uuid. */
bool ts_uuid_parse(const char *text, uint8_t uuid[TS_UUID_LEN]);

#endif
