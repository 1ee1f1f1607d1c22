import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { AppManifest } from '@nodeos/contracts/app-manifest.ts';
import type { FromDevice } from '@nodeos/contracts/development.ts';
import { describeError, isNodeosError, NodeosError } from '@nodeos/contracts/errors.ts';
import { logBatchSchema } from '@nodeos/contracts/mqtt.ts';
import { parseJson } from '@nodeos/contracts/validate.ts';
import type { ServerClient } from '../client.ts';
import type { CliIo } from '../io.ts';
import { print } from '../output.ts';
import type { DevelopmentTree } from './bundle.ts';
import { DevelopmentConnection } from './session.ts';
import { FileHashes, INSTALLED, sendFiles } from './sync.ts';
import { watchFolder } from './watch.ts';

export interface DevelopOptions {
  readonly io: CliIo;
  /** Not ended by Ctrl-C: the session is to be ended in order after it. */
  readonly client: ServerClient;
  readonly device: { readonly id: string; readonly name: string };
  readonly folder: string;
  /** Bundles the app as it is now, in an empty folder. */
  readonly bundle: (scratch: string) => Promise<DevelopmentTree>;
}

const REOPEN_MS = 1_000;
/** The device keeps a session for a minute without a word. */
const REOPEN_ATTEMPTS = 45;
const LOG_PAUSE_MS = 1_000;
const END_LIMIT_MS = 20_000;

/** Keeps the app's files on the device as they are here, and shows what the app writes, until Ctrl-C. */
export async function developOn(options: DevelopOptions): Promise<void> {
  const { io, client, device, folder } = options;
  const scratches: string[] = [];
  const bundle = async (): Promise<DevelopmentTree> => {
    const scratch = await mkdtemp(join(tmpdir(), 'nodeos-dev-'));
    scratches.push(scratch);
    return options.bundle(scratch);
  };
  const watched = watchFolder(folder);
  const over = new AbortController();
  io.signal.addEventListener('abort', watched.close, { once: true });
  let connection: DevelopmentConnection | null = null;
  let logs: Promise<void> = Promise.resolve();
  let heard = true;
  try {
    let tree = await bundle();
    const app = tree.manifest.name;
    const where = device.name || device.id;
    const onMessage = (message: FromDevice): void => {
      if (message.kind === 'ended')
        print(io, `the app ${local(message.reason, folder)}; it is started again after the next change`);
    };
    const open = async (resume: string | null): Promise<DevelopmentConnection> => {
      const opened = await DevelopmentConnection.open(client, device.id, app, resume, onMessage);
      // Ctrl-C is not to wait for what is under way.
      io.signal.addEventListener('abort', () => opened.send({ kind: 'end' }), { once: true });
      // What the device ends, or a connection that breaks, is not waited for until the next change.
      void opened.ended.then(() => watched.touch());
      return opened;
    };
    connection = await open(null);
    const hashes = new FileHashes();
    logs = showLogs(options, app, over.signal);
    print(io, `${app} on ${where}: watching ${folder}; Ctrl-C ends it`);
    let files = await tree.files();
    for (let [bundleAgain, listAgain] = [false, false]; !io.signal.aborted; ) {
      if (connection.isOver) connection = await resume(await connection.ended, connection, open, options);
      try {
        if (bundleAgain) tree = await bundle();
        if (bundleAgain || listAgain) files = await tree.files();
        watched.cover([...files.keys()].filter((path) => !path.startsWith(INSTALLED)));
        await update(options, { manifest: tree.manifest, files }, hashes, connection);
      } catch (error) {
        if (!isNodeosError(error) || io.signal.aborted) throw error;
        if (!connection.isOver) print(io, `not started: ${describeError(error)}\n  next: ${error.hint}`);
      }
      if (!connection.isOver) ({ bundleAgain, listAgain } = await watched.next());
    }
  } catch (error) {
    if (!io.signal.aborted) throw error;
  } finally {
    if (connection) await end(connection);
    heard = connection?.isOver ?? true;
    over.abort();
    watched.close();
    connection?.close();
    await logs;
    for (const scratch of scratches) await rm(scratch, { recursive: true, force: true });
  }
  print(
    io,
    heard
      ? 'the session is over: the device runs what it ran before'
      : 'the device did not answer: within a minute it runs what it ran before',
  );
}

async function update(
  { io, folder }: DevelopOptions,
  { manifest, files }: { readonly manifest: AppManifest; readonly files: ReadonlyMap<string, string> },
  hashes: FileHashes,
  connection: DevelopmentConnection,
): Promise<void> {
  const began = performance.now();
  const listed = await hashes.list(files);
  const state = JSON.stringify([listed, manifest]);
  if (hashes.lastState === state) return;
  const { atDevice } = hashes;
  hashes.atDevice = null;
  const sent = await sendFiles(connection, files, listed, atDevice);
  const started = connection.next(['started']);
  // As long as nothing went wrong the device still has it.
  const same = atDevice !== null && hashes.manifest === manifest;
  connection.send({ kind: 'start', manifest: same ? null : manifest });
  const { healthy, reason } = await started;
  hashes.atDevice = new Map(listed.map((file) => [file.path, file]));
  hashes.lastState = state;
  hashes.manifest = manifest;
  const what = sent.length === 1 ? sent[0] : `${sent.length} files`;
  const seconds = ((performance.now() - began) / 1000).toFixed(2);
  print(
    io,
    healthy ? `${what}: running after ${seconds} s` : `${what}: it does not run: ${local(reason ?? '', folder)}`,
  );
}

/** Goes on where the connection broke. @throws NodeosError DEVELOPMENT_ENDED where the device has ended the session */
async function resume(
  last: Awaited<DevelopmentConnection['ended']>,
  { id }: DevelopmentConnection,
  open: (resume: string) => Promise<DevelopmentConnection>,
  { io }: DevelopOptions,
): Promise<DevelopmentConnection> {
  if (last !== null) throw new NodeosError('DEVELOPMENT_ENDED', `the session is over: ${last.reason}`);
  print(io, 'the connection broke; trying again');
  for (let attempt = 1; ; attempt++) {
    try {
      return await open(id);
    } catch (error) {
      const goesOn = isNodeosError(error) && ['DEVICE_OFFLINE', 'SERVER_UNREACHABLE', 'NOT_FOUND'].includes(error.code);
      if (!goesOn || attempt === REOPEN_ATTEMPTS || io.signal.aborted) throw error;
      await delay(REOPEN_MS, undefined, { signal: io.signal });
    }
  }
}

/** The device says so when its release has been started again; where it does not, its lease ends it. */
async function end(connection: DevelopmentConnection): Promise<void> {
  if (connection.isOver) return;
  connection.send({ kind: 'end' });
  const limit = new AbortController();
  await Promise.race([connection.ended, delay(END_LIMIT_MS, undefined, { signal: limit.signal }).catch(() => {})]);
  limit.abort();
}

/** Shows what the app writes; where a stack names a file on the device, the file here is named. */
async function showLogs(
  { io, client, device, folder }: DevelopOptions,
  app: string,
  signal: AbortSignal,
): Promise<void> {
  const query = new URLSearchParams({ app, follow: '1', backlog: '0' });
  while (!signal.aborted) {
    try {
      for await (const { event, data } of client.events(`/devices/${device.id}/logs?${query}`, signal)) {
        if (event !== 'log') continue;
        for (const { text, stream } of parseJson(logBatchSchema, data, 'log event').lines)
          (stream === 'stderr' ? io.stderr : io.stdout).write(`${local(text, folder)}\n`);
      }
    } catch (error) {
      if (!isNodeosError(error)) throw error;
    }
    await delay(LOG_PAUSE_MS, undefined, { signal }).catch(() => {});
  }
}

/** `/app/src/main.ts:3:1` as a path that an editor opens. */
export function local(text: string, folder: string): string {
  return text.replaceAll(/(?:file:\/\/|(?<![\w./:-]))\/app\//g, join(folder, sep));
}
