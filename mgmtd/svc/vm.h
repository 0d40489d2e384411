/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual machines: what is recorded of them, and what their state allows. */
#ifndef MGMTD_SVC_VM_H
#define MGMTD_SVC_VM_H

#include "svc.h"

enum vm_state {
	VM_STOPPED,
	VM_STARTING,
	VM_RUNNING,
	VM_PAUSED,
	VM_STOPPING,
	VM_CRASHED,
	VM_STATES,
};

#define VM_IN(state) (1u << (state))

/** The host's CPUs that virtual CPUs may run on: one list for all of them, or one for each. */
struct vm_affinity {
	bool each;
	bool mixed;     /* numbers beside lists: as it can be asked for, and is refused */
	uint32_t lists; /* how many there are, beyond those that say nothing */
	uint64_t cpus[TS_VCPUS_MAX]; /* bits by list, 0: all */
};

struct vm {
	char id[UUID_TEXT_LEN];
	char name[64];
	uint32_t vcpus;
	uint32_t vcpus_max;
	uint64_t memory; /* bytes */
	uint64_t memory_min;
	uint64_t memory_max;
	uint32_t weight;
	uint32_t cap; /* percent of one CPU, 0: none */
	struct vm_affinity affinity;
	char kernel[UUID_TEXT_LEN];
	char initrd[UUID_TEXT_LEN]; /* "" for none */
	char cmdline[2048];
	enum vm_state state;
	int64_t domid;               /* -1 when there is no domain */
	char boot_id[UUID_TEXT_LEN]; /* of the boot its domain was made in */
	char task_id[UUID_TEXT_LEN]; /* at work on it, or "" */
	char restart_policy[16];     /* never, on_crash, always */
	int64_t revision;
};

/** What a client may ask for, in one table: from which states, and what it makes of them. */
struct vm_action {
	const char *name;
	const char *task_kind;
	unsigned int from;    /* VM_IN() of the states that allow it */
	enum vm_state during; /* the state while the task is at it */
	bool overrides;       /* goes ahead though another task is at work */
};

extern const struct vm_action vm_actions[];
extern const size_t vm_actions_count;

/* A row d of vm_disk. */
#define DISK_JSON                                                                                  \
	"json_object('id', d.id, 'target', 'xvd' || char(97 + d.slot), 'volume', d.volume,"        \
	" 'image', d.image, 'read_only', json(iif(d.read_only, 'true', 'false')),"                 \
	" 'state', iif(d.reason_code IS NULL, 'good', 'failed'), 'reason', json(iif(d.reason_code" \
	" IS NULL, 'null', json_object('code', d.reason_code, 'detail', d.reason))))"

#define VM_SELECT                                                                                    \
	"SELECT id, name, mode, vcpus AS \"vcpus:i\", memory AS \"memory:i\","                       \
	" vcpus_max AS \"vcpus_max:i\", memory_min AS \"memory_min:i\","                             \
	" memory_max AS \"memory_max:i\", weight AS \"weight:i\", cap AS \"cap:i\","                 \
	" affinity AS \"affinity:j\","                                                               \
	" json_object('kernel', kernel, 'initrd', initrd, 'cmdline', cmdline) AS \"boot:j\", state," \
	" restart_policy, json_object('enabled', json(iif(autostart, 'true', 'false')), 'order',"    \
	" autostart_order, 'delay', autostart_delay) AS \"autostart:j\", crash AS \"crash:j\","      \
	" (SELECT json_group_array(" DISK_JSON                                                       \
	") FROM (SELECT * FROM vm_disk WHERE vm = vm.id ORDER BY slot) d)"                           \
	" AS \"disks:j\","                                                                           \
	" (SELECT json_group_array(json_object('id', n.id, 'network', n.network, 'mac', n.mac,"      \
	" 'address', n.address, 'rate', n.rate, 'spoof_protection', json(iif(n.spoof_protection,"    \
	" 'true', 'false')), 'link', json(iif(n.link, 'true', 'false')))) FROM (SELECT * FROM nic"   \
	" WHERE vm = vm.id ORDER BY devid) n) AS \"nics:j\","                                        \
	" CASE WHEN reason_code IS NOT NULL THEN json_object('code', reason_code, 'detail', reason)" \
	" END AS \"reason:j\", domid AS \"domid:i\", task_id, created_at, updated_at, started_at"    \
	" FROM vm"

const char *vm_state_name(enum vm_state state);
enum vm_state vm_state_parse(const char *name);
const struct vm_action *vm_action_find(const char *name);
/** Names of the actions that @state allows. */
json_t *vm_allowed_actions(enum vm_state state);

/** Return: 0, -ENOENT, -EIO. */
must_check int vm_load(struct svc *svc, const char *id, struct vm *out);
/** As vm_load(), with the problem filled in. */
must_check int vm_require(struct svc *svc, const char *id, struct vm *out, struct problem *p);
/** The resource as the API shows it, or NULL. */
json_t *vm_json(struct svc *svc, const char *id);
/** Add to a row of VM_SELECT what the table doesn't hold. */
void vm_json_finish(struct svc *svc, json_t *vm);
/** Note that it changed: revision, time, and an event @type. Within a transaction. */
must_check int vm_touch(struct svc *svc, const char *id, const char *type);

/**
 * Record a new state with an optional reason, and tell everybody. Whatever task brought it about has
 * no more to do with the machine. Return: 0 or -EIO.
 */
must_check int vm_set_state(struct svc *svc, const char *id, enum vm_state state,
			    const char *reason_code, const char *reason);
/** The same for a machine whose domain now is @domid. */
must_check int vm_set_running(struct svc *svc, const char *id, uint32_t domid, bool paused);

/** Make one as @spec (a checked VmCreate) says; starts it when asked to. @id names it. */
must_check int vm_create(struct svc *svc, const json_t *spec, const char *actor,
			 const char *request_id, char id[UUID_TEXT_LEN], struct problem *p);
/** Apply the merge patch @patch (a checked VmPatch) to @vm as it was loaded. */
must_check int vm_update(struct svc *svc, const struct vm *vm, const json_t *patch,
			 struct problem *p);
must_check int vm_delete(struct svc *svc, const struct vm *vm, struct problem *p);
/** Begin @action. @task names the task that does it. */
must_check int vm_act(struct svc *svc, const char *id, const struct vm_action *action,
		      json_t *params, const char *actor, const char *request_id,
		      char task[UUID_TEXT_LEN], struct problem *p);

#endif
