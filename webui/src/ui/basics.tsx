/** The small parts every screen is made of. */

import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { STATES } from '../lib/actions';
import type { TaskStatus, VmState } from '../api/types';
import { useTitle } from '../lib/hooks';
import { Icon, type IconName } from './icon';
import { toast } from './toast';

interface ButtonProps {
	children?: ComponentChildren;
	icon?: IconName;
	tone?: 'primary' | 'plain' | 'danger' | 'quiet';
	/** The name for those who cannot see the icon, when there is no text. */
	label?: string;
	type?: 'button' | 'submit';
	busy?: boolean;
	disabled?: boolean;
	pressed?: boolean;
	expanded?: boolean;
	onClick?: (event: MouseEvent) => void;
}

export function Button(props: ButtonProps) {
	const { children, icon, tone = 'plain', label, busy, type = 'button' } = props;
	return (
		<button
			type={type}
			class={`button ${tone}${children ? '' : ' bare'}`}
			aria-label={label}
			title={children ? undefined : label}
			aria-busy={busy || undefined}
			aria-pressed={props.pressed}
			aria-expanded={props.expanded}
			aria-disabled={busy || props.disabled || undefined}
			onClick={(event) => {
				if (busy || props.disabled)
					event.preventDefault();
				else
					props.onClick?.(event);
			}}
		>
			{busy ? <span class="spinner" aria-hidden="true" /> : icon && <Icon name={icon} />}
			{children && <span>{children}</span>}
		</button>
	);
}

export function LinkButton({ to, icon, tone = 'plain', children }:
	{ to: string; icon?: IconName; tone?: 'primary' | 'plain' | 'quiet'; children: ComponentChildren }) {
	return (
		<a class={`button ${tone}`} href={to}>
			{icon && <Icon name={icon} />}
			<span>{children}</span>
		</a>
	);
}

/** Save what is at @p url, unless there is a reason @p why not. */
export function Download({ url, what, why }: { url: string; what: string; why?: string | undefined }) {
	const label = why ? `No download of ${what}: ${why}` : `Download ${what}`;
	if (why)
		return <Button tone="quiet" icon="save" label={label} disabled />;
	return <a class="button quiet bare" href={url} download aria-label={label} title={label}><Icon name="save" /></a>;
}

/** A screen: its heading takes the focus when the screen opens, so that readers start there. */
export function Screen({ title, lead, back, actions, children, wide }: {
	title: string;
	lead?: ComponentChildren;
	back?: { to: string; text: string };
	actions?: ComponentChildren;
	children: ComponentChildren;
	wide?: boolean;
}) {
	const heading = useRef<HTMLHeadingElement>(null);
	useTitle(title);
	useEffect(() => heading.current?.focus({ preventScroll: true }), []);
	return (
		<div class={wide ? 'screen wide' : 'screen'}>
			{back && <a class="back" href={back.to}><Icon name="left" />{back.text}</a>}
			<header class="screen-head">
				<div class="screen-title">
					<h1 ref={heading} tabIndex={-1}>{title}</h1>
					{lead && <div class="lead">{lead}</div>}
				</div>
				{actions && <div class="actions">{actions}</div>}
			</header>
			{children}
		</div>
	);
}

export function Badge({ tone, children }: { tone: string; children: ComponentChildren }) {
	return <span class={`badge ${tone}`}><i aria-hidden="true" />{children}</span>;
}

export function StateBadge({ state }: { state: VmState }) {
	const text = STATES[state] ?? { label: state, tone: 'idle' };
	return <Badge tone={text.tone}>{text.label}</Badge>;
}

const TASK_TONES: Record<TaskStatus, [string, string]> = {
	queued: ['idle', 'Waiting'],
	running: ['busy', 'Running'],
	succeeded: ['good', 'Done'],
	failed: ['bad', 'Failed'],
	cancelled: ['warn', 'Cancelled'],
};

export function TaskBadge({ status }: { status: TaskStatus }) {
	const [tone, label] = TASK_TONES[status] ?? ['idle', status];
	return <Badge tone={tone}>{label}</Badge>;
}

export function Progress({ value, label }: { value: number; label: string }) {
	return (
		<div class="progress" role="progressbar" aria-label={label}
			aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(value)}>
			<div class="progress-fill" style={{ width: `${value}%` }} />
		</div>
	);
}

/** A message that stays where it is; @p tone bad is announced at once. */
export function Note({ tone = 'info', title, children, action }: {
	tone?: 'info' | 'warn' | 'bad';
	title?: string;
	children?: ComponentChildren;
	action?: ComponentChildren;
}) {
	return (
		<div class={`note ${tone}`} role={tone === 'bad' ? 'alert' : 'status'}>
			<Icon name={tone === 'info' ? 'info' : 'warning'} />
			<div class="note-text">
				{title && <strong>{title}</strong>}
				{children && <div>{children}</div>}
			</div>
			{action}
		</div>
	);
}

export function Empty({ icon, title, children, action }: {
	icon: IconName; title: string; children: ComponentChildren; action?: ComponentChildren;
}) {
	return (
		<div class="empty">
			<span class="empty-icon"><Icon name={icon} /></span>
			<h2>{title}</h2>
			<p>{children}</p>
			{action}
		</div>
	);
}

export function Loading({ text = 'Loading…' }: { text?: string }) {
	return <p class="loading" role="status"><span class="spinner" aria-hidden="true" />{text}</p>;
}

/** Copy @p text, also where the clipboard API is refused. */
export async function copyText(text: string): Promise<boolean> {
	try {
		await navigator.clipboard.writeText(text);
		return true;
	} catch {
		const area = document.createElement('textarea');
		area.value = text;
		area.className = 'offscreen';
		(document.querySelector('dialog[open]') ?? document.body).append(area);
		area.select();
		const done = document.execCommand('copy');
		area.remove();
		return done;
	}
}

export function CopyButton({ text, label, children }: {
	text: string; label?: string; children?: ComponentChildren;
}) {
	const [copied, setCopied] = useState(false);
	const copy = async () => {
		if (!await copyText(text)) {
			toast('The browser did not allow copying.', 'bad');
			return;
		}
		setCopied(true);
		setTimeout(() => setCopied(false), 2000);
	};
	return (
		<Button tone={children ? 'plain' : 'quiet'} icon={copied ? 'check' : 'copy'} onClick={copy}
			{...(label ? { label: copied ? 'Copied' : label } : {})}>
			{children && (copied ? 'Copied' : children)}
		</Button>
	);
}

export function Facts({ children }: { children: ComponentChildren }) {
	return <dl class="facts">{children}</dl>;
}

export function Fact({ name, children }: { name: string; children: ComponentChildren }) {
	return <div><dt>{name}</dt><dd>{children}</dd></div>;
}
