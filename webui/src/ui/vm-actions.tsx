/** The buttons of a machine. */

import { useState } from 'preact/hooks';
import { api } from '../api/client';
import type { Vm, VmActionHow } from '../api/types';
import { checkSeconds, VERBS, verbsFor, type VmVerb } from '../lib/actions';
import { learn } from '../lib/live';
import { may } from '../lib/session';
import { Button, Note } from './basics';
import { Confirm, Dialog } from './dialog';
import { CheckField, TextField } from './field';
import { useForm } from './form';
import type { IconName } from './icon';
import { toast, toastError } from './toast';

const ICONS: Record<VmVerb, IconName> = {
	start: 'play',
	resume: 'play',
	shutdown: 'power',
	reboot: 'restart',
	pause: 'pause',
	destroy: 'stop',
	delete: 'trash',
};

function permitted(verb: VmVerb): boolean {
	return may(verb === 'delete' ? 'vm.write' : 'vm.power');
}

const USUAL_PATIENCE = '60';

/** Ask how long the guest has to obey, and what becomes of one that does not. */
function PatienceDialog({ vm, verb, run, onClose }:
	{ vm: Vm; verb: VmVerb; run: (how: VmActionHow) => Promise<void>; onClose: () => void }) {
	const { label, patience } = VERBS[verb];
	const [timeout, setTimeout] = useState(USUAL_PATIENCE);
	const [force, setForce] = useState(false);
	const { body, errors, failure, busy, submit } = useForm(['timeout']);
	const go = () => {
		const wrong = checkSeconds(timeout, 1);
		return submit(wrong ? { timeout: wrong } : {}, async () => {
			await run({ timeout: Number(timeout), force });
			onClose();
		});
	};
	return (
		<Dialog title={patience?.title.replace('%', vm.name) ?? label} onClose={onClose} onSubmit={go} footer={<>
			<Button onClick={onClose}>Cancel</Button>
			<Button type="submit" tone="primary" busy={busy}>{label}</Button>
		</>}>
			<div ref={body} class="form">
				{failure && <Note tone="bad">{failure}</Note>}
				<TextField label="Seconds the guest has" name="timeout" type="number" inputMode="numeric" min={1} value={timeout}
					error={errors['timeout']} onInput={setTimeout}
					hint="It is asked, and may take its time or ignore it. Without more it then simply goes on." />
				<CheckField label={patience?.force ?? ''} checked={force} onChange={setForce}
					hint="What it has not saved by then is lost" />
			</div>
		</Dialog>
	);
}

export function VmActions({ vm, compact, onDeleted }:
	{ vm: Vm; compact?: boolean; onDeleted?: () => void }) {
	const [busy, setBusy] = useState<VmVerb | null>(null);
	const [asking, setAsking] = useState<VmVerb | null>(null);

	const perform = async (verb: VmVerb, how?: VmActionHow) => {
		if (verb === 'delete') {
			await api.deleteVm(vm.id);
			onDeleted?.();
			learn('vm.deleted', vm);
		} else {
			learn('task.created', await api.vmAction(vm.id, verb, how));
		}
		toast(VERBS[verb].accepted.replace('%', vm.name));
	};
	const click = async (verb: VmVerb) => {
		if (VERBS[verb].confirm || VERBS[verb].patience) {
			setAsking(verb);
			return;
		}
		setBusy(verb);
		try {
			await perform(verb);
		} catch (error) {
			toastError(`${VERBS[verb].label}: ${vm.name}`, error);
		}
		setBusy(null);
	};
	const question = asking && VERBS[asking].confirm;
	const verbs = verbsFor(vm).filter(permitted);
	const shown = compact ? verbs.filter((v) => v === 'start' || v === 'resume' || v === 'shutdown') : verbs;
	return (
		<>
			{shown.map((verb) => compact
				? <Button key={verb} tone="quiet" icon={ICONS[verb]} busy={busy === verb}
					label={`${VERBS[verb].label} ${vm.name}`} onClick={() => click(verb)} />
				: <Button key={verb} tone={VERBS[verb].tone} icon={ICONS[verb]} busy={busy === verb}
					onClick={() => click(verb)}>{VERBS[verb].label}</Button>)}
			{asking && VERBS[asking].patience && (
				<PatienceDialog vm={vm} verb={asking} run={(how) => perform(asking, how)} onClose={() => setAsking(null)} />
			)}
			{asking && question && (
				<Confirm title={question.title.replace('%', vm.name)} text={question.text} button={question.button}
					run={() => perform(asking)} onClose={() => setAsking(null)} />
			)}
		</>
	);
}
