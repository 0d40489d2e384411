/** The frame around every screen, and which screen is in it. */

import { useEffect } from 'preact/hooks';
import { useRoute } from './lib/hooks';
import { link, world } from './lib/live';
import { lazy } from './lib/lazy';
import { href, type Route } from './lib/router';
import { logOut, restoreSession, session } from './lib/session';
import { useStore } from './lib/store';
import { theme, type Theme } from './lib/theme';
import { HostScreen } from './screens/host';
import { ImagesScreen } from './screens/images';
import { LoginScreen } from './screens/login';
import { NetworksScreen } from './screens/networks';
import { TasksScreen } from './screens/tasks';
import { TokensScreen } from './screens/tokens';
import { VmScreen } from './screens/vm';
import { VmNewScreen } from './screens/vm-new';
import { VmsScreen } from './screens/vms';
import { VolumesScreen } from './screens/volumes';
import { Button, Empty, LinkButton, Loading, Note, Screen } from './ui/basics';
import { Icon, Mark, type IconName } from './ui/icon';
import { Toasts } from './ui/toast';

const HostLogScreen = lazy(() => import('./screens/host-log').then((m) => m.HostLogScreen), 'Loading the log…');

interface NavItem {
	to: string;
	icon: IconName;
	text: string;
	/** What fits under an icon on a phone. */
	short: string;
	screens: Route['screen'][];
}

const NAV: NavItem[] = [
	{ to: href.host, icon: 'host', text: 'Host', short: 'Host', screens: ['host', 'host-log'] },
	{ to: href.vms, icon: 'vms', text: 'Virtual machines', short: 'VMs', screens: ['vms', 'vm', 'vm-new'] },
	{ to: href.images, icon: 'images', text: 'Images', short: 'Images', screens: ['images'] },
	{ to: href.volumes, icon: 'volumes', text: 'Volumes', short: 'Volumes', screens: ['volumes'] },
	{ to: href.networks, icon: 'networks', text: 'Networks', short: 'Nets', screens: ['networks'] },
	{ to: href.tasks, icon: 'tasks', text: 'Tasks', short: 'Tasks', screens: ['tasks'] },
	{ to: href.tokens, icon: 'tokens', text: 'API tokens', short: 'Tokens', screens: ['tokens'] },
];

const NEXT_THEME: Record<Theme, Theme> = { system: 'light', light: 'dark', dark: 'system' };

function ThemeButton() {
	const now = useStore(theme);
	const names: Record<Theme, string> = { system: 'as the system', light: 'light', dark: 'dark' };
	return (
		<Button tone="quiet" icon="theme" label={`Colours: ${names[now]}. Change to ${names[NEXT_THEME[now]]}`}
			onClick={() => theme.set(NEXT_THEME[now])} />
	);
}

function LinkState() {
	const state = useStore(link);
	return (
		<p class={`link-state ${state}`} role="status">
			{state === 'live' && <><i aria-hidden="true" />Live</>}
			{state === 'connecting' && <><i aria-hidden="true" />Connecting…</>}
			{state === 'lost' && <><i aria-hidden="true" />Connection lost, trying again…</>}
		</p>
	);
}

function RunningTasks() {
	const count = [...(useStore(world)?.tasks.values() ?? [])]
		.filter((t) => t.status === 'running' || t.status === 'queued').length;
	if (!count)
		return null;
	return <span class="nav-count">{count}<span class="offscreen"> running</span></span>;
}

function screenKey(route: Route): string {
	return route.screen === 'vm' ? `vm ${route.id}` : route.screen;
}

function CurrentScreen({ route }: { route: Route }) {
	switch (route.screen) {
	case 'host': return <HostScreen />;
	case 'host-log': return <HostLogScreen />;
	case 'vms': return <VmsScreen />;
	case 'vm-new': return <VmNewScreen />;
	case 'vm': return <VmScreen key={route.id} id={route.id} tab={route.tab} />;
	case 'images': return <ImagesScreen />;
	case 'volumes': return <VolumesScreen />;
	case 'networks': return <NetworksScreen />;
	case 'tasks': return <TasksScreen />;
	case 'tokens': return <TokensScreen />;
	default: return (
		<Screen title="Page not found">
			<Empty icon="search" title="There is nothing at this address"
				action={<LinkButton to={href.host} tone="primary">Go to the host</LinkButton>}>
				The link may be old, or mistyped.
			</Empty>
		</Screen>
	);
	}
}

function Frame({ user }: { user: string }) {
	const route = useRoute();
	useEffect(() => scrollTo(0, 0), [screenKey(route)]);
	return (
		<div class="frame">
			<a class="skip" href="#main" onClick={(event) => {
				event.preventDefault();
				document.querySelector<HTMLElement>('#main h1')?.focus();
			}}>Skip to content</a>
			<header class="brand">
				<a href={href.host} class="brand-link" aria-label="Domus, to the host">
					<Mark size={30} /><span>Domus</span>
				</a>
			</header>
			<nav class="nav" aria-label="Main">
				<ul>
					{NAV.map((item) => (
						<li key={item.to}>
							<a href={item.to} aria-current={item.screens.includes(route.screen) ? 'page' : undefined}>
								<Icon name={item.icon} />
								<span class="nav-long">{item.text}</span>
								<span class="nav-short" aria-hidden="true">{item.short}</span>
								{item.to === href.tasks && <RunningTasks />}
							</a>
						</li>
					))}
				</ul>
			</nav>
			<section class="account" aria-label="Account">
				<LinkState />
				<span class="account-user"><Icon name="person" /><span class="offscreen">Logged in as </span>{user}</span>
				<ThemeButton />
				<Button tone="quiet" icon="logout" label="Log out" onClick={() => void logOut()} />
			</section>
			<main id="main" class="main"><CurrentScreen route={route} /></main>
		</div>
	);
}

function Opening({ error }: { error: string }) {
	return (
		<main class="gate">
			<h1 class="offscreen">Domus</h1>
			<Mark size={56} />
			{error
				? <Note tone="bad" action={<Button onClick={() => void restoreSession()}>Try again</Button>}>{error}</Note>
				: <Loading text="Connecting…" />}
		</main>
	);
}

export function App() {
	const now = useStore(session);
	return (
		<>
			{now.status === 'unknown' && <Opening error={now.error} />}
			{now.status === 'out' && <LoginScreen notice={now.notice} />}
			{now.status === 'in' && <Frame user={now.session.user} />}
			<Toasts />
		</>
	);
}
