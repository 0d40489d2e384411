/** The websocket to a serial console: tickets, reconnecting, notices. */

import { api } from '../api/client';
import { ApiError, say } from '../api/problem';
import { may } from '../lib/session';

export type LinkState =
	| { status: 'connecting' }
	| { status: 'open' }
	| { status: 'waiting'; seconds: number; why: string }
	| { status: 'refused'; why: string };

export interface LinkEvents {
	state(state: LinkState): void;
	/** A new connection begins: the last 1 MiB comes again. */
	restart(): void;
	data(bytes: Uint8Array): void;
	notice(text: string): void;
	readOnly(value: boolean): void;
}

const DELAYS = [1, 1, 2, 4, 8, 15];
/** A connection that lasted this long begins a new series of attempts. */
const STABLE_MS = 5000;

interface TextFrame {
	type?: string;
	text?: string;
	read_only?: boolean;
}

export function parseFrame(text: string): TextFrame {
	try {
		const value: unknown = JSON.parse(text);
		return typeof value === 'object' && value !== null ? value as TextFrame : {};
	} catch {
		return {};
	}
}

/** @returns seconds before attempt number @p n (from 0) to connect again. */
export function delayBefore(n: number): number {
	return DELAYS[Math.min(n, DELAYS.length - 1)] as number;
}

/** @returns whether trying again by itself cannot help. */
function isFinal(error: unknown): boolean {
	return error instanceof ApiError && [401, 403, 404, 409, 422].includes(error.status);
}

export class ConsoleLink {
	private socket: WebSocket | null = null;
	private timer = 0;
	private attempts = 0;
	private openedAt = 0;
	private closed = false;
	private readonly encoder = new TextEncoder();

	constructor(private readonly vm: string, private readonly events: LinkEvents) {}

	/** Connect now; also the answer to a press of "Reconnect". */
	async open(): Promise<void> {
		clearTimeout(this.timer);
		this.drop();
		this.events.state({ status: 'connecting' });
		try {
			const { ticket, path, protocol } = await api.consoleTicket(this.vm, !may('console.use'));
			if (!this.closed)
				this.connect(path, [protocol, ticket]);
		} catch (error) {
			if (!this.closed)
				this.fail(say(error), isFinal(error));
		}
	}

	close(): void {
		this.closed = true;
		clearTimeout(this.timer);
		this.drop();
	}

	send(data: string): void {
		this.sendBytes(this.encoder.encode(data));
	}

	sendBytes(data: Uint8Array<ArrayBuffer>): void {
		if (this.socket?.readyState === WebSocket.OPEN)
			this.socket.send(data);
	}

	resize(columns: number, rows: number): void {
		if (this.socket?.readyState === WebSocket.OPEN)
			this.socket.send(JSON.stringify({ type: 'resize', cols: columns, rows }));
	}

	private connect(path: string, protocols: string[]): void {
		const socket = new WebSocket(`${location.protocol === 'http:' ? 'ws' : 'wss'}://${location.host}${path}`, protocols);
		socket.binaryType = 'arraybuffer';
		this.socket = socket;
		socket.onopen = () => {
			this.openedAt = Date.now();
			this.events.restart();
			this.events.state({ status: 'open' });
		};
		socket.onmessage = (event) => this.receive(event.data as ArrayBuffer | string);
		socket.onclose = (event) => {
			if (this.socket !== socket)
				return;
			this.socket = null;
			this.fail(event.reason || 'The connection to the console ended.', false);
		};
	}

	private receive(data: ArrayBuffer | string): void {
		if (typeof data !== 'string') {
			this.events.data(new Uint8Array(data));
			return;
		}
		const frame = parseFrame(data);
		if (typeof frame.read_only === 'boolean')
			this.events.readOnly(frame.read_only);
		if (frame.type === 'notice' && frame.text)
			this.events.notice(frame.text);
	}

	private fail(why: string, final: boolean): void {
		if (final) {
			this.events.state({ status: 'refused', why });
			return;
		}
		if (this.openedAt && Date.now() - this.openedAt > STABLE_MS)
			this.attempts = 0;
		this.openedAt = 0;
		const seconds = delayBefore(this.attempts++);
		this.events.state({ status: 'waiting', seconds, why });
		this.timer = window.setTimeout(() => void this.open(), seconds * 1000);
	}

	private drop(): void {
		const socket = this.socket;
		this.socket = null;
		socket?.close(1000);
	}
}
