/** What a running machine uses, as the hypervisor counts it. */

import { useEffect, useState } from 'preact/hooks';
import { api } from '../api/client';
import type { Vm, VmDebug, VmStats } from '../api/types';
import { formatBytes, formatDuration } from '../lib/format';
import { may } from '../lib/session';
import { Button, Fact, Facts, Note, Progress } from './basics';

const INTERVAL = 2000;
const NS = 1e9;

/** @returns percent of one CPU that was used between two looks. */
function usedPercent(now: VmStats, before: VmStats | null): number | null {
	if (!before || now.time <= before.time)
		return null;
	return Math.max(0, Math.round((100 * (now.cpu_time - before.cpu_time)) / (now.time - before.time)));
}

function Registers({ id }: { id: string }) {
	const [debug, setDebug] = useState<VmDebug | null>(null);
	const [failure, setFailure] = useState('');
	const read = async () => {
		try {
			setDebug(await api.vmDebug(id));
			setFailure('');
		} catch (error) {
			setFailure((error as Error).message);
		}
	};
	return (
		<>
			<Button tone="quiet" onClick={() => void read()}>{debug ? 'Read the registers again' : 'Show the registers'}</Button>
			{failure && <Note tone="bad">{failure}</Note>}
			{debug?.vcpus.map(({ vcpu, registers }) => (
				<details key={vcpu} class="registers" open={debug.vcpus.length === 1}>
					<summary>Registers of vCPU {vcpu}</summary>
					<dl>
						{Object.entries(registers).map(([name, value]) => (
							<div key={name}><dt>{name}</dt><dd><code>{value}</code></dd></div>
						))}
					</dl>
				</details>
			))}
		</>
	);
}

export function Usage({ vm }: { vm: Vm }) {
	const [looks, setLooks] = useState<{ now: VmStats | null; before: VmStats | null }>({ now: null, before: null });
	useEffect(() => {
		let timer = 0;
		let over = false;
		const look = async () => {
			const next = document.hidden ? null : await api.vmStats(vm.id).catch(() => null);
			if (over)
				return;
			if (next)
				setLooks((last) => ({ now: next, before: last.now }));
			timer = window.setTimeout(() => void look(), INTERVAL);
		};
		void look();
		return () => {
			over = true;
			clearTimeout(timer);
		};
	}, [vm.id]);
	const { now, before } = looks;
	if (!now)
		return null;
	const cpu = usedPercent(now, before);
	const online = now.vcpus.filter((v) => v.state !== 'offline').length;
	const memory = Math.min(100, Math.round((100 * now.memory.actual) / now.memory.max));
	return (
		<section class="card" aria-labelledby="usage-title">
			<div class="card-head"><h2 id="usage-title">Usage</h2></div>
			<Facts>
				<Fact name="CPU now">{cpu === null ? '…' : `${cpu} % of one CPU`}</Fact>
				<Fact name="CPU time">{formatDuration(now.cpu_time / NS)}</Fact>
				<Fact name="vCPUs in use">{online} of {now.vcpus.length}</Fact>
				<Fact name="Memory">{formatBytes(now.memory.actual)} of {formatBytes(now.memory.max)}</Fact>
			</Facts>
			<Progress value={Math.min(100, Math.round((cpu ?? 0) / Math.max(1, online)))} label="CPU in use" />
			<Progress value={memory} label="Memory in use" />
			{may('vm.debug') && <Registers id={vm.id} />}
		</section>
	);
}
