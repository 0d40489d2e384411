/** The fields of a machine, for creating and for editing one. */

import type { Host, Image, Vm } from '../api/types';
import { cpuText } from '../lib/cpus';
import { formatBytes } from '../lib/format';
import { MIB, mostVcpus, RESTART_POLICIES, type FormErrors, type VmForm } from '../lib/vm-form';
import { CheckField, SelectField, TextField } from './field';

const MAX_VCPUS = 128;
const MEMORY_CHOICES = [128, 256, 512, 1024, 2048];

function ImageOptions({ images, kind }: { images: readonly Image[]; kind: Image['kind'] }) {
	return (
		<>
			{images.filter((i) => i.kind === kind).map((i) => (
				<option key={i.id} value={i.id}>{i.name} ({i.builtin ? 'built in' : formatBytes(i.size)})</option>
			))}
		</>
	);
}

interface Props {
	form: VmForm;
	errors: FormErrors;
	images: readonly Image[];
	host: Host | null;
	/** The machine, when it is up: only what can be changed then. */
	up?: Vm | undefined;
	change: (patch: Partial<VmForm>) => void;
}

/** What the machine does by itself. */
function PolicyFields({ form, errors, change }: Pick<Props, 'form' | 'errors' | 'change'>) {
	return (
		<>
			<SelectField label="Start again by itself" value={form.restartPolicy} error={errors['restart_policy']}
				hint="After each end that comes soon the wait doubles, up to 5 minutes."
				onChange={(policy) => change({ restartPolicy: policy as VmForm['restartPolicy'] })}>
				{Object.entries(RESTART_POLICIES).map(([policy, text]) => <option key={policy} value={policy}>{text}</option>)}
			</SelectField>
			<CheckField label="Start with the host" checked={form.autostart}
				onChange={(autostart) => change({ autostart })} />
			{form.autostart && (
				<div class="pair">
					<TextField label="Order" name="order" type="number" inputMode="numeric" min={0} value={form.order}
						error={errors['autostart.order']} hint="Lower ones start first"
						onInput={(order) => change({ order })} />
					<TextField label="Seconds before the next" name="delay" type="number" inputMode="numeric" min={0}
						value={form.delay} error={errors['autostart.delay']} onInput={(delay) => change({ delay })} />
				</div>
			)}
		</>
	);
}

/** Its share of the host's CPUs, and which of them. */
function SharingFields({ form, errors, host, change }: Pick<Props, 'form' | 'errors' | 'host' | 'change'>) {
	const cpus = [...Array(host?.cpus.online ?? 0).keys()];
	const toggle = (cpu: number, on: boolean) =>
		change({ affinity: cpus.filter((n) => n === cpu ? on : form.affinity.includes(n)) });
	const lists = form.affinities && [...Array(Math.min(mostVcpus(form), MAX_VCPUS)).keys()].map((n) => form.affinities?.[n] ?? '');
	const each = (on: boolean) =>
		change({ affinities: on ? Array<string>(Math.min(mostVcpus(form), MAX_VCPUS)).fill(cpuText(form.affinity)) : null });
	return (
		<>
			<div class="pair">
				<TextField label="Weight" name="weight" type="number" inputMode="numeric" min={1} max={65535}
					value={form.weight} error={errors['weight']} hint="Its share of busy CPUs; 256 is usual"
					onInput={(weight) => change({ weight })} />
				<TextField label="Cap in percent of a CPU" name="cap" type="number" inputMode="numeric" min={0}
					value={form.cap} error={errors['cap']} hint="0 for none" onInput={(cap) => change({ cap })} />
			</div>
			{cpus.length > 1 && (
				<fieldset class="cpus">
					<legend>Runs on</legend>
					{!lists && cpus.map((cpu) => (
						<CheckField key={cpu} label={`CPU ${cpu}`} checked={form.affinity.includes(cpu)}
							onChange={(on) => toggle(cpu, on)} />
					))}
					<CheckField label="Each vCPU on its own" checked={lists !== null} onChange={each} />
					{lists?.map((text, n) => (
						<TextField key={n} label={`vCPU ${n}`} name={`affinity-${n}`} value={text} autocomplete="off"
							error={errors[`affinity.${n}`]}
							onInput={(typed) => change({ affinities: lists.map((old, i) => i === n ? typed : old) })} />
					))}
					<p class="hint">{lists ? 'Numbers of CPUs, such as 0,2 or 0-3. Empty: all of them.' : 'None chosen: all of them.'}</p>
					{errors['affinity'] && <p class="field-error">{errors['affinity']}</p>}
				</fieldset>
			)}
		</>
	);
}

/** How far CPUs and memory can be changed while it runs; what is left empty is as much as it has. */
function LimitFields({ form, errors, up, change }: Pick<Props, 'form' | 'errors' | 'up' | 'change'>) {
	return (
		<div class="pair thirds">
			{!up && <TextField label="Most CPUs" name="vcpus_max" type="number" inputMode="numeric" min={1}
				value={form.vcpusMax} error={errors['vcpus_max']} hint="While it runs; empty: as many as it has"
				onInput={(vcpusMax) => change({ vcpusMax })} />}
			<TextField label="Least MiB" name="memory_min" type="number" inputMode="numeric" min={16}
				value={form.memoryMin} error={errors['memory_min']} hint="While it runs; empty: what it has"
				onInput={(memoryMin) => change({ memoryMin })} />
			{!up && <TextField label="Most MiB" name="memory_max" type="number" inputMode="numeric" min={16}
				value={form.memoryMax} error={errors['memory_max']} hint="While it runs; a start takes as much"
				onInput={(memoryMax) => change({ memoryMax })} />}
		</div>
	);
}

export function VmFields({ form, errors, images, host, up, change }: Props) {
	const name = <TextField label="Name" name="name" value={form.name} error={errors['name']}
		autocomplete="off" spellcheck={false} onInput={(text) => change({ name: text })} />;
	const policy = <PolicyFields form={form} errors={errors} change={change} />;
	const fits = (mib: number) => up ? mib * MIB >= up.memory_min && mib * MIB <= up.memory_max : !host || mib * MIB < host.memory.free;
	const sizes = (
		<>
			<div class="pair">
				<TextField label="vCPUs" name="vcpus" type="number" inputMode="numeric" min={1}
					max={up?.vcpus_max ?? host?.capabilities.max_vcpus ?? 128} value={form.vcpus} error={errors['vcpus']}
					hint={up ? `At most ${up.vcpus_max} while it runs` : host ? `This host has ${host.cpus.online}` : undefined}
					onInput={(vcpus) => change({ vcpus })} />
				<div>
					<TextField label="Memory in MiB" name="memory" type="number" inputMode="numeric" min={16}
						value={form.memory} error={errors['memory']}
						hint={up ? `At most ${up.memory_max / MIB} while it runs` : host ? `${formatBytes(host.memory.free)} free on this host` : undefined}
						onInput={(memory) => change({ memory })} />
					<div class="presets" role="group" aria-label="Usual sizes">
						{MEMORY_CHOICES.filter(fits).map((mib) => (
							<button key={mib} type="button" aria-pressed={form.memory === String(mib)}
								onClick={() => change({ memory: String(mib) })}>
								{formatBytes(mib * MIB)}
							</button>
						))}
					</div>
				</div>
			</div>
			<LimitFields form={form} errors={errors} up={up} change={change} />
			<SharingFields form={form} errors={errors} host={host} change={change} />
		</>
	);
	if (up)
		return <>{name}{sizes}{policy}</>;
	return (
		<>
			{name}
			{sizes}
			<SelectField label="Kernel" value={form.kernel} error={errors['boot.kernel']}
				onChange={(kernel) => change({ kernel })}>
				{!form.kernel && <option value="">Choose…</option>}
				<ImageOptions images={images} kind="kernel" />
			</SelectField>
			<SelectField label="Initial RAM disk" value={form.initrd} error={errors['boot.initrd']}
				onChange={(initrd) => change({ initrd })}>
				<option value="">None</option>
				<ImageOptions images={images} kind="initrd" />
			</SelectField>
			<TextField label="Kernel command line" name="cmdline" class="mono" value={form.cmdline}
				error={errors['boot.cmdline']} autocomplete="off" spellcheck={false} autocapitalize="none"
				hint={<>Keep <code>console=hvc0</code> to see the guest on its console.</>}
				onInput={(cmdline) => change({ cmdline })} />
			{policy}
		</>
	);
}
