/** Dialogs: the browser's own, so that focus stays inside and goes back where it was. */

import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { say } from '../api/problem';
import { Button, Note } from './basics';

export function Dialog({ title, children, onClose, onSubmit, footer }: {
	title: string;
	children: ComponentChildren;
	onClose: () => void;
	onSubmit?: () => void;
	footer: ComponentChildren;
}) {
	const ref = useRef<HTMLDialogElement>(null);
	const id = useId();
	useEffect(() => {
		const before = document.activeElement as HTMLElement | null;
		const dialog = ref.current;
		dialog?.showModal();
		return () => {
			dialog?.close(); /* first: nothing outside can take the focus while it is open */
			if (before?.isConnected)
				before.focus();
			else
				document.querySelector<HTMLElement>('h1')?.focus();
		};
	}, []);
	return (
		<dialog ref={ref} class="dialog" aria-labelledby={id}
			onCancel={(event) => {
				event.preventDefault();
				onClose();
			}}
			onClose={() => {
				/* Escape, pressed again and again, closes it whatever was prevented: one that is still wanted opens again. */
				if (ref.current?.isConnected)
					ref.current.showModal();
			}}>
			<form method="dialog" noValidate onSubmit={(event) => {
				event.preventDefault();
				onSubmit?.();
			}}>
				<h2 id={id}>{title}</h2>
				<div class="dialog-body">{children}</div>
				<footer>{footer}</footer>
			</form>
		</dialog>
	);
}

/** Ask before doing @p run; an error is shown inside, and the dialog stays for another try. */
export function Confirm({ title, text, more, button, danger = true, run, onClose }: {
	title: string;
	text: ComponentChildren;
	/** A choice that belongs to the question. */
	more?: ComponentChildren;
	button: string;
	danger?: boolean;
	run: () => Promise<void>;
	onClose: () => void;
}) {
	const [busy, setBusy] = useState(false);
	const [error, setError] = useState('');
	const go = async () => {
		if (busy)
			return;
		setBusy(true);
		setError('');
		try {
			await run();
			onClose();
		} catch (failure) {
			setError(say(failure));
			setBusy(false);
		}
	};
	return (
		<Dialog title={title} onClose={onClose} onSubmit={go} footer={<>
			<Button onClick={onClose}>Cancel</Button>
			<Button type="submit" tone={danger ? 'danger' : 'primary'} busy={busy}>{button}</Button>
		</>}>
			<p>{text}</p>
			{more}
			{error && <Note tone="bad">{error}</Note>}
		</Dialog>
	);
}
