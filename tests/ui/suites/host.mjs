import { call } from '../lib/api.mjs';
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
}
