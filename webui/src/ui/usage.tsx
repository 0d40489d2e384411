/** What a running machine uses, as the hypervisor and the backends of its devices count it. */

import { useEffect, useState } from 'preact/hooks';
import { api } from '../api/client';
import { say } from '../api/problem';
import type { Vm, VmStats } from '../api/types';
import { formatBytes, formatDuration } from '../lib/format';
import { addLook, historyOf, LOOK_INTERVAL, LOOKS, type Use } from '../lib/usage';
import { Fact, Facts, Note } from './basics';
import { Chart } from './chart';

const NS = 1e9;

function formatPercent(value: number): string {
	return `${Math.round(value)} %`;
}

function formatRate(bytes: number): string {
	return `${formatBytes(Math.round(bytes))}/s`;
}

/** Look again and again while the machine runs and somebody watches. */
function useStats(vm: Vm): { stats: VmStats | undefined; uses: Use[]; failure: string } {
	const history = historyOf(vm.id, vm.domid ?? -1);
	const [failure, setFailure] = useState('');
	const [, setLooks] = useState(0);
	useEffect(() => {
		let timer = 0;
		let over = false;
		const look = async () => {
			try {
				const stats = document.hidden ? null : await api.vmStats(vm.id);
				if (over)
					return;
				if (stats)
					addLook(history, stats);
				setFailure('');
			} catch (error) {
				if (over)
					return;
				setFailure(say(error));
			}
			setLooks((n) => n + 1);
			timer = window.setTimeout(() => void look(), LOOK_INTERVAL);
		};
		void look();
		return () => {
			over = true;
			clearTimeout(timer);
		};
	}, [history]);
	return { stats: history.last, uses: history.uses, failure };
}

/** Where the virtual CPUs' time went, of all time since the start. */
function Times({ vcpus }: { vcpus: VmStats['vcpus'] }) {
	const sum = { running: 0, runnable: 0, blocked: 0 };
	for (const { times } of vcpus) {
		if (!times)
			return null;
		sum.running += times.running;
		sum.runnable += times.runnable;
		sum.blocked += times.blocked;
	}
	return (
		<Fact name="Its CPUs">
			ran {formatDuration(sum.running / NS)}, waited for a CPU {formatDuration(sum.runnable / NS)},
			idle {formatDuration(sum.blocked / NS)}
		</Fact>
	);
}

type Rate = 'read' | 'written' | 'received' | 'sent';

/** Bytes in a second, one way and the other. */
function RateChart({ title, uses, ways }: { title: string; uses: Use[]; ways: [Rate, Rate] }) {
	const rate = (way: Rate) => {
		const value = uses.at(-1)?.[way] ?? null;
		return `${value === null ? '…' : formatRate(value)} ${way}`;
	};
	return (
		<Chart title={title} now={ways.map(rate).join(', ')} room={LOOKS} top={64 * 1024} format={formatRate}
			lines={ways.map((way) => ({ name: way.charAt(0).toUpperCase() + way.slice(1), values: uses.map((u) => u[way]) }))} />
	);
}

export function Usage({ vm }: { vm: Vm }) {
	const { stats, uses, failure } = useStats(vm);
	if (!stats)
		return failure ? <Note tone="bad" title="No figures">{failure}</Note> : null;
	const online = stats.vcpus.filter((v) => v.state !== 'offline').length;
	const last = uses.at(-1);
	return (
		<section class="card" aria-labelledby="usage-title">
			<div class="card-head"><h2 id="usage-title">Usage</h2><p>The last {formatDuration((LOOKS * LOOK_INTERVAL) / 1000)}</p></div>
			{failure && <Note tone="bad" title="No new figures">{failure}</Note>}
			<div class="charts">
				<Chart title="CPU" now={typeof last?.cpu === 'number' ? `${last.cpu} % of one CPU` : '…'} room={LOOKS}
					top={100 * Math.max(1, online)} format={formatPercent} lines={[
						{ name: 'Used', values: uses.map((u) => u.cpu) },
						...(last?.waited === null ? [] : [{ name: 'Waited for', values: uses.map((u) => u.waited) }]),
					]} />
				<Chart title="Memory" now={formatBytes(stats.memory.actual)} room={LOOKS} top={stats.memory.max}
					most={`${formatBytes(stats.memory.max)}, the most it can have`} format={formatBytes}
					lines={[{ name: 'In use', values: uses.map((u) => u.memory) }]} />
				{stats.disks.length > 0 && <RateChart title="Disks" uses={uses} ways={['read', 'written']} />}
				{stats.nics.length > 0 && <RateChart title="Network" uses={uses} ways={['received', 'sent']} />}
			</div>
			<Facts>
				<Fact name="CPU time">{formatDuration(stats.cpu_time / NS)}</Fact>
				<Fact name="vCPUs in use">{online} of {stats.vcpus.length}</Fact>
				<Times vcpus={stats.vcpus} />
				{stats.disks.map((d) => (
					<Fact key={d.id} name={`Disk ${d.target}`}>
						{formatBytes(d.read_bytes)} read, {formatBytes(d.write_bytes)} written, {' '}
						{(d.read_requests + d.write_requests).toLocaleString()} requests
					</Fact>
				))}
			</Facts>
		</section>
	);
}
