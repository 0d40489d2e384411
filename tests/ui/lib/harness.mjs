/** The smallest test runner that says what it does: one line per test, and a closing count. */
import { saveEvidence } from './browser.mjs';

const queue = [];
let number = 0;
let failed = 0;

export function test(name, body) {
	queue.push({ name, body });
}

export function check(condition, message) {
	if (!condition)
		throw new Error(message);
}

export function equal(found, wanted, what) {
	check(Object.is(found, wanted), `${what}: found ${JSON.stringify(found)}, wanted ${JSON.stringify(wanted)}`);
}

/** Try @body until it neither throws nor answers false, for at most @seconds. */
export async function eventually(what, body, seconds = 30) {
	const end = Date.now() + seconds * 1000;
	let last = '';
	while (Date.now() < end) {
		try {
			const value = await body();
			if (value !== false && value !== null && value !== undefined)
				return value;
		} catch (error) {
			last = `: ${error.message}`;
		}
		await new Promise((done) => setTimeout(done, 250));
	}
	throw new Error(`not within ${seconds} s: ${what}${last}`);
}

function explain(error) {
	return String(error.stack ?? error).split('\n').slice(0, 12).map((line) => `#   ${line}`).join('\n');
}

/** Run what was defined since the last call, in order. @returns how many of them failed. */
export async function runTests(suite) {
	const before = failed;
	for (const { name, body } of queue.splice(0)) {
		const start = Date.now();
		number++;
		try {
			await body();
			console.log(`ok ${number} - ${suite}: ${name} # ${((Date.now() - start) / 1000).toFixed(1)} s`);
		} catch (error) {
			failed++;
			console.log(`not ok ${number} - ${suite}: ${name}\n${explain(error)}`);
			for (const file of await saveEvidence(`${number}-${suite}`))
				console.log(`#   see ${file}`);
		}
	}
	return failed - before;
}

/** @returns the exit status. */
export function summary() {
	console.log(`1..${number}\n${number - failed} passed, ${failed} failed`);
	return failed ? 1 : 0;
}
