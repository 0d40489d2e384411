import { describe, expect, it } from 'vitest';
import type { Vm, VmState } from '../src/api/types';
import { filterVms, hasLiveConsole, STATES, VERBS, verbsFor } from '../src/lib/actions';

const vm = (name: string, state: VmState, allowed: string[] = []): Vm => ({
	id: name, name, mode: 'pvh', vcpus: 1, vcpus_max: 1, memory: 1 << 28,
	memory_min: 1 << 28, memory_max: 1 << 28, weight: 256, cap: 0, affinity: null, boot: { kernel: 'k', initrd: null, cmdline: '' },
	disks: [], nics: [], restart_policy: 'never', autostart: { enabled: false, order: 0, delay: 0 }, crash: null,
	state, reason: null, allowed_actions: allowed, domid: null, task_id: null,
	created_at: '', updated_at: '', started_at: null,
});

describe('verbsFor', () => {
	it('offers what the appliance allows, the useful first and the dangerous last', () => {
		expect(verbsFor(vm('a', 'running', ['destroy', 'pause', 'shutdown', 'reboot'])))
			.toEqual(['shutdown', 'reboot', 'pause', 'destroy']);
	});
	it('adds delete only for machines that are down', () => {
		expect(verbsFor(vm('a', 'stopped', ['start']))).toEqual(['start', 'delete']);
		expect(verbsFor(vm('a', 'crashed', ['start']))).toEqual(['start', 'delete']);
		expect(verbsFor(vm('a', 'starting', []))).toEqual([]);
	});
	it('leaves out verbs it has no button for', () => {
		expect(verbsFor(vm('a', 'running', ['migrate', 'pause']))).toEqual(['pause']);
	});
});

it('asks before anything that loses data, and only then', () => {
	const asking = Object.entries(VERBS).filter(([, text]) => text.confirm).map(([verb]) => verb);
	expect(asking.sort()).toEqual(['delete', 'destroy']);
});

it('knows which states have a console to type into', () => {
	const live = (Object.keys(STATES) as VmState[]).filter(hasLiveConsole);
	expect(live.sort()).toEqual(['paused', 'running', 'starting', 'stopping']);
});

describe('filterVms', () => {
	const all = [vm('web-10', 'running'), vm('web-2', 'stopped'), vm('db', 'running')];
	const names = (query: string, state: VmState | '' = '') => filterVms(all, query, state).map((v) => v.name);
	it('sorts numbers as numbers', () => expect(names('web')).toEqual(['web-2', 'web-10']));
	it('wants every word', () => expect(names('WEB 10')).toEqual(['web-10']));
	it('filters by state', () => expect(names('', 'running')).toEqual(['db', 'web-10']));
	it('finds nothing where there is nothing', () => expect(names('mail')).toEqual([]));
});
