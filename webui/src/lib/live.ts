/** What the appliance looks like now: loaded once, then kept true by one event stream. */

import { api } from '../api/client';
import { applyEvent, EVENT_NAMES, type World } from '../api/events';
import { say } from '../api/problem';
import type { Event, Host, Image, Network, Task, Vm } from '../api/types';
import { createStore } from './store';

const HOST_INTERVAL = 15_000;
const HOST_SETTLE = 400;
const RETRY_MIN = 1_000;
const RETRY_MAX = 15_000;
const REFRESH_AGAIN = 5_000;

export type Link = 'connecting' | 'live' | 'lost';

export const world = createStore<World | null>(null);
export const host = createStore<Host | null>(null);
export const link = createStore<Link>('connecting');
export const loadError = createStore<string>('');

/** An event's name and body. */
type Heard = [string, string];

/** One list for each refresh that is under way. */
const listeners = new Set<Heard[]>();

let source: EventSource | null = null;
let retryTimer = 0;
let retryDelay = RETRY_MIN;
let hostTimer = 0;
let settleTimer = 0;
let refreshTimer = 0;

function listById<T extends { id: string }>(items: T[]): Map<string, T> {
	return new Map(items.map((item) => [item.id, item]));
}

/**
 * Load every list anew. What is heard meanwhile may be newer than the lists, so it is heard again
 * once they are there; whole resources in their order leave the last one standing.
 */
export async function refresh(): Promise<void> {
	const since: Heard[] = [];
	clearTimeout(refreshTimer);
	listeners.add(since);
	try {
		const [vms, images, volumes, networks, tasks] = await Promise.all([
			api.vms(), api.images(), api.volumes(), api.networks(), api.tasks(),
		]);
		if (!source)
			return; /* logged out meanwhile */
		const loaded: World = {
			vms: listById(vms), images: listById(images), volumes: listById(volumes),
			networks: listById(networks), tasks: listById(tasks),
		};
		world.set(since.reduce((w, [name, data]) => applyEvent(w, name, data), loaded));
		loadError.set('');
	} catch (error) {
		if (source) {
			/* Events alone can't make up for it: without the lists nothing is true. */
			loadError.set(say(error));
			clearTimeout(refreshTimer);
			refreshTimer = window.setTimeout(refresh, REFRESH_AGAIN);
		}
	} finally {
		listeners.delete(since);
	}
}

export async function refreshHost(): Promise<void> {
	try {
		const now = await api.host();
		if (source)
			host.set(now);
	} catch {
		/* The link indicator tells; the last known figures stay. */
	}
}

/** The host's free memory changes when guests do, a moment later. */
function refreshHostSoon(): void {
	clearTimeout(settleTimer);
	settleTimer = window.setTimeout(refreshHost, HOST_SETTLE);
}

function hear(name: string, data: string): void {
	for (const since of listeners)
		since.push([name, data]);
	const before = world.get();
	if (!before)
		return;
	const after = applyEvent(before, name, data);
	world.set(after);
	if (after.vms !== before.vms)
		refreshHostSoon();
}

function receive(event: MessageEvent<string>): void {
	hear(event.type, event.data);
}

/** Take in what an answer told already, without waiting for its event. */
export function learn(name: Event['type'], resource: Vm | Image | Network | Task | { id: string }): void {
	hear(name, JSON.stringify({ resource }));
}

async function reconnect(): Promise<void> {
	if (link.get() !== 'lost')
		return;
	const answered = await api.vms().then(() => true, () => false);
	if (!source)
		return; /* logged out meanwhile */
	if (answered) {
		connect();
		return;
	}
	retryDelay = Math.min(RETRY_MAX, retryDelay * 2);
	retryTimer = window.setTimeout(reconnect, retryDelay);
}

function lose(): void {
	link.set('lost');
	if (!world.get())
		void refresh(); /* no live view does not mean no view */
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
	clearTimeout(refreshTimer);
	clearInterval(hostTimer);
	world.set(null);
	host.set(null);
	link.set('connecting');
	loadError.set('');
}
