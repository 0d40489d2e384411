import { useEffect, useState } from 'preact/hooks';
import { api } from '../api/client';
import { say } from '../api/problem';
import type { Token, TokenCreate, TokenCreated } from '../api/types';
import { formatAgo, formatTime } from '../lib/format';
import { useNow } from '../lib/hooks';
import { Button, CopyButton, Empty, Loading, Note, Screen } from '../ui/basics';
import { Confirm, Dialog } from '../ui/dialog';
import { SelectField, TextField } from '../ui/field';
import { useForm } from '../ui/form';
import { toast } from '../ui/toast';

const DAY = 86_400;
const SPANS: [number, string][] = [
	[7 * DAY, 'A week'], [30 * DAY, '30 days'], [90 * DAY, '90 days'], [365 * DAY, 'A year'], [3650 * DAY, 'Ten years'],
];
const DEFAULT_SPAN = 90 * DAY;
type Role = NonNullable<TokenCreate['role']>;
const ROLES: [Role, string][] = [
	['viewer', 'Viewer: may look'],
	['operator', 'Operator: power and consoles'],
	['admin', 'Administrator: everything'],
];

function CreateDialog({ onMade, onClose }: { onMade: (token: TokenCreated) => void; onClose: () => void }) {
	const [name, setName] = useState('');
	const [role, setRole] = useState<Role>('operator');
	const [span, setSpan] = useState(String(DEFAULT_SPAN));
	const { body, errors, failure, busy, submit } = useForm(['name', 'role', 'expires_in']);
	const wrong = (): Record<string, string> =>
		name.trim() ? {} : { name: 'Give the token a name that says what uses it.' };
	const go = () => submit(wrong(), async () =>
		onMade(await api.createToken({ name: name.trim(), role, expires_in: Number(span) })));
	return (
		<Dialog title="New API token" onClose={onClose} onSubmit={go} footer={<>
			<Button onClick={onClose}>Cancel</Button>
			<Button type="submit" tone="primary" busy={busy}>Create</Button>
		</>}>
			<div ref={body} class="form">
				{failure && <Note tone="bad">{failure}</Note>}
				<TextField label="Name" name="token-name" value={name} error={errors['name']} onInput={setName}
					hint="What uses it, such as nightly-tests" autocomplete="off" spellcheck={false} />
				<SelectField label="Rights" value={role} error={errors['role']} onChange={(v) => setRole(v as Role)}>
					{ROLES.map(([key, text]) => <option key={key} value={key}>{text}</option>)}
				</SelectField>
				<SelectField label="Good for" value={span} error={errors['expires_in']} onChange={setSpan}>
					{SPANS.map(([seconds, text]) => <option key={seconds} value={String(seconds)}>{text}</option>)}
				</SelectField>
			</div>
		</Dialog>
	);
}

function SecretDialog({ token, onClose }: { token: TokenCreated; onClose: () => void }) {
	return (
		<Dialog title={`Token ${token.name}`} onClose={() => undefined} onSubmit={onClose} footer={<>
			<CopyButton text={token.token}>Copy</CopyButton>
			<Button type="submit" tone="primary">I have kept it</Button>
		</>}>
			<Note tone="warn">This is the only time the token is shown. Keep it in a safe place.</Note>
			<p class="secret"><code>{token.token}</code></p>
			<p class="hint">Use it as <code>Authorization: Bearer …</code></p>
		</Dialog>
	);
}

function TokenRow({ token, now, onRevoke }: { token: Token; now: number; onRevoke: () => void }) {
	const expired = Date.parse(token.expires_at) < now;
	return (
		<tr>
			<th scope="row">{token.name}</th>
			<td data-name="Rights">{token.role.charAt(0).toUpperCase() + token.role.slice(1)}</td>
			<td data-name="Created">{formatTime(token.created_at)}</td>
			<td data-name="Expires">{expired ? <span class="chip bad">Expired</span> : formatTime(token.expires_at)}</td>
			<td data-name="Last used">{token.last_used_at ? formatAgo(token.last_used_at, now) : <span class="muted">never</span>}</td>
			<td class="cell-actions">
				<Button tone="quiet" icon="trash" label={`Revoke ${token.name}`} onClick={onRevoke} />
			</td>
		</tr>
	);
}

export function TokensScreen() {
	const now = useNow(60_000);
	const [tokens, setTokens] = useState<Token[] | null>(null);
	const [error, setError] = useState('');
	const [creating, setCreating] = useState(false);
	const [made, setMade] = useState<TokenCreated | null>(null);
	const [revoking, setRevoking] = useState<Token | null>(null);
	const load = () => api.tokens().then((list) => {
		setTokens(list);
		setError('');
	}, (failure) => setError(say(failure)));
	useEffect(() => void load(), []);
	const create = <Button tone="primary" icon="plus" onClick={() => setCreating(true)}>New token</Button>;
	return (
		<Screen title="API tokens" wide lead="For programs that use the API in your name" actions={tokens && tokens.length > 0 && create}>
			{error && <Note tone="bad" action={<Button onClick={() => void load()}>Try again</Button>}>{error}</Note>}
			{!tokens && !error && <Loading />}
			{tokens && !tokens.length && (
				<Empty icon="tokens" title="No tokens yet" action={create}>
					A token lets a script or another program do what you may do, without your password.
				</Empty>
			)}
			{tokens && tokens.length > 0 && (
				<div class="card table-card">
					<table class="table">
						<thead>
							<tr>
								<th scope="col">Name</th><th scope="col">Rights</th><th scope="col">Created</th>
								<th scope="col">Expires</th><th scope="col">Last used</th>
								<th scope="col"><span class="offscreen">Actions</span></th>
							</tr>
						</thead>
						<tbody>{tokens.map((token) => <TokenRow key={token.id} token={token} now={now}
							onRevoke={() => setRevoking(token)} />)}</tbody>
					</table>
				</div>
			)}
			{creating && <CreateDialog onClose={() => setCreating(false)} onMade={(token) => {
				setCreating(false);
				setMade(token);
				void load();
			}} />}
			{made && <SecretDialog token={made} onClose={() => setMade(null)} />}
			{revoking && (
				<Confirm title={`Revoke ${revoking.name}?`} button="Revoke" onClose={() => setRevoking(null)}
					text="Programs that use this token lose their access at once."
					run={async () => {
						await api.deleteToken(revoking.id);
						toast(`Revoked ${revoking.name}`);
						await load();
					}} />
			)}
		</Screen>
	);
}
