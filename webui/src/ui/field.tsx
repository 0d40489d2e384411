/** Form fields: a label, a hint, and the error that belongs to it. */

import type { ComponentChildren, JSX } from 'preact';
import { useId } from 'preact/hooks';

interface Common {
	label: string;
	hint?: ComponentChildren;
	error?: string | undefined;
}

/** What an input needs to be tied to its label, hint and error. */
interface Wiring {
	id: string;
	'aria-describedby': string | undefined;
	'aria-invalid': true | undefined;
}

export function Field({ label, hint, error, children }:
	Common & { children: (wiring: Wiring) => ComponentChildren }) {
	const id = useId();
	const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(' ');
	return (
		<div class={error ? 'field invalid' : 'field'}>
			<label for={id}>{label}</label>
			{children({
				id,
				'aria-describedby': described || undefined,
				'aria-invalid': error ? true : undefined,
			})}
			{error && <p class="field-error" id={`${id}-error`}>{error}</p>}
			{hint && <p class="hint" id={`${id}-hint`}>{hint}</p>}
		</div>
	);
}

type InputProps = Common & Omit<JSX.IntrinsicElements['input'], 'label' | 'onInput'> & {
	value: string;
	onInput: (value: string) => void;
};

export function TextField({ label, hint, error, onInput, ...rest }: InputProps) {
	return (
		<Field label={label} hint={hint} error={error}>
			{(wiring) => <input {...rest} {...wiring} onInput={(e) => onInput(e.currentTarget.value)} />}
		</Field>
	);
}

export function SelectField({ label, hint, error, value, onChange, children }: Common & {
	value: string; onChange: (value: string) => void; children: ComponentChildren;
}) {
	return (
		<Field label={label} hint={hint} error={error}>
			{(wiring) => (
				<select {...wiring} value={value} onChange={(e) => onChange(e.currentTarget.value)}>
					{children}
				</select>
			)}
		</Field>
	);
}

export function CheckField({ label, hint, checked, onChange }: {
	label: string; hint?: ComponentChildren; checked: boolean; onChange: (checked: boolean) => void;
}) {
	const id = useId();
	return (
		<div class="check">
			<input id={id} type="checkbox" checked={checked} aria-describedby={hint ? `${id}-hint` : undefined}
				onChange={(e) => onChange(e.currentTarget.checked)} />
			<label for={id}>{label}</label>
			{hint && <p class="hint" id={`${id}-hint`}>{hint}</p>}
		</div>
	);
}

/** Put the focus on the first field that is wrong, or what can be done about the rest, once it is drawn. */
export function focusFirstError(form: HTMLElement | null): void {
	requestAnimationFrame(() => {
		form?.querySelector('[role="alert"]')?.scrollIntoView({ block: 'nearest' });
		form?.querySelector<HTMLElement>('[aria-invalid="true"], [role="alert"] button')?.focus();
	});
}
