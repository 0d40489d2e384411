/** Our own line icons, 20 by 20, drawn in the colour of the text around them. */

const PATHS = {
	host: 'M3 4.5h14v5H3zM3 10.5h14v5H3zM6 7h.01M6 13h.01',
	vms: 'M3 4h14v9H3zM7 16.5h6M10 13v3.5',
	images: 'M10 3c3.9 0 6.5 1.1 6.5 2.5v9c0 1.4-2.6 2.5-6.5 2.5s-6.5-1.1-6.5-2.5v-9C3.5 4.1 6.1 3 10 3zM3.5 5.5C3.5 6.9 6.1 8 10 8s6.5-1.1 6.5-2.5M3.5 10c0 1.4 2.6 2.5 6.5 2.5s6.5-1.1 6.5-2.5',
	volumes: 'M3.5 3.5h13v13h-13zM10 6.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7zM10 10h.01',
	networks: 'M10 8V4M4 16v-4h12v4M10 8v4M8 2h4v3H8zM2.5 15h3v3h-3zM14.5 15h3v3h-3z',
	tasks: 'M3.5 5.5 5 7l2.5-3M3.5 13 5 14.5l2.5-3M10.5 5.5h6M10.5 13h6',
	tokens: 'M12.5 3a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zM9.3 10.7 3 17M5.5 14.5l2 2M13 7h.01',
	plus: 'M10 4v12M4 10h12',
	minus: 'M4 10h12',
	speech: 'M4 8v4h3l4 3.5v-11L7 8zM13.5 7.5a3.5 3.5 0 0 1 0 5M15.5 5a7 7 0 0 1 0 10',
	search: 'M9 3.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11zM13 13l4 4',
	close: 'M5 5l10 10M15 5 5 15',
	copy: 'M7.5 7.5h9v9h-9zM12.5 7.5v-4h-9v9h4',
	check: 'M4 10.5 8 14.5 16 6',
	save: 'M10 3v9.5M6 9l4 4 4-4M3.5 16.5h13',
	upload: 'M10 13V3.5M6 7l4-4 4 4M3.5 16.5h13',
	play: 'M6 4l10 6-10 6z',
	pause: 'M7 4.5v11M13 4.5v11',
	power: 'M10 3v6.5M6 5.5a6 6 0 1 0 8 0',
	restart: 'M16 10a6 6 0 1 1-2-4.5M16.5 2.5v4h-4',
	trash: 'M4 5.5h12M8 5.5v-2h4v2M5.5 5.5l.8 11h7.4l.8-11M8.5 8.5v5M11.5 8.5v5',
	stop: 'M5 5h10v10H5z',
	warning: 'M10 3.5 17.5 16.5h-15zM10 8.5v4M10 14.6h.01',
	info: 'M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM10 9v4.5M10 6.5h.01',
	up: 'M5 12.5l5-5 5 5',
	down: 'M5 7.5l5 5 5-5',
	left: 'M12 4.5 6.5 10l5.5 5.5',
	expand: 'M11.5 3.5h5v5M8.5 16.5h-5v-5M16.5 3.5l-5.5 5.5M3.5 16.5 9 11',
	terminal: 'M3 4h14v12H3zM6 8l2.5 2L6 12M10.5 12.5H14',
	edit: 'M4 16l.8-3.5L13.5 3.8l2.7 2.7-8.7 8.7z',
	logout: 'M8 3.5H3.5v13H8M12 6l4 4-4 4M16 10H7.5',
	theme: 'M10 3a7 7 0 1 0 0 14zM10 3a7 7 0 0 1 0 14',
	person: 'M10 3.5a3.2 3.2 0 1 0 0 6.4 3.2 3.2 0 0 0 0-6.4zM3.8 16.5c.6-3 3-4.5 6.2-4.5s5.6 1.5 6.2 4.5',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
	return (
		<svg class="icon" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true" focusable="false">
			<path d={PATHS[name]} />
		</svg>
	);
}

export function Mark({ size = 32 }: { size?: number }) {
	return (
		<svg class="mark" viewBox="0 0 32 32" width={size} height={size} aria-hidden="true" focusable="false">
			<rect width="32" height="32" rx="7" />
			<path d="M6 15.2 16 7l10 8.2M9.5 18.8h13M9.5 23.8h13" />
		</svg>
	);
}
