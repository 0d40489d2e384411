/** Events: each carries a whole resource, so applying one is putting it in its place. */

import type { Event, Image, Network, Task, Vm, Volume } from './types';

export interface World {
	vms: Map<string, Vm>;
	images: Map<string, Image>;
	volumes: Map<string, Volume>;
	networks: Map<string, Network>;
	tasks: Map<string, Task>;
}

const COLLECTIONS = { vm: 'vms', image: 'images', volume: 'volumes', network: 'networks', task: 'tasks' } as const;
type Kind = keyof typeof COLLECTIONS;

export const EVENT_NAMES: readonly Event['type'][] = [
	'vm.created', 'vm.updated', 'vm.deleted', 'task.created', 'task.updated', 'image.created', 'image.deleted',
	'volume.created', 'volume.updated', 'volume.deleted',
	'network.created', 'network.updated', 'network.deleted',
];

interface Versioned {
	id: string;
	updated_at?: string;
	finished_at?: string | null;
}

/** A page may be open for weeks: only so many tasks are kept, and those that are not over. */
export const TASKS_KEPT = 500;

function keepNewest(tasks: Map<string, Task>): Map<string, Task> {
	if (tasks.size <= 2 * TASKS_KEPT)
		return tasks;
	const kept = [...tasks.values()]
		.sort((a, b) => b.created_at.localeCompare(a.created_at))
		.filter((task, n) => n < TASKS_KEPT || !task.finished_at);
	return new Map(kept.map((task) => [task.id, task]));
}

/** Answers and events come on different ways: @returns whether @p next is older than @p known. */
function isStale(known: Versioned | undefined, next: Versioned, created: boolean): boolean {
	if (!known)
		return false;
	if (created || (known.finished_at && !next.finished_at))
		return true;
	return (known.updated_at ?? '') > (next.updated_at ?? '');
}

/**
 * @param name the event's name on the stream, such as `vm.updated`
 * @param data its JSON body
 * @returns the world after it; the same object when nothing of it concerns us.
 */
export function applyEvent(world: World, name: string, data: string): World {
	const [kind, what] = name.split('.') as [Kind, string | undefined];
	const collection = COLLECTIONS[kind];
	if (!collection)
		return world;
	let resource: Partial<Versioned> | undefined;
	try {
		resource = (JSON.parse(data) as Partial<Event>).resource;
	} catch {
		return world;
	}
	if (!resource?.id)
		return world;
	const items = new Map<string, unknown>(world[collection]);
	if (what !== 'deleted' && isStale(items.get(resource.id) as Versioned, resource as Versioned, what === 'created'))
		return world;
	if (what === 'deleted')
		items.delete(resource.id);
	else
		items.set(resource.id, resource);
	return { ...world, [collection]: kind === 'task' ? keepNewest(items as World['tasks']) : items };
}
