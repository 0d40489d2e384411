/** What others do shows up by itself. */
import { call, makeVm } from '../lib/api.mjs';
import { visit, withSession } from '../lib/browser.mjs';
import { equal, test } from '../lib/harness.mjs';

export default function define() {
	test('a machine made, renamed and deleted elsewhere appears, changes and goes', async () => {
		await withSession({}, async (page) => {
			const streams = [];
			page.on('request', (request) => request.url().includes('/events') && streams.push(request.url()));
			await visit(page, '/vms', 'Virtual machines');
			await page.getByText('Live', { exact: true }).waitFor();
			const vm = await makeVm('elsewhere');
			await page.getByRole('link', { name: vm.name, exact: true }).waitFor();
			await call('PATCH', `/vms/${vm.id}`, { name: `${vm.name}-2` }, { 'Content-Type': 'application/merge-patch+json' });
			await page.getByRole('link', { name: `${vm.name}-2`, exact: true }).waitFor();
			await call('DELETE', `/vms/${vm.id}`);
			await page.getByRole('link', { name: `${vm.name}-2`, exact: true }).waitFor({ state: 'detached' });
			for (const name of ['Images', 'Tasks', 'Host'])
				await page.getByRole('link', { name, exact: true }).click();
			equal(streams.length, 0, 'further event streams');
		});
	});

	test('a stream that breaks is told, and opened again', async () => {
		await withSession({}, async (page) => {
			await page.getByText('Live', { exact: true }).waitFor();
			await page.route('**/api/v1/events', (route) => route.fulfill({ status: 503, body: '' }));
			await page.reload();
			await page.getByText('Connection lost').waitFor();
			await page.unroute('**/api/v1/events');
			await page.getByText('Live', { exact: true }).waitFor();
		});
	});
}
