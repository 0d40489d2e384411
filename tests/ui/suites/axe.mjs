/** No violation of any rule that axe-core knows, on any screen, light and dark, wide and narrow. */
import { makeVm } from '../lib/api.mjs';
import { violations } from '../lib/axe.mjs';
import { logIn, newPage } from '../lib/browser.mjs';
import { check, test } from '../lib/harness.mjs';
import { leaveDialog, screens } from '../lib/screens.mjs';

const VARIANTS = [
	{ colorScheme: 'light', viewport: { width: 1280, height: 860 } },
	{ colorScheme: 'dark', viewport: { width: 1280, height: 860 } },
	{ colorScheme: 'light', viewport: { width: 375, height: 740 } },
	{ colorScheme: 'dark', viewport: { width: 375, height: 740 } },
];

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
