/** Everything without a mouse. */
import { items, PREFIX } from '../lib/api.mjs';
import { newPage, password, user } from '../lib/browser.mjs';
import { check, eventually, test } from '../lib/harness.mjs';

const MAX_TABS = 60;

/** @returns the accessible name of what has the focus, as far as these pages need it. */
function focused(page) {
	return page.evaluate(() => {
		const e = document.activeElement;
		const label = e.labels?.[0]?.textContent ?? '';
		return (e.getAttribute('aria-label') || label || e.textContent || '').trim().replace(/\s+/g, ' ');
	});
}

/** Press Tab until what has the focus is called @name, and is seen to have it. */
async function tabTo(page, name) {
	for (let i = 0; i < MAX_TABS; i++) {
		await page.keyboard.press('Tab');
		if (await focused(page) !== name)
			continue;
		const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
		check(outline !== 'none', `${name} does not show that it has the focus`);
		return;
	}
	throw new Error(`Tab does not reach ${name}`);
}

async function press(page, name, key = 'Enter') {
	await tabTo(page, name);
	await page.keyboard.press(key);
}

async function type(page, name, text) {
	await tabTo(page, name);
	await page.keyboard.press('Control+A');
	await page.keyboard.type(text);
}

export default function define() {
	test('log in, create, edit, delete and log out by keyboard alone', async () => {
		const name = `${PREFIX}keys`;
		const page = await newPage('/');
		await page.getByLabel('Password').waitFor();
		await page.keyboard.press('Shift+Tab');
		await page.keyboard.press('Control+A');
		await page.keyboard.type(user);
		await type(page, 'Password', password);
		await page.keyboard.press('Enter');
		await page.getByRole('heading', { name: 'Memory' }).waitFor();

		await page.evaluate(() => document.activeElement.blur());
		await press(page, 'Skip to content');
		check(await page.evaluate(() => document.activeElement.tagName === 'H1'), 'the skip link does not lead to the heading');

		await page.reload();
		await page.getByRole('heading', { name: 'Memory' }).waitFor();
		await page.evaluate(() => document.activeElement.blur());
		await press(page, 'Virtual machinesVMs');
		await page.getByRole('heading', { level: 1, name: 'Virtual machines' }).waitFor();
		await press(page, 'New machine');
		await page.getByRole('heading', { level: 1, name: 'New virtual machine' }).waitFor();
		await eventually('the heading has the focus', () => page.evaluate(() => document.activeElement.tagName === 'H1'));
		await type(page, 'Name', name);
		await type(page, 'Memory in MiB', '128');
		await press(page, 'Start it now', 'Space');
		await press(page, 'Create');
		await page.getByRole('heading', { level: 1, name }).waitFor();

		await press(page, 'Edit');
		await page.getByRole('dialog').waitFor();
		await type(page, 'vCPUs', '2');
		await page.keyboard.press('Enter');
		await page.getByRole('dialog').waitFor({ state: 'detached' });

		await page.evaluate(() => document.querySelector('h1').focus());
		await press(page, 'Delete');
		await page.getByRole('dialog').waitFor();
		for (let i = 0; i < 6; i++) {
			await page.keyboard.press('Tab');
			check(await page.evaluate(() => document.activeElement === document.body ||
				document.activeElement.closest('dialog') !== null), 'the focus left the dialog');
		}
		await press(page, 'Delete');
		await page.getByRole('heading', { level: 1, name: 'Virtual machines' }).waitFor();
		check(!(await items('vms')).some((vm) => vm.name === name), 'the machine is still there');
		await page.evaluate(() => document.activeElement.blur());
		await press(page, 'Log out');
		await page.getByRole('heading', { name: 'Log in to Domus' }).waitFor();
		await page.context().close();
	});
}
