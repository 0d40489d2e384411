/** xterm.js as Domus uses it. */

import { FitAddon } from '@xterm/addon-fit';
import { SearchAddon } from '@xterm/addon-search';
import { SerializeAddon } from '@xterm/addon-serialize';
import { Terminal } from '@xterm/xterm';
import '@xterm/xterm/css/xterm.css';

const SCROLLBACK = 20_000;
const FONT = 'ui-monospace, "Cascadia Mono", "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace';

/** The same dark palette in both colour schemes: guests choose their colours for a dark screen. */
const THEME = {
	background: '#101314',
	foreground: '#e4e2dc',
	cursor: '#f0a583',
	cursorAccent: '#101314',
	selectionBackground: '#2f5a63',
	black: '#1c2022', brightBlack: '#7d868b',
	red: '#ee7b73', brightRed: '#ff9d95',
	green: '#8cc97d', brightGreen: '#aee3a0',
	yellow: '#e3bd63', brightYellow: '#f5d78c',
	blue: '#79aef0', brightBlue: '#a3c9fb',
	magenta: '#cf9be4', brightMagenta: '#e5bef4',
	cyan: '#6fc7d3', brightCyan: '#9be3ec',
	white: '#d5d3cd', brightWhite: '#ffffff',
};

const MATCHES = {
	matchBackground: '#5a4a1d',
	matchOverviewRuler: '#e3bd63',
	activeMatchBackground: '#b0761a',
	activeMatchColorOverviewRuler: '#f0a583',
};

/** WebGL drawn by the processor is slower than the DOM, and loses glyphs. */
const SOFTWARE_GL = /swiftshader|llvmpipe|softpipe|software|basic render/i;

function hasGpu(): boolean {
	const gl = document.createElement('canvas').getContext('webgl2', { failIfMajorPerformanceCaveat: true });
	if (!gl)
		return false;
	const info = gl.getExtension('WEBGL_debug_renderer_info');
	const renderer = String(gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
	gl.getExtension('WEBGL_lose_context')?.loseContext();
	return !SOFTWARE_GL.test(renderer);
}

export interface TerminalHandlers {
	input(data: string): void;
	binary(data: Uint8Array<ArrayBuffer>): void;
	resize(columns: number, rows: number): void;
	/** The keys that leave the terminal were pressed. */
	leave(): void;
	find(): void;
	copy(text: string): void;
	matches(index: number, count: number): void;
}

/** Each comes before what is typed by it is told. */
const TYPING = ['keydown', 'paste', 'input', 'compositionend', 'mousedown'];

/** What ends a stay in the terminal, where Tab belongs to the guest. */
export const LEAVE_KEYS = 'Ctrl+Shift+Space';

export class Screen {
	readonly term: Terminal;
	private readonly fitter = new FitAddon();
	private readonly searcher = new SearchAddon();
	private readonly serializer = new SerializeAddon();
	private readonly observer: ResizeObserver;
	/**
	 * Whether somebody has typed since the last restart. Until then what comes is xterm's own answers to what a guest has
	 * asked its terminal, maybe long ago and of another one: whoever only looks sends none.
	 */
	private typed = false;

	constructor(private readonly parent: HTMLElement, handlers: TerminalHandlers, screenReader: boolean) {
		this.term = new Terminal({
			allowProposedApi: true,
			convertEol: false,
			cursorBlink: !matchMedia('(prefers-reduced-motion: reduce)').matches,
			fontFamily: FONT,
			fontSize: innerWidth < 500 ? 11 : 13.5,
			lineHeight: 1.15,
			scrollback: SCROLLBACK,
			screenReaderMode: screenReader,
			smoothScrollDuration: 0,
			theme: THEME,
		});
		this.term.loadAddon(this.fitter);
		this.term.loadAddon(this.searcher);
		this.term.loadAddon(this.serializer);
		this.term.onData((data) => this.typed && handlers.input(data));
		this.term.onBinary((data) => this.typed && handlers.binary(Uint8Array.from(data, (c) => c.charCodeAt(0))));
		for (const name of TYPING)
			parent.addEventListener(name, () => {
				this.typed = true;
			}, { capture: true, passive: true });
		this.term.onResize(({ cols, rows }) => handlers.resize(cols, rows));
		this.searcher.onDidChangeResults(({ resultIndex, resultCount }) => handlers.matches(resultIndex, resultCount));
		this.term.attachCustomKeyEventHandler((event) => this.key(event, handlers));
		this.term.open(parent);
		this.term.textarea?.setAttribute('aria-label', `Serial console. ${LEAVE_KEYS} leaves it.`);
		void this.accelerate();
		this.fit();
		this.observer = new ResizeObserver(() => this.fit());
		this.observer.observe(parent);
	}

	/** Draw with WebGL where a graphics processor does it; the DOM renderer does it otherwise. */
	private async accelerate(): Promise<void> {
		if (!hasGpu())
			return;
		try {
			const { WebglAddon } = await import('@xterm/addon-webgl');
			const addon = new WebglAddon();
			addon.onContextLoss(() => addon.dispose());
			this.term.loadAddon(addon);
		} catch {
			/* The DOM renderer stays. */
		}
	}

	private key(event: KeyboardEvent, handlers: TerminalHandlers): boolean {
		if (event.type !== 'keydown' || !event.ctrlKey || !event.shiftKey || event.altKey)
			return true;
		const actions: Record<string, () => unknown> = {
			Space: handlers.leave,
			KeyF: handlers.find,
			KeyC: () => this.term.hasSelection() && handlers.copy(this.term.getSelection()),
		};
		const action = actions[event.code];
		if (!action)
			return true;
		event.preventDefault();
		action();
		return false;
	}

	/** Begin anew: what was said since the guest's start comes again. */
	restart(): void {
		this.term.reset();
		this.typed = false;
	}

	fit(): void {
		if (this.parent.clientWidth > 0)
			this.fitter.fit();
	}

	/** @returns the selection, or everything there is, as plain text. */
	text(): string {
		if (this.term.hasSelection())
			return this.term.getSelection();
		const lines: string[] = [];
		const buffer = this.term.buffer.active;
		for (let y = 0; y < buffer.length; y++) {
			const line = buffer.getLine(y);
			const text = line?.translateToString(true) ?? '';
			if (line?.isWrapped && lines.length)
				lines[lines.length - 1] += text;
			else
				lines.push(text);
		}
		return lines.join('\n').replace(/\n+$/, '\n');
	}

	/** @returns what is on the screen with its colours, to be written into another terminal. */
	serialize(): string {
		return this.serializer.serialize();
	}

	find(text: string, forward: boolean, incremental = false): void {
		const options = { decorations: MATCHES, incremental };
		if (!text)
			this.searcher.clearDecorations();
		else if (forward)
			this.searcher.findNext(text, options);
		else
			this.searcher.findPrevious(text, options);
	}

	clearFind(): void {
		this.searcher.clearDecorations();
		this.term.clearSelection();
	}

	zoom(step: number): void {
		this.term.options.fontSize = Math.min(24, Math.max(8, (this.term.options.fontSize ?? 13) + step));
		this.fit();
	}

	dispose(): void {
		this.observer.disconnect();
		this.term.dispose();
	}
}
