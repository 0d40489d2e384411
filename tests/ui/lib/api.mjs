/** The REST API, for preparing what a test needs and for tidying up after it. */
import { request } from 'playwright-core';
import { origin, password, PATIENCE, user } from './browser.mjs';
import { check, eventually } from './harness.mjs';

/** Everything that tests make has a name that begins so. */
export const PREFIX = 'ui-test-';

let context;
let csrf;

export async function connectApi() {
	context = await request.newContext({ baseURL: origin, ignoreHTTPSErrors: true, timeout: PATIENCE });
	const answer = await context.post('/api/v1/sessions', { data: { username: user, password } });
	check(answer.ok(), `cannot log in as ${user}: status ${answer.status()}`);
	csrf = (await answer.json()).csrf_token;
}

export async function call(method, path, data, headers = {}) {
	const options = { method, headers: { 'X-CSRF-Token': csrf, ...headers } };
	if (data !== undefined)
		options.data = data;
	const answer = await context.fetch(`/api/v1${path}`, options);
	const text = await answer.text();
	check(answer.ok(), `${method} ${path}: status ${answer.status()} ${text.slice(0, 300)}`);
	return text ? JSON.parse(text) : undefined;
}

export async function items(collection) {
	return (await call('GET', `/${collection}?limit=1000`)).items;
}

/** @returns the built-in image of @kind. */
export async function builtin(kind) {
	const image = (await items('images')).find((one) => one.builtin && one.kind === kind);
	check(image, `there is no built-in ${kind}`);
	return image;
}

/** Make a machine of the built-in images. */
export async function makeVm(name, more = {}) {
	const kernel = (await builtin('kernel')).id;
	const initrd = (await builtin('initrd')).id;
	return call('POST', '/vms', {
		name: PREFIX + name,
		mode: 'pvh',
		vcpus: 1,
		memory: 128 * 1024 * 1024,
		boot: { kernel, initrd, cmdline: 'console=hvc0' },
		start: false,
		...more,
	});
}

export async function waitForState(id, state, seconds = 90) {
	await eventually(`the machine is ${state}`, async () => (await call('GET', `/vms/${id}`)).state === state, seconds);
}

async function removeVm(vm) {
	if (!['stopped', 'crashed'].includes(vm.state)) {
		await call('POST', `/vms/${vm.id}/actions/destroy`).catch(() => undefined);
		await eventually(`${vm.name} is off`, async () =>
			['stopped', 'crashed'].includes((await call('GET', `/vms/${vm.id}`)).state), 90);
	}
	await call('DELETE', `/vms/${vm.id}`);
}

/** Remove whatever tests made, now or in a run that was broken off. */
export async function removeLeftovers() {
	const ours = (one) => one.name.startsWith(PREFIX);
	for (const vm of (await items('vms')).filter(ours))
		await removeVm(vm);
	for (const volume of (await items('volumes')).filter(ours))
		await call('DELETE', `/volumes/${volume.id}`);
	for (const network of (await items('networks')).filter(ours))
		await call('DELETE', `/networks/${network.id}`);
	for (const image of (await items('images')).filter(ours))
		await call('DELETE', `/images/${image.id}`);
	for (const token of (await items('tokens')).filter(ours))
		await call('DELETE', `/tokens/${token.id}`);
}

/** @returns the status of a request with a bearer token instead of a session. */
export async function statusWithToken(token, path) {
	const bare = await request.newContext({ baseURL: origin, ignoreHTTPSErrors: true, timeout: PATIENCE });
	const answer = await bare.get(`/api/v1${path}`, { headers: { Authorization: `Bearer ${token}` } });
	await bare.dispose();
	return answer.status();
}
