import { describe, expect, it } from 'vitest';
import { ApiError, byField, networkError, parseRetryAfter, problemError, say } from '../src/api/problem';
import { refusalOf } from '../src/lib/form-errors';

describe('problemError', () => {
	it('takes the words of the appliance', () => {
		const error = problemError(409, { title: 'Conflict', detail: 'The machine is running.', code: 'vm_state', request_id: 'r1' });
		expect(error).toMatchObject({ status: 409, code: 'vm_state', message: 'The machine is running.', requestId: 'r1' });
	});
	it('falls back to the title, then to words of our own', () => {
		expect(problemError(409, { title: 'Conflict' }).message).toBe('Conflict');
		expect(problemError(413, undefined).message).toBe('This is too large.');
		expect(problemError(418, '<html>').message).toBe('The appliance answered with status 418.');
	});
	it('survives bodies that are not problems', () => {
		for (const body of [null, [], 'text', 7, { errors: 'no' }, { errors: [null, { field: 3 }] }])
			expect(problemError(422, body).fields).toEqual([]);
	});
	it('says how long to wait', () => {
		expect(problemError(429, {}, 1).message).toBe('Too many attempts. Try again in 1 second.');
		expect(problemError(429, { detail: 'x' }, 30).message).toContain('30 seconds');
	});
});

it('reads both forms of Retry-After', () => {
	const now = Date.parse('2026-01-01T00:00:00Z');
	expect(parseRetryAfter('12', now)).toBe(12);
	expect(parseRetryAfter('Thu, 01 Jan 2026 00:00:30 GMT', now)).toBe(30);
	expect(parseRetryAfter('Wed, 31 Dec 2025 00:00:00 GMT', now)).toBe(0);
	expect(parseRetryAfter(null, now)).toBeNull();
	expect(parseRetryAfter('soon', now)).toBeNull();
});

it('names the request only for errors of the appliance itself', () => {
	expect(say(problemError(500, { detail: 'Broken.', request_id: 'r7' }))).toBe('Broken. (request r7)');
	expect(say(problemError(404, { detail: 'Gone.', request_id: 'r7' }))).toBe('Gone.');
	expect(say(networkError())).toMatch(/did not answer/);
	expect(say('plain')).toBe('plain');
});

describe('fields', () => {
	const error = new ApiError(422, 'invalid', 'Some values are not valid.', [
		{ field: 'name', code: 'taken', detail: 'Taken.' },
		{ field: '/boot/kernel', code: 'unknown', detail: 'No such image.' },
		{ field: 'name', code: 'short', detail: 'Too short.' },
		{ field: 'mode', code: 'enum', detail: 'Not offered.' },
	]);
	it('gathers messages by field, pointers too', () => {
		expect(byField(error)).toEqual({ name: 'Taken. Too short.', 'boot.kernel': 'No such image.', mode: 'Not offered.' });
	});
	it('keeps what belongs to no field of the form', () => {
		expect(refusalOf(error, ['name', 'boot.kernel'])).toEqual({
			fields: { name: 'Taken. Too short.', 'boot.kernel': 'No such image.' },
			rest: 'mode: Not offered.',
		});
	});
	it('puts a lack of memory at the memory field', () => {
		const full = problemError(507, { code: 'insufficient_memory', detail: 'Needs 4 GiB, 1 GiB is free.' });
		expect(refusalOf(full, ['memory'])).toEqual({ fields: { memory: 'Needs 4 GiB, 1 GiB is free.' }, rest: '' });
	});
	it('does not take a full disk for it', () => {
		const full = problemError(507, { code: 'insufficient_storage', detail: 'There is no room on the data disk.' });
		expect(refusalOf(full, ['memory'])).toEqual({ fields: {}, rest: 'There is no room on the data disk.' });
	});
	it('shows anything else above the form', () => {
		expect(refusalOf(problemError(403, {}), ['name'])).toEqual({ fields: {}, rest: 'You are not allowed to do this.' });
	});
});
