import { describe, expect, it } from 'vitest';
import { formatAgo, formatBytes, formatDuration, formatTime, percent, plural, words } from '../src/lib/format';

describe('formatBytes', () => {
	it.each([
		[0, '0 B'],
		[1023, '1023 B'],
		[1024, '1 KiB'],
		[1536, '1.5 KiB'],
		[268435456, '256 MiB'],
		[1879048192, '1.75 GiB'],
		[8167104, '7.79 MiB'],
		[11010048, '10.5 MiB'],
		[1099511627776, '1 TiB'],
		[-1, '–'],
		[Number.NaN, '–'],
	])('%d is %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));
	it('does not strip zeros of whole numbers', () => expect(formatBytes(100.4 * 1024)).toBe('100 KiB'));
});

describe('formatDuration', () => {
	it.each([
		[0, '0 s'],
		[59.9, '59 s'],
		[60, '1 min'],
		[3661, '1 h 1 min'],
		[86400, '1 d'],
		[100000, '1 d 3 h'],
		[-5, '–'],
	])('%d is %s', (seconds, text) => expect(formatDuration(seconds)).toBe(text));
});

describe('formatAgo', () => {
	const now = Date.parse('2026-01-01T12:00:00Z');
	it.each([
		['2026-01-01T12:00:00Z', 'just now'],
		['2026-01-01T12:00:30Z', 'just now'],
		['2026-01-01T11:59:30Z', '30 s ago'],
		['2026-01-01T11:02:00Z', '58 min ago'],
		['2025-12-31T12:00:00Z', '1 d ago'],
		['nonsense', '–'],
	])('%s is %s', (time, text) => expect(formatAgo(time, now)).toBe(text));
});

it('formats missing times as a dash', () => {
	expect(formatTime(null)).toBe('–');
	expect(formatTime('x')).toBe('–');
});

it('keeps percentages between 0 and 100', () => {
	expect([percent(1, 3), percent(5, 3), percent(-1, 3), percent(1, 0)]).toEqual([33, 100, 0, 0]);
});

it('counts in words', () => {
	expect([plural(1, 'guest'), plural(0, 'guest'), plural(2, 'entry', 'entries')])
		.toEqual(['1 guest', '0 guests', '2 entries']);
});

it('turns codes into words', () => {
	expect(words('vm.live_migrate')).toBe('VM live migrate');
	expect(words('image.create')).toBe('Image create');
});
