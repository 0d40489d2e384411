import { useState } from 'preact/hooks';
import { api } from '../api/client';
import type { World } from '../api/events';
import type { Task, Vm } from '../api/types';
import { affinityText } from '../lib/cpus';
import { formatBytes, formatTime } from '../lib/format';
import { useNow } from '../lib/hooks';
import { lazy } from '../lib/lazy';
import { host, learn, loadError, world } from '../lib/live';
import { href, navigate, type VmTab } from '../lib/router';
import { may } from '../lib/session';
import { useStore } from '../lib/store';
import { checkForm, FIELDS, formOf, MIB, patchRequest, RESTART_POLICIES, sameForm, type VmForm } from '../lib/vm-form';
import {
	Button, CopyButton, Empty, Fact, Facts, LinkButton, Loading, Note, Progress, Screen, StateBadge,
} from '../ui/basics';
import { Dialog } from '../ui/dialog';
import { Refused, useForm } from '../ui/form';
import { Registers } from '../ui/registers';
import { toast } from '../ui/toast';
import { Disks } from '../ui/vm-disks';
import { Nics } from '../ui/nics';
import { VmActions } from '../ui/vm-actions';
import { Usage } from '../ui/usage';
import { VmFields } from '../ui/vm-fields';
import { isActive, taskError, TaskRow, taskTitle } from './tasks';

const Debug = lazy(() => import('./vm-debug').then((m) => m.VmDebugView), 'Loading…');
const Console = lazy(() => import('../console/console').then((m) => m.Console), 'Loading the console…');

function tasksOf(all: World, id: string): Task[] {
	return [...all.tasks.values()]
		.filter((t) => t.target.type === 'vm' && t.target.id === id)
		.sort((a, b) => b.created_at.localeCompare(a.created_at));
}

function EditDialog({ vm, all, onClose }: { vm: Vm; all: World; onClose: () => void }) {
	const hostNow = useStore(host);
	const [shown, setShown] = useState(vm);
	const [form, setForm] = useState<VmForm>(() => formOf(vm));
	const state = useForm(FIELDS);
	const { body, errors, busy, submit } = state;
	const isUp = vm.state !== 'stopped' && vm.state !== 'crashed';

	const go = () => {
		const names = [...all.vms.values()].filter((other) => other.id !== vm.id).map((other) => other.name);
		const most: [number, number?] = isUp ? [vm.vcpus_max, vm.memory_max / MIB] : [hostNow?.capabilities.max_vcpus ?? 128];
		return submit(checkForm(form, names, ...most), async () => {
			const patch = patchRequest(shown, form);
			if (Object.keys(patch).length) {
				learn('vm.updated', await api.updateVm(vm.id, patch, (now) => sameForm(shown, now)));
				toast(`Saved ${form.name.trim()}`);
			}
			onClose();
		});
	};
	return (
		<Dialog title={`Edit ${vm.name}`} onClose={onClose} onSubmit={go} footer={<>
			<Button onClick={onClose}>Cancel</Button>
			<Button type="submit" tone="primary" busy={busy}>Save</Button>
		</>}>
			<div ref={body} class="form">
				<Refused form={state} what="this machine" load={(now: Vm) => {
					setShown(now);
					setForm(formOf(now));
				}} />
				{isUp && <p class="hint">What it boots, and the most vCPUs and memory, can be changed when the machine is stopped.</p>}
				<VmFields form={form} errors={errors} host={hostNow} up={isUp ? vm : undefined}
					images={[...all.images.values()]} change={(patch) => setForm({ ...form, ...patch })} />
			</div>
		</Dialog>
	);
}

function ImageName({ all, id }: { all: World; id: string | null }) {
	if (!id)
		return <span class="muted">None</span>;
	return <>{all.images.get(id)?.name ?? <code>{id}</code>}</>;
}

function autostartText({ enabled, order, delay }: Vm['autostart']): string {
	if (!enabled)
		return 'No';
	return `Yes, order ${order}${delay ? `, ${delay} s before the next` : ''}`;
}

/** What is left of the guest's last crash, for whoever can read it. */
function CrashReport({ crash }: { crash: NonNullable<Vm['crash']> }) {
	return (
		<section class="card" aria-labelledby="crash-title">
			<div class="card-head"><h2 id="crash-title">Last crash</h2></div>
			<p>{formatTime(crash.time)}. {crash.detail && `The hypervisor ended it: ${crash.detail}. `}The console shows what the guest said last.</p>
			<Registers vcpus={crash.vcpus} />
		</section>
	);
}

function Settings({ vm, all, onEdit }: { vm: Vm; all: World; onEdit: () => void }) {
	return (
		<section class="card" aria-labelledby="settings-title">
			<div class="card-head">
				<h2 id="settings-title">Settings</h2>
				{may('vm.write') && <Button tone="quiet" icon="edit" onClick={onEdit}>Edit</Button>}
			</div>
			<Facts>
				<Fact name="vCPUs">{vm.vcpus}{vm.vcpus_max > vm.vcpus && ` of at most ${vm.vcpus_max}`}</Fact>
				<Fact name="Memory">{formatBytes(vm.memory)}{vm.memory_min < vm.memory_max
					&& ` (${formatBytes(vm.memory_min)} to ${formatBytes(vm.memory_max)})`}</Fact>
				<Fact name="Weight">{vm.weight}</Fact>
				<Fact name="Cap">{vm.cap ? `${vm.cap} % of a CPU` : 'None'}</Fact>
				<Fact name="Runs on">{affinityText(vm.affinity)}</Fact>
				<Fact name="Mode">{vm.mode.toUpperCase()}</Fact>
				<Fact name="Kernel"><ImageName all={all} id={vm.boot.kernel} /></Fact>
				<Fact name="Initial RAM disk"><ImageName all={all} id={vm.boot.initrd} /></Fact>
				<Fact name="Command line">{vm.boot.cmdline ? <code>{vm.boot.cmdline}</code> : <span class="muted">Empty</span>}</Fact>
				<Fact name="Started again">{RESTART_POLICIES[vm.restart_policy]}</Fact>
				<Fact name="Starts with the host">{autostartText(vm.autostart)}</Fact>
				<Fact name="Created">{formatTime(vm.created_at)}</Fact>
				{vm.started_at && <Fact name="Started">{formatTime(vm.started_at)}</Fact>}
				{vm.domid !== null && <Fact name="Domain number">{vm.domid}</Fact>}
				<div><dt>Id</dt><dd class="copyable"><code>{vm.id}</code><CopyButton text={vm.id} label="Copy id" /></dd></div>
			</Facts>
		</section>
	);
}

function History({ tasks, vms }: { tasks: Task[]; vms: World['vms'] }) {
	const now = useNow(5000);
	return (
		<section class="card" aria-labelledby="history-title">
			<div class="card-head"><h2 id="history-title">Tasks</h2></div>
			{tasks.length
				? <ul class="task-list">{tasks.slice(0, 10).map((t) => <TaskRow key={t.id} task={t} vms={vms} now={now} />)}</ul>
				: <div class="card-empty"><p>This machine has not been started yet.</p></div>}
		</section>
	);
}

/** What is going on with the machine, and what last went wrong. */
function Activity({ vm, tasks }: { vm: Vm; tasks: Task[] }) {
	const active = tasks.find(isActive);
	const last = tasks[0];
	if (active)
		return (
			<div class="activity" role="status">
				<p><strong>{taskTitle(active)}</strong> {active.stage} <span>{active.progress} %</span></p>
				<Progress value={active.progress} label={`${taskTitle(active)}: progress`} />
			</div>
		);
	const crashed = vm.state === 'crashed';
	return (
		<>
			{vm.reason && <Note tone={crashed ? 'bad' : 'info'} {...(crashed ? { title: 'The guest crashed' } : {})}>
				{vm.reason.detail}</Note>}
			{last?.status === 'failed' && last.error && last.error.detail !== vm.reason?.detail && (
				<Note tone="bad" title={`${taskTitle(last)} failed`}>{taskError(last.error)}</Note>
			)}
		</>
	);
}

function Tabs({ id, tab }: { id: string; tab: VmTab }) {
	return (
		<nav class="tabs" aria-label="Machine">
			<a href={href.vm(id)} aria-current={tab === 'overview' ? 'page' : undefined}>Overview</a>
			<a href={href.console(id)} aria-current={tab === 'console' ? 'page' : undefined}>Console</a>
			{may('vm.debug') && <a href={href.debug(id)} aria-current={tab === 'debug' ? 'page' : undefined}>Debug</a>}
		</nav>
	);
}

export function VmScreen({ id, tab }: { id: string; tab: VmTab }) {
	const all = useStore(world);
	const error = useStore(loadError);
	const [editing, setEditing] = useState(false);
	const vm = all?.vms.get(id);
	const back = { to: href.vms, text: 'Virtual machines' };
	if (!all)
		return <Screen key="loading" title="Virtual machine" back={back}>{error ? <Note tone="bad">{error}</Note> : <Loading />}</Screen>;
	if (!vm)
		return (
			<Screen key="gone" title="Machine not found" back={back}>
				<Empty icon="vms" title="This machine does not exist"
					action={<LinkButton to={href.vms} tone="primary">Show all machines</LinkButton>}>
					It may have been deleted.
				</Empty>
			</Screen>
		);
	const tasks = tasksOf(all, id);
	return (
		<Screen title={vm.name} wide back={back} lead={<StateBadge state={vm.state} />}
			actions={<VmActions vm={vm} onDeleted={() => navigate(href.vms)} />}>
			{error && <Note tone="bad">{error}</Note>}
			<Activity vm={vm} tasks={tasks} />
			<Tabs id={id} tab={tab} />
			{tab === 'console' && <Console vm={vm} />}
			{tab === 'debug' && <Debug vm={vm} />}
			{tab === 'overview' && (
					<div class="columns">
						<div class="column">
							<Settings vm={vm} all={all} onEdit={() => setEditing(true)} />
							<Disks vm={vm} all={all} />
							<Nics vm={vm} all={all} />
						</div>
						<div class="column">
							{vm.domid !== null && <Usage key={vm.domid} vm={vm} />}
							<History tasks={tasks} vms={all.vms} />
							{vm.crash && <CrashReport crash={vm.crash} />}
						</div>
					</div>
				)}
			{editing && <EditDialog vm={vm} all={all} onClose={() => setEditing(false)} />}
		</Screen>
	);
}
