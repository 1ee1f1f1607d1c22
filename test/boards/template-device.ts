import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Board } from '@nodeos/contracts/board.ts';
import { bootImage, type ImageMachine } from '@nodeos/firmware/emulate/boot-image.ts';
import { freePort } from '@nodeos/firmware/emulate/ports.ts';
import { bundleAgent } from '@nodeos/firmware/layers/agent.ts';
import { runTool } from '@nodeos/firmware/run-tool.ts';
import type { StoryContext } from 'nodeos/demo/context.ts';
import { onlyDevice } from 'nodeos/demo/operator.ts';
import type { Fleet } from 'nodeos/demo/steps/start-fleet.ts';
import { buildSystem, FIRST_SYSTEM } from 'nodeos/demo/system-releases.ts';
import { fillDataPartition } from '../support/data-partition.ts';
import { tellOfScreen } from './firmware-screen.ts';

const BOOT_LIMIT_MS = 600_000;
const HERE = import.meta.dirname;

/** A board on which every template has what it is for: GPIO lines, and a screen. */
export interface TemplateDevice {
  readonly machine: ImageMachine;
  readonly id: string;
  /** Ports of this computer that lead to ports of the device. */
  readonly portOf: (guest: number) => number;
  /** Levels that the line GPIO17 has been seen at, each another than the one before: as the machine has it, not the app. */
  readonly levels: () => Promise<readonly number[]>;
  /** How far a value of the screen may be from what was drawn: it has fewer colours on some. */
  readonly screenStep: number;
}

/** What a board needs in QEMU to have lines and a screen. */
interface Setup {
  readonly devices: readonly string[];
  readonly machine: { readonly firmware?: 'uefi'; readonly memoryMiB?: number };
  readonly screenStep: number;
  /** Source text that goes before the agent's. */
  readonly beforeAgent: () => Promise<string>;
  readonly prepare: (image: string, folder: string) => Promise<void>;
  readonly levels: (machine: ImageMachine) => () => Promise<readonly number[]>;
}

const SETUPS: Readonly<Record<string, Setup>> = {
  'x86_64-usb': {
    ...{ devices: ['-device', 'VGA'], machine: { firmware: 'uefi', memoryMiB: 384 }, screenStep: 0 },
    beforeAgent: () => readFile(join(HERE, 'simulated-lines.cjs'), 'utf8'),
    prepare: putMountProgram,
    levels: toldOnConsole,
  },
  raspberrypi3: {
    // 16 bits a pixel: the last three of eight bits are lost.
    ...{ devices: [], machine: {}, screenStep: 8 },
    beforeAgent: async () => '',
    prepare: tellOfScreen,
    levels: readInRegister,
  },
};

/** Boots a device of the board and waits until it is online. */
export async function startTemplateDevice(
  context: StoryContext,
  fleet: Fleet,
  ports: readonly number[],
  onStart: (machine: ImageMachine) => void,
): Promise<TemplateDevice> {
  const { board, folder } = context;
  const setup = SETUPS[board.name];
  if (setup === undefined || board.emulate === null) throw new Error(`nothing is known of ${board.name}`);
  const before = await setup.beforeAgent();
  const agent = before === '' ? undefined : before + ((await bundleAgent()).get('agent.js')?.toString() ?? '');
  const { image } = (await buildSystem(context, 'image', FIRST_SYSTEM, { root: fleet.root, agent })).files;
  if (image === undefined) throw new Error('no image was made');
  const own = join(folder, 'own.img');
  await runTool('cp', ['--sparse=always', image, own]);
  await setup.prepare(own, folder);
  const forwards = await Promise.all(ports.map(async (guest) => ({ host: await freePort(), guest })));
  const emulate: NonNullable<Board['emulate']> = {
    ...board.emulate,
    devices: [...board.emulate.devices, ...setup.devices],
  };
  const machine = await bootImage({
    ...{ emulate, image: own, fleet: fleet.fleetFile, forwards, folder },
    ...{ cacheRoot: context.build.cacheRoot, signal: context.signal, ...setup.machine },
  });
  onStart(machine);
  await machine.emulator.console.expect(/^agent: online \d+ ms/, BOOT_LIMIT_MS, 'the device online');
  const id = await onlyDevice(fleet.operator);
  if (id === null) throw new Error('no device has enrolled');
  return {
    ...{ machine, id, screenStep: setup.screenStep },
    portOf: (wanted) => forwards.find(({ guest }) => guest === wanted)?.host ?? 0,
    levels: setup.levels(machine),
  };
}

/** simulated-lines.cjs mounts what a device never mounts by itself. */
async function putMountProgram(image: string, folder: string): Promise<void> {
  const file = join(folder, 'mount');
  await runTool('gcc', ['-static', '-O1', '-Wall', '-o', file, join(HERE, '../gpio/mount.c')]);
  await fillDataPartition(image, [
    { path: '/tools', owner: 0, mode: 0o755 },
    { path: '/tools/mount', owner: 0, mode: 0o755, file },
  ]);
}

/** What simulated-lines.cjs says. */
function toldOnConsole({ emulator }: ImageMachine): () => Promise<readonly number[]> {
  return async () =>
    emulator.console.lines.flatMap(({ text }) => /^line 17 is ([01])$/.exec(text)?.slice(1).map(Number) ?? []);
}

/** Register GPLEV0 of the chip (BCM2835 ARM Peripherals, 6.1), read by QEMU from outside at each call. */
function readInRegister({ emulator }: ImageMachine): () => Promise<readonly number[]> {
  const seen: number[] = [];
  return async () => {
    const answer = await emulator.qmp.execute('human-monitor-command', { 'command-line': 'xp /1wx 0x3f200034' });
    const word = /: (0x[0-9a-f]{8})/.exec(String(answer))?.[1];
    if (word === undefined) throw new Error(`QEMU does not show the register: ${answer}`);
    const level = (Number(word) >>> 17) & 1;
    if (level !== seen.at(-1)) seen.push(level);
    return seen;
  };
}
