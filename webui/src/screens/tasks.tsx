import { useState } from 'preact/hooks';
import { api } from '../api/client';
import type { Task, Vm } from '../api/types';
import { formatAgo, formatBytes, formatDuration, formatTime, words } from '../lib/format';
import { useNow } from '../lib/hooks';
import { learn, loadError, world } from '../lib/live';
import { href } from '../lib/router';
import { may } from '../lib/session';
import { useStore } from '../lib/store';
import { Button, Empty, Loading, Note, Progress, Screen, TaskBadge } from '../ui/basics';
import { toastError } from '../ui/toast';

const KINDS: Record<string, string> = {
	'host.autostart': 'Start machines with the host',
	'vm.start': 'Start',
	'vm.shutdown': 'Shut down',
	'vm.reboot': 'Reboot',
	'vm.destroy': 'Force off',
	'vm.pause': 'Pause',
	'vm.resume': 'Resume',
	'volume.create': 'Make volume',
	'host.shutdown': 'Shut down',
	'host.reboot': 'Reboot',
};

export function taskTitle(task: Task): string {
	return KINDS[task.kind] ?? words(task.kind);
}

export function isActive(task: Task): boolean {
	return task.status === 'queued' || task.status === 'running';
}

/** The words of a failed task, with the numbers when memory was short. */
export function taskError(error: NonNullable<Task['error']>): string {
	if (error.needed === undefined || error.free === undefined)
		return error.detail;
	return `${error.detail} (needed ${formatBytes(error.needed)}, free ${formatBytes(error.free)})`;
}

function Target({ task, vms }: { task: Task; vms: Map<string, Vm> }) {
	const volumes = useStore(world)?.volumes;
	if (task.target.type === 'host')
		return <a href={href.host}>this machine</a>;
	if (task.target.type === 'volume') {
		const volume = task.target.id && volumes?.get(task.target.id);
		return volume ? <a href={href.volumes}>{volume.name}</a> : <span class="muted">a deleted volume</span>;
	}
	const vm = task.target.id && vms.get(task.target.id);
	return vm ? <a href={href.vm(vm.id)}>{vm.name}</a> : <span class="muted">a deleted machine</span>;
}

function Duration({ task, now }: { task: Task; now: number }) {
	if (!task.started_at)
		return null;
	const end = task.finished_at ? Date.parse(task.finished_at) : now;
	const seconds = (end - Date.parse(task.started_at)) / 1000;
	if (seconds < 1 && task.finished_at)
		return <> · took under a second</>;
	return <> · {task.finished_at ? 'took' : 'for'} {formatDuration(Math.max(0, seconds))}</>;
}

export function TaskRow({ task, vms, now, actions }:
	{ task: Task; vms: Map<string, Vm>; now: number; actions?: preact.ComponentChildren }) {
	return (
		<li class="task">
			<div class="task-line">
				<span class="task-what"><strong>{taskTitle(task)}</strong> <Target task={task} vms={vms} /></span>
				<TaskBadge status={task.status} />
			</div>
			{isActive(task) && (
				<div class="task-progress">
					<Progress value={task.progress} label={`${taskTitle(task)}: progress`} />
					<span>{task.stage || 'waiting'} · {task.progress} %</span>
					{actions}
				</div>
			)}
			{task.error && <p class="task-error">{taskError(task.error)}</p>}
			<p class="task-more">
				<time dateTime={task.created_at} title={formatTime(task.created_at)}>{formatAgo(task.created_at, now)}</time>
				{' by '}{task.actor}<Duration task={task} now={now} />
			</p>
		</li>
	);
}

type Filter = 'all' | 'active' | 'failed';
const FILTERS: [Filter, string, (t: Task) => boolean][] = [
	['all', 'All', () => true],
	['active', 'Running', isActive],
	['failed', 'Failed', (t) => t.status === 'failed'],
];

function CancelButton({ task }: { task: Task }) {
	const [busy, setBusy] = useState(false);
	const cancel = async () => {
		setBusy(true);
		try {
			learn('task.updated', await api.cancelTask(task.id));
		} catch (error) {
			toastError('Not cancelled', error);
		}
		setBusy(false);
	};
	return <Button tone="quiet" icon="close" busy={busy} onClick={cancel}>Cancel</Button>;
}

export function TasksScreen() {
	const all = useStore(world);
	const error = useStore(loadError);
	const now = useNow(1000);
	const [filter, setFilter] = useState<Filter>('all');
	const tasks = [...(all?.tasks.values() ?? [])].sort((a, b) => b.created_at.localeCompare(a.created_at));
	const test = FILTERS.find(([key]) => key === filter)?.[2] ?? (() => true);
	const shown = tasks.filter(test);
	return (
		<Screen title="Tasks" lead="Everything slow, of the last 30 days">
			{error && <Note tone="bad">{error}</Note>}
			{!all && !error && <Loading />}
			{all && !tasks.length && (
				<Empty icon="tasks" title="No tasks yet">
					Starting and stopping machines and copying images leaves its record here, with errors in words.
				</Empty>
			)}
			{tasks.length > 0 && <>
				<div class="segments" role="group" aria-label="Show">
					{FILTERS.map(([key, text, match]) => (
						<button key={key} type="button" aria-pressed={filter === key} onClick={() => setFilter(key)}>
							{text} <span class="count">{tasks.filter(match).length}</span>
						</button>
					))}
				</div>
				{shown.length
					? <ul class="task-list card">{shown.map((task) => (
						<TaskRow key={task.id} task={task} vms={all?.vms ?? new Map()} now={now}
							actions={may('task.cancel') && <CancelButton task={task} />} />
					))}</ul>
					: <p class="none">No task is {filter === 'active' ? 'running' : 'marked as failed'}.</p>}
			</>}
		</Screen>
	);
}
