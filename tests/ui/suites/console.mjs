/** The life of a guest, as one sees it from its console. */
import { readFile } from 'node:fs/promises';
import { items, makeVm, PREFIX, waitForState } from '../lib/api.mjs';
import { BOOT_SECONDS, logIn, newPage, visit, withSession } from '../lib/browser.mjs';
import { check, equal, eventually, test } from '../lib/harness.mjs';

const NAME = `${PREFIX}console`;
const PROMPT = 'demo guest ready';

/** @returns what is visible in the terminal. */
async function screenText(page) {
	return page.locator('.xterm-rows > div').allInnerTexts().then((rows) => rows.join('\n').replace(/\u00a0/g, ' '));
}

function waitForText(page, text, seconds = 60) {
	return eventually(`the console shows ${text}`, async () => (await screenText(page)).includes(text), seconds);
}

async function waitForStatus(page, text, seconds = 60) {
	await eventually(`the console is ${text}`, async () =>
		(await page.locator('.console-status').innerText()).includes(text), seconds);
}

async function openConsole(page, id) {
	await visit(page, `/vms/${id}/console`, NAME);
	await waitForStatus(page, 'Connected');
}

async function vmId() {
	const vm = (await items('vms')).find((one) => one.name === NAME) ?? await makeVm('console', { start: true });
	await waitForState(vm.id, 'running', BOOT_SECONDS);
	return vm.id;
}

export default function define() {
	test('a machine of the built-in images boots before one\'s eyes and answers', async () => {
		await withSession({}, async (page) => {
			await visit(page, '/vms', 'Virtual machines');
			await page.getByRole('link', { name: 'New machine' }).click();
			await page.getByLabel('Name').fill(NAME);
			await page.getByRole('button', { name: '128 MiB' }).click();
			await page.getByRole('button', { name: 'Create and start' }).click();
			await page.getByRole('heading', { level: 1, name: NAME }).waitFor();
			await waitForStatus(page, 'Connected', 120);
			await waitForText(page, PROMPT, BOOT_SECONDS);
			await page.locator('.screen-head').getByText('Running').waitFor();
			await page.locator('.xterm-screen').click();
			await page.keyboard.type('echo answer-$((6*7))');
			await page.keyboard.press('Enter');
			await waitForText(page, 'answer-42');
			equal(page.errors.join('; '), '', 'errors on the browser console');
		});
	});

	test('one who comes late sees the boot, and two may look at once', async () => {
		const id = await vmId();
		await withSession({}, async (page) => {
			const typed = [];
			page.on('websocket', (socket) => socket.on('framesent', ({ payload }) => {
				if (typeof payload !== 'string')
					typed.push(payload.toString());
			}));
			const other = await newPage('/');
			await logIn(other);
			await openConsole(page, id);
			await openConsole(other, id);
			await waitForText(page, 'answer-42');
			await other.locator('.xterm-screen').click();
			await other.keyboard.type('echo both-$((2+3))\n');
			await waitForText(other, 'both-5');
			await waitForText(page, 'both-5');
			/* The guest's shell asks where the cursor is; whoever only looks does not answer. */
			equal(JSON.stringify(typed), '[]', 'what one who only looked has typed');
			await other.context().close();
		});
	});

	test('find, copy and save work on what the guest wrote', async () => {
		const id = await vmId();
		await withSession({ permissions: ['clipboard-read', 'clipboard-write'] }, async (page) => {
			await openConsole(page, id);
			await waitForText(page, 'answer-42');
			await page.getByRole('button', { name: /^Find/ }).click();
			await page.getByLabel('Find in the console').fill('answer-42');
			await page.getByText('1 of 1').waitFor();
			await page.getByLabel('Find in the console').fill('there is no such text');
			await page.getByText('Nothing found').waitFor();
			await page.keyboard.press('Escape');

			await page.getByRole('button', { name: /^Copy the selection/ }).click();
			await page.getByText('Copied').waitFor();
			check((await page.evaluate(() => navigator.clipboard.readText())).includes(PROMPT), 'the copy lacks the boot');

			const [download] = await Promise.all([
				page.waitForEvent('download'),
				page.getByRole('button', { name: 'Save the log' }).click(),
			]);
			equal(download.suggestedFilename(), `${NAME}-console.log`, 'file name');
			check((await readFile(await download.path(), 'utf8')).includes('answer-42'), 'the log lacks the answer');
		});
	});

	test('a lost connection comes back by itself, with everything on the screen', async () => {
		const id = await vmId();
		await withSession({}, async (page) => {
			let socket;
			await page.routeWebSocket(/\/console$/, (ws) => {
				socket = ws;
				ws.connectToServer();
			});
			await page.reload();
			await openConsole(page, id);
			await waitForText(page, 'answer-42');
			await socket.close({ code: 3000, reason: 'The test pulled the cable.' });
			await waitForStatus(page, 'Trying again');
			await waitForStatus(page, 'Connected');
			await waitForText(page, 'answer-42');
		});
	});

	test('a read-only console says so', async () => {
		const id = await vmId();
		await withSession({}, async (page) => {
			await page.route('**/consoles/serial/tickets', (route) => route.continue({ postData: '{"read_only":true}' }));
			await openConsole(page, id);
			await page.getByText('Read-only', { exact: true }).waitFor();
			await page.getByText('You can look, but not type.').waitFor();
		});
	});

	test('the console follows its window, and keys lead out of it', async () => {
		const id = await vmId();
		await withSession({}, async (page) => {
			await openConsole(page, id);
			const rows = () => page.locator('.xterm-rows > div').count();
			const before = await rows();
			await page.setViewportSize({ width: 1280, height: 640 });
			await eventually('fewer rows', async () => (await rows()) < before);
			const cut = await page.evaluate(() => document.querySelector('.xterm-screen').getBoundingClientRect().bottom -
				document.querySelector('.console-box').getBoundingClientRect().bottom);
			check(cut <= 0, `the last row is cut off by ${cut} pixels`);
			await page.locator('.xterm-screen').click();
			await page.keyboard.press('Control+Shift+Space');
			check(await page.evaluate(() => document.activeElement.closest('[role=toolbar]') !== null), 'focus stayed in the terminal');
		});
	});

	test('pause, resume, force off, and delete', async () => {
		const id = await vmId();
		await withSession({}, async (page) => {
			const head = page.locator('.screen-head');
			await openConsole(page, id);
			await head.getByRole('button', { name: 'Pause' }).click();
			await head.getByText('Paused').waitFor();
			await head.getByRole('button', { name: 'Resume' }).click();
			await head.getByText('Running').waitFor();

			await waitForText(page, 'answer-42');
			await page.route('**/consoles/serial/log', (route) => route.abort());
			await head.getByRole('button', { name: 'Force off' }).click();
			await page.getByRole('dialog').getByRole('button', { name: 'Force off' }).click();
			await head.getByText('Stopped').waitFor();
			await page.getByText('The console log: ').waitFor();
			await waitForText(page, 'answer-42');
			await page.unroute('**/consoles/serial/log');
			await page.reload();
			await waitForText(page, 'answer-42');
			await waitForStatus(page, 'what it last said');

			await head.getByRole('button', { name: 'Delete' }).click();
			await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
			await page.getByRole('heading', { level: 1, name: 'Virtual machines' }).waitFor();
			check(!(await items('vms')).some((vm) => vm.id === id), 'the machine is still there');
		});
	});
}
