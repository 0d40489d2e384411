/* SPDX-License-Identifier: Apache-2.0 */
#include "task_kinds.h"

const struct task_kind task_kinds[] = {
	/* name, run, abandon, cancellable, slow */
	{"vm.start", vm_task_start, vm_abandon_start, true, false},
	{"vm.shutdown", vm_task_shutdown, vm_abandon_to_domain, true, false},
	{"vm.reboot", vm_task_reboot, vm_abandon_to_domain, true, false},
	{"vm.destroy", vm_task_destroy, vm_abandon_to_domain, false, false},
	{"vm.pause", vm_task_pause, vm_abandon_to_domain, false, false},
	{"vm.resume", vm_task_resume, vm_abandon_to_domain, false, false},
	{"host.autostart", host_task_autostart, host_abandon_power, true, false},
	{"host.shutdown", host_task_power, host_abandon_power, true, false},
	{"host.reboot", host_task_power, host_abandon_power, true, false},
	{"volume.create", volume_task_create, volume_abandon_create, true, true},
	{.name = NULL},
};
