/** The network cards of a machine. */

import { useEffect, useState } from 'preact/hooks';
import { api } from '../api/client';
import type { World } from '../api/events';
import type { Nic, NicCounters, NicStatus, Vm } from '../api/types';
import { formatBytes, plural } from '../lib/format';
import { may } from '../lib/session';
import { Button } from './basics';
import { Confirm, Dialog } from './dialog';
import { CheckField, SelectField, TextField } from './field';
import { Refused, useForm } from './form';
import { toast } from './toast';

const COUNT_INTERVAL = 5_000;
const MIB = 1 << 20;
const RATE_MIN = 10_000;
const RATE_MAX = 10_000 * MIB;
const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/;

/** Counters come by asking, the rest with the machine itself. */
function useCounters(vm: Vm): Map<string, NicStatus> {
	const [known, setKnown] = useState(new Map<string, NicStatus>());
	const isUp = vm.domid !== null && vm.nics.length > 0;
	useEffect(() => {
		if (!isUp) {
			setKnown(new Map());
			return;
		}
		let gone = false;
		let timer = 0;
		const ask = async () => {
			const page = document.hidden ? null : await api.nics(vm.id).catch(() => null);
			if (gone)
				return;
			if (page)
				setKnown(new Map(page.items.map((nic) => [nic.id, nic])));
			timer = window.setTimeout(() => void ask(), COUNT_INTERVAL);
		};
		void ask();
		return () => {
			gone = true;
			clearTimeout(timer);
		};
	}, [vm.id, isUp, vm.nics.length]);
	return known;
}

/** The limit as typed, in bytes a second; null for none, undefined for what is no number. */
function parseRate(text: string): number | null | undefined {
	const rate = Math.round(Number(text.trim().replace(',', '.')) * MIB);
	if (!text.trim())
		return null;
	return rate >= RATE_MIN && rate <= RATE_MAX ? rate : undefined;
}

function rateText(rate: number | null | undefined): string {
	return rate ? String(Math.round(rate / MIB * 1000) / 1000) : '';
}

/** What was shown rounded and not touched stays what it was. */
export function limitOf(text: string, shown: number | null | undefined): number | null | undefined {
	return text === rateText(shown) ? shown ?? null : parseRate(text);
}

function sameNic(a: Nic, b: Nic | undefined): boolean {
	return a.network === b?.network && a.rate === b.rate && a.spoof_protection === b.spoof_protection && a.link === b.link;
}

/** Attaches a card, or changes the one given. */
function NicDialog({ vm, nic, all, onClose }: { vm: Vm; nic: Nic | null; all: World; onClose: () => void }) {
	const networks = [...all.networks.values()].sort((a, b) => a.name.localeCompare(b.name));
	const [shown, setShown] = useState(nic);
	const [network, setNetwork] = useState(nic?.network ?? networks.find((one) => one.builtin)?.id ?? networks[0]?.id ?? '');
	const [rate, setRate] = useState(rateText(nic?.rate));
	const [guarded, setGuarded] = useState(nic?.spoof_protection ?? true);
	const [link, setLink] = useState(nic?.link ?? true);
	const [mac, setMac] = useState('');
	const form = useForm(['network', 'mac', 'rate']);
	const { body, errors, busy, submit } = form;
	const cardOf = (now: Vm) => now.nics.find((one) => one.id === shown?.id);
	const load = (now: Vm) => {
		const found = cardOf(now);
		if (!found) {
			toast('The network card is gone');
			onClose();
			return;
		}
		setShown(found);
		setNetwork(found.network);
		setRate(rateText(found.rate));
		setGuarded(found.spoof_protection);
		setLink(found.link);
	};
	const go = () => {
		const limit = limitOf(rate, shown?.rate);
		const address = mac.trim().toLowerCase().replaceAll('-', ':');
		const wrong: Record<string, string> = {
			...(!address || MAC.test(address) ? {} : { mac: 'Six pairs of hexadecimal digits, such as 00:16:3e:12:34:56.' }),
			...(limit === undefined ? { rate: 'Give a number of MiB a second from 0.01 to 10000, or nothing.' } : {}),
		};
		return submit(wrong, async () => {
			const spec = { network, rate: limit ?? null, spoof_protection: guarded, link };
			await (shown
				? api.updateNic(vm.id, shown.id, spec, (now) => sameNic(shown, cardOf(now)))
				: api.attachNic(vm.id, { ...spec, ...(address ? { mac: address } : {}) }));
			toast(nic ? 'Network card changed' : 'Network card added');
			onClose();
		});
	};
	return (
		<Dialog title={nic ? 'Edit the network card' : 'Add a network card'} onClose={onClose} onSubmit={go} footer={<>
			<Button onClick={onClose}>Cancel</Button>
			<Button type="submit" tone="primary" busy={busy}>{nic ? 'Save' : 'Add'}</Button>
		</>}>
			<div ref={body} class="form">
				<Refused form={form} title={nic ? 'Not saved' : 'Not added'} what="this card" load={load} />
				<SelectField label="Network" value={network} error={errors['network']} onChange={setNetwork}>
					{networks.map((one) => <option key={one.id} value={one.id}>{one.name}</option>)}
				</SelectField>
				<TextField label="Rate limit, MiB/s" name="rate" inputMode="decimal" value={rate} error={errors['rate']} onInput={setRate}
					hint="In each direction; left empty, there is none" autocomplete="off" />
				{!nic && <TextField label="MAC address" name="mac" class="mono" value={mac} error={errors['mac']} onInput={setMac}
					hint="Left empty, one is made up" autocomplete="off" spellcheck={false} />}
				<CheckField label="Block forged senders" checked={guarded} onChange={setGuarded}
					hint="The guest can only send under the card’s own addresses" />
				<CheckField label="Plugged in" checked={link} onChange={setLink} />
			</div>
		</Dialog>
	);
}

function Counters({ of }: { of: NonNullable<NicCounters> }) {
	const way = (bytes: number, packets: number, dropped: number) =>
		`${formatBytes(bytes)} in ${plural(packets, 'packet')}${dropped ? `, ${dropped.toLocaleString()} dropped` : ''}`;
	return (
		<p class="muted">Received {way(of.rx_bytes, of.rx_packets, of.rx_dropped)};
			sent {way(of.tx_bytes, of.tx_packets, of.tx_dropped)}</p>
	);
}

export function Nics({ vm, all }: { vm: Vm; all: World }) {
	const counters = useCounters(vm);
	const [editing, setEditing] = useState<Nic | 'new' | null>(null);
	const [detaching, setDetaching] = useState<string | null>(null);
	const mayChange = may('vm.write');
	return (
		<section class="card" aria-labelledby="nics-title">
			<div class="card-head">
				<h2 id="nics-title">Network cards</h2>
				{mayChange && <Button tone="quiet" icon="plus" onClick={() => setEditing('new')}>Add a card</Button>}
			</div>
			{vm.nics.length
				? <ul class="nic-list">{vm.nics.map((nic) => {
					const count = counters.get(nic.id)?.counters;
					return (
						<li key={nic.id}>
							<p><strong>{all.networks.get(nic.network)?.name ?? nic.network}</strong>{' '}
								{nic.address && <code>{nic.address}</code>}</p>
							<p><code>{nic.mac}</code>{!nic.link && ', unplugged'}{!nic.spoof_protection && ', may forge senders'}
								{nic.rate && `, at most ${formatBytes(nic.rate)}/s`}</p>
							{count && <Counters of={count} />}
							{mayChange && <div class="nic-buttons">
								<Button tone="quiet" icon="edit" label={`Change ${nic.mac}`} onClick={() => setEditing(nic)} />
								<Button tone="quiet" icon="trash" label={`Detach ${nic.mac}`} onClick={() => setDetaching(nic.id)} />
							</div>}
						</li>
					);
				})}</ul>
				: <div class="card-empty"><p>This machine has no network card.</p></div>}
			{editing && <NicDialog vm={vm} nic={editing === 'new' ? null : editing} all={all} onClose={() => setEditing(null)} />}
			{detaching && (
				<Confirm title="Detach the network card?" button="Detach" onClose={() => setDetaching(null)}
					text="A running guest loses it at once."
					run={async () => {
						await api.detachNic(vm.id, detaching);
						toast('Network card detached');
					}} />
			)}
		</section>
	);
}
