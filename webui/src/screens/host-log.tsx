/** What the hypervisor said last: all of it, or what has a word in it; and what it says next. */

import { useEffect, useRef, useState } from 'preact/hooks';
import { api } from '../api/client';
import { say } from '../api/problem';
import { plural } from '../lib/format';
import { filterLines } from '../lib/log-lines';
import { href } from '../lib/router';
import { Button, CopyButton, Loading, Note, Screen } from '../ui/basics';
import { CheckField } from '../ui/field';
import { Icon } from '../ui/icon';

const INTERVAL = 3000;

export function HostLogScreen() {
	const [text, setText] = useState<string | null>(null);
	const [failure, setFailure] = useState('');
	const [word, setWord] = useState('');
	const [follow, setFollow] = useState(true);
	const [busy, setBusy] = useState(false);
	const box = useRef<HTMLPreElement>(null);

	const read = async () => {
		try {
			setText(await api.hypervisorLog());
			setFailure('');
		} catch (error) {
			setFailure(say(error));
		}
	};
	useEffect(() => {
		let timer = 0;
		let over = false;
		const again = async () => {
			if (!document.hidden)
				await read();
			if (!over && follow)
				timer = window.setTimeout(() => void again(), INTERVAL);
		};
		void again();
		return () => {
			over = true;
			clearTimeout(timer);
		};
	}, [follow]);
	const lines = filterLines(text ?? '', word);
	const shown = lines.join('\n');
	useEffect(() => {
		if (follow && box.current)
			box.current.scrollTop = box.current.scrollHeight;
	}, [shown, follow]);
	return (
		<Screen title="Hypervisor log" wide back={{ to: href.host, text: 'Host' }}
			actions={<>
				<CopyButton text={shown} label="Copy what is shown" />
				<Button icon="restart" busy={busy} onClick={async () => {
					setBusy(true);
					await read();
					setBusy(false);
				}}>Read again</Button>
			</>}>
			<div class="filters">
				<div class="search">
					<Icon name="search" />
					<input type="text" aria-label="Only lines with" placeholder="Only lines with…" value={word}
						onInput={(event) => setWord(event.currentTarget.value)} />
				</div>
				<CheckField label="Follow" checked={follow} onChange={setFollow} />
			</div>
			{failure && <Note tone="bad" title="Not read">{failure}</Note>}
			{text === null && !failure && <Loading />}
			{text !== null && (
				<>
					<p class="hint" role="status">{plural(lines.length, 'line')}{word && ` with “${word}”`}</p>
					<pre ref={box} class="log card" tabIndex={0} aria-label="Log">{shown || (word ? 'No line has that in it.' : 'It has said nothing.')}</pre>
				</>
			)}
		</Screen>
	);
}
