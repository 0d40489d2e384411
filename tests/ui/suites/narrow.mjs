/** A phone: nothing is cut off, nothing scrolls sideways, everything is big enough to be hit. */
import { makeVm } from '../lib/api.mjs';
import { logIn, newPage } from '../lib/browser.mjs';
import { check, test } from '../lib/harness.mjs';
import { leaveDialog, screens } from '../lib/screens.mjs';

const MIN_TARGET = 24;

/** @returns what sticks out of the page, or is too small to be hit (WCAG 2.2, 2.5.8). */
function findProblems(min) {
	const problems = [];
	const width = document.documentElement.clientWidth;
	if (document.documentElement.scrollWidth > width)
		problems.push(`the page is ${document.documentElement.scrollWidth} wide`);
	const shown = document.querySelector('dialog[open]') ?? document.body;
	for (const e of shown.querySelectorAll('button, input, select, .button, nav a')) {
		const box = e.getBoundingClientRect();
		if (!box.width || e.closest('.skip, .xterm'))
			continue;
		const name = (e.getAttribute('aria-label') || e.textContent || e.id).trim();
		const target = e.type === 'checkbox' ? e.closest('.check').getBoundingClientRect() : box;
		if (box.left < -1 || box.right > width + 1)
			problems.push(`${name} is outside, ${Math.round(box.left)} to ${Math.round(box.right)}`);
		if (target.height < min || target.width < min)
			problems.push(`${name} is only ${Math.round(target.width)} by ${Math.round(target.height)}`);
	}
	return problems;
}

export default function define() {
	test('every screen fits 375 pixels', async () => {
		const vm = await makeVm('narrow-with-a-rather-long-name-that-has-to-wrap');
		const page = await newPage('/', { viewport: { width: 375, height: 740 }, hasTouch: true });
		const found = (await page.evaluate(findProblems, MIN_TARGET)).map((text) => `login: ${text}`);
		await logIn(page);
		for (const [name, open] of screens(vm)) {
			await open(page);
			found.push(...(await page.evaluate(findProblems, MIN_TARGET)).map((text) => `${name}: ${text}`));
			await leaveDialog(page);
		}
		check(found.length === 0, found.join('\n'));
		await page.context().close();
	});
}
