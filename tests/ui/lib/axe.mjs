/** axe-core, let loose on a page. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

const SOURCE = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** The page is drawn as it is to look: two frames on, and no colour on its way to another. */
const settled = (page) => page.evaluate(async () => {
	const frame = () => new Promise(requestAnimationFrame);
	await frame();
	await frame();
	await Promise.allSettled(document.getAnimations().filter((one) => one instanceof CSSTransition).map((one) => one.finished));
});

/** @returns what breaks a rule on the page once it has settled, each with @where before it. */
export async function violations(page, where) {
	await settled(page);
	await page.evaluate(SOURCE);
	const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
	return found.violations.flatMap(({ id, nodes }) =>
		nodes.map((node) => `${where}: ${id} at ${node.target.join(' ')}: ${node.failureSummary?.replace(/\s+/g, ' ')}`));
}
