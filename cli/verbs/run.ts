import { existsSync, statSync } from 'node:fs';
import { copyFile, readFile, stat, truncate } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Board } from '@nodeos/contracts/board.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { loadBoard } from '@nodeos/firmware/boards.ts';
import { bootImage, MEDIUM_BYTES } from '@nodeos/firmware/emulate/boot-image.ts';
import { putFleetFile } from '@nodeos/firmware/emulate/fleet-partition.ts';
import { DISK_BUSES, type DiskBus, type KernelSource, type PortForward } from '@nodeos/firmware/emulate/machine.ts';
import { assertPortFree } from '@nodeos/firmware/emulate/ports.ts';
import { type Emulator, startEmulator } from '@nodeos/firmware/emulate/qemu.ts';
import { createWorkFolder } from '@nodeos/firmware/emulate/work-folder.ts';
import { imageKind, unpackImage } from '@nodeos/firmware/formats/raw-image.ts';
import { cacheRoot } from '../config.ts';
import { readFleetFile } from '../fleet.ts';
import { type CliIo, isTerminal } from '../io.ts';
import { collect, readChoice, readWhole } from '../options.ts';
import { attachTerminal } from '../terminal.ts';
import { example, type RegisterVerb } from '../verb.ts';

/** A CD's system has its slot in RAM, twice while it starts. */
const CD_MEMORY_MIB = 384;

interface RunOptions {
  readonly board: string;
  readonly memory?: string;
  readonly firmware?: string;
  readonly bus?: string;
  readonly forward: string[];
  readonly fleet?: string;
  readonly keep?: boolean;
}

export const registerRun: RegisterVerb = (program, io) => {
  program
    .command('run')
    .description('boot an image in QEMU: img, img.zst, iso, qcow2 or barebones; Ctrl-A x leaves')
    .argument('<image>', 'image file, or the folder that `nodeos build --format barebones` makes')
    .option('--board <name>', 'board whose machine is emulated', 'x86_64-usb')
    .option('--memory <MiB>', `memory of the machine; default: the board's, with a CD at least ${CD_MEMORY_MIB}`)
    .option('--firmware <kind>', "bios or uefi; default: the machine's own, on a PC bios")
    .option(
      '--bus <bus>',
      `how the medium is attached: ${DISK_BUSES.join(', ')}; default: virtio, the card slot, for an iso cd`,
    )
    .option('--forward <host:guest>', 'lead a port of this computer to the machine; repeatable', collect, [])
    .option('--fleet <file>', 'fleet file to put on the first partition')
    .option('--keep', 'write to the image itself; else the machine works on a copy that is thrown away')
    .addHelpText(
      'after',
      example(
        'nodeos run build/nodeos-x86_64-usb-1.0.0.img --forward 8080:3000 --fleet fleet.json',
        'nodeos run build/nodeos-raspberrypi3-1.0.0.img --board raspberrypi3',
        'nodeos run build/nodeos-x86_64-usb-1.0.0.iso --firmware uefi',
        'nodeos run build/nodeos-x86_64-usb-1.0.0.iso --bus usb',
        'nodeos run build/barebones --memory 256',
      ),
    )
    .action(async (image: string, options: RunOptions) => {
      const folder = createWorkFolder();
      try {
        const emulator = await start(io, resolve(io.cwd, image), options, folder.path);
        await attachTerminal(io, emulator);
      } finally {
        folder.remove();
      }
    });
};

async function start(io: CliIo, path: string, options: RunOptions, folder: string): Promise<Emulator> {
  if (!existsSync(path)) throw new NodeosError('FILE_UNREADABLE', `${path} does not exist`);
  const board = await loadBoard(options.board);
  const emulate = machineOf(board);
  const memory = options.memory === undefined ? undefined : readWhole(options.memory, '--memory', 32, 65_536);
  const forwards = options.forward.map(parseForward);
  for (const { host } of forwards) await assertPortFree(host, '--forward');
  const common = { emulate, forwards, cacheRoot: cacheRoot(io.env), signal: io.signal };
  if (isTerminal(io.stdin)) io.stderr.write('Ctrl-A x leaves the machine.\n');
  if (statSync(path).isDirectory()) {
    const source = await readBarebones(path);
    return startEmulator({
      ...common,
      memoryMiB: memory ?? emulate.memoryMiB,
      source,
      logPath: join(folder, 'console.log'),
    });
  }
  const fleet = options.fleet === undefined ? undefined : await readFleetFile(resolve(io.cwd, options.fleet));
  const medium = await readMedium(io, path, options, folder);
  if (medium.bus === 'cd' && fleet) await putFleetFile(medium.image, fleet, io.signal);
  const { emulator } = await bootImage({
    ...common,
    ...medium,
    memoryMiB: memory ?? (medium.bus === 'cd' ? Math.max(emulate.memoryMiB, CD_MEMORY_MIB) : emulate.memoryMiB),
    fleet: medium.bus === 'cd' ? undefined : fleet,
    firmware:
      options.firmware === undefined
        ? undefined
        : readChoice(options.firmware, '--firmware', ['bios', 'uefi'] as const),
    folder,
  });
  return emulator;
}

/** The medium as QEMU takes it: a raw image, and whether it is written to itself. */
async function readMedium(
  io: CliIo,
  path: string,
  options: RunOptions,
  folder: string,
): Promise<{ image: string; inPlace?: boolean; bus?: DiskBus }> {
  const bus = options.bus === undefined ? undefined : readChoice(options.bus, '--bus', DISK_BUSES);
  const kind = await imageKind(path);
  if (kind === 'tar')
    throw new NodeosError('FORMAT_UNSUPPORTED', `${path} is for containers: it has no kernel to boot`);
  if (bus === 'cd' && kind !== 'iso') throw new NodeosError('FORMAT_UNSUPPORTED', `${path} is no image of a CD`);
  if (options.keep && kind !== 'img' && !(kind === 'iso' && bus !== undefined && bus !== 'cd'))
    throw new NodeosError('INPUT_INVALID', `--keep: a machine cannot write to ${path} itself`, {
      hint: 'Leave --keep out, or boot the same system as an img.',
    });
  if (kind === 'iso' && (bus ?? 'cd') === 'cd') {
    // Nothing is written to it, so it needs no copy; but a fleet file does.
    if (options.fleet === undefined) return { image: path, inPlace: true, bus: 'cd' };
    const copy = join(folder, 'disc.iso');
    await copyFile(path, copy);
    return { image: copy, inPlace: true, bus: 'cd' };
  }
  if (kind === 'img' || kind === 'iso') return { image: path, inPlace: options.keep, bus };
  const image = join(folder, 'disk.img');
  await unpackImage(path, kind, image, io.signal);
  await truncate(image, Math.max(MEDIUM_BYTES, (await stat(image)).size));
  return { image, inPlace: true, bus };
}

function machineOf(board: Board): NonNullable<Board['emulate']> {
  if (board.emulate !== null) return board.emulate;
  throw new NodeosError('HOST_UNSUPPORTED', `QEMU has no machine for the board ${board.name}`, {
    hint: 'Write the image to a medium and start the board itself.',
  });
}

/** The folder of the barebones layer: kernel, initramfs, command line. @throws NodeosError FILE_UNREADABLE */
async function readBarebones(folder: string): Promise<KernelSource> {
  const [kernel, initramfs, words] = ['kernel', 'initramfs.img', 'command-line'].map((name) => join(folder, name));
  for (const file of [kernel, initramfs, words])
    if (!existsSync(file as string))
      throw new NodeosError('FILE_UNREADABLE', `${folder} is no folder of the barebones layer: ${file} is missing`);
  const commandLine = (await readFile(words as string, 'utf8')).trim();
  return { kind: 'kernel', kernel: kernel as string, initramfs: initramfs as string, commandLine };
}

/** `8080:3000`: port of this computer, port of the machine. @throws NodeosError INPUT_INVALID */
export function parseForward(text: string): PortForward {
  const parts = /^(\d{1,5}):(\d{1,5})$/.exec(text);
  const [host, guest] = [Number(parts?.[1]), Number(parts?.[2])];
  if (host >= 1 && host <= 65_535 && guest >= 1 && guest <= 65_535) return { host, guest };
  throw new NodeosError('INPUT_INVALID', `--forward ${text} is not two ports`, {
    hint: 'Write the port of this computer and the port of the machine, e.g. --forward 8080:3000.',
  });
}
