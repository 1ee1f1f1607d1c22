import type { Scope } from '@nodeos/contracts/access.ts';
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

const MORE: readonly { readonly page: Route['page']; readonly label: string; readonly scope: Scope | null }[] = [
  { page: 'groups', label: 'Groups', scope: null },
  { page: 'provisioning', label: 'Provisioning', scope: 'provision' },
  { page: 'people', label: 'People', scope: null },
  { page: 'audit', label: 'Audit', scope: 'audit' },
];

interface TopBarProps {
  readonly fleet: Fleet;
  readonly page: Route['page'];
  readonly onSignOut: () => void;
  readonly onFleet: (id: string) => void;
}

export function TopBar({ fleet, page, onSignOut, onFleet }: TopBarProps) {
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
      <a class="brand" href={href('overview')} aria-label="NodeOS fleet, first page">
        <Mark />
        <span>NodeOS</span>
      </a>
      <nav aria-label="Pages">
        <a href={href('overview')} aria-current={page === 'overview' ? 'page' : undefined}>
          Overview
        </a>
        <a href={href('devices')} aria-current={page === 'devices' ? 'page' : undefined}>
          Devices <span class="count">{fleet.overview.devices.total}</span>
        </a>
        <a href={href('releases')} aria-current={page === 'releases' ? 'page' : undefined}>
          Releases
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
        {MORE.filter(({ scope }) => scope === null || fleet.me.scopes.includes(scope)).map((one) => (
          <a key={one.page} href={href(one.page)} aria-current={page === one.page ? 'page' : undefined}>
            {one.label}
          </a>
        ))}
      </nav>
      <div class="top-end">
        {fleet.me.fleets.length > 1 && (
          <select aria-label="Fleet" value={fleet.me.fleet} onChange={(event) => onFleet(event.currentTarget.value)}>
            {fleet.me.fleets.map(({ id, name }) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </select>
        )}
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
