import { useState } from 'preact/hooks';
import type { Fleet } from '../fleet.ts';
import { Icon, Mark } from '../parts/icon.tsx';
import { href, type Route } from '../route.ts';
import { applyTheme, readTheme, type Theme } from '../theme.ts';

const THEMES: readonly { readonly theme: Theme; readonly icon: 'system' | 'sun' | 'moon'; readonly label: string }[] = [
  { theme: 'system', icon: 'system', label: 'Colours of the system' },
  { theme: 'light', icon: 'sun', label: 'Light colours' },
  { theme: 'dark', icon: 'moon', label: 'Dark colours' },
];

export function TopBar({ fleet, page, onSignOut }: { fleet: Fleet; page: Route['page']; onSignOut: () => void }) {
  const [theme, setTheme] = useState(readTheme);
  const index = THEMES.findIndex((one) => one.theme === theme);
  const current = THEMES[index] ?? THEMES[0];
  const running = fleet.deployments.filter(({ state }) => state === 'running').length;
  const nextTheme = (): void => {
    const next = THEMES[(index + 1) % THEMES.length]?.theme ?? 'system';
    applyTheme(next);
    setTheme(next);
  };
  return (
    <header class="top">
      <a class="brand" href={href('devices')} aria-label="NodeOS fleet, first page">
        <Mark />
        <span>NodeOS</span>
      </a>
      <nav aria-label="Pages">
        <a href={href('devices')} aria-current={page === 'devices' ? 'page' : undefined}>
          Devices <span class="count">{fleet.devices.length}</span>
        </a>
        <a href={href('deployments')} aria-current={page === 'deployments' ? 'page' : undefined}>
          Deployments{' '}
          {running > 0 && (
            <span class="count busy">
              {running}
              <span> running</span>
            </span>
          )}
        </a>
      </nav>
      <div class="top-end">
        <span class={`live ${fleet.live ? 'on' : 'off'}`} role="status">
          <i aria-hidden="true" />
          <span>{fleet.live ? 'Live' : 'Reconnecting…'}</span>
        </span>
        <span class="version">v{fleet.server.version}</span>
        <button
          type="button"
          class="icon-button"
          aria-label={`${current?.label}. Change`}
          title={current?.label}
          onClick={nextTheme}
        >
          <Icon name={current?.icon ?? 'system'} />
        </button>
        <button type="button" class="icon-button" aria-label="Sign out" title="Sign out" onClick={onSignOut}>
          <Icon name="leave" />
        </button>
      </div>
    </header>
  );
}
