import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, say } from '../api/problem';
import { useTitle } from '../lib/hooks';
import { logIn } from '../lib/session';
import { Button, Note } from '../ui/basics';
import { TextField } from '../ui/field';
import { Mark } from '../ui/icon';

function useCountdown(): [number, (seconds: number) => void] {
	const [left, setLeft] = useState(0);
	useEffect(() => {
		if (left <= 0)
			return undefined;
		const timer = setTimeout(() => setLeft(left - 1), 1000);
		return () => clearTimeout(timer);
	}, [left]);
	return [left, setLeft];
}

function wordsFor(error: unknown): string {
	if (error instanceof ApiError && error.status === 401)
		return 'The user name or the password is wrong.';
	return say(error);
}

export function LoginScreen({ notice }: { notice: string }) {
	const [user, setUser] = useState('admin');
	const [password, setPassword] = useState('');
	const [busy, setBusy] = useState(false);
	const [error, setError] = useState('');
	const [wait, setWait] = useCountdown();
	const form = useRef<HTMLFormElement>(null);
	useTitle('Log in');

	const field = (name: string) => form.current?.querySelector<HTMLInputElement>(`input[name=${name}]`);
	useEffect(() => field('password')?.focus(), []);

	const submit = async (event: Event) => {
		event.preventDefault();
		if (busy || wait > 0)
			return;
		if (!user.trim() || !password) {
			setError(user.trim() ? 'Enter the password.' : 'Enter the user name.');
			field(user.trim() ? 'password' : 'username')?.focus();
			return;
		}
		setBusy(true);
		setError('');
		try {
			await logIn(user.trim(), password);
		} catch (failure) {
			setBusy(false);
			setError(wordsFor(failure));
			if (failure instanceof ApiError && failure.status === 429)
				setWait(failure.retryAfter ?? 5);
			if (failure instanceof ApiError && failure.status === 401)
				setPassword('');
			field('password')?.focus();
		}
	};

	const message = wait > 0
		? `Too many attempts. You can try again in ${wait} ${wait === 1 ? 'second' : 'seconds'}.` : error;
	return (
		<main class="gate">
			<form ref={form} class="login" onSubmit={submit} noValidate>
				<Mark size={52} />
				<h1>Log in to Domus</h1>
				{notice && !message && <Note>{notice}</Note>}
				{message && <Note tone="bad">{message}</Note>}
				<TextField label="User name" name="username" value={user} onInput={setUser}
					autocomplete="username" autocapitalize="none" spellcheck={false} required />
				<TextField label="Password" name="password" type="password" value={password}
					onInput={setPassword} autocomplete="current-password" required />
				<Button type="submit" tone="primary" busy={busy} disabled={wait > 0}>Log in</Button>
				<p class="hint">The first password was shown on the machine’s own screen when it first started.</p>
			</form>
		</main>
	);
}
