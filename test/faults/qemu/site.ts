import { mkdirSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Board } from '@nodeos/contracts/board.ts';
import type { DesiredState } from '@nodeos/contracts/desired-state.ts';
import { DEVICE_ROUTES } from '@nodeos/contracts/device-api.ts';
import type { FleetFile } from '@nodeos/contracts/fleet-file.ts';
import {
  type DeviceDetail,
  type DeviceSummary,
  deviceSummarySchema,
  serverInfoSchema,
} from '@nodeos/contracts/operator-api.ts';
import { loadBoard } from '@nodeos/firmware/boards.ts';
import { buildLayer, type Layer } from '@nodeos/firmware/build.ts';
import { bundleApp } from '@nodeos/firmware/bundle/bundle-app.ts';
import type { BuildContext } from '@nodeos/firmware/context.ts';
import { createServer } from '@nodeos/ota-server/src/server.ts';
import { createClaimToken } from 'nodeos/claim-tokens.ts';
import { createClient } from 'nodeos/client.ts';
import { watchChanges } from 'nodeos/demo/change-watch.ts';
import { type Operator, publish, readDevice } from 'nodeos/demo/operator.ts';
import { initKeys, KEY_FILES } from 'nodeos/release/key-folder.ts';
import { pino } from 'pino';
import * as z from 'zod';
import { sharedCache } from '../../support/build.ts';

export const TAG = 'faults';
export const APP_PORT = 8080;

/** A real server with its operator, and what is built for its devices. */
export interface Site {
  readonly board: Board;
  readonly folder: string;
  readonly operator: Operator;
  readonly fleetFile: FleetFile;
  readonly build: BuildContext;
  readonly signal: AbortSignal;
  /** Builds a layer that trusts this site's root. */
  system(layer: Layer, version: string, agent?: string): Promise<string>;
  /** Bundles and publishes an app; gives its target. */
  app(version: string, source?: string, settings?: Record<string, unknown>): Promise<string>;
  /** Builds and publishes a system; gives its target. */
  publishSystem(version: string, agent?: string): Promise<string>;
  publishFile(file: string): Promise<string>;
  /** From now on all devices are told to remove these apps. */
  wantRemoved(apps: readonly string[]): Promise<void>;
  askForReport(id: string): Promise<void>;
  devices(): Promise<DeviceSummary[]>;
  detail(id: string): Promise<DeviceDetail>;
  close(): Promise<void>;
}

/** Serves its version, and keeps a diary that no update may touch. */
export const GOOD_APP = `
const fs = require('node:fs');
if (!fs.existsSync('/diary')) {
  const file = fs.openSync('/diary', 'w');
  fs.writeSync(file, 'page ' + require('node:crypto').randomUUID());
  fs.fsyncSync(file);
}
require('node:http').createServer((_, answer) => answer.end(require('./package.json').version + ' ' + fs.readFileSync('/diary', 'utf8'))).listen(${APP_PORT});
`;

export async function openSite(folder: string, progress: (line: string) => void): Promise<Site> {
  const end = new AbortController();
  const { signal } = end;
  const build: BuildContext = { cacheRoot: sharedCache(), signal, progress: () => {}, locked: false };
  const board = await loadBoard('x86_64-usb');
  mkdirSync(folder, { recursive: true });
  const server = await createServer({
    dataDir: join(folder, 'server'),
    log: pino({ level: 'warn' }, pino.destination({ dest: join(folder, 'server.log'), sync: true })),
    ...{ operator: { port: 0 }, device: { port: 0 }, mqtt: { port: 0 }, dashboard: false },
    advertise: ['10.0.2.2', '127.0.0.1', 'localhost'],
  });
  // The server has no verb that removes an app: the answer is changed on its way.
  let removed: readonly string[] = [];
  server.deviceApp.addHook('onRequest', async ({ url, headers }) => {
    if (url === DEVICE_ROUTES.desired) delete headers['if-none-match'];
  });
  server.deviceApp.addHook('onSend', async ({ url }, { statusCode }, payload) => {
    if (url !== DEVICE_ROUTES.desired || statusCode !== 200 || removed.length === 0) return payload;
    if (typeof payload !== 'string') return payload;
    const wanted = JSON.parse(payload) as DesiredState;
    const apps = Object.fromEntries(Object.entries(wanted.apps).filter(([name]) => !removed.includes(name)));
    return JSON.stringify({ ...wanted, apps, removeApps: removed });
  });
  await server.start();
  const client = createClient({ server: server.addresses.operator.url, token: server.operatorToken }, signal);
  const keys = join(folder, 'keys');
  await initKeys(client, keys);
  const operator: Operator = { client, changes: watchChanges(client, signal), keys };
  const { ca } = await client.get('/server', serverInfoSchema);
  const claim = await createClaimToken(client, { uses: null, expiresAt: null, tags: [TAG], autoApprove: true });
  const { device, mqtt } = server.addresses;
  const trustRoot = await readFile(join(keys, KEY_FILES.metadata));

  const site: Site = {
    ...{ board, folder, operator, build, signal },
    fleetFile: { server: device.url, broker: mqtt.url, ca, claimToken: claim.token },
    async system(layer, systemVersion, agent) {
      progress(`building ${layer} ${systemVersion}`);
      const agentOverride = agent === undefined ? undefined : join(folder, `agent-${systemVersion}.js`);
      if (agentOverride !== undefined) writeFileSync(agentOverride, agent as string);
      const { files } = await buildLayer(build, { board, layer, systemVersion, trustRoot, agentOverride });
      const file = files[layer];
      if (file === undefined) throw new Error(`no ${layer} was built`);
      return file;
    },
    async app(version, source = GOOD_APP, settings = {}) {
      const own = join(folder, `app-${version}`);
      mkdirSync(own);
      const nodeos = { ports: [APP_PORT], probe: '/', soakMs: 500, memoryMiB: 64, ...settings };
      const description = { name: 'hello', version, main: 'main.js', scripts: { start: 'node main.js' }, nodeos };
      writeFileSync(join(own, 'package.json'), JSON.stringify(description));
      writeFileSync(join(own, 'main.js'), source);
      return site.publishFile(
        (await bundleApp(build, { folder: own, board, out: join(folder, `hello-${version}.sqfs`) })).file,
      );
    },
    async publishSystem(version, agent) {
      return site.publishFile(await site.system('slot', version, agent));
    },
    publishFile: async (file) => (await publish(operator, file)).target,
    async wantRemoved(apps) {
      removed = apps;
      for (const { id } of await site.devices()) await server.tell(id, { kind: 'desired-changed', generation: 0 });
    },
    askForReport: async (id) => void (await server.tell(id, { kind: 'report-now' })),
    devices: async () => (await client.get('/devices', z.object({ devices: z.array(deviceSummarySchema) }))).devices,
    detail: (id) => readDevice(operator, id),
    async close() {
      end.abort();
      await server.close();
    },
  };
  return site;
}

/** Tells all devices of the site to run a release. */
export async function deployToAll(site: Site, target: string): Promise<string> {
  const answer = await site.operator.client.send('POST', '/deployments', { target, to: { tag: TAG } });
  return z.object({ id: z.string() }).parse(answer).id;
}

/** Looks at a device after each change until it is as wanted. @throws NodeosError STORY_FAILED with what was seen */
export function deviceUntil(
  site: Site,
  id: string,
  accept: (device: DeviceDetail) => boolean,
  limitMs: number,
  expected: string,
): Promise<DeviceDetail> {
  return site.operator.changes.until(
    () => site.detail(id),
    accept,
    limitMs,
    expected,
    (device) => {
      const { report, apps, updates, online } = device;
      const hello = apps.hello ? `hello ${apps.hello.version} ${apps.hello.state}` : 'no app';
      const reasons = updates.slice(0, 2).map(({ version, state, reason }) => `${version} ${state} ${reason ?? ''}`);
      const slot = `${report?.system.version} in slot ${report?.system.slot}${report?.system.trial ? ' on trial' : ''}`;
      return [online ? 'online' : 'offline', slot, hello, ...reasons].join('; ');
    },
  );
}
