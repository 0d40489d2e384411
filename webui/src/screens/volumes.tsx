import { useEffect, useState } from 'preact/hooks';
import { api, contentUrl } from '../api/client';
import type { World } from '../api/events';
import type { Storage, Task, Vm, Volume } from '../api/types';
import { formatBytes, formatTime } from '../lib/format';
import { learn, loadError, world } from '../lib/live';
import { may } from '../lib/session';
import { useStore } from '../lib/store';
import { Badge, Button, Download, Empty, Loading, Note, Progress, Screen } from '../ui/basics';
import { Confirm, Dialog } from '../ui/dialog';
import { SelectField, TextField } from '../ui/field';
import { Refused, useForm } from '../ui/form';
import { toast } from '../ui/toast';

const GIB = 1024 ** 3;
const MIB = 1024 ** 2;

const FORMATS: Record<Volume['format'], string> = {
	raw: 'All its room on the data disk is taken at once, so that it never runs out later. The fastest.',
	qcow2: 'Takes room only as the machine writes to it. If the data disk is full then, the machine gets errors. Slower than raw.',
};
const LARGER: Record<Volume['format'], string> = {
	raw: 'A volume can only be made larger. Running machines see that at once; their partitions and file systems stay as they are.',
	qcow2: 'A volume can only be made larger; one of format qcow2, only while no machine that has it runs.',
};

/** @returns bytes, a multiple of 1 MiB, or 0 when @p text is no size in GiB. */
export function sizeOf(text: string): number {
	const gib = Number(text.replace(',', '.'));
	return Number.isFinite(gib) && gib > 0 ? Math.ceil(gib * 1024) * MIB : 0;
}

/** Make a volume, or (with @p volume) rename and enlarge one. */
function VolumeDialog({ volume, all, onClose }: { volume?: Volume; all: World; onClose: () => void }) {
	const [shown, setShown] = useState(volume);
	const [name, setName] = useState(volume?.name ?? '');
	const [size, setSize] = useState(String((volume?.size ?? 10 * GIB) / GIB));
	const [typed, setTyped] = useState(false);
	const [image, setImage] = useState('');
	const [format, setFormat] = useState<Volume['format']>(volume?.format ?? 'raw');
	const form = useForm(['name', 'size', 'image', 'format']);
	const { body, errors, busy, submit } = form;
	const disks = [...all.images.values()].filter((one) => one.kind === 'disk' || one.kind === 'iso');

	const save = (bytes: number) => shown
		? api.updateVolume(shown.id, { name: name.trim(), ...(bytes === shown.size ? {} : { size: bytes }) },
			(now) => now.name === shown.name && now.size === shown.size)
		: api.createVolume({ name: name.trim(), size: bytes, format, ...(image ? { image } : {}) });
	/** Until somebody has typed a size, it is that of the disk in the image. */
	const choose = (id: string) => {
		const needed = all.images.get(id)?.disk_size;
		setImage(id);
		if (needed && !typed)
			setSize(String(Math.ceil(needed / MIB) * MIB / GIB));
	};
	const go = () => {
		const bytes = shown && size === String(shown.size / GIB) ? shown.size : sizeOf(size);
		const wrong: Record<string, string> = {
			...(name.trim() ? {} : { name: 'Give the volume a name.' }),
			...(bytes ? {} : { size: 'Give the size in GiB, such as 10 or 0.5.' }),
		};
		return submit(wrong, async () => {
			const saved = await save(bytes);
			learn(volume ? 'volume.updated' : 'volume.created', saved);
			toast(saved.state === 'creating' ? `Copying the image to ${saved.name}` : `Saved ${saved.name}`);
			onClose();
		});
	};
	return (
		<Dialog title={volume ? `Change ${volume.name}` : 'New volume'} onClose={onClose} onSubmit={go} footer={<>
			<Button onClick={onClose}>Cancel</Button>
			<Button type="submit" tone="primary" busy={busy}>{volume ? 'Save' : 'Create'}</Button>
		</>}>
			<div ref={body} class="form">
				<Refused form={form} title="Not saved" what="this volume" load={(now: Volume) => {
					setShown(now);
					setName(now.name);
					setSize(String(now.size / GIB));
				}} />
				<TextField label="Name" name="volume-name" value={name} error={errors['name']} onInput={setName}
					autocomplete="off" spellcheck={false} />
				<TextField label="Size in GiB" name="volume-size" value={size} error={errors['size']} onInput={(text) => { setTyped(true); setSize(text); }}
					inputMode="decimal" hint={volume && LARGER[format]} />
				{!volume && (
					<SelectField label="Format" value={format} error={errors['format']} hint={FORMATS[format]}
						onChange={(one) => setFormat(one === 'qcow2' ? 'qcow2' : 'raw')}>
						<option value="raw">raw</option>
						<option value="qcow2">qcow2</option>
					</SelectField>
				)}
				{!volume && disks.length > 0 && (
					<SelectField label="Copy of" value={image} error={errors['image']} onChange={choose}>
						<option value="">Nothing: an empty volume</option>
						{disks.map((one) => <option key={one.id} value={one.id}>{one.name} ({formatBytes(one.disk_size ?? one.size)})</option>)}
					</SelectField>
				)}
			</div>
		</Dialog>
	);
}

function usersOf(volume: Volume, all: World): Vm[] {
	return [...all.vms.values()].filter((vm) => vm.disks.some((disk) => disk.volume === volume.id));
}

function isLive(volume: Volume, all: World): boolean {
	return usersOf(volume, all).some((vm) => vm.state !== 'stopped' && vm.state !== 'crashed');
}

function Room({ volumes }: { volumes: World['volumes'] }) {
	const [room, setRoom] = useState<Storage | null>(null);
	useEffect(() => {
		let gone = false;
		api.storage().then((now) => !gone && setRoom(now)).catch(() => { /* the link indicator tells */ });
		return () => { gone = true; };
	}, [volumes]);
	return room && <p class="hint">{formatBytes(room.free)} of {formatBytes(room.total)} are free for new volumes.</p>;
}

function State({ volume, task }: { volume: Volume; task: Task | undefined }) {
	if (volume.state === 'creating')
		return <><Badge tone="busy">Being made</Badge><Progress value={task?.progress ?? 0} label={`Making ${volume.name}`} /></>;
	if (volume.state === 'failed')
		return <><Badge tone="bad">Failed</Badge> <span class="hint">{volume.reason?.detail}</span></>;
	return <Badge tone="good">Ready</Badge>;
}

function Row({ volume, all, onChange, onDelete }: { volume: Volume; all: World; onChange: () => void; onDelete: () => void }) {
	return (
		<tr>
			<th scope="row">{volume.name}</th>
			<td class="cell-state"><State volume={volume} task={all.tasks.get(volume.task_id ?? '')} /></td>
			<td data-name="Size">
				{formatBytes(volume.size)}{' '}
				<span class="hint">{volume.format}, {formatBytes(volume.allocated)} taken</span>
			</td>
			<td data-name="Used by">{usersOf(volume, all).map((vm) => vm.name).join(', ') || <span class="muted">no machine</span>}</td>
			<td data-name="Made">{formatTime(volume.created_at)}</td>
			<td class="cell-actions">
				{may('volume.export') && volume.state === 'ready' &&
					<Download url={contentUrl('volumes', volume.id)} what={volume.name}
						why={isLive(volume, all) ? 'a machine that has it runs' : undefined} />}
				{may('volume.write') && <>
					<Button tone="quiet" icon="edit" label={`Change ${volume.name}`} onClick={onChange} />
					<Button tone="quiet" icon="trash" label={`Delete ${volume.name}`} onClick={onDelete} />
				</>}
			</td>
		</tr>
	);
}

export function VolumesScreen() {
	const all = useStore(world);
	const error = useStore(loadError);
	const [making, setMaking] = useState(false);
	const [changing, setChanging] = useState<Volume | null>(null);
	const [deleting, setDeleting] = useState<Volume | null>(null);
	const volumes = [...(all?.volumes.values() ?? [])].sort((a, b) => a.name.localeCompare(b.name));
	const make = may('volume.write') &&
		<Button tone="primary" icon="plus" onClick={() => setMaking(true)}>New volume</Button>;
	return (
		<Screen title="Volumes" wide lead="Disks of virtual machines" actions={volumes.length > 0 && make}>
			{error && <Note tone="bad">{error}</Note>}
			{!all && !error && <Loading />}
			{all && !volumes.length && (
				<Empty icon="volumes" title="No volumes" action={make}>A volume becomes a machine's disk when it is attached to it.</Empty>
			)}
			{all && volumes.length > 0 && <>
				<Room volumes={all.volumes} />
				<div class="card table-card">
					<table class="table">
						<thead>
							<tr>
								<th scope="col">Name</th><th scope="col">State</th><th scope="col">Size</th><th scope="col">Used by</th><th scope="col">Made</th>
								<th scope="col"><span class="offscreen">Actions</span></th>
							</tr>
						</thead>
						<tbody>{volumes.map((volume) => (
							<Row key={volume.id} volume={volume} all={all}
								onChange={() => setChanging(volume)} onDelete={() => setDeleting(volume)} />
						))}</tbody>
					</table>
				</div>
			</>}
			{all && making && <VolumeDialog all={all} onClose={() => setMaking(false)} />}
			{all && changing && <VolumeDialog volume={changing} all={all} onClose={() => setChanging(null)} />}
			{deleting && (
				<Confirm title={`Delete ${deleting.name}?`} button="Delete" onClose={() => setDeleting(null)}
					text="All that is on the volume is lost for good."
					run={async () => {
						await api.deleteVolume(deleting.id);
						learn('volume.deleted', deleting);
						toast(`Deleted ${deleting.name}`);
					}} />
			)}
		</Screen>
	);
}
