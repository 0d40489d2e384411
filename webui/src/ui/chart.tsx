/** A line over the last minutes: what it is now in words, what it was as a picture. */

const WIDTH = 300;
const HEIGHT = 56;

export interface Line {
	name: string;
	/** One for each look, oldest first; null where nothing is known. */
	values: (number | null)[];
}

/** @returns an SVG path of what is known, with gaps for what is not. */
export function linePath(values: readonly (number | null)[], room: number, top: number): string {
	const step = WIDTH / Math.max(1, room - 1);
	const start = room - values.length;
	let pen = 'M';
	return values.map((value, i) => {
		if (value === null) {
			pen = 'M';
			return '';
		}
		const x = ((start + i) * step).toFixed(1);
		const y = (HEIGHT - 1 - (Math.min(value, top) / top) * (HEIGHT - 2)).toFixed(1);
		const point = `${pen}${x} ${y}`;
		pen = 'L';
		return point;
	}).join('');
}

export function Chart({ title, now, most, lines, room, top, format }: {
	title: string;
	now: string;
	/** What the upper edge means, in words. */
	most?: string;
	lines: Line[];
	/** How many looks fit. */
	room: number;
	/** The least that the upper edge is. */
	top: number;
	format: (value: number) => string;
}) {
	const known = lines.flatMap((line) => line.values.filter((v): v is number => v !== null));
	const highest = Math.max(0, ...known);
	const edge = Math.max(top, highest);
	return (
		<figure class="chart">
			<figcaption><span>{title}</span><strong>{now}</strong></figcaption>
			<svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img"
				aria-label={`${title}: now ${now}, at most ${format(highest)} in the last minutes`}>
				{lines.map((line, i) => <path key={line.name} class={`line-${i}`} d={linePath(line.values, room, edge)} />)}
			</svg>
			<p class="chart-edge">
				<span>Top: {most ?? format(edge)}</span>
				{lines.length > 1 && lines.map((line, i) => <span key={line.name} class={`key-${i}`}><i aria-hidden="true" />{line.name}</span>)}
			</p>
		</figure>
	);
}
