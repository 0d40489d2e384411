/* SPDX-License-Identifier: Apache-2.0 */
#include "vm.h"

#include <string.h>

static const char *const state_names[VM_STATES] = {
	[VM_STOPPED] = "stopped", [VM_STARTING] = "starting", [VM_RUNNING] = "running",
	[VM_PAUSED] = "paused",   [VM_STOPPING] = "stopping", [VM_CRASHED] = "crashed",
};

const struct vm_action vm_actions[] = {
	{"start", "vm.start", VM_IN(VM_STOPPED) | VM_IN(VM_CRASHED), VM_STARTING, false},
	{"shutdown", "vm.shutdown", VM_IN(VM_RUNNING), VM_STOPPING, false},
	{"reboot", "vm.reboot", VM_IN(VM_RUNNING), VM_STOPPING, false},
	{"destroy", "vm.destroy",
	 VM_IN(VM_STARTING) | VM_IN(VM_RUNNING) | VM_IN(VM_PAUSED) | VM_IN(VM_STOPPING),
	 VM_STOPPING, true},
	{"pause", "vm.pause", VM_IN(VM_RUNNING), VM_RUNNING, false},
	{"resume", "vm.resume", VM_IN(VM_PAUSED), VM_PAUSED, false},
};

const size_t vm_actions_count = ARRAY_SIZE(vm_actions);

const char *vm_state_name(enum vm_state state)
{
	return state_names[state];
}

enum vm_state vm_state_parse(const char *name)
{
	for (int i = 0; i < VM_STATES; i++)
		if (!strcmp(state_names[i], name))
			return (enum vm_state)i;
	return VM_STOPPED;
}

const struct vm_action *vm_action_find(const char *name)
{
	for (size_t i = 0; i < vm_actions_count; i++)
		if (!strcmp(vm_actions[i].name, name))
			return &vm_actions[i];
	return NULL;
}

json_t *vm_allowed_actions(enum vm_state state)
{
	json_t *list = json_array();

	for (size_t i = 0; i < vm_actions_count; i++)
		if (vm_actions[i].from & VM_IN(state))
			json_array_append_new(list, json_string(vm_actions[i].name));
	return list;
}
