/** The disks of one machine: what it has, attach, detach. */

import { useState } from 'preact/hooks';
import { api } from '../api/client';
import type { World } from '../api/events';
import type { Disk, Vm } from '../api/types';
import { formatBytes } from '../lib/format';
import { learn } from '../lib/live';
import { may } from '../lib/session';
import { addDisk, type VmForm } from '../lib/vm-form';
import { Badge, Button, Note } from './basics';
import { Confirm, Dialog } from './dialog';
import { CheckField, SelectField } from './field';
import { useForm } from './form';
import { toast } from './toast';

const SOURCES_HINT = 'Volumes that a machine can write to are left out. New ones are made on the Volumes screen, CDs are uploaded as images.';

/** @returns volumes that are disks already, and whether all who have one only read it. */
function usedVolumes(all: World): Map<string, boolean> {
	const used = new Map<string, boolean>();
	for (const { volume, read_only } of [...all.vms.values()].flatMap((vm) => vm.disks))
		if (volume)
			used.set(volume, read_only && used.get(volume) !== false);
	return used;
}

function Sources({ all, without = [] }: { all: World; without?: readonly string[] }) {
	const left = (one: { id: string }) => !without.includes(one.id);
	const used = usedVolumes(all);
	const cds = [...all.images.values()].filter((image) => image.kind === 'iso');
	return (
		<>
			{[...all.volumes.values()].filter((v) => left(v) && v.state === 'ready' && used.get(v.id) !== false).map((v) => <option key={v.id} value={v.id}>{v.name} ({formatBytes(v.size)})</option>)}
			{cds.filter(left).map((image) => <option key={image.id} value={image.id}>{image.name} (CD)</option>)}
		</>
	);
}

/** The disks that a new machine is made with. */
export function NewDisks({ form, all, error, change }: {
	form: VmForm; all: World; error: string | undefined; change: (patch: Partial<VmForm>) => void;
}) {
	const used = usedVolumes(all);
	const nameOfSource = (id: string) => all.volumes.get(id)?.name ?? all.images.get(id)?.name ?? 'A disk that is gone';
	return (
		<div>
			<SelectField label="Add a disk" value="" error={error}
				hint={`The first is xvda. ${SOURCES_HINT}`}
				onChange={(id) => id && change({
					...addDisk(form, id, [...all.images.values()], all.volumes),
					...(used.has(id) ? { readOnly: [...form.readOnly, id] } : {}),
				})}>
				<option value="">Choose a volume or a CD…</option>
				<Sources all={all} without={form.disks} />
			</SelectField>
			{form.disks.length > 0 && (
				<ul class="disks" aria-label="Disks">
					{form.disks.map((id, n) => (
						<li key={id}>
							<code>xvd{String.fromCharCode(97 + n)}</code> <span>{nameOfSource(id)}</span>{' '}
							{all.images.has(id) && <span class="chip">CD</span>}
							{used.has(id) && <span class="chip">Read-only</span>}
							{all.volumes.has(id) && !used.has(id) && <CheckField label="Read-only" checked={form.readOnly.includes(id)}
								onChange={(on) => change({ readOnly: form.readOnly.filter((other) => other !== id).concat(on ? [id] : []) })} />}
							<Button tone="quiet" icon="trash" label={`Without ${nameOfSource(id)}`}
								onClick={() => change({ disks: form.disks.filter((other) => other !== id) })} />
						</li>
					))}
				</ul>
			)}
		</div>
	);
}

function nameOf(disk: Disk, all: World): string {
	if (disk.volume)
		return all.volumes.get(disk.volume)?.name ?? 'A volume';
	return all.images.get(disk.image ?? '')?.name ?? 'An image';
}

function sizeOf(disk: Disk, all: World): number {
	return (all.volumes.get(disk.volume ?? '') ?? all.images.get(disk.image ?? ''))?.size ?? 0;
}

/** When the answer does not come, what was done is done all the same, and its event tells. */
async function reload(vm: Vm): Promise<void> {
	await api.vm(vm.id).then((now) => learn('vm.updated', now), () => undefined);
}

function AttachDialog({ vm, all, onClose }: { vm: Vm; all: World; onClose: () => void }) {
	const [source, setSource] = useState('');
	const [readOnly, setReadOnly] = useState(false);
	const { body, errors, failure, busy, submit } = useForm(['volume', 'image']);
	const isImage = all.images.has(source);
	const isShared = usedVolumes(all).has(source);

	const go = () => submit(source ? {} : { volume: 'Choose a volume or a CD.' }, async () => {
		const disk = await api.attachDisk(vm.id, isImage ? { image: source } : { volume: source, read_only: readOnly || isShared });
		await reload(vm);
		toast(`Attached as ${disk.target}`);
		onClose();
	});
	return (
		<Dialog title="Attach a disk" onClose={onClose} onSubmit={go} footer={<>
			<Button onClick={onClose}>Cancel</Button>
			<Button type="submit" tone="primary" busy={busy}>Attach</Button>
		</>}>
			<div ref={body} class="form">
				{failure && <Note tone="bad" title="Not attached">{failure}</Note>}
				<SelectField label="Volume or CD" value={source} error={errors['volume'] ?? errors['image']} onChange={setSource}
					hint={SOURCES_HINT}>
					<option value="">Choose…</option>
					<Sources all={all} />
				</SelectField>
				{isShared && <p class="hint">Another disk is this volume, too: both can only read it.</p>}
				{!isImage && !isShared && <CheckField label="Read-only" checked={readOnly} onChange={setReadOnly} />}
			</div>
		</Dialog>
	);
}

export function Disks({ vm, all }: { vm: Vm; all: World }) {
	const [attaching, setAttaching] = useState(false);
	const [detaching, setDetaching] = useState<Disk | null>(null);
	const [force, setForce] = useState(false);
	return (
		<section class="card" aria-labelledby="disks-title">
			<div class="card-head">
				<h2 id="disks-title">Disks</h2>
				{may('vm.write') && <Button tone="quiet" icon="plus" onClick={() => setAttaching(true)}>Attach</Button>}
			</div>
			{!vm.disks.length && <p class="muted">No disks</p>}
			{vm.disks.length > 0 && (
				<ul class="disks">
					{vm.disks.map((disk) => (
						<li key={disk.id}>
							<code>{disk.target}</code> <span>{nameOf(disk, all)}</span>{' '}
							<span class="hint">{formatBytes(sizeOf(disk, all))}</span>
							{disk.image ? <span class="chip">CD</span> : disk.read_only && <span class="chip">Read-only</span>}
							{all.volumes.get(disk.volume ?? '')?.format === 'qcow2' && <span class="chip">qcow2</span>}
							{disk.state === 'failed' && <><Badge tone="bad">Failed</Badge> <span class="hint">{disk.reason?.detail}</span></>}
							{may('vm.write') && <Button tone="quiet" icon="trash" label={`Detach ${disk.target}`}
								onClick={() => { setForce(false); setDetaching(disk); }} />}
						</li>
					))}
				</ul>
			)}
			{attaching && <AttachDialog vm={vm} all={all} onClose={() => setAttaching(false)} />}
			{detaching && (
				<Confirm title={`Detach ${detaching.target}?`} button="Detach" onClose={() => setDetaching(null)}
					text={`${nameOf(detaching, all)} itself is kept. A running guest must not have it mounted.`}
					more={vm.domid !== null && <CheckField label="Even if the guest does not give it back" checked={force}
						onChange={setForce} hint="What the guest has not written to it yet is lost" />}
					run={async () => {
						await api.detachDisk(vm.id, detaching.id, force);
						await reload(vm);
						toast(`Detached ${detaching.target}`);
					}} />
			)}
		</section>
	);
}
