/** What the hypervisor knows of a running machine, for whoever looks for a fault. */

import { useEffect, useState } from 'preact/hooks';
import { api } from '../api/client';
import { say } from '../api/problem';
import type { Vm, VmDebug } from '../api/types';
import { plural } from '../lib/format';
import { Button, Fact, Facts, Loading, Note } from '../ui/basics';
import { Registers } from '../ui/registers';

const NOT_TOLD = 'This hypervisor does not tell.';

/** Names and numbers, the largest first, each as long as its share. */
function Bars({ of, unit }: { of: [string, number, (string | undefined)?][]; unit: string }) {
	const most = Math.max(1, ...of.map(([, n]) => n));
	if (!of.length)
		return <p class="muted">None yet</p>;
	return (
		<ul class="bars">
			{[...of].sort((a, b) => b[1] - a[1]).map(([name, n, more]) => (
				<li key={name}>
					<code>{name}</code>
					<span class="bars-line" aria-hidden="true"><i style={{ width: `${(100 * n) / most}%` }} /></span>
					<span class="bars-number">{n.toLocaleString()}<span class="offscreen"> {unit}</span>{more && <em> {more}</em>}</span>
				</li>
			))}
		</ul>
	);
}

function addUp(vcpus: VmDebug['vcpus']): [string, number][] | null {
	const sums = new Map<string, number>();
	for (const { exits } of vcpus) {
		if (!exits)
			return null;
		for (const [name, n] of Object.entries(exits))
			sums.set(name, (sums.get(name) ?? 0) + n);
	}
	return [...sums];
}

function channelEnd(ch: VmDebug['event_channels'][number]): string {
	switch (ch.kind) {
	case 'interdomain': return `domain ${ch.remote_domid}, port ${ch.number}`;
	case 'unbound': return `waits for domain ${ch.remote_domid}`;
	case 'ipi': return 'between its own CPUs';
	default: return `number ${ch.number}`;
	}
}

function Channels({ list }: { list: VmDebug['event_channels'] }) {
	return (
		<section class="card" aria-labelledby="channels-title">
			<div class="card-head"><h2 id="channels-title">Event channels</h2><p>{plural(list.length, 'port')}</p></div>
			<details>
				<summary>All ports</summary>
				<ul class="channels">
					{list.map((ch) => (
						<li key={ch.port}><code>{ch.port}</code> <span class="chip">{ch.kind}</span> <span>{channelEnd(ch)}, vCPU {ch.vcpu}</span></li>
					))}
				</ul>
			</details>
		</section>
	);
}

function Report({ debug }: { debug: VmDebug }) {
	const exits = addUp(debug.vcpus);
	return (
		<div class="columns">
			<div class="column">
				<section class="card" aria-labelledby="registers-title">
					<div class="card-head"><h2 id="registers-title">Registers</h2></div>
					<Registers vcpus={debug.vcpus} />
				</section>
				<Channels list={debug.event_channels} />
				<section class="card" aria-labelledby="grants-title">
					<div class="card-head"><h2 id="grants-title">Grants</h2></div>
					{debug.grants
						? (
							<Facts>
								<Fact name="Pages others use">{debug.grants.used.toLocaleString()}</Fact>
								<Fact name="Pages it has mapped">{debug.grants.mapped.toLocaleString()}</Fact>
							</Facts>
						)
						: <p class="muted">{NOT_TOLD}</p>}
				</section>
				<section class="card" aria-labelledby="mappings-title">
					<div class="card-head"><h2 id="mappings-title">Memory mappings</h2></div>
					{debug.mappings
						? (
							<Facts>
								<Fact name="Of 1 GiB">{debug.mappings['1g'].toLocaleString()}</Fact>
								<Fact name="Of 2 MiB">{debug.mappings['2m'].toLocaleString()}</Fact>
								<Fact name="Of 4 KiB">{debug.mappings['4k'].toLocaleString()}</Fact>
							</Facts>
						)
						: <p class="muted">{NOT_TOLD}</p>}
				</section>
			</div>
			<div class="column">
				<section class="card" aria-labelledby="exits-title">
					<div class="card-head"><h2 id="exits-title">Exits by reason</h2></div>
					{exits ? <Bars of={exits} unit="exits" /> : <p class="muted">{NOT_TOLD}</p>}
				</section>
				<section class="card" aria-labelledby="calls-title">
					<div class="card-head"><h2 id="calls-title">Hypercalls</h2></div>
					{debug.hypercalls
						? <Bars unit="calls" of={debug.hypercalls.map((c) =>
							[c.name, c.calls, c.absent ? `${c.absent.toLocaleString()} not there` : undefined])} />
						: <p class="muted">{NOT_TOLD}</p>}
				</section>
			</div>
		</div>
	);
}

export function VmDebugView({ vm }: { vm: Vm }) {
	const [debug, setDebug] = useState<VmDebug | null>(null);
	const [failure, setFailure] = useState('');
	const [busy, setBusy] = useState(false);
	const read = async () => {
		setBusy(true);
		try {
			setDebug(await api.vmDebug(vm.id));
			setFailure('');
		} catch (error) {
			setFailure(say(error));
		}
		setBusy(false);
	};
	useEffect(() => {
		setDebug(null);
		if (vm.domid !== null)
			void read();
	}, [vm.id, vm.domid]);
	if (vm.domid === null)
		return <Note tone="info">The machine does not run. Its last crash, if any, is on the overview.</Note>;
	return (
		<>
			<div class="filters debug-head">
				<p class="hint">Of one moment. Registers are exact while the machine is paused.</p>
				<Button icon="restart" busy={busy} onClick={() => void read()}>Read again</Button>
			</div>
			{failure && <Note tone="bad" title="Not read">{failure}</Note>}
			{debug ? <Report debug={debug} /> : !failure && <Loading />}
		</>
	);
}
