import { useState } from 'preact/hooks';
import { api } from '../api/client';
import { host, learn, loadError, world } from '../lib/live';
import { href, navigate } from '../lib/router';
import { useStore } from '../lib/store';
import { checkForm, createRequest, FIELDS, newForm, type VmForm } from '../lib/vm-form';
import type { World } from '../api/events';
import { Button, Empty, LinkButton, Loading, Note, Screen } from '../ui/basics';
import { CheckField, SelectField } from '../ui/field';
import { useForm } from '../ui/form';
import { NewDisks } from '../ui/vm-disks';
import { VmFields } from '../ui/vm-fields';

function NewForm({ all }: { all: World }) {
	const hostNow = useStore(host);
	const images = [...all.images.values()].sort((a, b) => Number(b.builtin) - Number(a.builtin) || a.name.localeCompare(b.name));
	const names = [...all.vms.values()].map((vm) => vm.name);
	const networks = [...all.networks.values()].sort((a, b) => a.name.localeCompare(b.name));
	const [form, setForm] = useState<VmForm>(() => newForm(images, names, networks));
	const change = (patch: Partial<VmForm>) => setForm({ ...form, ...patch });
	const { body, errors, failure, busy, submit } = useForm<HTMLFormElement>(FIELDS);
	const go = (event: Event) => {
		event.preventDefault();
		return submit(checkForm(form, names, hostNow?.capabilities.max_vcpus ?? 128), async () => {
			const vm = await api.createVm(createRequest(form, new Set(all.images.keys())));
			learn('vm.created', vm);
			navigate(form.start ? href.console(vm.id) : href.vm(vm.id));
		});
	};
	return (
		<form ref={body} class="card form" onSubmit={go} noValidate>
			{failure && <Note tone="bad" title="The machine was not created">{failure}</Note>}
			<VmFields form={form} errors={errors} images={images} host={hostNow} change={change} />
			{(all.volumes.size > 0 || images.some((i) => i.kind === 'iso')) &&
				<NewDisks form={form} all={all} error={errors['disks']} change={change} />}
			<SelectField label="Network" value={form.network} error={errors['nics.0.network']}
				hint="More network cards can be added later" onChange={(network) => change({ network })}>
				<option value="">None</option>
				{networks.map((one) => <option key={one.id} value={one.id}>{one.name}</option>)}
			</SelectField>
			<CheckField label="Start it now" checked={form.start} hint="and open its console"
				onChange={(start) => setForm({ ...form, start })} />
			<footer class="form-foot">
				<LinkButton to={href.vms}>Cancel</LinkButton>
				<Button type="submit" tone="primary" busy={busy}>
					{form.start ? 'Create and start' : 'Create'}
				</Button>
			</footer>
		</form>
	);
}

export function VmNewScreen() {
	const all = useStore(world);
	const error = useStore(loadError);
	const kernels = [...(all?.images.values() ?? [])].filter((i) => i.kind === 'kernel');
	return (
		<Screen title="New virtual machine" back={{ to: href.vms, text: 'Virtual machines' }}>
			{error && <Note tone="bad">{error}</Note>}
			{!all && !error && <Loading />}
			{all && !kernels.length && (
				<Empty icon="images" title="No kernel to boot"
					action={<LinkButton to={href.images} tone="primary" icon="upload">Upload a kernel</LinkButton>}>
					A machine starts from a Linux kernel. Upload one first.
				</Empty>
			)}
			{all && kernels.length > 0 && <NewForm all={all} />}
		</Screen>
	);
}
