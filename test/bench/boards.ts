import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Board } from '@nodeos/contracts/board.ts';
import { isNodeosError } from '@nodeos/contracts/errors.ts';
import { listBoards } from '@nodeos/firmware/boards.ts';
import type { ImageMachine } from '@nodeos/firmware/emulate/boot-image.ts';
import { requireEmulator } from '@nodeos/firmware/emulate/programs.ts';
import { createWorkFolder } from '@nodeos/firmware/emulate/work-folder.ts';
import { buildKernel, kernelArchitecture } from '@nodeos/firmware/layers/kernel.ts';
import type { StoryContext } from 'nodeos/demo/context.ts';
import { bootDevice } from 'nodeos/demo/steps/boot-device.ts';
import { startFleet } from 'nodeos/demo/steps/start-fleet.ts';
import { type Built, build, sharedCache } from '../support/build.ts';

/** What one board costs; null: not measured, `note` says why. */
export interface BoardRow {
  readonly board: string;
  readonly imageMB: number;
  readonly slotMB: number;
  readonly kernelMB: number;
  /** When the kernel was compiled, whenever that was; boards that share a kernel share the number. */
  readonly kernelSeconds: number;
  /** Power-on to the agent's first line, in the emulator. */
  readonly agentSeconds: number | null;
  readonly onlineSeconds: number | null;
  readonly memoryMiB: { readonly kind: 'least' | 'used'; readonly value: number } | null;
  readonly note: string;
}

interface Boot {
  readonly agentSeconds: number;
  readonly onlineSeconds: number;
  readonly usedMiB: number;
}

/** Memories that are tried, from more to less, where the machine lets them be chosen. */
const MEMORIES_MIB = [192, 160, 128, 112, 96, 80, 64];

/** Builds every board, boots those that QEMU can emulate, and says what each costs. */
export async function measureBoards(
  signal: AbortSignal,
  say: (line: string) => void,
  names: readonly string[],
): Promise<BoardRow[]> {
  const rows: BoardRow[] = [];
  for (const board of await listBoards()) {
    if (names.length > 0 && !names.includes(board.name)) continue;
    say(`${board.name}: building`);
    rows.push(await measureBoard(board, signal, say));
    say(JSON.stringify(rows.at(-1)));
  }
  return rows;
}

async function measureBoard(board: Board, signal: AbortSignal, say: (line: string) => void): Promise<BoardRow> {
  const folder = createWorkFolder();
  try {
    const built = await build(['--board', board.name, '--out', folder.path]);
    const size = { board: board.name, ...(await sizesOf(built)), kernelSeconds: await kernelSeconds(board, signal) };
    const none = { agentSeconds: null, onlineSeconds: null, memoryMiB: null };
    const { emulate } = board;
    if (emulate === null) return { ...size, ...none, note: 'no emulator has this board' };
    try {
      await requireEmulator(emulate);
    } catch (error) {
      if (!isNodeosError(error)) throw error;
      return { ...size, ...none, note: error.message };
    }
    say(`${board.name}: booting`);
    const boot = await bootOnline(board, signal, undefined).catch(notOnline);
    // One board that does not come up must not cost the numbers of all others.
    if ('reason' in boot) return { ...size, ...none, note: `did not come online: ${boot.reason}` };
    const { agentSeconds, onlineSeconds, usedMiB } = boot;
    const times = { ...size, agentSeconds, onlineSeconds, note: '' };
    if (emulate.cpu === null) return { ...times, memoryMiB: { kind: 'used', value: usedMiB } };
    return { ...times, memoryMiB: { kind: 'least', value: await leastMemory(board, signal, say) } };
  } finally {
    folder.remove();
  }
}

async function sizesOf({ files, sizes }: Built): Promise<Pick<BoardRow, 'imageMB' | 'slotMB' | 'kernelMB'>> {
  const manifest = JSON.parse(await readFile(files.manifest as string, 'utf8'));
  const kernel = Object.entries(manifest.files as Record<string, { bytes: number }>).find(([name]) =>
    /^kernel/.test(name),
  );
  return {
    imageMB: (sizes.image ?? 0) / 1e6,
    slotMB: (sizes.slot ?? 0) / 1e6,
    kernelMB: (kernel?.[1].bytes ?? 0) / 1e6,
  };
}

/** From an image to a device that its server sees. @throws NodeosError EMULATOR_TIMEOUT, STORY_FAILED */
async function bootOnline(board: Board, signal: AbortSignal, memoryMiB: number | undefined): Promise<Boot> {
  const folder = createWorkFolder();
  const end = new AbortController();
  const both = AbortSignal.any([signal, end.signal]);
  const closers: (() => Promise<void>)[] = [];
  const context: StoryContext = {
    build: { cacheRoot: sharedCache(), signal: both, progress: () => {}, locked: false },
    ...{ board, folder: folder.path, signal: both, dashboardPort: 0 },
    machine: memoryMiB === undefined ? {} : { memoryMiB },
  };
  try {
    const { value: fleet } = await startFleet(context, (close) => closers.unshift(close));
    const { value } = await bootDevice(context, fleet, ({ emulator }: ImageMachine) => {
      closers.unshift(() => emulator.stop());
    });
    const { moments, detail } = value;
    const memory = detail.report?.memory;
    return {
      agentSeconds: (moments.agent - moments.powerOn) / 1000,
      onlineSeconds: (moments.online - moments.powerOn) / 1000,
      usedMiB: Math.round(((memory?.totalKiB ?? 0) - (memory?.availableKiB ?? 0)) / 1024),
    };
  } finally {
    end.abort();
    for (const close of closers) await close();
    folder.remove();
  }
}

/** Throws what is no fault of the device. */
function notOnline(error: unknown): { readonly reason: string } {
  if (!isNodeosError(error) || !['EMULATOR_TIMEOUT', 'STORY_FAILED'].includes(error.code)) throw error;
  return { reason: error.code };
}

/** What the compilation of the board's kernel took; it stands beside the kernel in the cache. */
async function kernelSeconds(board: Board, signal: AbortSignal): Promise<number> {
  const context = { cacheRoot: sharedCache(), signal, progress: () => {}, locked: false };
  const { source, fragments, patches } = board.kernel;
  const [arch, crossCompile] = [kernelArchitecture(board.architecture), board.architecture.crossPrefix];
  const { dir } = await buildKernel(context, { arch, source, fragments, patches, crossCompile });
  return Number(await readFile(join(dir, 'seconds'), 'utf8'));
}

/** The smallest of the tried memories with which the device comes online, in MiB. */
async function leastMemory(board: Board, signal: AbortSignal, say: (line: string) => void): Promise<number> {
  let least = board.emulate?.memoryMiB ?? 0;
  for (const memoryMiB of MEMORIES_MIB) {
    if (memoryMiB >= least) continue;
    try {
      await bootOnline(board, signal, memoryMiB);
      say(`${board.name}: ${memoryMiB} MiB are enough`);
      least = memoryMiB;
    } catch (error) {
      notOnline(error);
      say(`${board.name}: ${memoryMiB} MiB are too little`);
      break;
    }
  }
  return least;
}
