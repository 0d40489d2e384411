import { call, items, makeVm, PREFIX } from '../lib/api.mjs';
import { visit, withSession } from '../lib/browser.mjs';
import { check, equal, eventually, test } from '../lib/harness.mjs';

async function openForm(page) {
	await visit(page, '/vms/new', 'New virtual machine');
	await page.getByLabel('Name').waitFor();
}

function fieldError(page, label) {
	return page.locator('.field', { has: page.getByLabel(label, { exact: true }) }).locator('.field-error');
}

export default function define() {
	test('mistakes are shown at their fields, the first of which gets the focus', async () => {
		await withSession({}, async (page) => {
			await openForm(page);
			await page.getByLabel('Name').fill('-bad-');
			await page.getByLabel('vCPUs').fill('0');
			await page.getByLabel('Memory in MiB').fill('1');
			await page.getByRole('button', { name: 'Create and start' }).click();
			await fieldError(page, 'Name').waitFor();
			await fieldError(page, 'vCPUs').waitFor();
			await fieldError(page, 'Memory in MiB').waitFor();
			await eventually('the name has the focus', () =>
				page.getByLabel('Name').evaluate((e) => e === document.activeElement));
			equal(await page.getByLabel('Name').getAttribute('aria-invalid'), 'true', 'aria-invalid');
		});
	});

	test('a refusal of the appliance is shown at its field', async () => {
		await withSession({}, async (page) => {
			await openForm(page);
			await page.getByLabel('Name').fill(`${PREFIX}refused`);
			await page.route('**/api/v1/vms', (route) => route.request().method() !== 'POST' ? route.continue() : route.fulfill({
				status: 422,
				headers: { 'Content-Type': 'application/problem+json' },
				body: JSON.stringify({ status: 422, code: 'invalid', title: 'Invalid', detail: 'Invalid', request_id: 'r',
					errors: [{ field: 'boot.initrd', code: 'unknown', detail: 'There is no such image.' }] }),
			}));
			await page.getByRole('button', { name: 'Create and start' }).click();
			await fieldError(page, 'Initial RAM disk').filter({ hasText: 'There is no such image.' }).waitFor();
		});
	});

	test('more memory than the host has is refused with words about memory', async () => {
		await withSession({}, async (page) => {
			await openForm(page);
			await page.getByLabel('Name').fill(`${PREFIX}huge`);
			await page.getByLabel('Memory in MiB').fill('524288');
			await page.getByRole('button', { name: 'Create and start' }).click();
			const told = fieldError(page, 'Memory in MiB').or(page.getByRole('alert').filter({ hasText: /memory/i }));
			check(/memory|free|MiB|GiB/i.test(await told.first().innerText()), 'the words say nothing of memory');
		});
	});

	test('a name that is taken is refused before it is sent', async () => {
		const vm = await makeVm('taken');
		await withSession({}, async (page) => {
			await openForm(page);
			await page.getByLabel('Name').fill(vm.name);
			await page.getByRole('button', { name: 'Create and start' }).click();
			await fieldError(page, 'Name').filter({ hasText: 'already' }).waitFor();
		});
	});

	test('a machine made without starting is stopped, can be edited, found and deleted', async () => {
		const name = `${PREFIX}quiet`;
		await withSession({}, async (page) => {
			await openForm(page);
			await page.getByLabel('Name').fill(name);
			await page.getByRole('button', { name: '128 MiB' }).click();
			await page.getByLabel('Start it now').uncheck();
			await page.getByRole('button', { name: 'Create', exact: true }).click();
			await page.getByRole('heading', { level: 1, name }).waitFor();
			await page.locator('.screen-head').getByText('Stopped').waitFor();

			await page.getByRole('button', { name: 'Edit' }).click();
			await page.getByLabel('vCPUs').fill('2');
			await page.getByLabel('Weight').fill('512');
			await page.getByLabel('Cap in percent of a CPU').fill('50');
			await page.getByLabel('Most MiB').fill('256');
			await page.getByLabel('CPU 1', { exact: true }).check();
			await page.getByRole('button', { name: 'Save' }).click();
			await page.getByRole('dialog').waitFor({ state: 'detached' });
			await page.locator('.facts > div', { hasText: 'vCPUs' }).getByText('2', { exact: true }).waitFor();
			await page.locator('.facts').getByText('50 % of a CPU').waitFor();
			const made = (await items('vms')).find((vm) => vm.name === name);
			equal(JSON.stringify([made.vcpus, made.vcpus_max, made.weight, made.cap, made.affinity, made.memory_max]),
				JSON.stringify([2, 2, 512, 50, [1], 256 * 2 ** 20]), 'what was saved');

			await page.getByRole('button', { name: 'Edit' }).click();
			await page.getByLabel('Each vCPU on its own').check();
			equal(await page.getByLabel('vCPU 0', { exact: true }).inputValue(), '1', 'what was chosen for all');
			await page.getByLabel('vCPU 0', { exact: true }).fill('one');
			await page.getByRole('button', { name: 'Save' }).click();
			await fieldError(page, 'vCPU 0').waitFor();
			await page.getByLabel('vCPU 0', { exact: true }).fill('');
			await page.getByLabel('vCPU 1', { exact: true }).fill('1, 0');
			await page.getByRole('button', { name: 'Save' }).click();
			await page.getByRole('dialog').waitFor({ state: 'detached' });
			await page.locator('.facts').getByText('vCPU 0 on all; vCPU 1 on 0-1').waitFor();
			equal(JSON.stringify((await call('GET', `/vms/${made.id}`)).affinity), '[null,[0,1]]', 'what was saved for each');

			await visit(page, '/vms', 'Virtual machines');
			await page.getByLabel('Search by name').fill('no such name');
			await page.getByText('No machine matches.').waitFor();
			await page.getByLabel('Search by name').fill(name.slice(3));
			await page.getByRole('link', { name, exact: true }).click();
			await page.getByRole('button', { name: 'Delete' }).click();
			await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
			await page.getByRole('heading', { level: 1, name: 'Virtual machines' }).waitFor();
			check(!(await items('vms')).some((vm) => vm.name === name), 'the machine is still there');
		});
	});
}
