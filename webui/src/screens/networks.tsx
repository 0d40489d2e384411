import { useState } from 'preact/hooks';
import { api } from '../api/client';
import type { World } from '../api/events';
import type { Network, NetworkCreate } from '../api/types';
import { learn, loadError, world } from '../lib/live';
import { may } from '../lib/session';
import { useStore } from '../lib/store';
import { Button, Empty, Loading, Note, Screen } from '../ui/basics';
import { Confirm, Dialog } from '../ui/dialog';
import { CheckField, SelectField, TextField } from '../ui/field';
import { Refused, useForm } from '../ui/form';
import { toast } from '../ui/toast';

const KINDS = { private: 'Private', bridge: 'VLAN of the uplink' };

/** Makes a network, or changes the one given. */
function NetworkDialog({ network, onClose }: { network: Network | null; onClose: () => void }) {
	const [shown, setShown] = useState(network);
	const [name, setName] = useState(network?.name ?? '');
	const [kind, setKind] = useState<'private' | 'bridge'>(network?.kind ?? 'private');
	const [vlan, setVlan] = useState('');
	const [subnet, setSubnet] = useState('');
	const [dhcp, setDhcp] = useState(network?.dhcp ?? true);
	const [nat, setNat] = useState(network?.nat ?? true);
	const form = useForm(['name', 'vlan', 'subnet']);
	const { body, errors, busy, submit } = form;

	const save = () => {
		const rest = kind === 'private' ? { dhcp, nat } : {};
		if (shown)
			return api.updateNetwork(shown.id, { name: name.trim(), ...rest },
				(now) => now.name === shown.name && now.dhcp === shown.dhcp && now.nat === shown.nat);
		const made: NetworkCreate = { name: name.trim(), kind, ...rest } as NetworkCreate;
		if (kind === 'bridge')
			made.vlan = Number(vlan);
		else if (subnet.trim())
			made.subnet = subnet.trim();
		return api.createNetwork(made);
	};
	const check = () => {
		const wrong: Record<string, string> = {};
		if (!name.trim())
			wrong['name'] = 'Give the network a name.';
		if (!network && kind === 'bridge' && !/^\d+$/.test(vlan))
			wrong['vlan'] = 'Give the number of the VLAN, 1 to 4094.';
		return wrong;
	};
	const go = () => submit(check(), async () => {
		const saved = await save();
		learn(network ? 'network.updated' : 'network.created', saved);
		toast(`Saved ${saved.name}`);
		onClose();
	});
	return (
		<Dialog title={network ? `Edit ${network.name}` : 'New network'} onClose={onClose} onSubmit={go} footer={<>
			<Button onClick={onClose}>Cancel</Button>
			<Button type="submit" tone="primary" busy={busy}>{network ? 'Save' : 'Create'}</Button>
		</>}>
			<div ref={body} class="form">
				<Refused form={form} title="Not saved" what="this network" load={(now: Network) => {
					setShown(now);
					setName(now.name);
					setDhcp(now.dhcp);
					setNat(now.nat);
				}} />
				<TextField label="Name" name="network-name" value={name} error={errors['name']} onInput={setName}
					autocomplete="off" spellcheck={false} />
				{!network && (
					<SelectField label="Kind" value={kind} onChange={(v) => setKind(v as 'private' | 'bridge')}>
						{Object.entries(KINDS).map(([key, text]) => <option key={key} value={key}>{text}</option>)}
					</SelectField>
				)}
				{!network && kind === 'bridge' && (
					<TextField label="VLAN" name="vlan" inputMode="numeric" value={vlan} error={errors['vlan']} onInput={setVlan}
						hint="Guests join this VLAN on the host's network card" />
				)}
				{!network && kind === 'private' && (
					<TextField label="Subnet" name="subnet" value={subnet} error={errors['subnet']} onInput={setSubnet}
						hint="Such as 192.168.50.0/24; left empty, a free one is chosen" autocomplete="off" />
				)}
				{kind === 'private' && <>
					<CheckField label="Give guests addresses (DHCP)" checked={dhcp} onChange={setDhcp} />
					<CheckField label="Guests reach the outside (NAT)" checked={nat} onChange={setNat} />
				</>}
			</div>
		</Dialog>
	);
}

function usersOf(network: Network, all: World): string[] {
	return [...all.vms.values()].filter((vm) => vm.nics.some((nic) => nic.network === network.id)).map((vm) => vm.name);
}

function reach(network: Network): string {
	if (network.kind === 'bridge')
		return network.vlan ? `VLAN ${network.vlan}` : 'The host’s own network';
	return `${network.subnet}${network.nat ? ', NAT' : ''}${network.dhcp ? ', DHCP' : ''}`;
}

function NetworkRow({ network, all, onEdit, onDelete }:
	{ network: Network; all: World; onEdit: () => void; onDelete: () => void }) {
	const users = usersOf(network, all);
	return (
		<tr>
			<th scope="row">{network.name} {network.builtin && <span class="chip">Built in</span>}</th>
			<td data-name="Kind">{network.kind === 'private' ? 'Private' : 'Bridge'}</td>
			<td data-name="Reach">{reach(network)}</td>
			<td data-name="Used by" class="cell-users">
				{users.length ? <span title={users.join(', ')}>{users.slice(0, 2).join(', ')}
					{users.length > 2 && ` and ${users.length - 2} more`}</span> : <span class="muted">no machine</span>}
			</td>
			<td class="cell-actions">
				{may('network.write') && <>
					<Button tone="quiet" icon="edit" label={`Edit ${network.name}`} onClick={onEdit} />
					{!network.builtin && <Button tone="quiet" icon="trash" label={`Delete ${network.name}`} onClick={onDelete} />}
				</>}
			</td>
		</tr>
	);
}

export function NetworksScreen() {
	const all = useStore(world);
	const error = useStore(loadError);
	const [editing, setEditing] = useState<Network | 'new' | null>(null);
	const [deleting, setDeleting] = useState<Network | null>(null);
	const networks = [...(all?.networks.values() ?? [])].sort((a, b) => a.name.localeCompare(b.name));
	const add = may('network.write') &&
		<Button tone="primary" icon="plus" onClick={() => setEditing('new')}>New network</Button>;
	return (
		<Screen title="Networks" wide lead="What machines’ network cards are plugged into" actions={networks.length > 0 && add}>
			{error && <Note tone="bad">{error}</Note>}
			{!all && !error && <Loading />}
			{all && !networks.length && <Empty icon="networks" title="No networks" action={add}>
				Machines reach each other and the outside through networks.</Empty>}
			{all && networks.length > 0 && (
				<div class="card table-card">
					<table class="table">
						<thead>
							<tr>
								<th scope="col">Name</th><th scope="col">Kind</th><th scope="col">Reach</th>
								<th scope="col">Used by</th><th scope="col"><span class="offscreen">Actions</span></th>
							</tr>
						</thead>
						<tbody>{networks.map((network) => <NetworkRow key={network.id} network={network} all={all}
							onEdit={() => setEditing(network)} onDelete={() => setDeleting(network)} />)}</tbody>
					</table>
				</div>
			)}
			{editing && <NetworkDialog network={editing === 'new' ? null : editing} onClose={() => setEditing(null)} />}
			{deleting && (
				<Confirm title={`Delete ${deleting.name}?`} button="Delete" onClose={() => setDeleting(null)}
					text="The network is taken down."
					run={async () => {
						await api.deleteNetwork(deleting.id);
						learn('network.deleted', deleting);
						toast(`Deleted ${deleting.name}`);
					}} />
			)}
		</Screen>
	);
}
