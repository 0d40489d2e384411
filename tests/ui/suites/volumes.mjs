import { readFile } from 'node:fs/promises';
import { call, items, makeVm, PREFIX } from '../lib/api.mjs';
import { row, visit, withSession } from '../lib/browser.mjs';
import { check, equal, test } from '../lib/harness.mjs';

const NAME = `${PREFIX}volume`;
const MIB = 1024 * 1024;

async function volume(name) {
	return (await items('volumes')).find((one) => one.name === name);
}

export default function define() {
	test('a volume is made, renamed and made larger', async () => {
		await withSession({}, async (page) => {
			await visit(page, '/volumes', 'Volumes');
			await page.getByRole('button', { name: 'New volume' }).click();
			const dialog = page.getByRole('dialog');
			await dialog.getByRole('button', { name: 'Create' }).click();
			await dialog.locator('.field-error').first().waitFor();
			await dialog.getByLabel('Name').fill(`${NAME}-first`);
			await dialog.getByLabel('Size in GiB').fill('0.03125');
			await dialog.getByRole('button', { name: 'Create' }).click();
			await row(page, `${NAME}-first`).getByText('32 MiB').waitFor();
			await row(page, `${NAME}-first`).getByRole('button', { name: /^Change/ }).click();
			await dialog.getByLabel('Name').fill(NAME);
			await dialog.getByLabel('Size in GiB').fill('0.0625');
			await dialog.getByRole('button', { name: 'Save' }).click();
			await row(page, NAME).getByText('64 MiB').waitFor();
			equal((await volume(NAME)).size, 64 * MIB, 'size');
		});
	});

	test('a volume is attached to a machine and detached, and not deleted meanwhile', async () => {
		const vm = await makeVm('has-a-disk');
		await withSession({}, async (page) => {
			await visit(page, `/vms/${vm.id}`, vm.name);
			await page.getByText('No disks').waitFor();
			await page.getByRole('button', { name: 'Attach' }).click();
			const dialog = page.getByRole('dialog');
			await dialog.getByLabel('Volume or CD').selectOption((await volume(NAME)).id);
			await dialog.getByLabel('Read-only').check();
			await dialog.getByRole('button', { name: 'Attach' }).click();
			await page.locator('.disks').getByText('Read-only').waitFor();
			equal((await call('GET', `/vms/${vm.id}`)).disks[0].read_only, true, 'read-only');

			await visit(page, '/volumes', 'Volumes');
			await row(page, NAME).getByText(vm.name).waitFor();
			await row(page, NAME).getByRole('button', { name: /^Delete/ }).click();
			await dialog.getByRole('button', { name: 'Delete' }).click();
			const told = await dialog.getByRole('alert').innerText();
			check(told.length > 15, `only: ${told}`);
			await page.getByRole('button', { name: 'Cancel' }).click();

			await visit(page, `/vms/${vm.id}`, vm.name);
			await page.getByRole('button', { name: 'Detach xvda' }).click();
			await dialog.getByRole('button', { name: 'Detach' }).click();
			await page.getByText('No disks').waitFor();
		});
		await call('DELETE', `/vms/${vm.id}`);
	});

	test('a machine is made with a disk, from which it boots', async () => {
		const name = `${PREFIX}from-disk`;
		const disk = await volume(NAME);
		await withSession({}, async (page) => {
			await visit(page, '/vms/new', 'New virtual machine');
			await page.getByLabel('Name').fill(name);
			await page.getByLabel('Add a disk').selectOption(disk.id);
			await page.getByRole('list', { name: 'Disks' }).getByText(NAME).waitFor();
			equal(await page.getByLabel('Kernel command line').inputValue(), 'console=hvc0 root=/dev/xvda rw', 'command line');
			await page.getByRole('button', { name: `Without ${NAME}` }).click();
			await page.getByRole('list', { name: 'Disks' }).waitFor({ state: 'detached' });
			await page.getByLabel('Add a disk').selectOption(disk.id);
			await page.getByRole('list', { name: 'Disks' }).getByLabel('Read-only').check();
			await page.getByLabel('Start it now').uncheck();
			await page.getByRole('button', { name: 'Create', exact: true }).click();
			await page.getByRole('button', { name: 'Detach xvda' }).waitFor();

			await visit(page, '/vms/new', 'New virtual machine');
			await page.getByLabel('Add a disk').selectOption(disk.id);
			equal(await page.getByRole('list', { name: 'Disks' }).getByLabel('Read-only').count(), 0, 'choices of what can only be read');
			await page.getByRole('list', { name: 'Disks' }).getByText('Read-only').waitFor();
		});
		const vm = (await items('vms')).find((one) => one.name === name);
		equal(vm.disks[0].volume, disk.id, 'its disk');
		equal(vm.disks[0].read_only, true, 'read-only');
		await call('DELETE', `/vms/${vm.id}`);
	});

	test('a copy of an image is made by a task', async () => {
		const name = `${PREFIX}copy`;
		const image = await call('POST', `/images?name=${PREFIX}source&kind=disk`, Buffer.alloc(MIB / 2, 'x'),
			{ 'Content-Type': 'application/octet-stream' });
		await withSession({}, async (page) => {
			await visit(page, '/volumes', 'Volumes');
			await page.getByRole('button', { name: 'New volume' }).click();
			const dialog = page.getByRole('dialog');
			await dialog.getByLabel('Name').fill(name);
			await dialog.getByLabel('Copy of').selectOption(image.id);
			equal(await dialog.getByLabel('Size in GiB').inputValue(), '0.0009765625', 'the size proposed');
			await dialog.getByRole('button', { name: 'Create' }).click();
			await row(page, name).getByText('Ready').waitFor();
			const [download] = await Promise.all([
				page.waitForEvent('download'),
				row(page, name).getByRole('link', { name: `Download ${name}` }).click(),
			]);
			equal(download.suggestedFilename(), `${name}.img`, 'file name');
			const bytes = await readFile(await download.path());
			equal(bytes.length, MIB, 'bytes');
			equal(bytes.indexOf(0), MIB / 2, 'where its content ends');
			await visit(page, '/tasks', 'Tasks');
			const ours = page.locator('.task', { has: page.getByRole('link', { name }) });
			await ours.filter({ hasText: 'Make volume' }).getByText('Done').waitFor();
		});
		const made = await volume(name);
		await call('DELETE', `/volumes/${made.id}`);
		await call('DELETE', `/images/${image.id}`);
	});

	test('a volume of format qcow2 takes no room that it does not need, and says what it is', async () => {
		const name = `${PREFIX}thin`;
		await withSession({}, async (page) => {
			await visit(page, '/volumes', 'Volumes');
			await page.getByRole('button', { name: 'New volume' }).click();
			const dialog = page.getByRole('dialog');
			await dialog.getByLabel('Name').fill(name);
			await dialog.getByLabel('Size in GiB').fill('1024');
			await dialog.getByText('taken at once').waitFor();
			await dialog.getByLabel('Format').selectOption('qcow2');
			await dialog.getByText('only as the machine writes').waitFor();
			await dialog.getByRole('button', { name: 'Create' }).click();
			await row(page, name).getByText(/qcow2, .* KiB taken/).waitFor();
		});
		const made = await volume(name);
		equal(`${made.format} ${made.size}`, `qcow2 ${1024 ** 4}`, 'what was made');
		const disk = { id: made.id, target: 'xvda', volume: made.id, image: null, read_only: false, state: 'failed',
			reason: { code: 'server_ended', detail: 'Its server has ended.' } };
		const vm = await makeVm('failing');
		await withSession({}, async (page) => {
			const live = { ...vm, disks: [disk], state: 'running', domid: 1 };
			await page.route('**/api/v1/vms?*', (route) => route.fulfill({ json: { items: [live], next_cursor: null } }));
			await page.route(`**/api/v1/vms/${vm.id}`, (route) => route.fulfill({ json: live }));
			await page.reload();
			await visit(page, `/vms/${vm.id}`, vm.name);
			const line = page.locator('.disks li');
			await line.getByText('Its server has ended.').waitFor();
			await line.getByText('qcow2').waitFor();

			const asked = [];
			await page.route(`**/api/v1/vms/${vm.id}/disks/*`, (route) => {
				asked.push(new URL(route.request().url()).search);
				return asked.length === 1 ? route.fulfill({
					status: 409, contentType: 'application/problem+json',
					json: { status: 409, code: 'guest_ignored', title: 'Conflict', detail: 'The guest does not give it back.', request_id: 'r' },
				}) : route.fulfill({ status: 204 });
			});
			await page.getByRole('button', { name: 'Detach xvda' }).click();
			const detach = page.getByRole('dialog');
			await detach.getByRole('button', { name: 'Detach' }).click();
			await detach.getByText('The guest does not give it back.').waitFor();
			await detach.getByLabel('Even if the guest').check();
			await detach.getByRole('button', { name: 'Detach' }).click();
			await detach.waitFor({ state: 'detached' });
			equal(asked.join(), '?force=false,?force=true', 'what was asked');
			await visit(page, '/vms/new', 'New virtual machine');
			const offered = await page.getByLabel('Add a disk').locator('option').allInnerTexts();
			check(!offered.some((one) => one.includes(name)), `offered though it is in use: ${offered}`);
		});
		await call('DELETE', `/vms/${vm.id}`);
		await call('DELETE', `/volumes/${made.id}`);
	});

	test('a volume in the making, and one that failed, say so and are no disks yet', async () => {
		const [task] = (await call('GET', '/tasks?limit=1')).items;
		const ready = await volume(NAME);
		const volumes = [
			{ ...ready, id: task.id, name: 'half-way', state: 'creating', task_id: task.id },
			{ ...ready, id: NAME, name: 'broken', state: 'failed', reason: { code: 'invalid_disk', detail: 'The image can\'t be read.' } },
			ready,
		];
		await withSession({}, async (page) => {
			const answer = (list) => (route) => route.fulfill({ json: { items: list, next_cursor: null } });
			await page.route('**/api/v1/volumes?*', answer(volumes));
			await page.route('**/api/v1/tasks?*', answer([{ ...task, status: 'running', progress: 42 }]));
			await page.reload();
			await visit(page, '/volumes', 'Volumes');
			equal(await row(page, 'half-way').getByRole('link').count(), 0, 'downloads of a volume in the making');
			await row(page, 'half-way').getByText('Being made').waitFor();
			equal(await row(page, 'half-way').getByRole('progressbar').getAttribute('aria-valuenow'), '42', 'progress');
			await row(page, 'broken').getByText('The image can\'t be read.').waitFor();
			await visit(page, '/vms/new', 'New virtual machine');
			const offered = await page.getByLabel('Add a disk').locator('option').allInnerTexts();
			check(offered.some((one) => one.includes(NAME)), 'the volume that is ready is not offered');
			check(!offered.some((one) => /half-way|broken/.test(one)), `offered: ${offered}`);
		});
	});

	test('a volume that nobody needs is deleted', async () => {
		await withSession({}, async (page) => {
			await visit(page, '/volumes', 'Volumes');
			await row(page, NAME).getByRole('button', { name: /^Delete/ }).click();
			await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
			await row(page, NAME).waitFor({ state: 'detached' });
			check(!(await volume(NAME)), 'the volume is still there');
		});
	});
}
