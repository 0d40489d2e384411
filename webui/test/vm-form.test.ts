import { describe, expect, it } from 'vitest';
import type { Image, Vm, Volume } from '../src/api/types';
import { affinityText } from '../src/lib/cpus';
import { guessKind, imageName } from '../src/lib/image-name';
import { addDisk, checkForm, createRequest, formOf, freeName, MIB, newForm, patchRequest, type VmForm } from '../src/lib/vm-form';

const image = (id: string, kind: Image['kind'], builtin: boolean): Image =>
	({ id, name: id, kind, size: 1, disk_size: null, sha256: null, builtin, created_at: '' });
const images = [image('own', 'kernel', false), image('deb', 'kernel', true), image('demo', 'initrd', true)];
const form = (patch: Partial<VmForm> = {}): VmForm => ({ ...newForm(images, []), ...patch });
const vm: Vm = {
	id: 'x', name: 'one', mode: 'pvh', vcpus: 2, vcpus_max: 2, memory: 512 * MIB,
	memory_min: 512 * MIB, memory_max: 512 * MIB, weight: 256, cap: 0, affinity: null,
	boot: { kernel: 'deb', initrd: 'demo', cmdline: 'console=hvc0' }, disks: [], nics: [], restart_policy: 'never',
	autostart: { enabled: false, order: 0, delay: 0 }, crash: null, state: 'stopped', reason: null,
	allowed_actions: ['start'], domid: null, task_id: null, created_at: '', updated_at: '', started_at: null,
};

it('proposes a free name and the built-in images', () => {
	expect(freeName(['vm-1', 'vm-3'])).toBe('vm-2');
	expect(newForm(images, ['vm-1'])).toMatchObject({ name: 'vm-2', kernel: 'deb', initrd: 'demo', start: true });
	expect(newForm([], [])).toMatchObject({ kernel: '', initrd: '' });
});

describe('checkForm', () => {
	const wrong = (patch: Partial<VmForm>, taken: string[] = []) => Object.keys(checkForm(form(patch), taken, 8));
	it('accepts what is first shown', () => expect(wrong({})).toEqual([]));
	it.each([
		[{ name: '' }, 'name'],
		[{ name: '-x' }, 'name'],
		[{ name: 'a'.repeat(64) }, 'name'],
		[{ vcpus: '0' }, 'vcpus'],
		[{ vcpus: '9' }, 'vcpus'],
		[{ vcpus: '1.5' }, 'vcpus'],
		[{ memory: '' }, 'memory'],
		[{ memory: '8' }, 'memory'],
		[{ memory: '1e3' }, 'memory'],
		[{ vcpusMax: '9' }, 'vcpus_max'],
		[{ memoryMin: '257' }, 'memory_min'],
		[{ memoryMax: '255' }, 'memory_max'],
		[{ weight: '0' }, 'weight'],
		[{ cap: '' }, 'cap'],
		[{ kernel: '' }, 'boot.kernel'],
		[{ cmdline: 'quiet \u00e9' }, 'boot.cmdline'],
		[{ autostart: true, order: '-1' }, 'autostart.order'],
		[{ autostart: true, delay: '601' }, 'autostart.delay'],
	] as [Partial<VmForm>, string][])('refuses %j', (patch, field) => expect(wrong(patch)).toEqual([field]));
	it('refuses a name that is taken', () => expect(wrong({ name: 'db' }, ['db'])).toEqual(['name']));
	it('says at a field that is shown what a running machine cannot have', () => {
		const running = formOf({ ...vm, memory_max: 1024 * MIB });
		expect(checkForm({ ...running, memory: '2048' }, [], 2, 1024)).toHaveProperty('memory');
		expect(checkForm({ ...running, memory: '1024' }, [], 2, 1024)).toEqual({});
	});
	it('neither checks nor sends what is not shown', () => {
		const hidden = { order: '', delay: '-1' };
		expect(wrong(hidden)).toEqual([]);
		expect(createRequest(form(hidden)).autostart).toEqual({ enabled: false });
		expect(patchRequest(vm, { ...formOf(vm), ...hidden })).toEqual({});
	});
});

it('turns the form into the request, in bytes and without blanks', () => {
	expect(createRequest(form({ name: ' a ', memory: '128', initrd: '', cmdline: ' quiet ' }))).toEqual({
		name: 'a', mode: 'pvh', vcpus: 1, memory: 134217728, weight: 256, cap: 0, affinity: null,
		boot: { kernel: 'deb', initrd: null, cmdline: 'quiet' },
		restart_policy: 'never', autostart: { enabled: false }, start: true,
	});
});

describe('disks of a new machine', () => {
	const volumes = new Map<string, Volume>([['root', { id: 'root', name: 'root', size: 1, allocated: 1, format: 'raw' as const, vms: [], state: 'ready' as const, reason: null, task_id: null, created_at: '' }]]);
	const all = [...images, { ...image('disk', 'initrd', true), name: 'disk-initrd' }];
	it('makes it boot from the first volume', () => expect(addDisk(form(), 'root', all, volumes)).toEqual(
		{ disks: ['root'], initrd: 'disk', cmdline: 'console=hvc0 root=/dev/xvda rw' }));
	it('leaves alone what was typed, and CDs', () => {
		expect(addDisk(form({ cmdline: 'quiet' }), 'root', all, volumes)).toEqual({ disks: ['root'] });
		expect(addDisk(form(), 'cd', all, volumes)).toEqual({ disks: ['cd'] });
	});
	it('asks for volumes and images', () =>
		expect(createRequest(form({ disks: ['root', 'cd'] }), new Set(['cd'])).disks).toEqual(
			[{ volume: 'root', read_only: false }, { image: 'cd', read_only: true }]));
	it('has at most 16', () => expect(checkForm(form({ disks: Array<string>(17).fill('x') }), [], 8)).toHaveProperty('disks'));
});

describe('patchRequest', () => {
	it('is empty when nothing changed', () => expect(patchRequest(vm, formOf(vm))).toEqual({}));
	it('holds only what changed', () => {
		expect(patchRequest(vm, { ...formOf(vm), memory: '256', initrd: '' }))
			.toEqual({ memory: 256 * MIB, boot: { initrd: null } });
		expect(patchRequest(vm, { ...formOf(vm), restartPolicy: 'always', autostart: true, delay: '5' }))
			.toEqual({ restart_policy: 'always', autostart: { enabled: true, delay: 5 } });
		expect(patchRequest(vm, { ...formOf(vm), cap: '50', affinity: [1] })).toEqual({ cap: 50, affinity: [1] });
		expect(patchRequest({ ...vm, affinity: [0] }, { ...formOf(vm), affinity: [] })).toEqual({ affinity: null });
	});
	it('patches what single vCPUs may run on', () => {
		const pinned: Vm = { ...vm, vcpus: 2, vcpus_max: 2, affinity: [[1, 2, 3], null] };
		expect(formOf(pinned).affinities).toEqual(['1-3', '']);
		expect(patchRequest({ ...pinned, affinity: [[1]] }, { ...formOf(pinned), affinities: [' 1', ''] })).toEqual({});
		expect(patchRequest(pinned, { ...formOf(pinned), affinities: ['3, 0-1', '7', '9'] })).toEqual({ affinity: [[0, 1, 3], [7]] });
		expect(patchRequest(pinned, { ...formOf(pinned), affinities: ['', ''] })).toEqual({ affinity: null });
		for (const bad of ['x', '3-1', '64', '1-', '-'])
			expect(checkForm({ ...formOf(pinned), affinities: [bad, '0'] }, [], 128)).toHaveProperty(['affinity.0']);
		expect(checkForm(formOf(pinned), [], 128)).toEqual({});
		expect(affinityText([[1, 2, 5], null])).toBe('vCPU 0 on 1-2,5; vCPU 1 on all');
		expect(affinityText([0, 1])).toBe('CPU 0-1');
	});
});

it('makes names and kinds of file names', () => {
	expect(imageName('my kernel (1).bin')).toBe('my kernel -1-.bin');
	expect(imageName('…')).toBe('');
	expect([guessKind('initrd.img-6.1'), guessKind('rootfs.cpio.gz'), guessKind('vmlinuz')])
		.toEqual(['initrd', 'initrd', 'kernel']);
});
