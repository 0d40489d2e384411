/** Which actions a machine offers in which state, and how each is named and confirmed. */

import type { VmAction } from '../api/client';
import type { Vm, VmState } from '../api/types';

export type VmVerb = VmAction | 'delete';

/** The most useful first; what is dangerous comes last. */
const POWER: readonly VmAction[] = ['start', 'resume', 'shutdown', 'reboot', 'pause', 'destroy'];

/** @returns what can be done with @p vm now, in the order in which it is offered. */
export function verbsFor(vm: Pick<Vm, 'state' | 'allowed_actions'>): VmVerb[] {
	const verbs: VmVerb[] = POWER.filter((verb) => vm.allowed_actions.includes(verb));
	if (vm.state === 'stopped' || vm.state === 'crashed')
		verbs.push('delete');
	return verbs;
}

export interface VerbText {
	label: string;
	/** What is said once the appliance accepted it; `%` is the name. */
	accepted: string;
	tone: 'primary' | 'plain' | 'danger';
	confirm?: { title: string; text: string; button: string };
	/** The guest may not obey: how long it is waited for, and what then. */
	patience?: { title: string; force: string };
}

export const VERBS: Record<VmVerb, VerbText> = {
	start: { label: 'Start', accepted: 'Starting %', tone: 'primary' },
	resume: { label: 'Resume', accepted: 'Resuming %', tone: 'primary' },
	shutdown: {
		label: 'Shut down',
		accepted: 'Asked % to shut down',
		tone: 'plain',
		patience: { title: 'Shut % down?', force: 'Then force it off' },
	},
	reboot: {
		label: 'Reboot',
		accepted: 'Asked % to reboot',
		tone: 'plain',
		patience: { title: 'Reboot %?', force: 'Then force it off and start it again' },
	},
	pause: { label: 'Pause', accepted: 'Pausing %', tone: 'plain' },
	destroy: {
		label: 'Force off',
		accepted: 'Forcing % off',
		tone: 'danger',
		confirm: {
			title: 'Force % off?',
			text: 'This is like pulling the power cord: the guest gets no chance to save anything. ' +
				'Its settings stay.',
			button: 'Force off',
		},
	},
	delete: {
		label: 'Delete',
		accepted: 'Deleted %',
		tone: 'danger',
		confirm: {
			title: 'Delete %?',
			text: 'The machine and its console log are removed for good. Images stay.',
			button: 'Delete',
		},
	},
};

export interface StateText {
	label: string;
	tone: 'good' | 'busy' | 'warn' | 'bad' | 'idle';
}

export const STATES: Record<VmState, StateText> = {
	running: { label: 'Running', tone: 'good' },
	starting: { label: 'Starting', tone: 'busy' },
	stopping: { label: 'Stopping', tone: 'busy' },
	paused: { label: 'Paused', tone: 'warn' },
	crashed: { label: 'Crashed', tone: 'bad' },
	stopped: { label: 'Stopped', tone: 'idle' },
};

const MAX_PATIENCE = 3600;

/** @returns what is wrong with @p text as seconds that a guest has; empty when nothing is. */
export function checkSeconds(text: string, least: number): string {
	const n = /^\d+$/.test(text.trim()) ? Number(text) : -1;
	return n < least || n > MAX_PATIENCE ? `A whole number from ${least} to ${MAX_PATIENCE}.` : '';
}

/** @returns whether a guest in @p state has a console to type into. */
export function hasLiveConsole(state: VmState): boolean {
	return state !== 'stopped' && state !== 'crashed';
}

/** @returns @p vms whose name or state has every word of @p query, sorted by name. */
export function filterVms(vms: readonly Vm[], query: string, state: VmState | ''): Vm[] {
	const needles = query.toLowerCase().split(/\s+/).filter(Boolean);
	return vms
		.filter((vm) => !state || vm.state === state)
		.filter((vm) => needles.every((n) => vm.name.toLowerCase().includes(n) || vm.id.startsWith(n)))
		.sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
}
