/** Which part of a refused request belongs to which field, and what is left over. */

import { ApiError, byField, say } from '../api/problem';
import type { FormErrors } from './vm-form';

export interface Refusal {
	fields: FormErrors;
	/** What belongs to no field of the form. */
	rest: string;
}

/** Answers without a field of their own, and the field they are about. */
const FIELD_OF_CODE: Record<string, string> = { insufficient_memory: 'memory' };

/** @param known the fields that the form shows */
export function refusalOf(error: unknown, known: readonly string[]): Refusal {
	if (!(error instanceof ApiError))
		return { fields: {}, rest: say(error) };
	const all = byField(error);
	const implied = FIELD_OF_CODE[error.code];
	if (implied && known.includes(implied) && !all[implied])
		all[implied] = error.message;
	const fields = Object.fromEntries(Object.entries(all).filter(([name]) => known.includes(name)));
	const others = Object.entries(all).filter(([name]) => !known.includes(name));
	const rest = others.map(([name, text]) => `${name}: ${text}`).join(' ');
	return { fields, rest: Object.keys(fields).length ? rest : rest || say(error) };
}
