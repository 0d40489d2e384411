import { useRef, useState } from 'preact/hooks';
import { api, contentUrl, uploadImage, type Upload } from '../api/client';
import { ApiError } from '../api/problem';
import type { World } from '../api/events';
import type { Image, ImageKind } from '../api/types';
import { refusalOf } from '../lib/form-errors';
import { formatBytes, formatTime, percent } from '../lib/format';
import { learn, loadError, world } from '../lib/live';
import { guessKind, imageName } from '../lib/image-name';
import { may } from '../lib/session';
import { useStore } from '../lib/store';
import { Button, CopyButton, Download, Empty, Loading, Note, Progress, Screen } from '../ui/basics';
import { Confirm, Dialog } from '../ui/dialog';
import { Field, focusFirstError, SelectField, TextField } from '../ui/field';
import { toast } from '../ui/toast';

const KINDS: Record<ImageKind, string> = {
	kernel: 'Kernel', initrd: 'Initial RAM disk', disk: 'Disk', iso: 'CD (ISO)',
};

interface Sent {
	bytes: number;
	total: number;
}

function UploadDialog({ onClose }: { onClose: () => void }) {
	const [file, setFile] = useState<File | null>(null);
	const [name, setName] = useState('');
	const [kind, setKind] = useState<ImageKind>('kernel');
	const [errors, setErrors] = useState<Record<string, string>>({});
	const [failure, setFailure] = useState('');
	const [sent, setSent] = useState<Sent | null>(null);
	const upload = useRef<Upload | null>(null);
	const body = useRef<HTMLDivElement>(null);

	const show = (fields: Record<string, string>, rest: string) => {
		setErrors(fields);
		setFailure(rest);
		focusFirstError(body.current);
	};
	const choose = (chosen: File | undefined) => {
		if (!chosen)
			return;
		setFile(chosen);
		setName((typed) => typed || imageName(chosen.name));
		setKind(guessKind(chosen.name));
		setErrors({});
	};
	const submit = async () => {
		if (sent)
			return;
		if (!file || !name.trim()) {
			show({ ...(file ? {} : { file: 'Choose a file.' }), ...(name.trim() ? {} : { name: 'Give the image a name.' }) }, '');
			return;
		}
		show({}, '');
		setSent({ bytes: 0, total: file.size });
		upload.current = uploadImage(file, name.trim(), kind, (bytes, total) => setSent({ bytes, total }));
		try {
			const image = await upload.current.done;
			learn('image.created', image);
			toast(`Uploaded ${image.name}`);
			onClose();
		} catch (error) {
			setSent(null);
			if (error instanceof ApiError && error.code === 'cancelled')
				return;
			const refusal = refusalOf(error, ['name', 'kind', 'file']);
			show(refusal.fields, refusal.rest);
		}
	};
	const close = () => {
		upload.current?.cancel();
		onClose();
	};
	const done = sent ? percent(sent.bytes, sent.total) : 0;
	return (
		<Dialog title="Upload an image" onClose={close} onSubmit={submit} footer={<>
			<Button onClick={close}>Cancel</Button>
			<Button type="submit" tone="primary" icon="upload" busy={sent !== null}>Upload</Button>
		</>}>
			<div ref={body} class="form">
				{failure && <Note tone="bad" title="Not uploaded">{failure}</Note>}
				<Field label="File" error={errors['file']} hint="A Linux kernel (bzImage, or ELF with a PVH note), an initial RAM disk, a disk image (raw or qcow2) or a CD">
					{(wiring) => <input type="file" {...wiring} onChange={(e) => choose(e.currentTarget.files?.[0])} />}
				</Field>
				<TextField label="Name" name="image-name" value={name} error={errors['name']} onInput={setName}
					autocomplete="off" spellcheck={false} />
				<SelectField label="Kind" value={kind} error={errors['kind']} onChange={(v) => setKind(v as ImageKind)}>
					{Object.entries(KINDS).map(([key, text]) => <option key={key} value={key}>{text}</option>)}
				</SelectField>
				{sent && (
					<div class="upload-progress" role="status">
						<Progress value={done} label="Upload" />
						<p>{done < 100 ? `${formatBytes(sent.bytes)} of ${formatBytes(sent.total)}` : 'The appliance is checking it…'}</p>
					</div>
				)}
			</div>
		</Dialog>
	);
}

function usersOf(image: Image, all: World): string[] {
	return [...all.vms.values()]
		.filter((vm) => vm.boot.kernel === image.id || vm.boot.initrd === image.id ||
			vm.disks.some((disk) => disk.image === image.id))
		.map((vm) => vm.name);
}

const SHOWN_USERS = 2;

function Users({ names }: { names: string[] }) {
	if (!names.length)
		return <span class="muted">no machine</span>;
	const more = names.length - SHOWN_USERS;
	return <span title={names.join(', ')}>{names.slice(0, SHOWN_USERS).join(', ')}{more > 0 && ` and ${more} more`}</span>;
}

function ImageRow({ image, all, onDelete }: { image: Image; all: World; onDelete: () => void }) {
	const users = usersOf(image, all);
	return (
		<tr>
			<th scope="row">{image.name} {image.builtin && <span class="chip">Built in</span>}</th>
			<td data-name="Kind">{KINDS[image.kind]}</td>
			<td data-name="Size">{formatBytes(image.size)}</td>
			<td data-name="SHA-256" class="cell-hash">
				{image.sha256
					? <span class="copyable"><code title={image.sha256}>{image.sha256.slice(0, 12)}…</code>
						<CopyButton text={image.sha256} label={`Copy SHA-256 of ${image.name}`} /></span>
					: <span class="muted">not yet known</span>}
			</td>
			<td data-name="Used by" class="cell-users"><Users names={users} /></td>
			<td data-name="Added">{image.builtin ? <span class="muted">with Domus</span> : formatTime(image.created_at)}</td>
			<td class="cell-actions">
				{may('image.export') && <Download url={contentUrl('images', image.id)} what={image.name} />}
				{!image.builtin && may('image.write') &&
					<Button tone="quiet" icon="trash" label={`Delete ${image.name}`} onClick={onDelete} />}
			</td>
		</tr>
	);
}

export function ImagesScreen() {
	const all = useStore(world);
	const error = useStore(loadError);
	const [uploading, setUploading] = useState(false);
	const [deleting, setDeleting] = useState<Image | null>(null);
	const images = [...(all?.images.values() ?? [])]
		.sort((a, b) => Number(a.builtin) - Number(b.builtin) || a.name.localeCompare(b.name));
	const upload = may('image.write') &&
		<Button tone="primary" icon="upload" onClick={() => setUploading(true)}>Upload an image</Button>;
	return (
		<Screen title="Images" wide lead="Kernels, initial RAM disks, disk images and CDs" actions={images.length > 0 && upload}>
			{error && <Note tone="bad">{error}</Note>}
			{!all && !error && <Loading />}
			{all && !images.length && (
				<Empty icon="images" title="No images" action={upload}>
					Machines boot from a kernel and, usually, an initial RAM disk.
				</Empty>
			)}
			{all && images.length > 0 && (
				<div class="card table-card">
					<table class="table">
						<thead>
							<tr>
								<th scope="col">Name</th><th scope="col">Kind</th><th scope="col">Size</th>
								<th scope="col">SHA-256</th><th scope="col">Used by</th><th scope="col">Added</th>
								<th scope="col"><span class="offscreen">Actions</span></th>
							</tr>
						</thead>
						<tbody>{images.map((image) => <ImageRow key={image.id} image={image} all={all}
							onDelete={() => setDeleting(image)} />)}</tbody>
					</table>
				</div>
			)}
			{uploading && <UploadDialog onClose={() => setUploading(false)} />}
			{deleting && (
				<Confirm title={`Delete ${deleting.name}?`} button="Delete" onClose={() => setDeleting(null)}
					text="The file is removed from the appliance for good."
					run={async () => {
						await api.deleteImage(deleting.id);
						learn('image.deleted', deleting);
						toast(`Deleted ${deleting.name}`);
					}} />
			)}
		</Screen>
	);
}
