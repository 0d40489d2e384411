import { useEffect, useState } from 'preact/hooks';
import { parseRoute, type Route } from './router';

/** @returns the present time in ms, renewed every @p interval ms. */
export function useNow(interval: number): number {
	const [now, setNow] = useState(Date.now());
	useEffect(() => {
		const timer = setInterval(() => setNow(Date.now()), interval);
		return () => clearInterval(timer);
	}, [interval]);
	return now;
}

export function useRoute(): Route {
	const [route, setRoute] = useState(() => parseRoute(location.hash));
	useEffect(() => {
		const changed = () => setRoute(parseRoute(location.hash));
		addEventListener('hashchange', changed);
		changed(); /* the address may have changed since the first drawing */
		return () => removeEventListener('hashchange', changed);
	}, []);
	return route;
}

export function useTitle(title: string): void {
	useEffect(() => {
		document.title = title ? `${title} · Domus` : 'Domus';
	}, [title]);
}
