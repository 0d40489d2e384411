/** The buttons of a machine. */

import { useState } from 'preact/hooks';
import { api } from '../api/client';
import type { Vm } from '../api/types';
import { VERBS, verbsFor, type VmVerb } from '../lib/actions';
import { learn } from '../lib/live';
import { may } from '../lib/session';
import { Button } from './basics';
import { Confirm } from './dialog';
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

export function VmActions({ vm, compact, onDeleted }:
	{ vm: Vm; compact?: boolean; onDeleted?: () => void }) {
	const [busy, setBusy] = useState<VmVerb | null>(null);
	const [asking, setAsking] = useState<VmVerb | null>(null);

	const perform = async (verb: VmVerb) => {
		if (verb === 'delete') {
			await api.deleteVm(vm.id);
			onDeleted?.();
			learn('vm.deleted', vm);
		} else {
			learn('task.created', await api.vmAction(vm.id, verb));
		}
		toast(VERBS[verb].accepted.replace('%', vm.name));
	};
	const click = async (verb: VmVerb) => {
		if (VERBS[verb].confirm) {
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
			{asking && question && (
				<Confirm title={question.title.replace('%', vm.name)} text={question.text} button={question.button}
					run={() => perform(asking)} onClose={() => setAsking(null)} />
			)}
		</>
	);
}
