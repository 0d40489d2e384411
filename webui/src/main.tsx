import { render } from 'preact';
import { App } from './app';
import { restoreSession } from './lib/session';
import './styles/base.css';
import './styles/layout.css';
import './styles/parts.css';
import './styles/screens.css';
import './lib/theme';

render(<App />, document.getElementById('app') as HTMLElement);
void restoreSession();
