/** Light, dark, or as the system has it. */

import { createStore } from './store';

export type Theme = 'system' | 'light' | 'dark';
const KEY = 'domus-theme';

function stored(): Theme {
	try {
		const value = localStorage.getItem(KEY);
		return value === 'light' || value === 'dark' ? value : 'system';
	} catch {
		return 'system';
	}
}

export const theme = createStore<Theme>(stored());

function apply(value: Theme): void {
	if (value === 'system')
		delete document.documentElement.dataset['theme'];
	else
		document.documentElement.dataset['theme'] = value;
	try {
		localStorage.setItem(KEY, value);
	} catch {
		/* Private windows may refuse; the choice then lasts as long as the page. */
	}
}

/** @returns whether the page is drawn dark at this moment. */
export function isDark(): boolean {
	const value = theme.get();
	return value === 'dark' || (value === 'system' && matchMedia('(prefers-color-scheme: dark)').matches);
}

theme.watch(apply);
apply(theme.get());
