import { describe, expect, it } from 'vitest';
import type { VmStats } from '../src/api/types';
import { filterLines } from '../src/lib/log-lines';
import { parseRoute } from '../src/lib/router';
import { addLook, historyOf, LOOKS, useBetween } from '../src/lib/usage';
import { linePath } from '../src/ui/chart';

function stats(seconds: number, cpu: number, more: Partial<VmStats> = {}): VmStats {
	return {
		time: seconds * 1e9,
		cpu_time: cpu * 1e9,
		vcpus: [{
			vcpu: 0, state: 'running', cpu: 0, cpu_time: cpu * 1e9,
			times: { running: cpu * 1e9, runnable: seconds * 1e8, blocked: 0, offline: 0 },
		}],
		memory: { actual: 100, target: 100, min: 100, max: 200 },
		disks: [],
		nics: [],
		...more,
	};
}

function disk(id: string, read: number): VmStats['disks'][number] {
	return {
		id, target: 'xvda', read_bytes: read, write_bytes: 0, read_requests: 0, write_requests: 0,
		flush_requests: 0, discard_requests: 0,
	};
}

function nic(id: string, received: number, sent: number): VmStats['nics'][number] {
	return {
		id, network: 'n', mac: '02:00:00:00:00:01', address: null, rate: null, spoof_protection: true, link: true, interface: 'vif1.0',
		counters: { rx_bytes: received, rx_packets: 1, rx_dropped: 0, tx_bytes: sent, tx_packets: 1, tx_dropped: 0 },
	};
}

describe('useBetween', () => {
	it('says nothing of one look', () => {
		expect(useBetween(stats(1, 1), undefined)).toEqual({
			cpu: null, waited: null, memory: 100, read: null, written: null, received: null, sent: null,
		});
	});
	it('adds up what network cards receive and send, unless one came or was counted anew', () => {
		const before = stats(2, 1, { nics: [nic('a', 1000, 500), nic('b', 0, 0)] });
		const after = stats(4, 2, { nics: [nic('a', 3000, 600), nic('b', 10, 0)] });
		expect(useBetween(after, before)).toMatchObject({ received: 1005, sent: 50 });
		expect(useBetween(before, stats(0, 0, { nics: [nic('a', 0, 0)] }))).toMatchObject({ received: null, sent: null });
		expect(useBetween(stats(4, 2, { nics: [nic('a', 3000, 0), nic('b', 10, 0)] }), before)).toMatchObject({ received: 1005, sent: null });
	});
	it('tells percent of one CPU, and bytes in a second', () => {
		const use = useBetween(stats(4, 2, { disks: [disk('a', 3000)] }), stats(2, 1, { disks: [disk('a', 1000)] }));
		expect(use).toEqual({ cpu: 50, waited: 10, memory: 100, read: 1000, written: 0, received: 0, sent: 0 });
	});
	it('makes no figure of disks that came, or of times that are not told', () => {
		const bare = stats(4, 2, { disks: [disk('a', 3000)] });
		bare.vcpus[0]!.times = null;
		expect(useBetween(bare, stats(2, 1))).toMatchObject({ cpu: 50, waited: null, read: null });
	});
	it('begins anew when counters were set back', () => {
		expect(useBetween(stats(5, 0), stats(4, 2)).cpu).toBeNull();
	});
});

describe('histories', () => {
	it('keep five minutes of a domain, and nothing of the one before', () => {
		for (let i = 0; i < LOOKS + 20; i++)
			addLook(historyOf('vm', 1), stats(i, i / 2));
		expect(historyOf('vm', 1).uses).toHaveLength(LOOKS);
		expect(historyOf('vm', 2).uses).toHaveLength(0);
		expect(historyOf('vm', 1).uses).toHaveLength(0);
	});
});

describe('linePath', () => {
	it('ends at the right edge, and leaves gaps', () => {
		expect(linePath([0, null, 10, 5], 4, 10)).toBe('M0.0 55.0M200.0 1.0L300.0 28.0');
	});
	it('cuts what is beyond the top', () => {
		expect(linePath([99], 1, 10)).toBe('M0.0 1.0');
	});
});

describe('filterLines', () => {
	it('finds words in any case and drops what terminals want', () => {
		expect(filterLines('\x1b[31mOne\x1b[0m two\r\nthree\n', '')).toEqual(['One two', 'three']);
		expect(filterLines('One\ntwo\n', 'ONE')).toEqual(['One']);
		expect(filterLines('', 'x')).toEqual([]);
	});
});

describe('parseRoute', () => {
	it('knows the log, and the tabs of a machine', () => {
		expect(parseRoute('#/host/log')).toEqual({ screen: 'host-log' });
		expect(parseRoute('#/vms/ab-1/debug')).toEqual({ screen: 'vm', id: 'ab-1', tab: 'debug' });
		expect(parseRoute('#/vms/ab-1')).toEqual({ screen: 'vm', id: 'ab-1', tab: 'overview' });
		expect(parseRoute('#/vms/ab-1/other').screen).toBe('missing');
	});
});
