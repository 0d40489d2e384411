import { call, items, makeVm, PREFIX } from '../lib/api.mjs';
import { row, visit, withSession } from '../lib/browser.mjs';
import { check, equal, eventually, test } from '../lib/harness.mjs';

const NAME = `${PREFIX}network`;

async function network(name) {
	return (await items('networks')).find((one) => one.name === name);
}

export default function define() {
	test('a network is made, a mistake shown at its field, and changed', async () => {
		await withSession({}, async (page) => {
			await visit(page, '/networks', 'Networks');
			await page.getByRole('button', { name: 'New network' }).click();
			const dialog = page.getByRole('dialog');
			await dialog.getByLabel('Name').fill(NAME);
			await dialog.getByLabel('Subnet').fill('8.8.8.0/24');
			await dialog.getByRole('button', { name: 'Create' }).click();
			await dialog.locator('.field-error').first().waitFor();
			await dialog.getByLabel('Subnet').fill('192.168.77.0/24');
			await dialog.getByRole('button', { name: 'Create' }).click();
			await row(page, NAME).getByText('192.168.77.0/24, NAT, DHCP').waitFor();
			await row(page, NAME).getByRole('button', { name: /^Edit/ }).click();
			await dialog.getByLabel('Guests reach the outside').uncheck();
			await dialog.getByRole('button', { name: 'Save' }).click();
			await row(page, NAME).getByText('192.168.77.0/24, DHCP').waitFor();
			equal((await network(NAME)).nat, false, 'nat');
		});
	});

	test('a machine gets a network card, which is changed and taken away', async () => {
		const vm = await makeVm('has-a-card');
		const nic = async () => (await call('GET', `/vms/${vm.id}`)).nics[0];
		await withSession({}, async (page) => {
			await visit(page, `/vms/${vm.id}`, vm.name);
			await page.getByText('This machine has no network card.').waitFor();
			await page.getByRole('button', { name: 'Add a card' }).click();
			const dialog = page.getByRole('dialog');
			await dialog.getByLabel('Network').selectOption((await network(NAME)).id);
			await dialog.getByLabel('Rate limit').fill('fast');
			await dialog.getByRole('button', { name: 'Add' }).click();
			await dialog.locator('.field-error').first().waitFor();
			await dialog.getByLabel('Rate limit').fill('2');
			await dialog.getByLabel('MAC address').fill('00:16:3e');
			await dialog.getByRole('button', { name: 'Add' }).click();
			await dialog.locator('.field-error', { hasText: 'Six pairs' }).waitFor();
			await dialog.getByLabel('MAC address').fill('00-16-3E-AB-CD-01');
			await dialog.getByRole('button', { name: 'Add' }).click();
			await page.locator('.nic-list').getByText('at most 2 MiB/s').waitFor();
			equal((await nic()).rate, 2 * 1024 * 1024, 'rate');
			equal((await nic()).mac, '00:16:3e:ab:cd:01', 'MAC');

			await page.locator('.nic-list').getByRole('button', { name: /^Change/ }).click();
			await dialog.getByLabel('Rate limit').fill('');
			await dialog.getByLabel('Block forged senders').uncheck();
			await dialog.getByLabel('Plugged in').uncheck();
			await dialog.getByRole('button', { name: 'Save' }).click();
			await page.locator('.nic-list').getByText('unplugged, may forge senders').waitFor();
			equal((await nic()).rate, null, 'rate');

			await visit(page, '/networks', 'Networks');
			await row(page, NAME).getByText(vm.name).waitFor();
			await row(page, NAME).getByRole('button', { name: /^Delete/ }).click();
			await dialog.getByRole('button', { name: 'Delete' }).click();
			const told = await dialog.getByRole('alert').innerText();
			check(told.length > 15, `only: ${told}`);
			await page.getByRole('button', { name: 'Cancel' }).click();

			await visit(page, `/vms/${vm.id}`, vm.name);
			await page.getByRole('button', { name: /^Detach/ }).click();
			await dialog.getByRole('button', { name: 'Detach' }).click();
			await page.getByText('This machine has no network card.').waitFor();
		});
		await call('DELETE', `/vms/${vm.id}`);
	});

	test('a new machine is made with a card on the network chosen', async () => {
		await withSession({}, async (page) => {
			await visit(page, '/vms/new', 'New virtual machine');
			await page.getByLabel('Name').fill(`${PREFIX}plugged`);
			await page.getByLabel('Network').selectOption((await network(NAME)).id);
			await page.getByLabel('Start it now').uncheck();
			await page.getByRole('button', { name: 'Create' }).click();
			await page.locator('.nic-list').getByText(NAME).waitFor();
		});
		const vm = (await items('vms')).find((one) => one.name === `${PREFIX}plugged`);
		await call('DELETE', `/vms/${vm.id}`);
	});

	test('a network that nobody needs is deleted', async () => {
		await withSession({}, async (page) => {
			await visit(page, '/networks', 'Networks');
			await row(page, NAME).getByRole('button', { name: /^Delete/ }).click();
			await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
			await row(page, NAME).waitFor({ state: 'detached' });
			await eventually('the network is gone', async () => !(await network(NAME)));
		});
	});
}
