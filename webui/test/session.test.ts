import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { api } from '../src/api/client';
import { host, link, loadError, world } from '../src/lib/live';
import { logIn, logOut, session } from '../src/lib/session';

type Answer = [status: number, body: unknown];

/** What the appliance answers: the newest session is the browser's, whichever window opened it. */
class Appliance {
	csrf = 'first';
	user = 'admin';
	asked: string[] = [];
	/** Answers that are waited for, by path. */
	held = new Map<string, Promise<Answer>>();

	async fetch(url: string, init: RequestInit): Promise<Response> {
		const path = url.replace(/^\/api\/v1/, '').replace(/\?.*/, '');
		this.asked.push(`${init.method} ${path}`);
		const [status, body] = await (this.held.get(path) ?? this.answer(init.method ?? '', path, new Headers(init.headers)));
		return new Response(JSON.stringify(body), { status });
	}

	private answer(method: string, path: string, headers: Headers): Answer {
		if (path.startsWith('/sessions') && method !== 'DELETE')
			return [200, { user: this.user, role: 'admin', permissions: [], csrf_token: this.csrf, expires_at: '' }];
		if (method !== 'GET' && headers.get('X-CSRF-Token') !== this.csrf)
			return [403, { code: 'csrf', detail: 'The header X-CSRF-Token is missing or wrong.' }];
		return [200, { items: [], next_cursor: null }];
	}
}

/** An event stream in the hands of the test. */
class Stream {
	static readonly CLOSED = 2;
	static made: Stream[] = [];
	readyState = 0;
	onopen = () => {};
	onerror = () => {};
	constructor() {
		Stream.made.push(this);
	}
	addEventListener() {}
	close() {
		this.readyState = Stream.CLOSED;
	}
}

let appliance: Appliance;

beforeEach(() => {
	vi.useFakeTimers();
	appliance = new Appliance();
	Stream.made = [];
	vi.stubGlobal('window', globalThis);
	vi.stubGlobal('document', { hidden: false });
	vi.stubGlobal('EventSource', Stream);
	vi.stubGlobal('fetch', (url: string, init: RequestInit) => appliance.fetch(url, init));
});

afterEach(async () => {
	await logOut();
	vi.unstubAllGlobals();
	vi.useRealTimers();
});

it('goes on with the session that another window has opened', async () => {
	await logIn('admin', 'secret');
	appliance.csrf = 'second';
	await api.deleteVm('a');
	expect(appliance.asked).toEqual(['POST /sessions', 'DELETE /vms/a', 'GET /sessions/current', 'DELETE /vms/a']);
	await api.deleteVm('b');
	expect(appliance.asked.at(-2)).toBe('DELETE /vms/a');
});

it('does nothing in the name of another user', async () => {
	await logIn('admin', 'secret');
	appliance.csrf = 'second';
	appliance.user = 'other';
	await expect(api.deleteVm('a')).rejects.toMatchObject({ status: 403 });
	expect(session.get()).toMatchObject({ session: { user: 'admin' } });
});

it('lets go of what comes after the session', async () => {
	let give = (_: Answer): void => {};
	const late = () => new Promise<Answer>((resolve) => {
		give = resolve;
	});
	await logIn('admin', 'secret');
	appliance.held.set('/vms', late());
	Stream.made[0]?.onopen();
	give([401, {}]);
	await vi.advanceTimersByTimeAsync(0);
	expect([session.get().status, loadError.get()]).toEqual(['out', '']);

	await logIn('admin', 'secret');
	appliance.held.set('/host', late());
	Stream.made[1]?.onopen();
	await logOut();
	give([200, { name: 'domus' }]);
	await vi.advanceTimersByTimeAsync(0);
	expect([host.get(), world.get()]).toEqual([null, null]);
});

it('asks for the lists again until they have come', async () => {
	await logIn('admin', 'secret');
	appliance.held.set('/tasks', Promise.resolve([503, { detail: 'Busy.' }]));
	Stream.made[0]?.onopen();
	await vi.advanceTimersByTimeAsync(0);
	expect([world.get(), loadError.get()]).toEqual([null, 'Busy.']);
	appliance.held.clear();
	await vi.advanceTimersByTimeAsync(5000);
	expect([world.get()?.tasks.size, loadError.get()]).toEqual([0, '']);
	appliance.asked = [];
	await vi.advanceTimersByTimeAsync(10_000);
	expect(appliance.asked).not.toContain('GET /tasks');
});

it('says so when the appliance could not be told of the end', async () => {
	const notice = async () => {
		await logIn('admin', 'secret');
		await logOut();
		return session.get();
	};
	expect(await notice()).toEqual({ status: 'out', notice: '' });
	appliance.held.set('/sessions/current', Promise.resolve([401, {}]));
	expect(await notice()).toEqual({ status: 'out', notice: '' });
	appliance.held.set('/sessions/current', Promise.reject(new TypeError('no network')));
	expect(await notice()).toMatchObject({ status: 'out', notice: expect.stringContaining('still logged in') });
});

it('does not connect again once logged out', async () => {
	let give = (_: Answer): void => {};
	await logIn('admin', 'secret');
	Stream.made[0]?.close();
	Stream.made[0]?.onerror();
	appliance.held.set('/vms', new Promise((resolve) => {
		give = resolve;
	}));
	await vi.advanceTimersByTimeAsync(1000);
	await logOut();
	give([200, { items: [], next_cursor: null }]);
	await vi.advanceTimersByTimeAsync(60_000);
	expect([Stream.made.length, link.get()]).toEqual([1, 'connecting']);
});
