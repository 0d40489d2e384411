/** One way to the REST API: cookies, the CSRF token, and errors that carry words. */

import { ApiError, ChangedError, networkError, parseRetryAfter, problemError } from './problem';
import type {
	Disk, DiskCreate, Host, Image, ImageKind, Network, NetworkCreate, NetworkPatch, Nic, NicCreate, NicPatch, NicStatus, Page, Session,
	Storage, Task, Ticket, Token, TokenCreate, TokenCreated, Vm, VmActionHow, VmCreate, VmDebug, VmPatch, VmStats, Volume, VolumeCreate, VolumePatch,
} from './types';

const BASE = '/api/v1';
const MERGE_PATCH = 'application/merge-patch+json';
const CHANGE_TRIES = 4;

let csrfToken = '';
let onLoggedOut: () => void = () => {};
let renewCsrfToken: () => Promise<boolean> = async () => false;

export function setCsrfToken(token: string): void {
	csrfToken = token;
}

/** @p handler runs whenever the appliance says that the session is over. */
export function setLoggedOutHandler(handler: () => void): void {
	onLoggedOut = handler;
}

/** @p handler runs when the token is not that of the cookie's session; it says whether it could renew it. */
export function setCsrfHandler(handler: () => Promise<boolean>): void {
	renewCsrfToken = handler;
}

interface Options {
	body?: unknown;
	type?: string;
	etag?: string;
	idempotent?: boolean;
	/** A 401 is an answer here, not the end of the session. */
	anonymous?: boolean;
	signal?: AbortSignal;
}

function buildHeaders(method: string, options: Options): Headers {
	const headers = new Headers({ Accept: 'application/json, application/problem+json' });
	if (options.body !== undefined)
		headers.set('Content-Type', options.type ?? 'application/json');
	if (method !== 'GET' && csrfToken)
		headers.set('X-CSRF-Token', csrfToken);
	if (options.etag)
		headers.set('If-Match', options.etag);
	if (options.idempotent)
		headers.set('Idempotency-Key', crypto.randomUUID());
	return headers;
}

function parseJson(text: string): unknown {
	try {
		return text ? JSON.parse(text) : undefined;
	} catch {
		return undefined;
	}
}

function refuse(status: number, text: string, retryAfter: string | null, anonymous: boolean): ApiError {
	if (status === 401 && !anonymous)
		onLoggedOut();
	return problemError(status, parseJson(text), parseRetryAfter(retryAfter, Date.now()));
}

async function send(method: string, path: string, options: Options = {}, again = false): Promise<Response> {
	const init: RequestInit = {
		method,
		headers: buildHeaders(method, options),
		credentials: 'same-origin',
		cache: 'no-store',
	};
	if (options.body !== undefined)
		init.body = JSON.stringify(options.body);
	if (options.signal)
		init.signal = options.signal;
	let response: Response;
	try {
		response = await fetch(BASE + path, init);
	} catch (error) {
		if (options.signal?.aborted)
			throw error;
		throw networkError();
	}
	if (response.ok)
		return response;
	const error = refuse(response.status, await response.text().catch(() => ''),
		response.headers.get('Retry-After'), options.anonymous ?? false);
	if (error.code === 'csrf' && !again && await renewCsrfToken())
		return send(method, path, options, true);
	throw error;
}

async function json<T>(method: string, path: string, options?: Options): Promise<T> {
	const response = await send(method, path, options);
	return parseJson(await response.text()) as T;
}

/** @returns whether what can be edited of a resource still is as it was shown. */
type IsAsShown<T> = (now: T) => boolean;

/**
 * Change what @p path is (of) if it still is as it was shown: throws ChangedError otherwise. What can't be edited, such
 * as a state, has a part in the ETag too, and may have changed: then that of now is looked at once more.
 */
async function change<T, R = T>(path: string, patch: unknown, asShown: IsAsShown<T>, part = ''): Promise<R> {
	for (let tries = 1; ; tries++) {
		const response = await send('GET', path);
		const now = parseJson(await response.text()) as T;
		if (!asShown(now))
			throw new ChangedError(now);
		try {
			const etag = response.headers.get('ETag') ?? '';
			return await json<R>('PATCH', path + part, { body: patch, type: MERGE_PATCH, etag });
		} catch (error) {
			const changed = error instanceof ApiError && (error.status === 412 || error.code === 'changed');
			if (!changed || tries === CHANGE_TRIES)
				throw error;
		}
	}
}

/** @returns every item of a list, page after page. */
async function all<T>(path: string, limit = 500): Promise<T[]> {
	const items: T[] = [];
	let cursor: string | null | undefined;
	do {
		const query = `limit=${limit}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`;
		const page = await json<Page<T>>('GET', `${path}?${query}`);
		items.push(...page.items);
		cursor = page.next_cursor;
	} while (cursor);
	return items;
}

export type VmAction = 'start' | 'shutdown' | 'reboot' | 'destroy' | 'pause' | 'resume';
export type HostAction = 'shutdown' | 'reboot';

/** Where the bytes of an image or a volume are. */
export function contentUrl(collection: 'images' | 'volumes', id: string): string {
	return `${BASE}/${collection}/${id}/content`;
}

export const api = {
	login: (username: string, password: string) =>
		json<Session>('POST', '/sessions', { body: { username, password }, anonymous: true }),
	session: () => json<Session>('GET', '/sessions/current', { anonymous: true }),
	logout: () => send('DELETE', '/sessions/current', { anonymous: true }),

	host: () => json<Host>('GET', '/host'),
	hypervisorLog: async () => (await send('GET', '/host/hypervisor/log')).text(),
	hostAction: (action: HostAction, timeout: number) => json<Task>('POST', `/host/actions/${action}`, { body: { timeout } }),

	vms: () => all<Vm>('/vms'),
	vm: (id: string) => json<Vm>('GET', `/vms/${id}`),
	createVm: (vm: VmCreate) => json<Vm>('POST', '/vms', { body: vm, idempotent: true }),
	updateVm: (id: string, patch: VmPatch, asShown: IsAsShown<Vm>) => change<Vm>(`/vms/${id}`, patch, asShown),
	vmStats: (id: string) => json<VmStats>('GET', `/vms/${id}/stats`),
	vmDebug: (id: string) => json<VmDebug>('GET', `/vms/${id}/debug`),
	deleteVm: (id: string) => send('DELETE', `/vms/${id}`),
	vmAction: (id: string, action: VmAction, how?: VmActionHow) => json<Task>('POST', `/vms/${id}/actions/${action}`, how && { body: how }),
	consoleTicket: (id: string, readOnly: boolean) =>
		json<Ticket>('POST', `/vms/${id}/consoles/serial/tickets`, { body: { read_only: readOnly } }),
	consoleLog: async (id: string) =>
		new Uint8Array(await (await send('GET', `/vms/${id}/consoles/serial/log`)).arrayBuffer()),

	images: () => all<Image>('/images'),
	storage: () => json<Storage>('GET', '/storage'),
	volumes: () => all<Volume>('/volumes'),
	createVolume: (volume: VolumeCreate) => json<Volume>('POST', '/volumes', { body: volume, idempotent: true }),
	updateVolume: (id: string, patch: VolumePatch, asShown: IsAsShown<Volume>) =>
		change<Volume>(`/volumes/${id}`, patch, asShown),
	deleteVolume: (id: string) => send('DELETE', `/volumes/${id}`),
	attachDisk: (vm: string, disk: Partial<DiskCreate>) =>
		json<Disk>('POST', `/vms/${vm}/disks`, { body: disk, idempotent: true }),
	detachDisk: (vm: string, id: string, force: boolean) => send('DELETE', `/vms/${vm}/disks/${id}?force=${force}`),
	deleteImage: (id: string) => send('DELETE', `/images/${id}`),

	networks: () => all<Network>('/networks'),
	createNetwork: (network: NetworkCreate) => json<Network>('POST', '/networks', { body: network, idempotent: true }),
	updateNetwork: (id: string, patch: NetworkPatch, asShown: IsAsShown<Network>) =>
		change<Network>(`/networks/${id}`, patch, asShown),
	deleteNetwork: (id: string) => send('DELETE', `/networks/${id}`),
	nics: (vm: string) => json<Page<NicStatus>>('GET', `/vms/${vm}/nics`),
	attachNic: (vm: string, nic: NicCreate) => json<Nic>('POST', `/vms/${vm}/nics`, { body: nic, idempotent: true }),
	/** The ETag is that of the machine. */
	updateNic: (vm: string, nic: string, patch: NicPatch, asShown: IsAsShown<Vm>) =>
		change<Vm, Nic>(`/vms/${vm}`, patch, asShown, `/nics/${nic}`),
	detachNic: (vm: string, nic: string) => send('DELETE', `/vms/${vm}/nics/${nic}`),

	tasks: async () => (await json<Page<Task>>('GET', '/tasks?limit=200&sort=-created_at')).items,
	cancelTask: (id: string) => json<Task>('DELETE', `/tasks/${id}`),

	tokens: () => all<Token>('/tokens'),
	createToken: (token: TokenCreate) => json<TokenCreated>('POST', '/tokens', { body: token }),
	deleteToken: (id: string) => send('DELETE', `/tokens/${id}`),
};

export interface Upload {
	done: Promise<Image>;
	cancel(): void;
}

/** Send @p file as a new image; fetch() cannot tell progress upward, XMLHttpRequest can. */
export function uploadImage(file: File, name: string, kind: ImageKind,
	progress: (sent: number, total: number) => void): Upload {
	const xhr = new XMLHttpRequest();
	const done = new Promise<Image>((resolve, reject) => {
		xhr.open('POST', `${BASE}/images?name=${encodeURIComponent(name)}&kind=${kind}`);
		xhr.setRequestHeader('Content-Type', 'application/octet-stream');
		xhr.setRequestHeader('X-CSRF-Token', csrfToken);
		xhr.upload.onprogress = (event) => progress(event.loaded, event.total || file.size);
		xhr.onerror = () => reject(networkError());
		xhr.onabort = () => reject(new ApiError(0, 'cancelled', 'The upload was cancelled.'));
		xhr.onload = () => {
			if (xhr.status >= 200 && xhr.status < 300)
				resolve(parseJson(xhr.responseText) as Image);
			else
				reject(refuse(xhr.status, xhr.responseText, xhr.getResponseHeader('Retry-After'), false));
		};
		xhr.send(file);
	});
	return { done, cancel: () => xhr.abort() };
}
