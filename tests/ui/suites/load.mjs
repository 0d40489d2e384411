/** What the first load costs, and what it may do. */
import { newPage, origin } from '../lib/browser.mjs';
import { check, equal, test } from '../lib/harness.mjs';

const BUDGET = 60_000;

async function measureFirstLoad() {
	const page = await newPage('/');
	const client = await page.context().newCDPSession(page);
	const urls = new Map();
	let bytes = 0;
	await client.send('Network.enable');
	await client.send('Network.setCacheDisabled', { cacheDisabled: true });
	client.on('Network.responseReceived', ({ requestId, response }) => urls.set(requestId, response.url));
	client.on('Network.loadingFinished', ({ encodedDataLength }) => { bytes += encodedDataLength; });
	await page.reload({ waitUntil: 'load' });
	await page.getByLabel('Password').waitFor();
	await page.waitForTimeout(500);
	const names = [...urls.values()];
	await page.context().close();
	return { bytes, names };
}

export default function define() {
	test(`the first load is under ${BUDGET / 1000} kB, without the console`, async () => {
		const { bytes, names } = await measureFirstLoad();
		check(bytes > 5_000, `only ${bytes} bytes were seen`);
		check(bytes < BUDGET, `${bytes} bytes: ${names.join(' ')}`);
		check(!names.some((name) => /console|xterm|addon/.test(name)), `console code was loaded: ${names.join(' ')}`);
	});

	test('the page comes with a strict content security policy', async () => {
		const page = await newPage('/');
		const answer = await page.reload();
		const policy = answer.headers()['content-security-policy'] ?? '';
		check(/default-src 'none'/.test(policy), `policy: ${policy}`);
		check(!/unsafe-inline|unsafe-eval|\*|https?:/.test(policy), `policy: ${policy}`);
		await page.context().close();
	});

	test('hashed files may be kept for ever, the page may not', async () => {
		const page = await newPage('/');
		const script = await page.locator('script[src]').first().getAttribute('src');
		check(/-[\w-]{8}\.js$/.test(script), `script ${script} has no hash in its name`);
		const asset = await page.request.get(origin + script);
		check(/immutable/.test(asset.headers()['cache-control'] ?? ''), `asset: ${asset.headers()['cache-control']}`);
		const html = await page.request.get(`${origin}/`);
		check(/no-cache/.test(html.headers()['cache-control'] ?? ''), `page: ${html.headers()['cache-control']}`);
		await page.context().close();
	});

	test('the page breaks no rule of its own policy', async () => {
		const page = await newPage('/');
		await page.getByLabel('Password').waitFor();
		equal(page.errors.join('; '), '', 'errors on the browser console');
		await page.context().close();
	});
}
