/** Two administrators at once: what one has saved is not overwritten by the other, who does not know it. */
import { call, items, makeVm, PREFIX } from '../lib/api.mjs';
import { row, visit, withSession } from '../lib/browser.mjs';
import { check, equal, eventually, test } from '../lib/harness.mjs';

const MIB = 1024 * 1024;

/** Save, be told, and load the new values by keyboard alone. */
async function loadNew(page) {
	const dialog = page.getByRole('dialog');
	await dialog.getByRole('button', { name: 'Save' }).click();
	const told = dialog.getByRole('alert').filter({ hasText: 'Changed meanwhile' });
	await told.waitFor();
	check(/nothing was saved/.test(await told.innerText()), 'it does not say that nothing was saved');
	await eventually('the offer has the focus', () => page.evaluate(() => document.activeElement.textContent === 'Load the new values'));
	await page.keyboard.press('Enter');
	await told.waitFor({ state: 'detached' });
	await eventually('the first field has the focus', () => page.evaluate(() => document.activeElement.matches('dialog .form input, dialog .form select')));
}

async function save(page) {
	await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
	await page.getByRole('dialog').waitFor({ state: 'detached' });
}

export default function define() {
	test('a machine that was changed meanwhile is not overwritten, and can be loaded', async () => {
		const vm = await makeVm('edited');
		await withSession({}, async (page) => {
			const sent = [];
			page.on('request', (one) => one.method() === 'PATCH' && sent.push(one.headers()['if-match']));
			await visit(page, `/vms/${vm.id}`, vm.name);
			await page.getByRole('button', { name: 'Edit' }).click();
			const weight = page.getByLabel('Weight');
			await weight.fill('300');
			await call('PATCH', `/vms/${vm.id}`, { weight: 700, cap: 40 });
			await page.locator('.facts').getByText('40 % of a CPU').waitFor();
			await loadNew(page);
			equal(await weight.inputValue(), '700', 'the weight that was loaded');
			equal(sent.length, 0, 'requests to change it');
			await weight.fill('300');
			await save(page);
			const now = await call('GET', `/vms/${vm.id}`);
			equal(`${now.weight} ${now.cap}`, '300 40', 'what was saved');

			/* Changed only once it had been looked at again: that it has another ETag is what tells. */
			await page.getByRole('button', { name: 'Edit' }).click();
			await weight.fill('301');
			await page.route(`**/api/v1/vms/${vm.id}`, async (route) => {
				if (route.request().method() === 'PATCH')
					await call('PATCH', `/vms/${vm.id}`, { cap: 41 });
				await route.continue();
			});
			await loadNew(page);
			await page.unroute(`**/api/v1/vms/${vm.id}`);
			equal((await call('GET', `/vms/${vm.id}`)).weight, 300, 'the weight');

			/* A disk or a state is nothing that the form shows. */
			await weight.fill('302');
			const disk = await call('POST', '/volumes', { name: `${PREFIX}edited`, size: MIB });
			await call('POST', `/vms/${vm.id}/disks`, { volume: disk.id });
			await save(page);
			equal((await call('GET', `/vms/${vm.id}`)).weight, 302, 'the weight');
			check(sent.length >= 3 && sent.every((tag) => /^"r\d+"$/.test(tag)), `If-Match: ${sent}`);
		});
	});

	test('so are its network card, a network and a volume', async () => {
		const [vm] = (await items('vms')).filter((one) => one.name === `${PREFIX}edited`);
		const [volume] = (await items('volumes')).filter((one) => one.name === `${PREFIX}edited`);
		const network = await call('POST', '/networks', { name: `${PREFIX}edited`, kind: 'private' });
		const nic = await call('POST', `/vms/${vm.id}/nics`, { network: network.id });
		await withSession({}, async (page) => {
			const dialog = page.getByRole('dialog');
			await visit(page, `/vms/${vm.id}`, vm.name);
			await page.getByRole('button', { name: `Change ${nic.mac}` }).click();
			await dialog.getByLabel('Plugged in').uncheck();
			await call('PATCH', `/vms/${vm.id}/nics/${nic.id}`, { rate: 3 * MIB });
			await loadNew(page);
			equal(await dialog.getByLabel('Rate limit').inputValue(), '3', 'the rate that was loaded');
			await dialog.getByLabel('Plugged in').uncheck();
			await save(page);
			const [card] = (await call('GET', `/vms/${vm.id}`)).nics;
			equal(`${card.link} ${card.rate}`, `false ${3 * MIB}`, 'the card');

			await visit(page, '/networks', 'Networks');
			await row(page, network.name).getByRole('button', { name: /^Edit/ }).click();
			await dialog.getByLabel('(DHCP)').uncheck();
			await call('PATCH', `/networks/${network.id}`, { nat: true });
			await loadNew(page);
			check(await dialog.getByLabel('(NAT)').isChecked(), 'NAT is not as it was changed to');
			await dialog.getByLabel('(DHCP)').uncheck();
			await save(page);
			const now = await call('GET', `/networks/${network.id}`);
			equal(`${now.nat} ${now.dhcp}`, 'true false', 'the network');

			await visit(page, '/volumes', 'Volumes');
			await row(page, volume.name).getByRole('button', { name: /^Change/ }).click();
			await dialog.getByLabel('Size in GiB').fill('0.0078125');
			await call('PATCH', `/volumes/${volume.id}`, { size: 4 * MIB });
			await loadNew(page);
			equal(await dialog.getByLabel('Size in GiB').inputValue(), '0.00390625', 'the size that was loaded');
			await dialog.getByLabel('Size in GiB').fill('0.0078125');
			await save(page);
			equal((await call('GET', `/volumes/${volume.id}`)).size, 8 * MIB, 'the size');
		});
		await call('DELETE', `/vms/${vm.id}`);
	});
}
