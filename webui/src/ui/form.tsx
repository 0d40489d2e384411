/** What a form goes through: checks of its own, the request, and what was refused of it. */

import { useRef, useState } from 'preact/hooks';
import { ChangedError } from '../api/problem';
import { refusalOf } from '../lib/form-errors';
import { Button, Note } from './basics';
import { focusFirstError } from './field';

/**
 * @param known the fields that the form shows; what is wrong with others is told as failure
 * @returns the state of a form whose fields are inside the element that is given `body` as its ref
 */
export function useForm<E extends HTMLElement = HTMLDivElement>(known: readonly string[]) {
	const [errors, setErrors] = useState<Record<string, string>>({});
	const [failure, setFailure] = useState('');
	const [changed, setChanged] = useState<ChangedError | null>(null);
	const [busy, setBusy] = useState(false);
	const body = useRef<E>(null);

	const show = (fields: Record<string, string>, rest: string, other: ChangedError | null = null) => {
		setErrors(fields);
		setFailure(rest);
		setChanged(other);
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
			if (error instanceof ChangedError)
				show({}, '', error);
			else
				show(refusal.fields, refusal.rest);
		}
	};
	/** The form shows what it was changed to: begin anew at its first field. */
	const restart = () => {
		show({}, '');
		requestAnimationFrame(() => body.current?.querySelector<HTMLElement>('input, select')?.focus());
	};
	return { body, errors, failure, changed, busy, submit, restart };
}

/**
 * What was refused of a form for no field of its own, at its top.
 * @param what is edited, as "this machine"; @param load puts what somebody else has made of it into the form
 */
export function Refused<T>({ form, title, what, load }: {
	form: Pick<ReturnType<typeof useForm>, 'failure' | 'changed' | 'restart'>; title?: string; what: string; load: (now: T) => void;
}) {
	const take = (now: T) => {
		load(now);
		form.restart();
	};
	const { changed } = form;
	if (changed)
		return (
			<Note tone="bad" title="Changed meanwhile"
				action={<Button onClick={() => take(changed.now as T)}>Load the new values</Button>}>
				Somebody else has changed {what} since it was opened here, so nothing was saved.
				Load what it is now, then make your changes again.
			</Note>
		);
	return form.failure ? <Note tone="bad" {...(title ? { title } : {})}>{form.failure}</Note> : null;
}
