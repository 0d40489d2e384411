/** Chromium, and pages that are watched for what they must not do. */
import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { chromium } from 'playwright-core';

export const origin = new URL(process.env.DOMUS_URL).origin;
export const user = process.env.DOMUS_USER;
export const password = process.env.DOMUS_PASSWORD;
/** The appliance may run emulated, at a twentieth of its speed. */
export const PATIENCE = 45_000;
export const BOOT_SECONDS = 240;

export const foreignRequests = [];
const open = new Set();
let browser;

async function launch() {
	browser ??= await chromium.launch({
		executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
		args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
			'--disable-component-update', '--disable-sync'],
	});
	return browser;
}

function watch(page) {
	page.errors = [];
	page.on('pageerror', (error) => page.errors.push(error.message));
	page.on('console', (message) => {
		/* Answers such as 401 are logged by the browser too; they are no mistake of the page. */
		if (message.type() === 'error' && !/Failed to load resource/.test(message.text()))
			page.errors.push(message.text());
	});
	page.on('request', (request) => {
		const url = new URL(request.url());
		if (url.protocol.startsWith('http') && url.origin !== origin)
			foreignRequests.push(request.url());
	});
	page.on('websocket', (socket) => {
		if (new URL(socket.url()).host !== new URL(origin).host)
			foreignRequests.push(socket.url());
	});
}

/** @returns a page of a fresh context at @path; @options are Playwright's for contexts. */
export async function newPage(path = '/', options = {}) {
	const context = await (await launch()).newContext({
		viewport: { width: 1280, height: 860 },
		ignoreHTTPSErrors: true,
		acceptDownloads: true,
		locale: 'en-GB',
		...options,
	});
	const page = await context.newPage();
	page.setDefaultTimeout(PATIENCE);
	page.setDefaultNavigationTimeout(PATIENCE);
	watch(page);
	open.add(page);
	page.on('close', () => open.delete(page));
	await page.goto(origin + path);
	return page;
}

/** Run @body with a page, and close the page's context afterwards unless it failed. */
export async function withPage(options, body) {
	const page = await newPage('/', options);
	await body(page);
	await page.context().close();
}

export async function logIn(page) {
	await page.getByLabel('User name').fill(user);
	await page.getByLabel('Password').fill(password);
	await page.getByRole('button', { name: 'Log in' }).click();
	await page.getByRole('navigation', { name: 'Main' }).waitFor();
}

export async function withSession(options, body) {
	await withPage(options, async (page) => {
		await logIn(page);
		await body(page);
	});
}

/** Go to a screen by its hash and wait for its heading. */
export async function visit(page, hash, heading) {
	await page.goto(`${origin}/#${hash}`);
	await page.getByRole('heading', { level: 1, name: heading }).waitFor();
}

/** The row of a table that has @text in it. */
export function row(page, text) {
	return page.getByRole('row').filter({ hasText: text });
}

/** Pictures of the pages that a failed test left open, which are then closed. */
export async function saveEvidence(name) {
	const folder = resolve('failures');
	const files = [];
	await mkdir(folder, { recursive: true });
	for (const page of [...open]) {
		const file = `${folder}/${name}-${files.length + 1}.png`;
		await page.screenshot({ path: file, timeout: 10_000 }).then(() => files.push(file), () => undefined);
		await page.context().close().catch(() => undefined);
	}
	return files;
}

export async function closeBrowser() {
	await browser?.close();
}
