import { call, makeVm } from '../lib/api.mjs';
import { withSession } from '../lib/browser.mjs';
import { check, equal, test } from '../lib/harness.mjs';

export default function define() {
	test('the host screen shows what the API says', async () => {
		const host = await call('GET', '/host');
		await withSession({}, async (page) => {
			await page.getByRole('heading', { level: 1, name: host.name }).waitFor();
			const text = await page.locator('main').innerText();
			for (const part of [host.hypervisor.name, host.hypervisor.version, host.hypervisor.build, host.capabilities.guests])
				check(text.includes(part.trim()), `${part} is not on the screen`);
			const cpus = await page.locator('.figure', { hasText: 'Processors' }).locator('.figure-value').innerText();
			equal(cpus, String(host.cpus.online), 'processors');
			check(/(\d|GiB|MiB) free of/.test(text.replace(/\s+/g, ' ')), 'memory is not on the screen');
		});
	});

	test('power actions ask first; Escape goes back to the button', async () => {
		await withSession({}, async (page) => {
			const sent = [];
			page.on('request', (request) => /actions/.test(request.url()) && sent.push(request.url()));
			for (const [name, title] of [['Reboot', 'Reboot the machine?'], ['Shut down', 'Shut the machine down?']]) {
				const button = page.locator('.screen-head').getByRole('button', { name });
				await button.click();
				await page.getByRole('dialog', { name: title }).waitFor();
				await page.keyboard.press('Escape');
				await page.getByRole('dialog').waitFor({ state: 'detached' });
				check(await button.evaluate((e) => e === document.activeElement), `focus did not return to ${name}`);
			}
			equal(sent.length, 0, 'requests sent');
		});
	});

	test('running guests are given the time that one says before the host goes down', async () => {
		const vm = await makeVm('up');
		const up = { ...vm, state: 'running', domid: 1 };
		const [task] = (await call('GET', '/tasks?limit=1')).items;
		await withSession({}, async (page) => {
			await page.route('**/api/v1/vms?*', (route) => route.fulfill({ json: { items: [up], next_cursor: null } }));
			const bodies = [];
			await page.route('**/host/actions/*', (route) => {
				bodies.push(route.request().postData());
				return route.fulfill({ status: 202, json: { ...task, kind: 'host.shutdown', target: { type: 'host', id: null } } });
			});
			await page.reload();
			await page.getByText('of 1 machine', { exact: true }).waitFor();
			await page.locator('.screen-head').getByRole('button', { name: 'Shut down' }).click();
			const dialog = page.getByRole('dialog');
			await dialog.getByText('1 running guest will be asked').waitFor();
			await dialog.getByLabel('Seconds that guests have').fill('4000');
			await dialog.getByRole('button', { name: 'Shut down' }).click();
			await dialog.locator('.field-error', { hasText: 'from 0 to 3600' }).waitFor();
			await dialog.getByLabel('Seconds that guests have').fill('120');
			await dialog.getByRole('button', { name: 'Shut down' }).click();
			await dialog.waitFor({ state: 'detached' });
			equal(bodies.join(), '{"timeout":120}', 'what was sent');
		});
		await call('DELETE', `/vms/${vm.id}`);
	});
}
