/** A value that screens can watch. */

import { useEffect, useState } from 'preact/hooks';

export interface Store<T> {
	get(): T;
	set(next: T | ((previous: T) => T)): void;
	watch(listener: (value: T) => void): () => void;
}

export function createStore<T>(initial: T): Store<T> {
	let value = initial;
	const listeners = new Set<(value: T) => void>();
	return {
		get: () => value,
		set(next) {
			const changed = typeof next === 'function' ? (next as (p: T) => T)(value) : next;
			if (Object.is(changed, value))
				return;
			value = changed;
			for (const listener of [...listeners])
				listener(value);
		},
		watch(listener) {
			listeners.add(listener);
			return () => void listeners.delete(listener);
		},
	};
}

/** @returns the present value of @p store, and draws again when it changes. */
export function useStore<T>(store: Store<T>): T {
	const [value, setValue] = useState(store.get());
	useEffect(() => {
		setValue(() => store.get());
		return store.watch((next) => setValue(() => next));
	}, [store]);
	return value;
}
