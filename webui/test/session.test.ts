import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { api } from '../src/api/client';
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
