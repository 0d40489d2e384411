/** Who is logged in. */

import { api, setCsrfHandler, setCsrfToken, setLoggedOutHandler } from '../api/client';
import { ApiError, say } from '../api/problem';
import type { Session } from '../api/types';
import { startLive, stopLive } from './live';
import { createStore } from './store';

export type SessionState =
	| { status: 'unknown'; error: string }
	| { status: 'out'; notice: string }
	| { status: 'in'; session: Session };

export const session = createStore<SessionState>({ status: 'unknown', error: '' });

function enter(found: Session): void {
	setCsrfToken(found.csrf_token ?? '');
	session.set({ status: 'in', session: found });
	startLive();
}

function leave(notice: string): void {
	setCsrfToken('');
	stopLive();
	session.set({ status: 'out', notice });
}

/** Ask the appliance whether the cookie we may have is still good. */
export async function restoreSession(): Promise<void> {
	session.set({ status: 'unknown', error: '' });
	try {
		enter(await api.session());
	} catch (error) {
		if (error instanceof ApiError && (error.status === 401 || error.status === 404))
			leave('');
		else
			session.set({ status: 'unknown', error: say(error) });
	}
}

export async function logIn(username: string, password: string): Promise<void> {
	enter(await api.login(username, password));
}

export async function logOut(): Promise<void> {
	const over = await api.logout().then(() => true, (error) => error instanceof ApiError && error.status === 401);
	leave(over ? '' : 'The appliance could not be told: this browser is still logged in there. Log in and out again to end that.');
}

/** @returns whether the one who is logged in may do @p permission, such as `vm.power`. */
export function may(permission: string): boolean {
	const now = session.get();
	return now.status === 'in' && now.session.permissions.includes(permission);
}

setLoggedOutHandler(() => {
	if (session.get().status === 'in')
		leave('Your session has ended. Log in to go on.');
});

/* Another window has logged in since: its session is the browser's now. Another user's is not used unseen. */
setCsrfHandler(async () => {
	const found = await api.session().catch(() => null);
	const now = session.get();
	if (now.status !== 'in' || found?.user !== now.session.user)
		return false;
	setCsrfToken(found.csrf_token ?? '');
	session.set({ status: 'in', session: found });
	return true;
});
