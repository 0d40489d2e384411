/** The host's CPUs that virtual CPUs may run on, as they are typed and shown. */

import type { Vm } from '../api/types';

type Affinity = Vm['affinity'];
const MAX_CPU = 63;

/** @returns `0-2,5` for `[0, 1, 2, 5]`; nothing for all. */
export function cpuText(cpus: readonly number[] | null): string {
	const runs: [number, number][] = [];
	for (const cpu of cpus ?? []) {
		const last = runs.at(-1);
		if (last && last[1] === cpu - 1)
			last[1] = cpu;
		else
			runs.push([cpu, cpu]);
	}
	return runs.map(([from, to]) => from === to ? `${from}` : `${from}-${to}`).join(',');
}

/** @returns the opposite: null for nothing, undefined for what can't be understood. */
export function parseCpus(text: string): number[] | null | undefined {
	const found = new Set<number>();
	for (const part of text.split(/[\s,]+/).filter(Boolean)) {
		const run = /^(\d{1,2})(?:-(\d{1,2}))?$/.exec(part);
		const from = Number(run?.[1]);
		const to = Number(run?.[2] ?? from);
		if (!run || from > to || to > MAX_CPU)
			return undefined;
		for (let cpu = from; cpu <= to; cpu++)
			found.add(cpu);
	}
	return found.size ? [...found].sort((a, b) => a - b) : null;
}

/** @returns the lists of an affinity that has one for each virtual CPU; null for any other. */
export function listsOf(affinity: Affinity): (number[] | null)[] | null {
	return affinity?.some((one) => typeof one !== 'number') ? affinity as (number[] | null)[] : null;
}

/** @returns the one list that is for all of them; empty for all CPUs. */
export function listOf(affinity: Affinity): number[] {
	return affinity?.filter((one) => typeof one === 'number') ?? [];
}

/** @returns an affinity in words. */
export function affinityText(affinity: Affinity): string {
	const lists = listsOf(affinity);
	if (!affinity)
		return 'All CPUs';
	return lists?.map((cpus, n) => `vCPU ${n} on ${cpus ? cpuText(cpus) : 'all'}`).join('; ') ?? `CPU ${cpuText(listOf(affinity))}`;
}
