/** Words and numbers as people read them. No function here touches the page. */

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** @param bytes a size; @returns it in the largest binary unit that keeps it at 1 or above. */
export function formatBytes(bytes: number): string {
	if (!Number.isFinite(bytes) || bytes < 0)
		return '–';
	let value = bytes;
	let unit = 0;
	while (value >= 1024 && unit < UNITS.length - 1) {
		value /= 1024;
		unit++;
	}
	const digits = unit === 0 || Number.isInteger(value) || value >= 100 ? 0 : value >= 10 ? 1 : 2;
	const text = value.toFixed(digits);
	return `${digits > 0 ? text.replace(/\.?0+$/, '') : text} ${UNITS[unit]}`;
}

/** @param seconds a span of time; @returns its two largest parts, such as `3 d 4 h`. */
export function formatDuration(seconds: number): string {
	if (!Number.isFinite(seconds) || seconds < 0)
		return '–';
	const whole = Math.floor(seconds);
	const parts: [number, string][] = [
		[Math.floor(whole / 86400), 'd'],
		[Math.floor(whole / 3600) % 24, 'h'],
		[Math.floor(whole / 60) % 60, 'min'],
		[whole % 60, 's'],
	];
	const first = parts.findIndex(([n]) => n > 0);
	if (first < 0)
		return '0 s';
	return parts
		.slice(first, first + 2)
		.filter(([n]) => n > 0)
		.map(([n, unit]) => `${n} ${unit}`)
		.join(' ');
}

/** @param time RFC 3339; @returns how long ago, in words, such as `4 min ago`. */
export function formatAgo(time: string, now: number): string {
	const then = Date.parse(time);
	if (Number.isNaN(then))
		return '–';
	const seconds = Math.max(0, Math.round((now - then) / 1000));
	if (seconds < 5)
		return 'just now';
	if (seconds < 60)
		return `${seconds} s ago`;
	if (seconds < 3600)
		return `${Math.floor(seconds / 60)} min ago`;
	if (seconds < 86400)
		return `${Math.floor(seconds / 3600)} h ago`;
	return `${Math.floor(seconds / 86400)} d ago`;
}

/** @param time RFC 3339; @returns date and time in the reader's own zone and habits. */
export function formatTime(time: string | null | undefined): string {
	const then = Date.parse(time ?? '');
	if (Number.isNaN(then))
		return '–';
	return new Date(then).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
}

/** @returns part of whole in percent, an integer from 0 to 100. */
export function percent(part: number, whole: number): number {
	if (!(whole > 0) || !Number.isFinite(part))
		return 0;
	return Math.min(100, Math.max(0, Math.round((part / whole) * 100)));
}

/** @returns `1 guest`, `2 guests`. */
export function plural(count: number, one: string, many = `${one}s`): string {
	return `${count} ${count === 1 ? one : many}`;
}

/** @returns a machine word such as `vm_start` or `vm.start` as words: `VM start`. */
export function words(code: string): string {
	const text = code.replace(/[._-]+/g, ' ').trim().replace(/\bvm\b/gi, 'VM').replace(/\bapi\b/gi, 'API');
	return text.charAt(0).toUpperCase() + text.slice(1);
}
