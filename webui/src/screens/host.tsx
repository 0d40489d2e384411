import { useEffect, useState } from 'preact/hooks';
import { api, type HostAction } from '../api/client';
import type { Host, Task, Vm } from '../api/types';
import { checkSeconds, STATES } from '../lib/actions';
import { formatBytes, formatDuration, percent, plural } from '../lib/format';
import { useNow } from '../lib/hooks';
import { host, learn, loadError, world } from '../lib/live';
import { href } from '../lib/router';
import { may } from '../lib/session';
import { useStore } from '../lib/store';
import { Badge, Button, CopyButton, LinkButton, Loading, Note, Screen } from '../ui/basics';
import { Dialog } from '../ui/dialog';
import { TextField } from '../ui/field';
import { useForm } from '../ui/form';
import { toast } from '../ui/toast';
import { TaskRow } from './tasks';

const POWER: Record<HostAction, { title: string; button: string; after: string; done: string }> = {
	reboot: { title: 'Reboot the machine?', button: 'Reboot', after: 'This page comes back when the machine does.', done: 'The machine is rebooting.' },
	shutdown: { title: 'Shut the machine down?', button: 'Shut down', after: 'Afterwards it has to be switched on by hand.', done: 'The machine is shutting down.' },
};

function isUp(vm: Vm): boolean {
	return vm.state !== 'stopped' && vm.state !== 'crashed';
}

function PowerDialog({ action, vms, onClose }: { action: HostAction; vms: Vm[]; onClose: () => void }) {
	const text = POWER[action];
	const up = vms.filter(isUp).length;
	const [timeout, setTimeout] = useState('30');
	const { body, errors, failure, busy, submit } = useForm(['timeout']);
	const go = () => {
		const wrong = checkSeconds(timeout, 0);
		return submit(wrong ? { timeout: wrong } : {}, async () => {
			learn('task.created', await api.hostAction(action, Number(timeout)));
			toast(text.done);
			onClose();
		});
	};
	return (
		<Dialog title={text.title} onClose={onClose} onSubmit={go} footer={<>
			<Button onClick={onClose}>Cancel</Button>
			<Button type="submit" tone="danger" busy={busy}>{text.button}</Button>
		</>}>
			<p>{up ? `${plural(up, 'running guest')} will be asked to shut down first.` : 'No guest is running.'}{' '}{text.after}</p>
			<div ref={body} class="form">
				{failure && <Note tone="bad">{failure}</Note>}
				{up > 0 && <TextField label="Seconds that guests have" name="timeout" type="number" inputMode="numeric" min={0}
					value={timeout} error={errors['timeout']} onInput={setTimeout} hint="Those still up after that are forced off" />}
			</div>
		</Dialog>
	);
}

/** The memory of the host in three parts: what guests have, what the system keeps, what is free. */
function Memory({ memory, vms }: { memory: Host['memory']; vms: Vm[] }) {
	const used = Math.max(0, memory.total - memory.free);
	const guests = Math.min(used, vms.filter(isUp).reduce((sum, vm) => sum + vm.memory, 0));
	const parts: [string, string, number][] = [
		['guests', 'Guests', guests],
		['system', 'Hypervisor and management', used - guests],
		['free', 'Free', memory.free],
	];
	return (
		<section class="card memory" aria-labelledby="memory-title">
			<div class="card-head">
				<h2 id="memory-title">Memory</h2>
				<p><strong>{formatBytes(memory.free)}</strong> free of {formatBytes(memory.total)}</p>
			</div>
			<div class="bar" role="img" aria-label={`${percent(used, memory.total)} percent of the memory is in use`}>
				{parts.slice(0, 2).map(([key, , bytes]) => (
					<span key={key} class={key} style={{ flexGrow: bytes, flexShrink: 1, flexBasis: '0' }} />
				))}
				<span class="free" style={{ flexGrow: memory.free, flexShrink: 1, flexBasis: '0' }} />
			</div>
			<ul class="legend">
				{parts.map(([key, name, bytes]) => (
					<li key={key}><i class={key} aria-hidden="true" />{name}<span>{formatBytes(bytes)}</span></li>
				))}
			</ul>
		</section>
	);
}

function Figure({ name, value, children }: { name: string; value: string; children: preact.ComponentChildren }) {
	return (
		<div class="card figure">
			<h2>{name}</h2>
			<p class="figure-value">{value}</p>
			<p class="figure-more">{children}</p>
		</div>
	);
}

function Uptime({ seconds }: { seconds: number }) {
	const now = useNow(1000);
	const [since, setSince] = useState(Date.now() - seconds * 1000);
	useEffect(() => setSince(Date.now() - seconds * 1000), [seconds]);
	const started = new Date(since).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });
	return <Figure name="Uptime" value={formatDuration((now - since) / 1000)}>Since {started}</Figure>;
}

function capabilityNames(caps: Host['capabilities']): string[] {
	const flags: [boolean, string][] = [
		[caps.svm, 'AMD-V (SVM)'], [caps.vmx, 'Intel VT-x (VMX)'],
		[caps.nested_paging, 'Nested paging'], [caps.iommu, 'IOMMU'],
	];
	return [...flags.filter(([has]) => has).map(([, name]) => name),
		...caps.modes.map((mode) => `${mode.toUpperCase()} guests`),
		`Up to ${caps.max_vcpus} vCPUs each`];
}

function Hypervisor({ data }: { data: Host }) {
	const { name, version, build } = data.hypervisor;
	return (
		<section class="card" aria-labelledby="hypervisor-title">
			<div class="card-head"><h2 id="hypervisor-title">Hypervisor</h2><a href={href.hostLog}>Log</a></div>
			<dl class="facts">
				<div><dt>Name</dt><dd>{name} {version}</dd></div>
				<div><dt>Build</dt><dd class="copyable"><code>{build}</code><CopyButton text={`${name} ${version} ${build}`} label="Copy version and build" /></dd></div>
				<div><dt>Guest interfaces</dt><dd>{data.capabilities.guests}</dd></div>
			</dl>
			<h3>This machine can</h3>
			<ul class="chips">{capabilityNames(data.capabilities).map((text) => <li key={text}>{text}</li>)}</ul>
		</section>
	);
}

function Machines({ vms }: { vms: Vm[] }) {
	const counts = new Map<Vm['state'], number>();
	for (const vm of vms)
		counts.set(vm.state, (counts.get(vm.state) ?? 0) + 1);
	return (
		<section class="card" aria-labelledby="machines-title">
			<div class="card-head">
				<h2 id="machines-title">Virtual machines</h2>
				<a href={href.vms}>All machines</a>
			</div>
			{vms.length
				? (
					<ul class="state-counts">
						{[...counts].map(([state, count]) => (
							<li key={state}><strong>{count}</strong><Badge tone={STATES[state].tone}>{STATES[state].label}</Badge></li>
						))}
					</ul>
				)
				: (
					<div class="card-empty">
						<p>None yet. The built-in images boot a small guest in a few seconds.</p>
						{may('vm.write') && <LinkButton to={href.newVm} tone="primary" icon="plus">Create a machine</LinkButton>}
					</div>
				)}
		</section>
	);
}

function Recent({ tasks, vms }: { tasks: Task[]; vms: Map<string, Vm> }) {
	const now = useNow(10_000);
	const latest = tasks.sort((a, b) => b.created_at.localeCompare(a.created_at)).slice(0, 5);
	return (
		<section class="card" aria-labelledby="recent-title">
			<div class="card-head">
				<h2 id="recent-title">Latest tasks</h2>
				<a href={href.tasks}>All tasks</a>
			</div>
			{latest.length
				? <ul class="task-list">{latest.map((t) => <TaskRow key={t.id} task={t} vms={vms} now={now} />)}</ul>
				: <div class="card-empty"><p>Nothing has been done here yet.</p></div>}
		</section>
	);
}

export function HostScreen() {
	const data = useStore(host);
	const all = useStore(world);
	const error = useStore(loadError);
	const [asking, setAsking] = useState<HostAction | null>(null);
	const vms = [...(all?.vms.values() ?? [])];
	return (
		<Screen title={data ? data.name : 'Host'} wide
			lead={data && `${data.hypervisor.name} ${data.hypervisor.version}`}
			actions={may('host.power') && <>
				<Button icon="restart" onClick={() => setAsking('reboot')}>Reboot</Button>
				<Button icon="power" tone="danger" onClick={() => setAsking('shutdown')}>Shut down</Button>
			</>}>
			{error && <Note tone="bad">{error}</Note>}
			{!data && !error && <Loading />}
			{data && (
				<div class="dashboard">
					<div class="figures">
						<Figure name="Hypervisor" value={`${data.hypervisor.name}`}>Version {data.hypervisor.version}</Figure>
						<Figure name="Processors" value={String(data.cpus.online)}>
							{data.cpus.online === data.cpus.physical
								? 'All online' : `${data.cpus.online} of ${data.cpus.physical} online`}
						</Figure>
						<Figure name="Guests running" value={String(vms.filter((vm) => vm.state === 'running').length)}>
							{vms.length ? `of ${plural(vms.length, 'machine')}` : 'No machines yet'}
						</Figure>
						<Uptime seconds={data.uptime} />
					</div>
					<Memory memory={data.memory} vms={vms} />
					<div class="columns">
						<div class="column"><Machines vms={vms} /><Hypervisor data={data} /></div>
						<div class="column">{all && <Recent tasks={[...all.tasks.values()]} vms={all.vms} />}</div>
					</div>
				</div>
			)}
			{asking && <PowerDialog action={asking} vms={vms} onClose={() => setAsking(null)} />}
		</Screen>
	);
}
