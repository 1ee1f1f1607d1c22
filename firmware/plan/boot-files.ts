import { basename } from 'node:path/posix';
import type { Board } from '@nodeos/contracts/board.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { FleetFile } from '@nodeos/contracts/fleet-file.ts';
import { renderEnvironmentBlock } from '@nodeos/contracts/grub-environment.ts';
import { AUTOBOOT_FILE, renderAutoboot } from '@nodeos/contracts/raspberrypi-autoboot.ts';
import { encodeUBootRecord } from '@nodeos/contracts/u-boot-environment.ts';
import { encodeUBootScript } from '../formats/u-boot-image.ts';
import { AREA } from './disk.ts';
import { grubConfig, slotConfig, uefiFiles } from './grub-config.ts';
import {
  COMMAND_LINE_FILES,
  firmwareFiles,
  raspberryPiCommandLines,
  raspberryPiConfig,
  stubFile,
} from './raspberrypi-config.ts';
import { uBootScript, uBootSlot } from './u-boot-script.ts';

/** A file that a boot chain needs, with where it comes from for a person. */
export interface BootFile {
  /** In its partition, without a leading slash. */
  readonly path: string;
  readonly source: string;
  /** Its bytes, or its name in the layer that makes it. */
  readonly content: { readonly bytes: string | Buffer } | { readonly layer: BootLayer; readonly file: string };
}

/** `code`: what buildBootCode gives; `trees`: what buildDeviceTrees gives. */
export type BootLayer = 'code' | 'trees';

export interface BootFacts {
  /** Signature in the boot sector, 8 hex digits. */
  readonly diskId: string;
  /** Seconds since 1970. */
  readonly modified: number;
}

/** Code and records that stand outside of partitions; each begins its area. */
export function rawFiles({ boot }: Board): (BootFile & { readonly area: string })[] {
  switch (boot.chain) {
    case 'grub':
      return boot.targets.includes('i386-pc')
        ? [
            { area: AREA.bootSector, path: 'boot.img', source: 'grub-pc-bin', content: fromCode('boot.bin') },
            { area: AREA.bootCode, path: 'core.img', source: 'grub-mkimage, i386-pc', content: fromCode('core.img') },
          ]
        : [];
    case 'raspberrypi':
      return [];
    case 'u-boot': {
      const record = encodeUBootRecord({ sequence: 1, slot: 'a', once: null, attempts: 0 });
      return [
        {
          area: AREA.loader,
          path: basename(boot.loader.file),
          source: boot.loader.package,
          content: fromCode(basename(boot.loader.file)),
        },
        { area: AREA.loaderRecord, path: 'record', source: 'the pointer: slot a', content: { bytes: record } },
      ];
    }
  }
}

/** Files of the first partition. */
export function bootFiles(board: Board, facts: BootFacts, fleetFile: FleetFile | null): BootFile[] {
  const fleet = fleetFile && `${JSON.stringify(fleetFile, null, 2)}\n`;
  return [
    ...chainFiles(board, facts),
    ...(fleet ? [{ path: 'fleet.json', source: 'fleet file', content: { bytes: fleet } }] : []),
  ];
}

function chainFiles(board: Board, { diskId, modified }: BootFacts): BootFile[] {
  const { boot } = board;
  switch (boot.chain) {
    case 'grub': {
      const counter = renderEnvironmentBlock({ nodeos_attempts: '0', nodeos_once: 'none' });
      return [
        ...uefiFiles(boot).map((file) => ({
          path: `EFI/BOOT/${file}`,
          source: 'grub-mkimage',
          content: fromCode(file),
        })),
        written('grub/grub.cfg', 'firmware/plan/grub-config.ts', grubConfig(diskId, boot.targets)),
        written('grub/grubenv', 'the pointer: slot a', renderEnvironmentBlock({ nodeos_slot: 'a' })),
        written('grub/attempts', 'the counter: 0', counter),
      ];
    }
    case 'raspberrypi':
      return [
        ...firmwareFiles(boot).boot.map((file) => ofPackage(file, boot.firmware?.package)),
        written(AUTOBOOT_FILE.slice(1), 'the pointer: slot a', renderAutoboot('a')),
      ];
    case 'u-boot': {
      const script = encodeUBootScript(uBootScript(diskId), armOf(board), modified);
      return [written('boot.scr', 'firmware/plan/u-boot-script.ts', script)];
    }
  }
}

/** Files of a slot beside those that every slot has: how it is started. */
export function slotBootFiles(board: Board, { diskId }: Pick<BootFacts, 'diskId'>): BootFile[] {
  const { boot, kernel } = board;
  const overlays = kernel.overlays.map((source) => `${basename(source, '.dts')}.dtbo`);
  const trees = [
    ...kernel.deviceTrees.map((path) => ({ path: basename(path), source: `${kernel.source}, ${path}` })),
    ...overlays.map((name, index) => ({
      path: `overlays/${name}`,
      source: `kernel-configs/overlays/${kernel.overlays[index]}`,
    })),
  ].map((file) => ({ ...file, content: { layer: 'trees' as const, file: file.path } }));
  switch (boot.chain) {
    case 'grub':
      return [written('slot.cfg', 'firmware/plan/grub-config.ts', slotConfig(kernel.commandLine)), ...trees];
    case 'raspberrypi': {
      const config = raspberryPiConfig(boot);
      const words = raspberryPiCommandLines(kernel.commandLine, diskId);
      const stub = stubFile(boot);
      return [
        written('config.txt', 'firmware/plan/raspberrypi-config.ts', config),
        // Firmware that does not know tryboot_a_b takes this name for a tryboot.
        written('tryboot.txt', 'firmware/plan/raspberrypi-config.ts', config),
        written(COMMAND_LINE_FILES.cold, 'command line of a cold boot', words.cold),
        written(COMMAND_LINE_FILES.trial, 'command line of a trial', words.trial),
        ...firmwareFiles(boot).slot.map((file) => ofPackage(file, boot.firmware?.package)),
        ...(stub === null ? [] : [ofPackage(stub, boot.stub?.package)]),
        ...trees,
      ];
    }
    case 'u-boot': {
      const [tree, ...more] = kernel.deviceTrees;
      if (tree === undefined || more.length > 0)
        throw new NodeosError('INPUT_INVALID', `${board.name} needs one device tree for U-Boot to load`);
      const text = uBootSlot({ commandLine: kernel.commandLine, deviceTree: basename(tree), overlays });
      return [written('slot.env', 'firmware/plan/u-boot-script.ts', text), ...trees];
    }
  }
}

function fromCode(file: string): BootFile['content'] {
  return { layer: 'code', file };
}

function written(path: string, source: string, bytes: string | Buffer): BootFile {
  return { path, source, content: { bytes } };
}

function ofPackage(file: string, source = ''): BootFile {
  return { path: file, source, content: fromCode(file) };
}

function armOf({ name, architecture }: Board): 'arm' | 'arm64' {
  if (architecture.kernel === 'x86') throw new NodeosError('INPUT_INVALID', `${name} is no Arm board`);
  return architecture.kernel;
}
