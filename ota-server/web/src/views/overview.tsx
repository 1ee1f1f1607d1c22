import type { FleetOverview } from '@nodeos/contracts/device-list.ts';
import { ISSUE_WORDS } from '../device-search.ts';
import type { Fleet } from '../fleet.ts';
import { Block } from '../parts/block.tsx';
import { href, presetHref } from '../route.ts';
import { devicesText } from '../words.ts';
import { BarList, shareText } from './bar-list.tsx';
import { NoDevices } from './no-devices.tsx';
import { RunningDeployments } from './running-deployments.tsx';

const SHOWN_VERSIONS = 8;

/** The fleet at a glance: how it is, what it runs, and what goes out to it. */
export function OverviewPage({ fleet }: { fleet: Fleet }) {
  const { overview } = fleet;
  if (overview.devices.total === 0) return <NoDevices />;
  return (
    <section aria-labelledby="overview-title">
      <div class="page-head">
        <h1 id="overview-title">Overview</h1>
      </div>
      <Figures overview={overview} />
      <RunningDeployments deployments={fleet.deployments} />
      <div class="overview">
        <Health overview={overview} />
        <Systems overview={overview} />
        <Apps overview={overview} />
      </div>
    </section>
  );
}

function Figures({ overview: { devices, health, updating } }: { overview: FleetOverview }) {
  const figures = [
    {
      name: 'online',
      value: devices.active - health.offline,
      of: devices.active,
      to: presetHref({ status: 'online' }),
    },
    { name: 'updating', value: updating, of: null, to: presetHref({ status: 'updating' }) },
    { name: 'need a look', value: health.ailing, of: null, to: presetHref({ status: 'ailing' }) },
    { name: 'wait for approval', value: devices.pending, of: null, to: href('provisioning') },
  ];
  return (
    <ul class="figures" aria-label="The fleet in numbers">
      {figures.map(({ name, value, of, to }) => (
        <li key={name}>
          <a href={to}>
            <strong class="number">{value}</strong>
            {of !== null && <span class="number faint"> of {of}</span>} <span class="figure-name">{name}</span>
          </a>
        </li>
      ))}
    </ul>
  );
}

const HEALTH = [
  { kind: 'healthy', name: 'Healthy', status: 'healthy' },
  { kind: 'ailing', name: 'Something is the matter', status: 'ailing' },
  { kind: 'offline', name: 'Offline', status: 'offline' },
] as const;

function Health({ overview: { devices, health, issues } }: { overview: FleetOverview }) {
  const percent = (count: number): number => (devices.active === 0 ? 0 : (100 * count) / devices.active);
  return (
    <Block id="health-title" title="Health">
      <div class="health-bar" aria-hidden="true">
        {HEALTH.filter(({ kind }) => health[kind] > 0).map(({ kind }) => (
          <i key={kind} class={kind} style={{ width: `${percent(health[kind])}%` }} />
        ))}
      </div>
      <ul class="legend" aria-label="Health of the devices">
        {HEALTH.map(({ kind, name, status }) => (
          <li key={kind} class={kind}>
            <a href={presetHref({ status })}>
              <i aria-hidden="true" />
              {name} <strong class="number">{health[kind]}</strong>{' '}
              <span class="faint number">{shareText(percent(health[kind]))}</span>
            </a>
          </li>
        ))}
      </ul>
      {issues.length === 0 ? (
        <p class="faint">Nothing is the matter with any device that was heard of.</p>
      ) : (
        <BarList
          label="What is the matter"
          tone="bad"
          total={devices.active}
          bars={issues.map(({ issue, devices: count }) => ({
            ...{ name: ISSUE_WORDS[issue], count, href: presetHref({ status: issue }) },
          }))}
        />
      )}
    </Block>
  );
}

function Systems({ overview: { devices, systems } }: { overview: FleetOverview }) {
  return (
    <Block id="systems-title" title="Systems">
      <BarList
        label="Versions of the system"
        total={devices.active}
        bars={systems.slice(0, SHOWN_VERSIONS).map(({ board, version, devices: count }) => ({
          ...{ name: version, note: board, count },
          href: presetHref({ find: `board = ${board} and system = ${version}` }),
        }))}
      />
      <Others count={systems.length - SHOWN_VERSIONS} />
    </Block>
  );
}

function Apps({ overview: { apps } }: { overview: FleetOverview }) {
  const names = [...new Set(apps.map(({ name }) => name))];
  return (
    <Block id="apps-title" title="Apps">
      {names.length === 0 && <p class="faint">No device has told of an app.</p>}
      {names.map((name) => {
        const versions = apps.filter((app) => app.name === name);
        const total = versions.reduce((sum, { devices }) => sum + devices, 0);
        return (
          <div key={name} class="app-versions">
            <h3>
              {name} <span class="faint">on {devicesText(total)}</span>
            </h3>
            <BarList
              label={`Versions of ${name}`}
              total={total}
              bars={versions.slice(0, SHOWN_VERSIONS).map(({ version, devices: count, failing }) => ({
                ...{ name: version, count, apart: failing },
                ...(failing > 0 && { note: `${failing} fail` }),
                href: presetHref({ find: `app:${name} = ${version}` }),
              }))}
            />
            <Others count={versions.length - SHOWN_VERSIONS} />
          </div>
        );
      })}
    </Block>
  );
}

function Others({ count }: { count: number }) {
  if (count <= 0) return null;
  return <p class="faint">{count === 1 ? 'and 1 other version' : `and ${count} other versions`}</p>;
}
