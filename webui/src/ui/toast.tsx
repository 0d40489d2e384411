/** Short messages at the edge of the page. Errors stay until they are closed. */

import { createStore, useStore } from '../lib/store';
import { say } from '../api/problem';
import { Icon } from './icon';

interface Toast {
	id: number;
	text: string;
	tone: 'info' | 'bad';
}

const toasts = createStore<Toast[]>([]);
let next = 1;
const SHOWN_MS = 5000;

function close(id: number): void {
	toasts.set((list) => list.filter((t) => t.id !== id));
}

export function toast(text: string, tone: Toast['tone'] = 'info'): void {
	const id = next++;
	toasts.set((list) => [...list.filter((t) => t.text !== text).slice(-3), { id, text, tone }]);
	if (tone === 'info')
		setTimeout(close, SHOWN_MS, id);
}

/** Tell what went wrong, in the words of the appliance. */
export function toastError(what: string, error: unknown): void {
	toast(`${what}: ${say(error)}`, 'bad');
}

export function Toasts() {
	const list = useStore(toasts);
	return (
		<div class="toasts" role="region" aria-label="Messages">
			<div aria-live="polite">
				{list.map((t) => (
					<div key={t.id} class={`toast ${t.tone}`}>
						<Icon name={t.tone === 'bad' ? 'warning' : 'check'} />
						<span>{t.text}</span>
						<button type="button" class="button quiet bare" aria-label="Close message"
							onClick={() => close(t.id)}>
							<Icon name="close" />
						</button>
					</div>
				))}
			</div>
		</div>
	);
}
