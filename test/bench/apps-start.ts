import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadBoard } from '@nodeos/firmware/boards.ts';
import { bundleApp } from '@nodeos/firmware/bundle/bundle-app.ts';
import { bootImage } from '@nodeos/firmware/emulate/boot-image.ts';
import { createWorkFolder } from '@nodeos/firmware/emulate/work-folder.ts';
import { bundleScript } from '@nodeos/firmware/layers/agent.ts';
import { build, sharedCache } from '../support/build.ts';
import { fillDataPartition } from '../support/data-partition.ts';
import type { AppStart } from './apps-on-device.ts';
import { percentile } from './percentile.ts';
import type { Measurement } from './table.ts';

const BOARD = 'x86_64-usb';
const ON_DEVICE = new URL('./apps-on-device.ts', import.meta.url).pathname;
const MEMORY_MIB = 256;
const LIMIT_MS = 900_000;
/** What both start: the least that a web app is. */
const PROGRAM = `require('node:http').createServer((_, answer) => answer.end('well')).listen(process.env.PORT, () => console.log('listens'));\n`;

/** Starts of an app beside those of plain `node`, on one emulated device, by turns in one boot. */
export async function measureAppStarts(): Promise<Measurement[]> {
  return appStartRows(await startOnDevice());
}

/** Medians of both kinds, and the one over the other. */
export function appStartRows(starts: readonly AppStart[]): Measurement[] {
  const median = (kind: AppStart['kind'], of: (start: AppStart) => number): number =>
    percentile(starts.filter((start) => start.kind === kind).map(of), 50);
  const both = (name: string, unit: string, of: (start: AppStart) => number): Measurement[] => {
    const [plain, app] = [median('plain', of), median('app', of)];
    return [
      { name: `${name}, plain node`, value: plain, unit, aim: null },
      { name: `${name}, as an app`, value: app, unit, aim: null },
      { name: `${name}, app to plain`, value: app / plain, unit: '', aim: null },
    ];
  };
  const megabytes = (kibibytes: number): number => (kibibytes * 1024) / 1e6;
  return [
    ...both('start until it listens', 'ms', ({ startMs }) => startMs),
    ...both('resident memory of node', 'MB', ({ residentKiB }) => megabytes(residentKiB)),
    ...both('of it no file’s', 'MB', ({ ownKiB }) => megabytes(ownKiB)),
    ...both('resident memory with the launcher', 'MB', ({ allKiB }) => megabytes(allKiB)),
  ];
}

async function startOnDevice(): Promise<AppStart[]> {
  const folder = createWorkFolder();
  try {
    const agent = join(folder.path, 'agent.cjs');
    await writeFile(agent, (await bundleScript(ON_DEVICE, 'agent.cjs')).get('agent.cjs') ?? '');
    const { files } = await build(['--board', BOARD, '--agent', agent, '--out', folder.path]);
    const image = files.image as string;
    const app = await bundleProgram(folder.path);
    await fillDataPartition(image, [
      { path: '/bench', owner: 0, mode: 0o755 },
      { path: '/bench/main.js', owner: 0, mode: 0o644, file: app.program },
      { path: '/bench/app.sqfs', owner: 0, mode: 0o644, file: app.bundle },
    ]);
    const { emulate } = await loadBoard(BOARD);
    if (emulate === null) throw new Error(`no emulator has ${BOARD}`);
    const cacheRoot = sharedCache();
    const { emulator } = await bootImage({ emulate, image, folder: folder.path, cacheRoot, memoryMiB: MEMORY_MIB });
    try {
      const end = await emulator.console.expect(/bench: (end|failed.*)/, LIMIT_MS, 'all starts on the device');
      if (!end.text.endsWith('bench: end')) throw new Error(end.text);
      return emulator.console.lines.flatMap(({ text }) => {
        const found = /bench: start (\{.*\})/.exec(text)?.[1];
        return found === undefined ? [] : [JSON.parse(found) as AppStart];
      });
    } finally {
      await emulator.stop();
    }
  } finally {
    folder.remove();
  }
}

async function bundleProgram(into: string): Promise<{ program: string; bundle: string }> {
  const folder = join(into, 'bench-app');
  await mkdir(folder);
  const program = join(folder, 'main.js');
  const manifest = { name: 'bench', version: '1.0.0', main: 'main.js', nodeos: { ports: [8080] } };
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest));
  await writeFile(program, PROGRAM);
  const signal = new AbortController().signal;
  const build = { cacheRoot: sharedCache(), signal, progress: () => {}, locked: false };
  const { file } = await bundleApp(build, { folder, board: await loadBoard(BOARD), out: join(into, 'bench.sqfs') });
  return { program, bundle: file };
}
