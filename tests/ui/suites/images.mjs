import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { call, items, makeVm, PREFIX } from '../lib/api.mjs';
import { row, visit, withSession } from '../lib/browser.mjs';
import { check, equal, test } from '../lib/harness.mjs';

const NAME = `${PREFIX}initrd`;
const bytes = randomBytes(3 * 1024 * 1024);

async function upload(page, name, kind, file) {
	await page.getByRole('button', { name: 'Upload an image' }).click();
	const dialog = page.getByRole('dialog');
	await dialog.getByLabel('File').setInputFiles(file);
	await dialog.getByLabel('Name').fill(name);
	await dialog.getByLabel('Kind').selectOption(kind);
	await dialog.getByRole('button', { name: 'Upload' }).click();
	return dialog;
}

export default function define() {
	test('built-in images are listed and cannot be deleted', async () => {
		await withSession({}, async (page) => {
			await visit(page, '/images', 'Images');
			for (const image of (await items('images')).filter((one) => one.builtin)) {
				await row(page, image.name).getByText('Built in').waitFor();
				equal(await row(page, image.name).getByRole('button', { name: /^Delete/ }).count(), 0, 'delete buttons');
			}
		});
	});

	test('an upload shows its digest, and the list has it', async () => {
		await withSession({}, async (page) => {
			await visit(page, '/images', 'Images');
			const dialog = await upload(page, NAME, 'initrd', { name: 'my-initrd.img', mimeType: 'application/octet-stream', buffer: bytes });
			await dialog.waitFor({ state: 'detached' });
			const digest = createHash('sha256').update(bytes).digest('hex');
			await row(page, NAME).getByText(digest.slice(0, 12)).waitFor();
			await row(page, NAME).getByText('3 MiB').waitFor();
			equal((await items('images')).find((one) => one.name === NAME).sha256, digest, 'digest');
			const [download] = await Promise.all([
				page.waitForEvent('download'),
				row(page, NAME).getByRole('link', { name: `Download ${NAME}` }).click(),
			]);
			check(bytes.equals(await readFile(await download.path())), 'what comes back is not what was uploaded');
		});
	});

	test('an image that a machine needs is not deleted, and the reason is told', async () => {
		const image = (await items('images')).find((one) => one.name === NAME);
		const kernel = (await items('images')).find((one) => one.builtin && one.kind === 'kernel');
		const vm = await makeVm('needs-image', { boot: { kernel: kernel.id, initrd: image.id, cmdline: '' } });
		await withSession({}, async (page) => {
			await visit(page, '/images', 'Images');
			await row(page, NAME).getByRole('button', { name: `Delete ${NAME}` }).click();
			await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
			const told = await page.getByRole('dialog').getByRole('alert').innerText();
			check(told.length > 15, `only: ${told}`);
			await page.getByRole('button', { name: 'Cancel' }).click();
		});
		await call('DELETE', `/vms/${vm.id}`);
	});

	test('an image that nobody needs is deleted', async () => {
		await withSession({}, async (page) => {
			await visit(page, '/images', 'Images');
			await row(page, NAME).getByRole('button', { name: `Delete ${NAME}` }).click();
			await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
			await row(page, NAME).waitFor({ state: 'detached' });
			check(!(await items('images')).some((one) => one.name === NAME), 'the image is still there');
		});
	});

	test('a text file is no kernel, and that is said', async () => {
		await withSession({}, async (page) => {
			await visit(page, '/images', 'Images');
			const text = Buffer.from('text that is no kernel\n'.repeat(100));
			const dialog = await upload(page, `${PREFIX}text`, 'kernel', { name: 'notes.txt', mimeType: 'text/plain', buffer: text });
			const told = await dialog.getByRole('alert').or(dialog.locator('.field-error')).first().innerText();
			check(/kernel|bzImage|ELF/i.test(told), `only: ${told}`);
			check(!(await items('images')).some((one) => one.name === `${PREFIX}text`), 'it was kept');
		});
	});
}
