import { writeFile } from 'node:fs/promises';
import type { AppManifest } from '@nodeos/contracts/app-manifest.ts';
import type { DeviceReport } from '@nodeos/contracts/device-api.ts';
import { describeError, NodeosError } from '@nodeos/contracts/errors.ts';
import type { FleetFile } from '@nodeos/contracts/fleet-file.ts';
import type { ReplMessage } from '@nodeos/contracts/mqtt.ts';
import { readActiveApps } from './active-apps.ts';
import type { Development } from './apps/developed-apps.ts';
import type { StartInteractive } from './apps/interactive.ts';
import { retryForever } from './backoff.ts';
import { readBootFacts, readSlotManifest } from './boot-facts.ts';
import { startClock } from './clock.ts';
import { createScreen, describeWork } from './console-screen.ts';
import { createDevelopmentSession, DEVELOPMENT_UID } from './development/session.ts';
import { openDisplay } from './display.ts';
import { createEventQueue } from './event-queue.ts';
import { findFleet } from './fleet-file.ts';
import { createIdentify } from './identify.ts';
import { type Identity, loadIdentity } from './identity.ts';
import type { Kiosk } from './kiosk/kiosk.ts';
import { openLed } from './led.ts';
import type { Logs } from './logs.ts';
import { releaseMemory } from './memory.ts';
import { watchEventLoop } from './metrics.ts';
import { startNetwork } from './network.ts';
import { hostnameFor } from './network-config.ts';
import type { PATHS } from './paths.ts';
import type { AppRuntime, InitChannel, NativeCalls, ServerHttp, Updater } from './ports.ts';
import { reformatData } from './reformat.ts';
import { buildReport, readMemory, uptimeMs } from './report.ts';
import { serveFleet } from './serve-fleet.ts';
import { createServerHttp } from './transport/http.ts';
import type { Session } from './transport/session.ts';
import { readTrustedTime as readMetadataTime } from './trust/metadata-store.ts';
import { systemDisk } from './updater/disk.ts';
import { createUpdater } from './updater/engine.ts';
import type { DoorsOptions } from './web/doors.ts';
import { openReach } from './web/reach.ts';

const IDENTITY_BACKOFF = { baseMs: 1_000, capMs: 60_000 };
const HTTP_PORT = 80;
const HTTPS_PORT = 443;
/** Names that lead to public time servers wherever a device is, where neither fleet file nor lease names one. */
const DEFAULT_TIME_SERVERS = ['pool.ntp.org'];

export interface OnlineContext {
  readonly paths: typeof PATHS;
  readonly init: InitChannel;
  readonly native: NativeCalls | null;
  readonly logs: Logs;
  readonly apps: AppRuntime;
  readonly kiosk: Kiosk;
  readonly startInteractive: StartInteractive;
  /** Of the apps that run or are to run. */
  readonly manifests: () => readonly AppManifest[];
  readonly connectToApp: DoorsOptions['connect'];
  readonly development: Development;
  readonly bootTimes: DeviceReport['bootTimes'];
  readonly print: (text: string) => void;
  readonly onAppChange: (listener: () => void) => void;
  readonly onAppEvent: (listener: (text: string) => void) => void;
}

/** Network, identity, update engine, server: all of the device's life that its apps need not wait for. */
export async function bringOnline(context: OnlineContext): Promise<{ sayGoodbye: () => Promise<void> }> {
  const { paths, init, logs, apps, print } = context;
  const { log } = logs;
  const bootTimes = { ...context.bootTimes };
  const facts = await readBootFacts(paths.bootFacts);
  const system = await readSlotManifest(paths.slot);
  const { fleet, fault } = await findFleet(paths.fleetFile, `${paths.state}/fleet.json`, log);
  const led = openLed(paths.proc, paths.leds);
  if (fault) {
    log(describeError(fault));
    led?.start('trouble');
  }

  const readIdentity = () => loadIdentity(facts.disk === '' ? null : facts.disk, paths.state);
  const known = await readIdentity().catch((error) => {
    log(describeError(error));
    return null;
  });
  const name = hostnameFor(fleet, known?.serial ?? 'unknown');
  await writeFile(paths.hostname, name).catch((error: Error) => log(`host name: ${error.message}`));
  const network = startNetwork(fleet, paths, log);
  const native = context.native ?? withoutAddon();
  const clock = startClock({
    ...{ native, stateDir: paths.state, buildTimeMs: system.buildTime * 1000, ca: fleet?.ca ?? null, log },
    metadataTimeMs: await readMetadataTime(systemDisk, `${paths.state}/tuf`).catch(() => null),
  });

  let updater: Updater | null = null;
  const work = (online: boolean) =>
    describeWork({
      ...{ online, addresses: network.addresses(), standsAlone: fleet === null },
      updates: updater?.updates() ?? [],
    });
  const trouble = () => fleetTrouble(fleet, fault) ?? dataTrouble(facts.data_note) ?? wifiTrouble(network.wifi.fault());
  let online = false;
  const screen = createScreen(
    {
      ...{ name, serial: known?.serial ?? '-', addresses: network.addresses(), apps: [], claimCode: null },
      ...{ work: work(false), trouble: trouble(), wifi: network.wifi.describe() },
      system: `${system.board} ${system.version}, slot ${facts.slot}`,
      ...{ state: fleet ? 'connecting' : 'stands alone', lookedFor: false },
    },
    print,
    openDisplay(paths.devices),
  );
  const showWork = () => screen.show({ work: work(online) });

  let session: Session | null = null;
  const reportSoon = () => session?.reportSoon();
  const events = createEventQueue(reportSoon);
  const http = fleet
    ? createServerHttp(fleet.server, fleet.ca, clock.takeHttpDate, {
        proxy: fleet.network?.proxy,
        onUndatedTime: clock.takeUndatedTime,
      })
    : withoutServer();
  const engine = await createUpdater({
    ...{ http, apps, init, native, facts, log, now: Date.now, stateDir: paths.state, slotDir: paths.slot },
    event: (kind, text) => {
      log(`${kind}: ${text}`);
      events.add(kind, text);
    },
    report: () => {
      showWork();
      return session?.report() ?? Promise.resolve();
    },
    atRest: () => {
      showWork();
      releaseMemory(native);
    },
  });
  updater = engine;
  events.add(
    'boot',
    `${system.board} ${system.version} on slot ${facts.slot}${facts.grown ? ', data partition grown' : ''}`,
  );
  if (fault) events.add('error', describeError(fault));
  if (facts.data === 'ram') events.add('error', `data lies in RAM: ${facts.data_note}`);
  context.onAppEvent((text) => events.add('app', text));
  const reach = openReach({
    ...{
      manifests: context.manifests,
      connect: context.connectToApp,
      host: name,
      certificate: fleet?.web ?? null,
      log,
    },
    onQuiet: () => releaseMemory(native),
    ports: { http: HTTP_PORT, https: fleet?.web ? HTTPS_PORT : null },
    onTrouble(text) {
      log(text);
      events.add('app', text);
    },
  });

  const showApps = () =>
    screen.show({ apps: Object.entries(apps.status()).map(([app, at]) => `${app} ${at.version} ${at.state}`) });
  context.onAppChange(() => {
    reach.update();
    showApps();
    reportSoon();
  });
  network.onChange(() => {
    reach.update();
    screen.show({ addresses: network.addresses(), work: work(online) });
  });
  let wifiFault = '';
  network.wifi.onChange(() => {
    screen.show({ wifi: network.wifi.describe(), trouble: trouble() });
    reportSoon();
    const found = network.wifi.fault();
    if (found && found.message !== wifiFault) events.add('error', describeError(found));
    wifiFault = found?.message ?? wifiFault;
  });
  void network.firstAddress.then(() =>
    clock.startSntp(() => fleet?.network?.timeServers ?? [...network.timeServers(), ...DEFAULT_TIME_SERVERS]),
  );
  reach.update();
  showApps();
  await engine.onBoot();
  const leave = async () => {
    await reach.close();
    network.stop();
  };
  if (!fleet) return { sayGoodbye: leave };

  const identity = known ?? (await awaitIdentity(readIdentity, log));
  let publish: (message: ReplMessage) => void = () => {};
  const development = createDevelopmentSession({
    ...{ allowed: fleet.development === true, apps: context.development, onChange: reportSoon },
    ...{ folder: paths.development, owner: DEVELOPMENT_UID, onTrial: () => engine.onTrial },
    findReleased: (app) => readActiveApps(paths.state).find(({ manifest }) => manifest.name === app),
    availableMemoryKiB: async () => (await readMemory(paths.proc)).availableKiB,
    publish: (message) => publish(message),
    onEvent(text) {
      log(text);
      events.add('app', text);
    },
  });
  const eventLoop = watchEventLoop();
  const goodbye = serveFleet({
    ...{ paths, fleet, identity, system, network, logs, events, screen, init, log, development },
    onPublisher: (send) => {
      publish = send;
    },
    updater: engine,
    startInteractive: context.startInteractive,
    takeScreenshot: context.kiosk.screenshot,
    http: http as ReturnType<typeof createServerHttp>,
    buildReport: () =>
      buildReport({
        ...{ facts, system, updater: engine, apps, addresses: network.addresses, bootTimes },
        ...{ proc: paths.proc, thermal: paths.thermal, eventLoop },
        ...{ radios: network.wifi.report, screen: context.kiosk.status(), development: development.status() },
        ...{ dataDir: paths.users, serial: identity.serial, timeZone: fleet.timeZone },
      }),
    identifySelf: createIdentify({ led, screen, log }),
    reformatData: () => reformatData(facts),
    onSession: (opened) => {
      session = opened;
    },
    onConnection: (reached) => {
      online = reached;
      showWork();
    },
    onOnline: async () => {
      if (bootTimes.online !== null) return;
      bootTimes.online = await uptimeMs(paths.proc);
      log(`online ${bootTimes.online} ms after the kernel's start (agent at ${bootTimes.agent} ms)`);
      reportSoon();
    },
  });
  return {
    async sayGoodbye() {
      await leave();
      await goodbye();
    },
  };
}

/** What whoever stands in front of the device can mend; the apps run in any case. */
function fleetTrouble(fleet: FleetFile | null, fault: NodeosError | null): string | null {
  if (fault === null) return fleet ? null : 'no fleet.json on the first partition';
  const meanwhile = fleet ? ' Until then the last valid one is used.' : '';
  return `${describeError(fault)} ${fault.hint}${meanwhile}`;
}

function wifiTrouble(fault: NodeosError | null): string | null {
  return fault && `${describeError(fault)} ${fault.hint}`;
}

function dataTrouble(note: string): string | null {
  return note === '' ? null : `data lies in RAM: ${note}`;
}

async function awaitIdentity(read: () => Promise<Identity>, log: (text: string) => void): Promise<Identity> {
  return retryForever(read, IDENTITY_BACKOFF, (error) => log(describeError(error)));
}

function withoutServer(): ServerHttp {
  const request = () => Promise.reject(new NodeosError('FETCH_FAILED', 'this device has no server: no fleet.json'));
  return { request };
}

function withoutAddon(): NativeCalls {
  const missing = () => {
    throw new Error('the addon with kernel calls could not be loaded');
  };
  return { kexecFileLoad: missing, setClock: missing, trimMemory: () => {}, alignedBuffer: missing };
}
