import { readActiveApps } from './active-apps.ts';
import { openAppServices } from './apps/app-services.ts';
import { createDeviceGrants } from './apps/device-grants.ts';
import { FIRST_USER, findFolderUsers } from './apps/folder-users.ts';
import { createStartInteractive } from './apps/interactive.ts';
import { createLaunch } from './apps/launch.ts';
import { createSupervisor } from './apps/supervisor.ts';
import { openUserRuns } from './apps/user-runs.ts';
import { raiseClock } from './clock-floor.ts';
import { openInitChannel } from './init-channel.ts';
import { createKiosk, type Kiosk } from './kiosk/kiosk.ts';
import { openLogs } from './logs.ts';
import { PATHS } from './paths.ts';
import type { AppRuntime } from './ports.ts';
import { standBack } from './priority.ts';
import { endOnSignal, endOnUnhandledErrors, print } from './process-end.ts';
import { initReadyMs, readMemory, uptimeMs } from './report.ts';
import { useAlignedMemory } from './trust/read-back.ts';

/** Apps that take longer to start share the processor with the agent again. */
const START_LIMIT_MS = 15_000;

/**
 * The system process: keeps the users' apps running and the device in touch with its server.
 * What stands before the dynamic import is all that an app has to wait for at boot.
 */
async function main(): Promise<void> {
  const logs = openLogs(`${PATHS.state}/logs`, print);
  endOnUnhandledErrors(logs);
  const init = openInitChannel(logs.log);
  const bootTimes = {
    init: await initReadyMs(PATHS.bootFacts, PATHS.proc),
    agent: await uptimeMs(PATHS.proc),
    online: null,
  };

  const native = raiseClock(PATHS, logs.log);
  if (native) useAlignedMemory(native.alignedBuffer);
  const changes = new Set<() => void>();
  const events = new Set<(text: string) => void>();
  const start = standBack(START_LIMIT_MS);
  const runs = openUserRuns(PATHS, logs.log);
  const changed = () => {
    for (const listener of changes) listener();
  };
  const happened = (text: string) => {
    logs.log(text);
    for (const listener of events) listener(text);
  };
  const kiosk = createKiosk({ paths: PATHS, log: logs.log, onChange: changed, onEvent: happened });
  const apps = createSupervisor({
    ...openAppServices(PATHS),
    launch: createLaunch(PATHS, runs, createDeviceGrants(), native),
    onLine: logs.append,
    onChange: () => {
      if (!isStarting(apps)) start.over();
      changed();
    },
    onEvent: happened,
    onKiosk: kiosk.give,
    availableMemoryKiB: async () => (await readMemory(PATHS.proc)).availableKiB,
  });
  // Their processes begin before the rest of the agent is loaded, which keeps this thread for more than a second.
  await startUsers(apps, kiosk, logs.log);
  if (!isStarting(apps)) start.over();

  const { bringOnline } = await import('./online.ts');
  const { sayGoodbye } = await bringOnline({
    ...{ paths: PATHS, init, native, logs, apps, kiosk, bootTimes, print },
    startInteractive: createStartInteractive(PATHS, runs),
    manifests: apps.manifests,
    connectToApp: apps.connect,
    development: apps.development,
    onAppChange: (listener) => void changes.add(listener),
    onAppEvent: (listener) => void events.add(listener),
  });
  endOnSignal(logs, sayGoodbye);
}

/** `root` has begun before any other begins; an installed app is started rather than the `init` of its home. */
async function startUsers(apps: AppRuntime, kiosk: Kiosk, log: (text: string) => void): Promise<void> {
  const installed = readActiveApps(PATHS.state);
  const homes = new Set(installed.map(({ manifest }) => manifest.user ?? manifest.name));
  const folders = (await findFolderUsers(PATHS.users, log)).filter(({ manifest }) => !homes.has(manifest.name));
  const [first] = folders;
  // It refuses the others, which then need not be started and stopped again.
  const alone = installed.find(({ manifest }) => manifest.kiosk);
  if (alone) await apps.start(alone);
  // An agent that ended without a word may have left the screen to an app that is gone.
  else void kiosk.give(null);
  if (first?.manifest.name === FIRST_USER) await apps.start(first);
  await Promise.all([...installed, ...folders].filter((app) => app !== alone).map((app) => apps.start(app)));
}

function isStarting(apps: AppRuntime): boolean {
  return Object.values(apps.status()).some(({ state }) => state === 'starting');
}

void main();
