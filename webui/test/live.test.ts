import { describe, expect, it } from 'vitest';
import { applyEvent, TASKS_KEPT, type World } from '../src/api/events';
import { delayBefore, parseFrame } from '../src/console/link';
import { parseRoute } from '../src/lib/router';

const world = (): World => ({
	vms: new Map(), images: new Map(), volumes: new Map(), networks: new Map(), tasks: new Map(),
});
const body = (resource: object) => JSON.stringify({ id: 1, type: 'x', time: '', vm: null, resource });

describe('applyEvent', () => {
	it('puts, replaces and removes whole resources', () => {
		const made = applyEvent(world(), 'vm.created', body({ id: 'a', state: 'stopped' }));
		const changed = applyEvent(made, 'vm.updated', body({ id: 'a', state: 'running' }));
		expect(changed.vms.get('a')).toEqual({ id: 'a', state: 'running' });
		expect(made.vms.get('a')).toEqual({ id: 'a', state: 'stopped' });
		expect(applyEvent(changed, 'vm.deleted', body({ id: 'a' })).vms.size).toBe(0);
	});
	it('never goes back to what is older', () => {
		const task = { id: 't', status: 'succeeded', finished_at: '2026-01-01T00:00:02Z' };
		const vm = { id: 'a', state: 'running', updated_at: '2026-01-01T00:00:02Z' };
		const now = applyEvent(applyEvent(world(), 'task.updated', body(task)), 'vm.updated', body(vm));
		for (const [name, late] of [
			['task.created', { ...task, status: 'queued' }],
			['task.updated', { ...task, status: 'running', finished_at: null }],
			['vm.updated', { ...vm, state: 'starting', updated_at: '2026-01-01T00:00:01Z' }],
		] as const)
			expect(applyEvent(now, name, body(late))).toBe(now);
		expect(applyEvent(now, 'vm.updated', body({ ...vm, state: 'paused' })).vms.get('a')).toMatchObject({ state: 'paused' });
	});
	it('keeps the newest tasks, and what is not over', () => {
		let now = applyEvent(world(), 'task.created', body({ id: 'long', created_at: '2025', finished_at: null }));
		for (let n = 0; n < 2 * TASKS_KEPT; n++)
			now = applyEvent(now, 'task.created', body({ id: `t${n}`, created_at: String(2026 + n), finished_at: 'then' }));
		expect([now.tasks.size, now.tasks.has('long'), now.tasks.has('t499'), now.tasks.has('t500')])
			.toEqual([TASKS_KEPT + 1, true, false, true]);
	});
	it('touches only the collection it is about', () => {
		const before = world();
		const after = applyEvent(before, 'task.updated', body({ id: 't' }));
		expect(after.tasks.size).toBe(1);
		expect(after.vms).toBe(before.vms);
	});
	it.each([
		['hello', '{}'], ['disk.created', body({ id: 'd' })], ['vm.updated', 'not json'], ['vm.updated', '{}'],
	])('lets %s %s pass', (name, data) => {
		const before = world();
		expect(applyEvent(before, name, data)).toBe(before);
	});
});

describe('parseRoute', () => {
	const id = '0c6f9f1e-4a0a-4a3b-9a3e-0f4f6f5a1b2c';
	it.each([
		['', { screen: 'host' }],
		['#/', { screen: 'host' }],
		['#/vms/', { screen: 'vms' }],
		['#/vms/new', { screen: 'vm-new' }],
		[`#/vms/${id}`, { screen: 'vm', id, tab: 'overview' }],
		[`#/vms/${id}/console`, { screen: 'vm', id, tab: 'console' }],
		['#/vms/<script>', { screen: 'missing', path: 'vms/<script>' }],
		['#/toString', { screen: 'missing', path: 'toString' }],
	])('%s', (hash, route) => expect(parseRoute(hash)).toEqual(route));
});

it('waits longer from attempt to attempt, but never long', () => {
	expect([0, 2, 5, 50].map(delayBefore)).toEqual([1, 2, 15, 15]);
});

it('reads text frames of the console, and survives others', () => {
	expect(parseFrame('{"type":"notice","text":"hi"}')).toEqual({ type: 'notice', text: 'hi' });
	expect([parseFrame('null'), parseFrame('{'), parseFrame('3')]).toEqual([{}, {}, {}]);
});
