/** What machines used in the last minutes, from one look at their counters to the next. */

import type { VmStats } from '../api/types';

export const LOOK_INTERVAL = 2000;
/** Five minutes. */
export const LOOKS = 150;

export interface Use {
	/** Percent of one CPU, null when only one look was taken. */
	cpu: number | null;
	/** Percent of one CPU that it waited for a CPU; null when that is not told. */
	waited: number | null;
	memory: number;
	/** Bytes in a second, of disks and of network cards. */
	read: number | null;
	written: number | null;
	received: number | null;
	sent: number | null;
}

function total(stats: VmStats, of: (v: VmStats['vcpus'][number]) => number): number {
	return stats.vcpus.reduce((sum, v) => sum + of(v), 0);
}

interface Device {
	id: string;
}

/** @returns bytes in a second of all devices; null when a counter was set back, as when a device came or went. */
function rate<D extends Device>(now: D[], before: D[], ns: number, bytes: (device: D) => number): number | null {
	const ids = (devices: D[]) => devices.map((d) => d.id).join();
	const sum = (devices: D[]) => devices.reduce((all, d) => all + bytes(d), 0);
	const grown = sum(now) - sum(before);
	return grown < 0 || ids(now) !== ids(before) ? null : (grown * 1e9) / ns;
}

export function useBetween(now: VmStats, before: VmStats | undefined): Use {
	const nothing = {
		cpu: null, waited: null, memory: now.memory.actual, read: null, written: null, received: null, sent: null,
	};
	const ns = before ? now.time - before.time : 0;
	if (!before || ns <= 0 || now.cpu_time < before.cpu_time)
		return nothing;
	const told = now.vcpus.every((v) => v.times) && before.vcpus.every((v) => v.times);
	const waited = (stats: VmStats) => total(stats, (v) => v.times?.runnable ?? 0);
	return {
		...nothing,
		cpu: Math.round((100 * (now.cpu_time - before.cpu_time)) / ns),
		waited: told ? Math.max(0, Math.round((100 * (waited(now) - waited(before))) / ns)) : null,
		read: rate(now.disks, before.disks, ns, (d) => d.read_bytes),
		written: rate(now.disks, before.disks, ns, (d) => d.write_bytes),
		received: rate(now.nics, before.nics, ns, (n) => n.counters?.rx_bytes ?? 0),
		sent: rate(now.nics, before.nics, ns, (n) => n.counters?.tx_bytes ?? 0),
	};
}

export interface History {
	last: VmStats | undefined;
	uses: Use[];
}

/** By domain, so that a new start begins anew; kept while other screens are looked at. */
const histories = new Map<string, History>();

export function historyOf(vm: string, domid: number): History {
	const key = `${vm} ${domid}`;
	let history = histories.get(key);
	if (!history) {
		for (const old of histories.keys())
			if (old.startsWith(vm))
				histories.delete(old);
		history = { last: undefined, uses: [] };
		histories.set(key, history);
	}
	return history;
}

export function addLook(history: History, stats: VmStats): void {
	history.uses = [...history.uses, useBetween(stats, history.last)].slice(-LOOKS);
	history.last = stats;
}
