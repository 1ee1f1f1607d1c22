import { render } from 'preact';
import { App } from './app.tsx';
import './styles/base.css';
import './styles/shell.css';
import './styles/parts.css';
import './styles/devices.css';
import './styles/metrics.css';
import './styles/deployments.css';
import './styles/releases.css';
import './styles/people.css';
import './styles/overview.css';
import './styles/device-table.css';
import './styles/live.css';
import './styles/groups.css';
import { applyTheme, readTheme } from './theme.ts';

applyTheme(readTheme());
render(<App />, document.getElementById('app') as HTMLElement);
