/** No violation of any rule that axe-core knows, on any screen, light and dark, wide and narrow. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { makeVm } from '../lib/api.mjs';
import { logIn, newPage } from '../lib/browser.mjs';
import { check, test } from '../lib/harness.mjs';
import { leaveDialog, screens } from '../lib/screens.mjs';

const SOURCE = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const VARIANTS = [
	{ colorScheme: 'light', viewport: { width: 1280, height: 860 } },
	{ colorScheme: 'dark', viewport: { width: 1280, height: 860 } },
	{ colorScheme: 'light', viewport: { width: 375, height: 740 } },
	{ colorScheme: 'dark', viewport: { width: 375, height: 740 } },
];

async function violations(page, where) {
	await page.evaluate(SOURCE);
	const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
	return found.violations.flatMap(({ id, nodes }) =>
		nodes.map((node) => `${where}: ${id} at ${node.target.join(' ')}: ${node.failureSummary?.replace(/\s+/g, ' ')}`));
}

export default function define() {
	for (const variant of VARIANTS)
		test(`no violation, ${variant.colorScheme}, ${variant.viewport.width} pixels wide`, async () => {
			const vm = await makeVm(`axe-${variant.colorScheme}-${variant.viewport.width}`);
			/* Nothing may be measured half faded in. */
			const page = await newPage('/', { ...variant, reducedMotion: 'reduce' });
			await page.getByLabel('Password').waitFor();
			const found = await violations(page, 'login');
			await logIn(page);
			for (const [name, open] of screens(vm)) {
				await open(page);
				await page.waitForTimeout(150);
				found.push(...await violations(page, name));
				await leaveDialog(page);
			}
			check(found.length === 0, found.join('\n'));
			await page.context().close();
		});
}
