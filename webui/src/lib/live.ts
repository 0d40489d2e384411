/** What the appliance looks like now: loaded once, then kept true by one event stream. */

import { api } from '../api/client';
import { applyEvent, EVENT_NAMES, type World } from '../api/events';
import { say } from '../api/problem';
import type { Host, Image, Task, Vm } from '../api/types';
import { createStore } from './store';

const HOST_INTERVAL = 15_000;
const HOST_SETTLE = 400;
const RETRY_MIN = 1_000;
const RETRY_MAX = 15_000;

export type Link = 'connecting' | 'live' | 'lost';

export const world = createStore<World | null>(null);
export const host = createStore<Host | null>(null);
export const link = createStore<Link>('connecting');
export const loadError = createStore<string>('');

let source: EventSource | null = null;
let retryTimer = 0;
let retryDelay = RETRY_MIN;
let hostTimer = 0;
let settleTimer = 0;

function listById<T extends { id: string }>(items: T[]): Map<string, T> {
	return new Map(items.map((item) => [item.id, item]));
}

/** Load every list anew. Events that arrive meanwhile are applied to what was there before. */
export async function refresh(): Promise<void> {
	try {
		const [vms, images, tasks] = await Promise.all([api.vms(), api.images(), api.tasks()]);
		world.set({ vms: listById(vms), images: listById(images), tasks: listById(tasks) });
		loadError.set('');
	} catch (error) {
		loadError.set(say(error));
	}
}

export async function refreshHost(): Promise<void> {
	try {
		host.set(await api.host());
	} catch {
		/* The link indicator tells; the last known figures stay. */
	}
}

/** The host's free memory changes when guests do, a moment later. */
function refreshHostSoon(): void {
	clearTimeout(settleTimer);
	settleTimer = window.setTimeout(refreshHost, HOST_SETTLE);
}

function receive(event: MessageEvent<string>): void {
	const before = world.get();
	if (!before)
		return;
	const after = applyEvent(before, event.type, event.data);
	world.set(after);
	if (after.vms !== before.vms)
		refreshHostSoon();
}

async function reconnect(): Promise<void> {
	if (link.get() !== 'lost')
		return;
	try {
		await api.vms();
		connect();
	} catch {
		retryDelay = Math.min(RETRY_MAX, retryDelay * 2);
		retryTimer = window.setTimeout(reconnect, retryDelay);
	}
}

function lose(): void {
	link.set('lost');
	if (source?.readyState !== EventSource.CLOSED)
		return; /* the browser itself tries again, and resumes by event id */
	clearTimeout(retryTimer);
	retryTimer = window.setTimeout(reconnect, retryDelay);
}

function connect(): void {
	source?.close();
	source = new EventSource('/api/v1/events');
	source.onopen = () => {
		link.set('live');
		retryDelay = RETRY_MIN;
		void refresh();
		void refreshHost();
	};
	source.onerror = lose;
	source.addEventListener('reset', () => void refresh());
	for (const name of EVENT_NAMES)
		source.addEventListener(name, receive as EventListener);
}

export function startLive(): void {
	stopLive();
	void refresh();
	void refreshHost();
	connect();
	hostTimer = window.setInterval(() => {
		if (!document.hidden)
			void refreshHost();
	}, HOST_INTERVAL);
}

export function stopLive(): void {
	source?.close();
	source = null;
	clearTimeout(retryTimer);
	clearTimeout(settleTimer);
	clearInterval(hostTimer);
	world.set(null);
	host.set(null);
	link.set('connecting');
	loadError.set('');
}

/** Take in what an answer told already, without waiting for its event. */
export function learnTask(task: Task | undefined | null): void {
	if (task?.id)
		world.set((w) => w && { ...w, tasks: new Map(w.tasks).set(task.id, task) });
}

export function forgetItem(kind: 'vms' | 'images', id: string): void {
	world.set((w) => {
		if (!w)
			return w;
		const items = new Map<string, never>(w[kind] as Map<string, never>);
		items.delete(id);
		return { ...w, [kind]: items };
	});
}

export function learnVm(vm: Vm): void {
	world.set((w) => w && { ...w, vms: new Map(w.vms).set(vm.id, vm) });
}

export function learnImage(image: Image): void {
	world.set((w) => w && { ...w, images: new Map(w.images).set(image.id, image) });
}
