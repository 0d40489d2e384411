import { useState } from 'preact/hooks';
import type { Task, Vm, VmState } from '../api/types';
import { filterVms, STATES } from '../lib/actions';
import { formatAgo, formatBytes, formatTime, plural } from '../lib/format';
import { useNow } from '../lib/hooks';
import { loadError, world } from '../lib/live';
import { href } from '../lib/router';
import { may } from '../lib/session';
import { useStore } from '../lib/store';
import { Empty, LinkButton, Loading, Note, Progress, Screen, StateBadge } from '../ui/basics';
import { Icon } from '../ui/icon';
import { VmActions } from '../ui/vm-actions';
import { isActive, taskTitle } from './tasks';

function Row({ vm, task, now }: { vm: Vm; task: Task | undefined; now: number }) {
	const since = vm.state === 'running' ? vm.started_at : vm.updated_at;
	return (
		<tr>
			<th scope="row"><a href={href.vm(vm.id)}>{vm.name}</a></th>
			<td class="cell-state">
				<StateBadge state={vm.state} />
				{task && isActive(task) && <Progress value={task.progress} label={`${taskTitle(task)} ${vm.name}`} />}
			</td>
			<td data-name="vCPUs">{vm.vcpus}</td>
			<td data-name="Memory">{formatBytes(vm.memory)}</td>
			<td data-name="Since">{since && <time dateTime={since} title={formatTime(since)}>{formatAgo(since, now)}</time>}</td>
			<td class="cell-actions">
				<VmActions vm={vm} compact />
				<a class="button quiet bare" href={href.console(vm.id)} aria-label={`Console of ${vm.name}`} title={`Console of ${vm.name}`}>
					<Icon name="terminal" />
				</a>
			</td>
		</tr>
	);
}

function Filters({ query, setQuery, state, setState }: {
	query: string; setQuery: (q: string) => void;
	state: VmState | ''; setState: (s: VmState | '') => void;
}) {
	return (
		<div class="filters" role="search" aria-label="Virtual machines">
			<div class="search">
				<Icon name="search" />
				<input type="search" aria-label="Search by name" placeholder="Search by name" value={query}
					onInput={(e) => setQuery(e.currentTarget.value)} />
			</div>
			<select aria-label="State" value={state} onChange={(e) => setState(e.currentTarget.value as VmState | '')}>
				<option value="">Any state</option>
				{Object.entries(STATES).map(([key, { label }]) => <option key={key} value={key}>{label}</option>)}
			</select>
		</div>
	);
}

function Table({ vms, tasks }: { vms: Vm[]; tasks: Map<string, Task> }) {
	const now = useNow(5000);
	return (
		<div class="card table-card">
			<table class="table vm-table">
				<thead>
					<tr>
						<th scope="col">Name</th><th scope="col">State</th><th scope="col">vCPUs</th>
						<th scope="col">Memory</th><th scope="col">Since</th>
						<th scope="col"><span class="offscreen">Actions</span></th>
					</tr>
				</thead>
				<tbody>
					{vms.map((vm) => <Row key={vm.id} vm={vm} now={now} task={tasks.get(vm.task_id ?? '')} />)}
				</tbody>
			</table>
		</div>
	);
}

export function VmsScreen() {
	const all = useStore(world);
	const error = useStore(loadError);
	const [query, setQuery] = useState('');
	const [state, setState] = useState<VmState | ''>('');
	const vms = [...(all?.vms.values() ?? [])];
	const shown = filterVms(vms, query, state);
	const create = may('vm.write') &&
		<LinkButton to={href.newVm} tone="primary" icon="plus">New machine</LinkButton>;
	return (
		<Screen title="Virtual machines" wide actions={vms.length > 0 && create}
			lead={vms.length > 0 && plural(vms.length, 'machine')}>
			{error && <Note tone="bad">{error}</Note>}
			{!all && !error && <Loading />}
			{all && !vms.length && (
				<Empty icon="vms" title="No virtual machines yet" action={create}>
					Two built-in images are ready: a Debian kernel and a small shell. Your first guest is a minute away.
				</Empty>
			)}
			{vms.length > 0 && <>
				<Filters query={query} setQuery={setQuery} state={state} setState={setState} />
				<p class="offscreen" role="status">{query || state ? `${plural(shown.length, 'machine')} shown` : ''}</p>
				{shown.length
					? <Table vms={shown} tasks={all?.tasks ?? new Map()} />
					: <p class="none">No machine matches. <button type="button" class="textual"
						onClick={() => { setQuery(''); setState(''); }}>Show all</button></p>}
			</>}
		</Screen>
	);
}
