/** The form for a machine: what is typed, and what becomes of it. */

import type { Image, Network, Vm, VmCreate, VmPatch, Volume } from '../api/types';
import { cpuText, listOf, listsOf, parseCpus } from './cpus';
import { formatBytes } from './format';

export const MIB = 1024 * 1024;
export const DEFAULT_CMDLINE = 'console=hvc0';
/** With the built-in initial RAM disk for disks: what boots from the first of them. */
const DISK_INITRD = 'disk-initrd';
const DISK_CMDLINE = 'console=hvc0 root=/dev/xvda rw';
const MAX_DISKS = 16;

export interface VmForm {
	name: string;
	vcpus: string;
	vcpusMax: string;
	/** MiB */
	memory: string;
	/** MiB; limits may be empty: as much as it has */
	memoryMin: string;
	/** MiB */
	memoryMax: string;
	weight: string;
	/** percent of one CPU, 0 for none */
	cap: string;
	/** the host's CPUs it may run on; none chosen: all */
	affinity: number[];
	/** or those that each of its CPUs may run on, as typed; null when it is one list for all */
	affinities: string[] | null;
	kernel: string;
	/** '' for none */
	initrd: string;
	cmdline: string;
	/** volumes and CDs that it is made with, in the order of their names */
	disks: string[];
	/** those of them that it can't write to */
	readOnly: string[];
	restartPolicy: Vm['restart_policy'];
	autostart: boolean;
	order: string;
	/** seconds */
	delay: string;
	/** of a new machine's network card; '' for none */
	network: string;
	start: boolean;
}

export type FormErrors = Record<string, string>;

const NAME = /^[A-Za-z0-9]([A-Za-z0-9 ._-]*[A-Za-z0-9._-])?$/;
const MAX_NAME = 63;
const MAX_ORDER = 9999;
const MAX_DELAY = 600;
const MIN_MEMORY_MIB = 16;
const MAX_MEMORY_MIB = 1024 * 1024;

/** The restart policies, as they are chosen and shown. */
export const RESTART_POLICIES: Record<Vm['restart_policy'], string> = {
	never: 'Never',
	on_crash: 'After a crash',
	always: 'Always, until it is shut down from here',
};

/** The form's fields, by the API's names. */
export const FIELDS = [
	'name', 'vcpus', 'vcpus_max', 'memory', 'memory_min', 'memory_max', 'weight', 'cap', 'affinity', 'boot.kernel', 'boot.initrd', 'boot.cmdline', 'disks', 'restart_policy',
	'autostart.order', 'autostart.delay', 'nics.0.network',
];

/** @returns a name that no machine has yet: `vm-1`, `vm-2` … */
export function freeName(taken: Iterable<string>): string {
	const names = new Set(taken);
	let n = 1;
	while (names.has(`vm-${n}`))
		n++;
	return `vm-${n}`;
}

/** @returns the form as it is first shown: a guest of the built-in images, ready to go. */
export function newForm(images: readonly Image[], names: Iterable<string>, networks: readonly Network[] = []): VmForm {
	const first = (kind: Image['kind']) =>
		(images.find((i) => i.kind === kind && i.builtin) ?? images.find((i) => i.kind === kind))?.id ?? '';
	return {
		name: freeName(names),
		vcpus: '1',
		vcpusMax: '',
		memory: '256',
		memoryMin: '',
		memoryMax: '',
		weight: '256',
		cap: '0',
		affinity: [],
		affinities: null,
		kernel: first('kernel'),
		initrd: first('initrd'),
		cmdline: DEFAULT_CMDLINE,
		disks: [],
		readOnly: [],
		restartPolicy: 'never',
		autostart: false,
		order: '0',
		delay: '0',
		network: networks.find((one) => one.builtin)?.id ?? '',
		start: true,
	};
}

export function formOf(vm: Vm): VmForm {
	return {
		name: vm.name,
		vcpus: String(vm.vcpus),
		vcpusMax: vm.vcpus_max === vm.vcpus ? '' : String(vm.vcpus_max),
		memory: String(vm.memory / MIB),
		memoryMin: vm.memory_min === vm.memory ? '' : String(vm.memory_min / MIB),
		memoryMax: vm.memory_max === vm.memory ? '' : String(vm.memory_max / MIB),
		weight: String(vm.weight),
		cap: String(vm.cap),
		affinity: listOf(vm.affinity),
		affinities: listsOf(vm.affinity)?.map(cpuText) ?? null,
		kernel: vm.boot.kernel,
		initrd: vm.boot.initrd ?? '',
		cmdline: vm.boot.cmdline,
		disks: [],
		readOnly: [],
		restartPolicy: vm.restart_policy,
		autostart: vm.autostart.enabled,
		order: String(vm.autostart.order),
		delay: String(vm.autostart.delay),
		network: '',
		start: false,
	};
}

/** @returns whether all that the form shows is the same of both. */
export function sameForm(a: Vm, b: Vm): boolean {
	return JSON.stringify(formOf(a)) === JSON.stringify(formOf(b));
}

/**
 * Add the disk @p id. With the first volume a form that still is as it was first shown becomes one
 * that boots from it.
 */
export function addDisk(form: VmForm, id: string, images: readonly Image[], volumes: ReadonlyMap<string, Volume>): Partial<VmForm> {
	const disks = [...form.disks, id];
	const fresh = newForm(images, []);
	const initrd = images.find((i) => i.builtin && i.name === DISK_INITRD);
	const untouched = form.initrd === fresh.initrd && form.cmdline === fresh.cmdline;
	return initrd && untouched && !form.disks.length && volumes.has(id)
		? { disks, initrd: initrd.id, cmdline: DISK_CMDLINE } : { disks };
}

function wholeNumber(text: string): number | null {
	return /^\d+$/.test(text.trim()) ? Number(text) : null;
}

function checkRange(text: string, max: number, what: string): string {
	const n = wholeNumber(text);
	return n === null || n > max ? `${what} from 0 to ${max}.` : '';
}

function checkName(name: string, taken: Iterable<string>): string {
	if (!name)
		return 'Give the machine a name.';
	if (name.length > MAX_NAME)
		return `At most ${MAX_NAME} characters.`;
	if (!NAME.test(name))
		return 'Use letters, digits, spaces, dots, dashes and underscores; begin with a letter or a digit.';
	return new Set(taken).has(name) ? 'Another machine already has this name.' : '';
}

/**
 * Check what can be known without asking: the appliance has the last word.
 * @param taken names of other machines
 * @param maxMemory the most MiB that it can have now
 * @returns errors by the API's field names; empty when all is well.
 */
export function checkForm(form: VmForm, taken: Iterable<string>, maxVcpus: number, maxMemory = MAX_MEMORY_MIB): FormErrors {
	const vcpus = wholeNumber(form.vcpus);
	const memory = wholeNumber(form.memory);
	const between = (text: string, low: number, high: number, what: string) => {
		const n = wholeNumber(text);
		return text && (n === null || n < low || n > high) ? `${what} from ${low} to ${high}.` : '';
	};
	const found: FormErrors = {
		vcpus_max: between(form.vcpusMax, vcpus ?? 1, maxVcpus, 'A whole number'),
		memory_min: between(form.memoryMin, MIN_MEMORY_MIB, memory ?? MAX_MEMORY_MIB, 'A whole number of MiB'),
		memory_max: between(form.memoryMax, memory ?? MIN_MEMORY_MIB, MAX_MEMORY_MIB, 'A whole number of MiB'),
		weight: between(form.weight || 'x', 1, 65535, 'A whole number'),
		cap: between(form.cap || 'x', 0, 6400, 'Percent,'),
		name: checkName(form.name.trim(), taken),
		vcpus: vcpus === null || vcpus < 1 || vcpus > maxVcpus
			? `A whole number from 1 to ${maxVcpus}.` : '',
		memory: memory === null || memory < MIN_MEMORY_MIB || memory > maxMemory
			? `A whole number of MiB, at least ${MIN_MEMORY_MIB} and at most ${formatBytes(maxMemory * MIB)}.` : '',
		'boot.kernel': form.kernel ? '' : 'Choose a kernel.',
		'boot.cmdline': /^[ -~]*$/.test(form.cmdline) ? '' : 'Plain ASCII characters only.',
		disks: form.disks.length > MAX_DISKS ? `At most ${MAX_DISKS} disks.` : '',
		...Object.fromEntries((form.affinities ?? []).slice(0, mostVcpus(form)).map((text, n) =>
			[`affinity.${n}`, parseCpus(text) === undefined ? 'Numbers of CPUs, such as 0,2 or 0-3.' : ''])),
		'autostart.order': form.autostart ? checkRange(form.order, MAX_ORDER, 'A whole number') : '',
		'autostart.delay': form.autostart ? checkRange(form.delay, MAX_DELAY, 'Seconds,') : '',
	};
	return Object.fromEntries(Object.entries(found).filter(([, text]) => text));
}

/** @returns how many CPUs the machine can have without a new start. */
export function mostVcpus(form: VmForm): number {
	return wholeNumber(form.vcpusMax || form.vcpus) ?? 0;
}

function affinityOf(form: VmForm): Vm['affinity'] {
	const lists = form.affinities?.slice(0, mostVcpus(form)).map((text) => parseCpus(text) ?? null);
	while (lists?.length && !lists.at(-1))
		lists.pop();
	const affinity = lists ?? form.affinity;
	return affinity.length ? affinity : null;
}

/** @returns the request for a form that passed checkForm(). @param cds images among its disks */
export function createRequest(form: VmForm, cds: ReadonlySet<string> = new Set()): VmCreate {
	return {
		name: form.name.trim(),
		mode: 'pvh',
		vcpus: Number(form.vcpus),
		memory: Number(form.memory) * MIB,
		...(form.vcpusMax ? { vcpus_max: Number(form.vcpusMax) } : {}),
		...(form.memoryMin ? { memory_min: Number(form.memoryMin) * MIB } : {}),
		...(form.memoryMax ? { memory_max: Number(form.memoryMax) * MIB } : {}),
		weight: Number(form.weight),
		cap: Number(form.cap),
		affinity: affinityOf(form),
		boot: { kernel: form.kernel, initrd: form.initrd || null, cmdline: form.cmdline.trim() },
		...(form.disks.length ? { disks: form.disks.map((id) => cds.has(id) ? { image: id, read_only: true } : { volume: id, read_only: form.readOnly.includes(id) }) } : {}),
		restart_policy: form.restartPolicy,
		/* What is not shown is neither checked nor sent. */
		autostart: form.autostart ? { enabled: true, order: Number(form.order), delay: Number(form.delay) } : { enabled: false },
		...(form.network ? { nics: [{ network: form.network, spoof_protection: true, link: true }] } : {}),
		start: form.start,
	};
}

/** @returns the merge patch from @p vm to @p form; empty when nothing is different. */
export function patchRequest(vm: Vm, form: VmForm): VmPatch {
	const next = createRequest(form);
	const patch: VmPatch = {};
	if (next.name !== vm.name)
		patch.name = next.name;
	if (next.vcpus !== vm.vcpus)
		patch.vcpus = next.vcpus;
	if (next.memory !== vm.memory)
		patch.memory = next.memory;
	/* An empty limit is as much as there is; one that was so follows by itself. */
	const was = formOf(vm);
	if (form.vcpusMax !== was.vcpusMax)
		patch.vcpus_max = next.vcpus_max ?? next.vcpus;
	if (form.memoryMin !== was.memoryMin)
		patch.memory_min = next.memory_min ?? next.memory;
	if (form.memoryMax !== was.memoryMax)
		patch.memory_max = next.memory_max ?? next.memory;
	if (next.weight !== vm.weight)
		patch.weight = Number(form.weight);
	if (next.cap !== vm.cap)
		patch.cap = Number(form.cap);
	if (JSON.stringify(next.affinity) !== JSON.stringify(vm.affinity))
		patch.affinity = next.affinity ?? null;
	if (form.restartPolicy !== vm.restart_policy)
		patch.restart_policy = form.restartPolicy;
	const autostart: NonNullable<VmPatch['autostart']> = {};
	if (form.autostart !== vm.autostart.enabled)
		autostart.enabled = form.autostart;
	if (form.autostart && Number(form.order) !== vm.autostart.order)
		autostart.order = Number(form.order);
	if (form.autostart && Number(form.delay) !== vm.autostart.delay)
		autostart.delay = Number(form.delay);
	if (Object.keys(autostart).length)
		patch.autostart = autostart;
	const boot: NonNullable<VmPatch['boot']> = {};
	if (next.boot.kernel !== vm.boot.kernel)
		boot.kernel = next.boot.kernel;
	if ((next.boot.initrd ?? null) !== vm.boot.initrd)
		boot.initrd = next.boot.initrd ?? null;
	if ((next.boot.cmdline ?? '') !== vm.boot.cmdline)
		boot.cmdline = next.boot.cmdline ?? '';
	if (Object.keys(boot).length)
		patch.boot = boot;
	return patch;
}
