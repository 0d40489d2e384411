/** What a running machine uses, what is inside it, and what the hypervisor says. */
import { call, items, makeVm, waitForState } from '../lib/api.mjs';
import { violations } from '../lib/axe.mjs';
import { visit, withSession } from '../lib/browser.mjs';
import { check, eventually, test } from '../lib/harness.mjs';

const SIZES = [{ width: 1280, height: 860 }, { width: 375, height: 740 }];

/** No rule of axe is broken, and nothing sticks out, in light and dark, wide and narrow. */
async function checkLooks(page, where) {
	const before = page.viewportSize();
	const found = [];
	for (const size of SIZES)
		for (const colorScheme of ['light', 'dark']) {
			await page.setViewportSize(size);
			await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
			found.push(...await violations(page, `${where}, ${colorScheme}, ${size.width}`));
			const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
			check(wide <= 0, `${where}: ${wide} pixels too wide at ${size.width}`);
		}
	check(found.length === 0, found.join('\n'));
	await page.setViewportSize(before);
}

export default function define() {
	test('charts show what a running machine uses, and go on when one comes back to them', async () => {
		const network = (await items('networks')).find((one) => one.builtin).id;
		const vm = await makeVm('watched', { start: true, vcpus_max: 2, memory_min: 96 * 2 ** 20, nics: [{ network, spoof_protection: true, link: true }] });
		await waitForState(vm.id, 'running');
		await withSession({}, async (page) => {
			await visit(page, `/vms/${vm.id}`, vm.name);
			const cpu = page.locator('.chart', { hasText: 'CPU' }).first();
			await cpu.getByText(/\d+ % of one CPU/).waitFor();
			const points = () => cpu.locator('path').first().evaluate((e) => e.getAttribute('d').split(/[ML]/).length - 1);
			await eventually('the line grows', async () => await points() >= 3, 60);
			check(/in the last minutes/.test(await cpu.getByRole('img').getAttribute('aria-label')), 'the picture has no words');
			const memory = await page.locator('.chart', { hasText: 'Memory' }).innerText();
			check(/MiB/.test(memory), `memory: ${memory}`);
			const cards = page.locator('.chart', { hasText: 'Network' });
			await cards.getByText(/\/s received, .*\/s sent/).waitFor();
			await eventually('what it sends to get an address is drawn', async () =>
				/at most [1-9]/.test(await cards.getByRole('img').getAttribute('aria-label')), 90);
			await checkLooks(page, 'usage');
			const before = await points();
			await page.getByRole('link', { name: 'Debug' }).click();
			await page.getByRole('heading', { name: 'Exits by reason' }).waitFor();
			await page.getByRole('link', { name: 'Overview' }).click();
			check(await points() >= before, 'the line began anew');
		});
	});

	test('the debug view shows what the API says, and reads again by keyboard', async () => {
		const vm = (await call('GET', '/vms?limit=1000')).items.find((one) => one.name.endsWith('watched'));
		await withSession({}, async (page) => {
			await visit(page, `/vms/${vm.id}/debug`, vm.name);
			await page.getByText('Registers of vCPU 0').waitFor();
			const { capabilities } = await call('GET', '/host');
			if (capabilities.counters) {
				await page.locator('.bars').getByText('hypercall', { exact: true }).waitFor();
				await page.locator('.bars').getByText('event_channel_op').waitFor();
				const mappings = await page.locator('.card', { hasText: 'Memory mappings' }).locator('dd').allInnerTexts();
				check(Number(mappings[1].replace(/\D/g, '')) > 30, `of 128 MiB, most is in large pages: ${mappings}`);
			} else {
				check(await page.getByText('This hypervisor does not tell.').count() === 4, 'what is not told is not said');
			}
			await page.getByText('All ports').click();
			await page.locator('.channels').getByText(/domain 0, port \d+/).first().waitFor();
			await checkLooks(page, 'debug');
			const again = page.waitForResponse((answer) => answer.url().endsWith('/debug') && answer.ok());
			await page.getByRole('button', { name: 'Read again' }).focus();
			await page.keyboard.press('Enter');
			await again;
		});
	});

	test('a running machine is given a CPU and less memory, and no more than it can have', async () => {
		const vm = (await call('GET', '/vms?limit=1000')).items.find((one) => one.name.endsWith('watched'));
		await withSession({}, async (page) => {
			await visit(page, `/vms/${vm.id}`, vm.name);
			await page.getByRole('button', { name: 'Edit' }).click();
			const dialog = page.getByRole('dialog');
			await dialog.getByText('At most 2 while it runs').waitFor();
			check(await dialog.getByRole('button', { name: '256 MiB' }).count() === 0, 'more memory than it can have is proposed');
			await dialog.getByLabel('vCPUs').fill('3');
			await dialog.getByRole('button', { name: 'Save' }).click();
			await dialog.locator('.field-error', { hasText: 'from 1 to 2' }).waitFor();
			await checkLooks(page, 'edit');
			await dialog.getByLabel('vCPUs').fill('2');
			await dialog.getByLabel('Memory in MiB').fill('112');
			await dialog.getByRole('button', { name: 'Save' }).click();
			await dialog.waitFor({ state: 'detached' });
			await page.locator('.facts').getByText('112 MiB (96 MiB to 128 MiB)').waitFor();
			await eventually('the guest has given memory back and takes the CPU', async () => {
				const { memory, vcpus } = await call('GET', `/vms/${vm.id}/stats`);
				return memory.actual < 116 * 2 ** 20 && vcpus.every((one) => one.state !== 'offline');
			}, 90);
		});
	});

	test('a guest is given time to shut down, and forced off after it if one wants that', async () => {
		const vm = (await call('GET', '/vms?limit=1000')).items.find((one) => one.name.endsWith('watched'));
		await withSession({}, async (page) => {
			await visit(page, `/vms/${vm.id}`, vm.name);
			await page.locator('.screen-head').getByRole('button', { name: 'Shut down' }).click();
			const dialog = page.getByRole('dialog');
			await dialog.getByLabel('Seconds the guest has').fill('0');
			await dialog.getByRole('button', { name: 'Shut down' }).click();
			await dialog.locator('.field-error', { hasText: 'from 1 to 3600' }).waitFor();
			await checkLooks(page, 'shut down');
			await dialog.getByLabel('Seconds the guest has').fill('90');
			await dialog.getByLabel('Then force it off').check();
			const [sent] = await Promise.all([
				page.waitForRequest((request) => request.url().endsWith('/actions/shutdown')),
				dialog.getByRole('button', { name: 'Shut down' }).click(),
			]);
			check(sent.postData() === '{"timeout":90,"force":true}', `sent: ${sent.postData()}`);
			await page.locator('.screen-head').getByText('Stopped').waitFor({ timeout: 120_000 });
		});
		await call('DELETE', `/vms/${vm.id}`);
	});

	test('the hypervisor log is filtered and followed', async () => {
		await withSession({}, async (page) => {
			await page.getByRole('link', { name: 'Log', exact: true }).click();
			await page.getByRole('heading', { level: 1, name: 'Hypervisor log' }).waitFor();
			const log = page.locator('.log');
			await eventually('there is a log', async () => (await log.innerText()).split('\n').length > 3);
			const all = (await log.innerText()).split('\n');
			await page.getByLabel('Only lines with').fill('CPU');
			await eventually('lines are left out', async () => {
				const some = (await log.innerText()).split('\n');
				return some.length < all.length && some.every((line) => /cpu/i.test(line));
			});
			await page.getByLabel('Only lines with').fill('no such words');
			await page.getByText('No line has that in it.').waitFor();
			await page.getByLabel('Only lines with').fill('');
			await page.waitForResponse((answer) => answer.url().endsWith('/hypervisor/log'));
			await page.getByLabel('Follow').uncheck();
			await page.waitForTimeout(500);
			let asked = 0;
			page.on('request', (request) => { asked += request.url().endsWith('/hypervisor/log') ? 1 : 0; });
			await page.waitForTimeout(4000);
			check(asked === 0, 'it follows though it was told not to');
			await checkLooks(page, 'log');
		});
	});
}
