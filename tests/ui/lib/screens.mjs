/** Every screen there is, and how to get there; used by the tests that look at all of them. */
import { call } from './api.mjs';
import { visit } from './browser.mjs';

/** @vm is a stopped machine, for the screens of one. */
export function screens(vm) {
	const dialog = (page) => page.getByRole('dialog').waitFor();
	return [
		['host', (page) => visit(page, '/', /./).then(() => page.getByRole('heading', { name: 'Memory' }).waitFor())],
		['host, power dialog', async (page) => {
			await page.locator('.screen-head').getByRole('button', { name: 'Reboot' }).click();
			await dialog(page);
		}],
		['hypervisor log', (page) => visit(page, '/host/log', 'Hypervisor log').then(() => page.locator('.log').waitFor())],
		['machines', (page) => visit(page, '/vms', 'Virtual machines').then(() => page.getByRole('link', { name: vm.name, exact: true }).waitFor())],
		['new machine', (page) => visit(page, '/vms/new', 'New virtual machine')],
		['new machine with mistakes', async (page) => {
			await page.getByLabel('Name').fill('');
			await page.getByRole('button', { name: 'Create and start' }).click();
			await page.locator('.field-error').first().waitFor();
		}],
		['machine', (page) => visit(page, `/vms/${vm.id}`, vm.name)],
		['machine, edit dialog', async (page) => {
			await page.getByRole('button', { name: 'Edit' }).click();
			await dialog(page);
		}],
		['machine, changed meanwhile', async (page) => {
			await page.getByRole('button', { name: 'Edit' }).click();
			await page.getByLabel('Weight').fill('1000');
			await call('PATCH', `/vms/${vm.id}`, { weight: 2000 });
			await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
			await page.getByText('Changed meanwhile').waitFor();
		}],
		['machine, attach dialog', async (page) => {
			await page.getByRole('button', { name: 'Attach' }).click();
			await dialog(page);
		}],
		['machine, network card dialog', async (page) => {
			await page.getByRole('button', { name: 'Add a card' }).click();
			await dialog(page);
		}],
		['console', async (page) => {
			await visit(page, `/vms/${vm.id}/console`, vm.name);
			await page.locator('.xterm-screen').waitFor();
		}],
		['machine, debug', (page) => visit(page, `/vms/${vm.id}/debug`, vm.name).then(() => page.getByText('The machine does not run.').waitFor())],
		['machine that is not there', (page) => visit(page, '/vms/00000000-0000-4000-8000-000000000000', 'Machine not found')],
		['images', (page) => visit(page, '/images', 'Images').then(() => page.getByText('Built in').first().waitFor())],
		['images, upload dialog', async (page) => {
			await page.getByRole('button', { name: 'Upload an image' }).click();
			await dialog(page);
		}],
		['volumes', (page) => visit(page, '/volumes', 'Volumes')],
		['volumes, new dialog', async (page) => {
			await page.getByRole('button', { name: 'New volume' }).click();
			await dialog(page);
		}],
		['networks', (page) => visit(page, '/networks', 'Networks').then(() => page.getByText('Built in').first().waitFor())],
		['networks, new dialog', async (page) => {
			await page.getByRole('button', { name: 'New network' }).click();
			await dialog(page);
		}],
		['tasks', (page) => visit(page, '/tasks', 'Tasks')],
		['tokens', (page) => visit(page, '/tokens', 'API tokens')],
		['tokens, new dialog', async (page) => {
			await page.getByRole('button', { name: 'New token' }).click();
			await dialog(page);
		}],
		['a wrong address', (page) => visit(page, '/nothing-here', 'Page not found')],
	];
}

/** Leave an open dialog, so that the next screen can be visited. */
export async function leaveDialog(page) {
	if (await page.getByRole('dialog').count()) {
		await page.keyboard.press('Escape');
		await page.getByRole('dialog').waitFor({ state: 'detached' });
	}
}
