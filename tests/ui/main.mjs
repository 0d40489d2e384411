/** Run the suites named on the command line, or all of them, against DOMUS_URL. */
import { closeBrowser, foreignRequests, origin } from './lib/browser.mjs';
import { connectApi, removeLeftovers } from './lib/api.mjs';
import { check, runTests, summary, test } from './lib/harness.mjs';

const SUITES = ['load', 'login', 'host', 'create', 'edit', 'console', 'images', 'volumes', 'networks', 'usage', 'tasks', 'tokens', 'live', 'keyboard', 'narrow', 'axe'];

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !SUITES.includes(name));
if (unknown.length) {
	console.error(`unknown suite: ${unknown.join(', ')} (there are: ${SUITES.join(', ')})`);
	process.exit(2);
}

test('the appliance lets the tests in', async () => {
	await connectApi();
	await removeLeftovers();
});
if (await runTests('start'))
	process.exit(summary());
for (const name of wanted.length ? wanted : SUITES) {
	const { default: define } = await import(`./suites/${name}.mjs`);
	define();
	await runTests(name);
}

test(`nothing was asked of anyone but ${origin}`, () => {
	check(foreignRequests.length === 0, `requests left the appliance: ${foreignRequests.join(', ')}`);
});
await runTests('origin');
await removeLeftovers();
await closeBrowser();
process.exit(summary());
