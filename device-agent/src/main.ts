import { readActiveApps } from './active-apps.ts';
import { createLaunch } from './apps/launch.ts';
import { createSupervisor } from './apps/supervisor.ts';
import { raiseClock } from './clock-floor.ts';
import { openInitChannel } from './init-channel.ts';
import { openLogs } from './logs.ts';
import { PATHS } from './paths.ts';
import { endOnSignal, endOnUnhandledErrors, print } from './process-end.ts';
import { initReadyMs, readMemory, uptimeMs } from './report.ts';

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
  const changes = new Set<() => void>();
  const events = new Set<(text: string) => void>();
  const apps = createSupervisor({
    launch: createLaunch(PATHS, logs.log),
    onLine: logs.append,
    onChange: () => {
      for (const listener of changes) listener();
    },
    onEvent: (text) => {
      logs.log(text);
      for (const listener of events) listener(text);
    },
    availableMemoryKiB: async () => (await readMemory(PATHS.proc)).availableKiB,
  });
  for (const app of readActiveApps(PATHS.state)) apps.start(app);

  const { bringOnline } = await import('./online.ts');
  const { sayGoodbye } = await bringOnline({
    ...{ paths: PATHS, init, native, logs, apps, bootTimes, print },
    onAppChange: (listener) => void changes.add(listener),
    onAppEvent: (listener) => void events.add(listener),
  });
  endOnSignal(logs, sayGoodbye);
}

void main();
