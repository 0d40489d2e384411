/** The serial console of a machine. This file and all it needs load when a console is opened. */

import { useEffect, useRef, useState } from 'preact/hooks';
import { api } from '../api/client';
import type { Vm } from '../api/types';
import { hasLiveConsole } from '../lib/actions';
import { Button, copyText, Note } from '../ui/basics';
import { Icon } from '../ui/icon';
import { toast, toastError } from '../ui/toast';
import { ConsoleLink, type LinkState } from './link';
import { LEAVE_KEYS, Screen } from './terminal';
import './console.css';

interface Status {
	tone: 'good' | 'busy' | 'warn' | 'bad' | 'idle';
	text: string;
}

function statusOf(state: LinkState | null, vm: Vm): Status {
	if (!state)
		return { tone: 'idle', text: `The machine is ${vm.state}: this is what it last said` };
	switch (state.status) {
	case 'connecting': return { tone: 'busy', text: 'Connecting…' };
	case 'open': return { tone: 'good', text: 'Connected' };
	case 'waiting': return { tone: 'warn', text: `${state.why} Trying again in ${state.seconds} s` };
	case 'refused': return { tone: 'bad', text: state.why };
	}
}

function saveFile(name: string, bytes: Uint8Array<ArrayBuffer>): void {
	const url = URL.createObjectURL(new Blob([bytes], { type: 'text/plain' }));
	const link = document.createElement('a');
	link.href = url;
	link.download = name;
	link.click();
	setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

function SearchBar({ screen, matches, onClose }: {
	screen: Screen; matches: { index: number; count: number } | null; onClose: () => void;
}) {
	const [text, setText] = useState('');
	const input = useRef<HTMLInputElement>(null);
	useEffect(() => input.current?.focus(), []);
	const found = !text || !matches ? ''
		: matches.count ? `${matches.index + 1} of ${matches.count}` : 'Nothing found';
	return (
		<form class="console-search" role="search" onSubmit={(event) => {
			event.preventDefault();
			screen.find(text, false);
		}} onKeyDown={(event) => {
			if (event.key === 'Escape')
				onClose();
		}}>
			<Icon name="search" />
			<input ref={input} type="text" aria-label="Find in the console" placeholder="Find" value={text}
				spellcheck={false} autocomplete="off" onInput={(event) => {
					setText(event.currentTarget.value);
					screen.find(event.currentTarget.value, false, true);
				}} />
			<span class="console-found" role="status">{found}</span>
			<Button tone="quiet" icon="up" label="Previous match" onClick={() => screen.find(text, false)} />
			<Button tone="quiet" icon="down" label="Next match" onClick={() => screen.find(text, true)} />
			<Button tone="quiet" icon="close" label="Close find" onClick={onClose} />
		</form>
	);
}

async function copy(text: string): Promise<void> {
	const done = await copyText(text);
	toast(done ? 'Copied' : 'The browser did not allow copying.', done ? 'info' : 'bad');
}

/** Show what a stopped machine last wrote; until that is here, what is on the screen stays. */
async function showLog(vm: Vm, screen: Screen, isWanted: () => boolean): Promise<void> {
	try {
		const log = await api.consoleLog(vm.id);
		if (!isWanted())
			return;
		screen.restart();
		screen.term.write(log);
	} catch (error) {
		toastError('The console log', error);
	}
}

export function Console({ vm }: { vm: Vm }) {
	const frame = useRef<HTMLDivElement>(null);
	const box = useRef<HTMLDivElement>(null);
	const toolbar = useRef<HTMLDivElement>(null);
	const link = useRef<ConsoleLink | null>(null);
	const [screen, setScreen] = useState<Screen | null>(null);
	const [state, setState] = useState<LinkState | null>(null);
	const [notice, setNotice] = useState('');
	const [readOnly, setReadOnly] = useState(false);
	const [searching, setSearching] = useState(false);
	const [spoken, setSpoken] = useState(false);
	const [matches, setMatches] = useState<{ index: number; count: number } | null>(null);
	const live = hasLiveConsole(vm.state);

	useEffect(() => {
		const made = new Screen(box.current as HTMLElement, {
			input: (data) => link.current?.send(data),
			binary: (data) => link.current?.sendBytes(data),
			resize: (columns, rows) => link.current?.resize(columns, rows),
			leave: () => toolbar.current?.querySelector('button')?.focus(),
			find: () => setSearching(true),
			copy: (text) => void copy(text),
			matches: (index, count) => setMatches({ index, count }),
		}, false);
		setScreen(made);
		return () => made.dispose();
	}, []);

	useEffect(() => {
		if (!screen)
			return undefined;
		if (!live) {
			let over = false;
			setState(null);
			void showLog(vm, screen, () => !over);
			return () => {
				over = true;
			};
		}
		const opened = new ConsoleLink(vm.id, {
			state: (next) => {
				setState(next);
				if (next.status === 'open')
					opened.resize(screen.term.cols, screen.term.rows);
			},
			restart: () => screen.restart(),
			data: (bytes) => screen.term.write(bytes),
			notice: setNotice,
			readOnly: setReadOnly,
		});
		link.current = opened;
		setNotice('');
		void opened.open();
		return () => {
			link.current = null;
			opened.close();
		};
	}, [screen, vm.id, live]);

	useEffect(() => {
		if (!screen)
			return;
		screen.term.options.disableStdin = !live || readOnly;
		screen.term.options.screenReaderMode = spoken;
	}, [screen, live, readOnly, spoken]);

	/* A console is opened to be typed into: it takes the focus from what led here, and from nothing else. */
	const open = state?.status === 'open';
	useEffect(() => {
		const active = document.activeElement;
		if (open && (active === document.body || active?.matches('h1, .tabs a')))
			screen?.term.focus();
	}, [screen, open]);

	const closeSearch = () => {
		setSearching(false);
		screen?.clearFind();
		screen?.term.focus();
	};
	const save = async () => {
		try {
			saveFile(`${vm.name}-console.log`, await api.consoleLog(vm.id));
		} catch (error) {
			toastError('Not saved', error);
		}
	};
	const status = statusOf(state, vm);
	const stuck = state?.status === 'waiting' || state?.status === 'refused';
	return (
		<div class="console" ref={frame}>
			<div class="console-bar" ref={toolbar} role="toolbar" aria-label="Console">
				<p class={`console-status ${status.tone}`} role="status"><i aria-hidden="true" />{status.text}</p>
				{readOnly && <span class="chip">Read-only</span>}
				{stuck && <Button icon="restart" onClick={() => void link.current?.open()}>Reconnect</Button>}
				<Button tone="quiet" icon="search" label="Find (Ctrl+Shift+F)" expanded={searching}
					onClick={() => searching ? closeSearch() : setSearching(true)} />
				<Button tone="quiet" icon="copy" label="Copy the selection, or everything" onClick={() => void copy(screen?.text() ?? '')} />
				<Button tone="quiet" icon="save" label="Save the log" onClick={save} />
				<Button tone="quiet" icon="plus" label="Larger text" onClick={() => screen?.zoom(1)} />
				<Button tone="quiet" icon="minus" label="Smaller text" onClick={() => screen?.zoom(-1)} />
				<Button tone="quiet" icon="speech" label="For screen readers: speak new lines" pressed={spoken}
					onClick={() => setSpoken(!spoken)} />
				<Button tone="quiet" icon="expand" label="Full screen"
					onClick={() => void (document.fullscreenElement
						? document.exitFullscreen() : frame.current?.requestFullscreen())} />
			</div>
			{searching && screen && <SearchBar screen={screen} matches={matches} onClose={closeSearch} />}
			{notice && <Note action={<Button tone="quiet" icon="close" label="Close notice" onClick={() => setNotice('')} />}>{notice}</Note>}
			<div class="console-box"><div class="console-screen" ref={box} /></div>
			<p class="console-hint">
				{readOnly ? 'You can look, but not type.'
					: live ? <>Click or tab into the console to type. <kbd>{LEAVE_KEYS}</kbd> leaves it, <kbd>Ctrl+Shift+C</kbd> copies.</>
						: 'Start the machine to type into it.'}
			</p>
		</div>
	);
}
