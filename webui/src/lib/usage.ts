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
	/** Bytes in a second. */
	read: number | null;
	written: number | null;
}

function total(stats: VmStats, of: (v: VmStats['vcpus'][number]) => number): number {
	return stats.vcpus.reduce((sum, v) => sum + of(v), 0);
}

/** @returns how much a counter grew in a second; null when it was set back, as when a disk came or went. */
function perSecond(now: number, before: number, ns: number): number | null {
	return now < before ? null : ((now - before) * 1e9) / ns;
}

export function useBetween(now: VmStats, before: VmStats | undefined): Use {
	const nothing = { cpu: null, waited: null, memory: now.memory.actual, read: null, written: null };
	const ns = before ? now.time - before.time : 0;
	if (!before || ns <= 0 || now.cpu_time < before.cpu_time)
		return nothing;
	const sameDisks = now.disks.map((d) => d.id).join() === before.disks.map((d) => d.id).join();
	const bytes = (stats: VmStats, key: 'read_bytes' | 'write_bytes') => stats.disks.reduce((sum, d) => sum + d[key], 0);
	const told = now.vcpus.every((v) => v.times) && before.vcpus.every((v) => v.times);
	const waited = (stats: VmStats) => total(stats, (v) => v.times?.runnable ?? 0);
	return {
		...nothing,
		cpu: Math.round((100 * (now.cpu_time - before.cpu_time)) / ns),
		waited: told ? Math.max(0, Math.round((100 * (waited(now) - waited(before))) / ns)) : null,
		read: sameDisks ? perSecond(bytes(now, 'read_bytes'), bytes(before, 'read_bytes'), ns) : null,
		written: sameDisks ? perSecond(bytes(now, 'write_bytes'), bytes(before, 'write_bytes'), ns) : null,
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
