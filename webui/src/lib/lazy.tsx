/** Parts of the page that are fetched when they are first needed. */

import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Button, Loading, Note } from '../ui/basics';

/** @returns a component that loads @p load's answer when it is first shown; a failure can be retried. */
export function lazy<P extends object>(load: () => Promise<ComponentType<P>>, text: string): ComponentType<P> {
	let loaded: ComponentType<P> | undefined;
	return function Lazy(props: P) {
		const [attempt, setAttempt] = useState(0);
		const [failed, setFailed] = useState(false);
		const [Part, setPart] = useState<ComponentType<P> | undefined>(() => loaded);
		useEffect(() => {
			if (loaded)
				return;
			setFailed(false);
			load().then((part) => {
				loaded = part;
				setPart(() => part);
			}, () => setFailed(true));
		}, [attempt]);
		if (Part)
			return <Part {...props} />;
		if (failed)
			return (
				<Note tone="bad" action={<Button onClick={() => setAttempt(attempt + 1)}>Try again</Button>}>
					This part of the page could not be loaded.
				</Note>
			);
		return <Loading text={text} />;
	};
}
