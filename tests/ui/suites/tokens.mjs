import { PREFIX, statusWithToken } from '../lib/api.mjs';
import { visit, withSession } from '../lib/browser.mjs';
import { check, equal, test } from '../lib/harness.mjs';

const NAME = `${PREFIX}token`;

export default function define() {
	test('a token is shown once, works, and stops working when revoked', async () => {
		await withSession({}, async (page) => {
			await visit(page, '/tokens', 'API tokens');
			await page.getByRole('button', { name: 'New token' }).click();
			await page.getByRole('dialog').getByRole('button', { name: 'Create' }).click();
			await page.getByText('Give the token a name').waitFor();
			await page.getByLabel('Name').fill(NAME);
			await page.getByLabel('Rights').selectOption('viewer');
			await page.getByRole('dialog').getByRole('button', { name: 'Create' }).click();

			const token = (await page.locator('.secret').innerText()).trim();
			check(token.length >= 20, `token: ${token.length} characters`);
			equal(await statusWithToken(token, '/vms'), 200, 'status with the token');
			for (let n = 0; n < 5; n++)
				await page.keyboard.press('Escape');
			await page.locator('.secret').waitFor();
			await page.getByRole('button', { name: 'I have kept it' }).click();
			await page.locator('.secret').waitFor({ state: 'detached' });
			check(!(await page.locator('body').innerText()).includes(token), 'the token is still on the page');

			await page.getByRole('button', { name: `Revoke ${NAME}` }).click();
			await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
			await page.getByRole('row').filter({ hasText: NAME }).waitFor({ state: 'detached' });
			equal(await statusWithToken(token, '/vms'), 401, 'status with the revoked token');
		});
	});
}
