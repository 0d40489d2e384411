/** Lines of a log, without what only a terminal understands. */

/* eslint-disable-next-line no-control-regex */
const ESCAPES = /\x1b\[[0-9;?]*[ -/]*[@-~]|[\0-\x08\x0b-\x1f\x7f]/g;

/** @returns the lines of @p text that have @p word in them, in any case; all when it is empty. */
export function filterLines(text: string, word: string): string[] {
	const wanted = word.trim().toLowerCase();
	const lines = text.replace(ESCAPES, '').split('\n');
	if (lines.at(-1) === '')
		lines.pop();
	return wanted ? lines.filter((line) => line.toLowerCase().includes(wanted)) : lines;
}
