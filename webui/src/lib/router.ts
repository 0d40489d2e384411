/** Screens live behind the hash, so the server needs to know one page only. */

export type VmTab = 'overview' | 'console' | 'debug';

export type Route =
	| { screen: 'host' }
	| { screen: 'host-log' }
	| { screen: 'vms' }
	| { screen: 'vm-new' }
	| { screen: 'vm'; id: string; tab: VmTab }
	| { screen: 'images' }
	| { screen: 'volumes' }
	| { screen: 'networks' }
	| { screen: 'tasks' }
	| { screen: 'tokens' }
	| { screen: 'missing'; path: string };

const PLAIN = new Map<string, Route>([
	['', { screen: 'host' }],
	['host', { screen: 'host' }],
	['host/log', { screen: 'host-log' }],
	['vms', { screen: 'vms' }],
	['vms/new', { screen: 'vm-new' }],
	['images', { screen: 'images' }],
	['volumes', { screen: 'volumes' }],
	['networks', { screen: 'networks' }],
	['tasks', { screen: 'tasks' }],
	['tokens', { screen: 'tokens' }],
]);

/** @param hash location.hash; @returns the screen it names. */
export function parseRoute(hash: string): Route {
	const path = hash.replace(/^#?\/?/, '').replace(/\/+$/, '');
	const plain = PLAIN.get(path);
	if (plain)
		return plain;
	const vm = /^vms\/([0-9a-f-]+)(?:\/(console|debug))?$/i.exec(path);
	if (vm?.[1])
		return { screen: 'vm', id: vm[1], tab: (vm[2]?.toLowerCase() as VmTab | undefined) ?? 'overview' };
	return { screen: 'missing', path };
}

export const href = {
	host: '#/',
	hostLog: '#/host/log',
	vms: '#/vms',
	newVm: '#/vms/new',
	vm: (id: string) => `#/vms/${id}`,
	console: (id: string) => `#/vms/${id}/console`,
	debug: (id: string) => `#/vms/${id}/debug`,
	images: '#/images',
	volumes: '#/volumes',
	networks: '#/networks',
	tasks: '#/tasks',
	tokens: '#/tokens',
};

export function navigate(to: string): void {
	location.hash = to;
}
