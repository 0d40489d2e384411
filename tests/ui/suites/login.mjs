import { logIn, password, user, withPage, withSession } from '../lib/browser.mjs';
import { check, equal, test } from '../lib/harness.mjs';

export default function define() {
	test('a wrong password is refused in words, and the field is ready for another try', async () => {
		await withPage({}, async (page) => {
			await page.getByLabel('User name').fill(user);
			await page.getByLabel('Password').fill('certainly wrong');
			await page.getByRole('button', { name: 'Log in' }).click();
			await page.getByRole('alert').filter({ hasText: 'The user name or the password is wrong.' }).waitFor();
			equal(await page.getByLabel('Password').inputValue(), '', 'what is left of the password');
			check(await page.getByLabel('Password').evaluate((e) => e === document.activeElement), 'focus is elsewhere');
		});
	});

	test('an empty password asks for one without asking the appliance', async () => {
		await withPage({}, async (page) => {
			const sent = [];
			page.on('request', (request) => request.method() === 'POST' && sent.push(request.url()));
			await page.getByRole('button', { name: 'Log in' }).click();
			await page.getByRole('alert').filter({ hasText: 'Enter the password.' }).waitFor();
			equal(sent.length, 0, 'requests');
		});
	});

	test('too many attempts say how long to wait, and the button waits too', async () => {
		await withPage({}, async (page) => {
			await page.route('**/api/v1/sessions', (route) => route.fulfill({
				status: 429,
				headers: { 'Retry-After': '3', 'Content-Type': 'application/problem+json' },
				body: JSON.stringify({ status: 429, code: 'rate_limited', title: 'Too many', detail: 'Too many' }),
			}));
			await page.getByLabel('Password').fill('x');
			await page.getByRole('button', { name: 'Log in' }).click();
			await page.getByRole('alert').filter({ hasText: /try again in [123] second/ }).waitFor();
			equal(await page.getByRole('button', { name: 'Log in' }).getAttribute('aria-disabled'), 'true', 'aria-disabled');
			await page.locator('button[type=submit]:not([aria-disabled])').waitFor();
		});
	});

	test('an appliance that does not answer is told in words', async () => {
		await withPage({}, async (page) => {
			await page.route('**/api/v1/sessions', (route) => route.abort());
			await page.getByLabel('Password').fill('x');
			await page.getByRole('button', { name: 'Log in' }).click();
			await page.getByRole('alert').filter({ hasText: 'did not answer' }).waitFor();
			equal(await page.getByLabel('Password').inputValue(), 'x', 'the password, which nobody has refused');
		});
	});

	test('the right password opens the host screen, a reload keeps it, logging out ends it', async () => {
		await withPage({}, async (page) => {
			await page.getByLabel('User name').fill(user);
			await page.getByLabel('Password').fill(password);
			await page.keyboard.press('Enter');
			await page.getByRole('heading', { name: 'Memory' }).waitFor();
			await page.reload();
			await page.getByRole('heading', { name: 'Memory' }).waitFor();
			await page.getByRole('button', { name: 'Log out' }).click();
			await page.getByRole('heading', { name: 'Log in to Domus' }).waitFor();
			await page.reload();
			await page.getByRole('heading', { name: 'Log in to Domus' }).waitFor();
		});
	});

	test('a session that ended elsewhere leads to the login, and back to the same screen', async () => {
		await withSession({}, async (page) => {
			/* The lists are here, so that it is the click that finds the session over. */
			await page.getByRole('heading', { name: 'Latest tasks' }).waitFor();
			await page.context().clearCookies();
			await page.getByRole('link', { name: 'API tokens' }).click();
			await page.getByText('Your session has ended').waitFor();
			await logIn(page);
			await page.getByRole('heading', { level: 1, name: 'API tokens' }).waitFor();
		});
	});
}
