/** What a form goes through: checks of its own, the request, and what was refused of it. */

import { useRef, useState } from 'preact/hooks';
import { refusalOf } from '../lib/form-errors';
import { focusFirstError } from './field';

/**
 * @param known the fields that the form shows; what is wrong with others is told as failure
 * @returns the state of a form whose fields are inside the element that is given `body` as its ref
 */
export function useForm<E extends HTMLElement = HTMLDivElement>(known: readonly string[]) {
	const [errors, setErrors] = useState<Record<string, string>>({});
	const [failure, setFailure] = useState('');
	const [busy, setBusy] = useState(false);
	const body = useRef<E>(null);

	const show = (fields: Record<string, string>, rest: string) => {
		setErrors(fields);
		setFailure(rest);
		focusFirstError(body.current);
	};
	/** Do @p save unless something is @p wrong; it stays busy when that went well, for the form goes then. */
	const submit = async (wrong: Record<string, string>, save: () => Promise<void>) => {
		if (busy)
			return;
		show(wrong, '');
		if (Object.keys(wrong).length)
			return;
		setBusy(true);
		try {
			await save();
		} catch (error) {
			const refusal = refusalOf(error, known);
			setBusy(false);
			show(refusal.fields, refusal.rest);
		}
	};
	return { body, errors, failure, busy, submit };
}
