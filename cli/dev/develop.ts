import { join, sep } from 'node:path';
import { describeError, isNodeosError } from '@nodeos/contracts/errors.ts';
import { logBatchSchema } from '@nodeos/contracts/mqtt.ts';
import { parseJson } from '@nodeos/contracts/validate.ts';
import { listPackageFiles } from '@nodeos/firmware/bundle/npm-package.ts';
import type { BuildContext } from '@nodeos/firmware/context.ts';
import type { ServerClient } from '../client.ts';
import type { CliIo } from '../io.ts';
import { print } from '../output.ts';
import { DEVICE_FOLDER } from './device-runner.ts';
import { type DevelopmentSession, openDevelopmentSession } from './session.ts';
import { syncFiles, watchFolder } from './sync.ts';

export interface DevelopOptions {
  readonly io: CliIo;
  readonly client: ServerClient;
  readonly deviceId: string;
  readonly app: string;
  readonly folder: string;
  readonly context: BuildContext;
}

const REOPEN_MS = 1_000;
const LOG_PAUSE_MS = 1_000;

/** Keeps the app's files on the device as they are here, and shows what the app writes, until Ctrl-C. */
export async function developOn(options: DevelopOptions): Promise<void> {
  const { io, folder, context } = options;
  const watched = watchFolder(folder);
  io.signal.addEventListener('abort', watched.close, { once: true });
  const over = new AbortController();
  const signal = AbortSignal.any([io.signal, over.signal]);
  const logs = showLogs(options, signal);
  try {
    let files = await listPackageFiles(context, folder);
    watched.cover(files);
    let session = await open(options);
    print(io, `${options.app} on ${options.deviceId}: watching ${folder}`);
    await update(options, session, files, true);
    for (;;) {
      const { listAgain, installedChanged } = await watched.next();
      if (io.signal.aborted) break;
      if (installedChanged) print(io, 'package.json or the lock file changed: start `nodeos dev` again to install.');
      try {
        if (listAgain) {
          files = await listPackageFiles(context, folder);
          watched.cover(files);
        }
        if (session.isOver()) session = await open(options);
        await update(options, session, files, false);
      } catch (error) {
        if (io.signal.aborted) break;
        if (!isNodeosError(error)) throw error;
        print(io, `not sent: ${describeError(error)}`);
      }
    }
    session.close();
  } catch (error) {
    if (!io.signal.aborted) throw error;
  } finally {
    watched.close();
    over.abort();
    await logs;
  }
}

type OpenSession = DevelopmentSession & { isOver(): boolean };

async function open({ client, deviceId, app, io }: DevelopOptions): Promise<OpenSession> {
  for (let attempt = 1; ; attempt++) {
    try {
      const session = await openDevelopmentSession(client, deviceId, app);
      let over = false;
      void session.ended.then(() => {
        over = true;
      });
      return { ...session, isOver: () => over };
    } catch (error) {
      // Right after a deployment the old version's user may still be busy ending.
      if (attempt === 3 || io.signal.aborted) throw error;
      await new Promise((resolve) => setTimeout(resolve, REOPEN_MS));
    }
  }
}

async function update(
  { io, folder }: DevelopOptions,
  session: DevelopmentSession,
  files: readonly string[],
  always: boolean,
): Promise<void> {
  const began = performance.now();
  const changed = await syncFiles(session, folder, files);
  if (changed.length === 0 && !always) return;
  const { running } = await session.restart();
  const what = changed.length === 1 ? changed[0] : `${changed.length} files`;
  const seconds = ((performance.now() - began) / 1000).toFixed(2);
  print(io, running ? `${what}: running after ${seconds} s` : `${what}: the app ended, see its log`);
}

/** Shows what the app writes; where a stack names a file on the device, the file here is named. */
async function showLogs({ io, client, deviceId, app, folder }: DevelopOptions, signal: AbortSignal): Promise<void> {
  const query = new URLSearchParams({ app, follow: '1', backlog: '0' });
  while (!signal.aborted) {
    try {
      for await (const { event, data } of client.events(`/devices/${deviceId}/logs?${query}`, signal)) {
        if (event !== 'log') continue;
        for (const { text, stream } of parseJson(logBatchSchema, data, 'log event').lines)
          (stream === 'stderr' ? io.stderr : io.stdout).write(`${localPaths(text, folder)}\n`);
      }
    } catch (error) {
      if (!isNodeosError(error)) throw error;
    }
    if (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, LOG_PAUSE_MS));
  }
}

/** `/.nodeos-dev/app/src/main.js:3:1` as a path that an editor opens. */
export function localPaths(text: string, folder: string): string {
  return text
    .replaceAll(`file://${DEVICE_FOLDER}/`, join(folder, sep))
    .replaceAll(`${DEVICE_FOLDER}/`, join(folder, sep));
}
