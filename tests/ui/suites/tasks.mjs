import { call, makeVm, waitForState } from '../lib/api.mjs';
import { BOOT_SECONDS, visit, withSession } from '../lib/browser.mjs';
import { check, test } from '../lib/harness.mjs';

export default function define() {
	test('tasks are listed with their target and how they ended', async () => {
		const vm = await makeVm('tasks', { start: true });
		await waitForState(vm.id, 'running', BOOT_SECONDS);
		await call('POST', `/vms/${vm.id}/actions/destroy`);
		await waitForState(vm.id, 'stopped');
		await withSession({}, async (page) => {
			await visit(page, '/tasks', 'Tasks');
			const ours = page.locator('.task', { has: page.getByRole('link', { name: vm.name }) });
			await ours.filter({ hasText: 'Start' }).getByText('Done').waitFor();
			await ours.filter({ hasText: 'Force off' }).getByText('Done').waitFor();
			await page.getByRole('button', { name: /^Running/ }).click();
			await page.getByRole('button', { name: /^All/ }).click();
			await ours.filter({ hasText: 'Start' }).getByRole('link', { name: vm.name }).click();
			await page.getByRole('heading', { level: 1, name: vm.name }).waitFor();
		});
	});

	test('a task that failed is told in words, at the machine and in the list', async () => {
		const all = (await call('GET', '/tasks?limit=1')).items;
		check(all.length > 0, 'there is no task to copy');
		const failed = { ...all[0], status: 'failed', error: { code: 'no_memory', detail: 'The host has too little free memory.', needed: 2 ** 30, free: 2 ** 20 } };
		await withSession({}, async (page) => {
			await page.route('**/api/v1/tasks?*', (route) => route.fulfill({ json: { items: [failed], next_cursor: null } }));
			await page.reload();
			await visit(page, '/tasks', 'Tasks');
			await page.getByText('The host has too little free memory. (needed 1 GiB, free 1 MiB)').waitFor();
		});
	});
}
