/** Errors of the API (RFC 9457), and how they are said. */

import type { FieldError, Problem } from './types';

/** An answer of the appliance that was not a success, or no answer at all (status 0). */
export class ApiError extends Error {
	override name = 'ApiError';

	constructor(
		readonly status: number,
		readonly code: string,
		message: string,
		readonly fields: FieldError[] = [],
		readonly requestId: string | null = null,
		readonly retryAfter: number | null = null,
	) {
		super(message);
	}
}

/** Somebody else changed it while it was looked at; nothing was done. @p now is what has become of it. */
export class ChangedError extends Error {
	override name = 'ChangedError';

	constructor(readonly now: unknown) {
		super(WORDS[412]);
	}
}

/** What is said when the answer has no words of its own. */
const WORDS: Record<number, string> = {
	0: 'The appliance did not answer. Check the network, then try again.',
	400: 'The appliance could not read the request.',
	401: 'You are logged out. Log in again.',
	403: 'You are not allowed to do this.',
	404: 'This no longer exists.',
	405: 'The appliance does not offer this.',
	409: 'This cannot be done in the present state.',
	412: 'Somebody else changed this in the meantime. Look at it again, then repeat the change.',
	413: 'This is too large.',
	415: 'The appliance does not accept this kind of data.',
	422: 'Some values are not valid.',
	429: 'Too many attempts. Wait a moment, then try again.',
	500: 'The appliance ran into an internal error.',
	502: 'The management service is not answering. It may be starting; try again in a moment.',
	503: 'The appliance is not ready yet. Try again in a moment.',
	504: 'The management service took too long to answer.',
	507: 'There is not enough memory or space for this.',
};

function isProblem(value: unknown): value is Partial<Problem> {
	return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** RFC 9110 Retry-After as seconds; the date form is measured against @p now. */
export function parseRetryAfter(value: string | null, now: number): number | null {
	if (!value)
		return null;
	if (/^\d+$/.test(value.trim()))
		return Number(value);
	const date = Date.parse(value);
	return Number.isNaN(date) ? null : Math.max(0, Math.ceil((date - now) / 1000));
}

/** Build the error for an answer with @p status whose body was @p body (parsed, or undefined). */
export function problemError(status: number, body: unknown, retryAfter: number | null = null): ApiError {
	const problem: Partial<Problem> = isProblem(body) ? body : {};
	const fields = (Array.isArray(problem.errors) ? problem.errors : [])
		.filter((e) => typeof e?.field === 'string' && typeof e.detail === 'string');
	let message = problem.detail || problem.title || WORDS[status] ||
		`The appliance answered with status ${status}.`;
	if (status === 429 && retryAfter)
		message = `Too many attempts. Try again in ${retryAfter} ${retryAfter === 1 ? 'second' : 'seconds'}.`;
	return new ApiError(status, problem.code ?? `http_${status}`, message, fields,
		problem.request_id ?? null, retryAfter);
}

export function networkError(): ApiError {
	return new ApiError(0, 'network', WORDS[0] as string);
}

/** @returns anything thrown, as one sentence for a person. */
export function say(error: unknown): string {
	if (error instanceof ApiError)
		return error.requestId && error.status >= 500
			? `${error.message} (request ${error.requestId})` : error.message;
	return error instanceof Error ? error.message : String(error);
}

/** @returns the messages of @p error by field; a leading pointer or `body.` is dropped. */
export function byField(error: ApiError): Record<string, string> {
	const out: Record<string, string> = {};
	for (const { field, detail } of error.fields) {
		const name = field.replace(/^[/#]+/, '').replace(/\//g, '.').replace(/^body\./, '');
		out[name] = out[name] ? `${out[name]} ${detail}` : detail;
	}
	return out;
}
