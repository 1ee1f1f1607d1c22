import type { Board } from '@nodeos/contracts/board.ts';
import { AREA, type DiskArea, planDisk } from './disk.ts';
import { uefiFiles } from './grub-config.ts';
import { type KernelOption, mergeOptions, parseFragment } from './kernel-options.ts';
import { diskBytes } from './layout.ts';
import { planRoot, type RootFile } from './root-files.ts';

export interface PlanOptions {
  readonly systemVersion: string;
  /** A fleet file is put on the first partition. */
  readonly fleetFile: boolean;
  /** The factory root of trust is put in the slot. */
  readonly trustRoot: boolean;
  /** Text of each kernel fragment by its path below kernel-configs/. */
  readonly fragments: Readonly<Record<string, string>>;
}

export interface PlannedFile {
  readonly path: string;
  readonly source: string;
}

export interface PlannedArea extends DiskArea {
  /** What the build writes there; an empty area is left as zeros. */
  readonly files: readonly PlannedFile[];
}

/** What a build would do, as `nodeos build --dry-run` prints it. */
export interface BuildPlan {
  readonly board: string;
  readonly title: string;
  readonly systemVersion: string;
  readonly diskBytes: number;
  readonly areas: readonly PlannedArea[];
  readonly root: readonly RootFile[];
  readonly kernel: {
    readonly source: string;
    readonly fragments: readonly string[];
    readonly patches: readonly string[];
    readonly options: readonly KernelOption[];
  };
  readonly commandLine: string;
}

/**
 * Plans an image: which bytes stand where and what they are made from.
 * @throws NodeosError LAYOUT_OVERLAP; INPUT_INVALID for a line in a fragment that is no option
 */
export function planImage(board: Board, options: PlanOptions): BuildPlan {
  const areas = planDisk(board).map((area) => ({ ...area, files: filesOf(area.name, board, options) }));
  const fragments = Object.entries(options.fragments).map(([path, text]) => parseFragment(text, path));
  return {
    board: board.name,
    title: board.title,
    systemVersion: options.systemVersion,
    diskBytes: diskBytes(areas),
    areas,
    root: planRoot(board),
    kernel: {
      source: board.kernel.source,
      fragments: board.kernel.fragments,
      patches: board.kernel.patches,
      options: mergeOptions(fragments),
    },
    commandLine: board.kernel.commandLine,
  };
}

function filesOf(area: string, board: Board, options: PlanOptions): PlannedFile[] {
  const forBios = board.boot.chain === 'grub' && board.boot.targets.includes('i386-pc');
  if (area === AREA.bootSector) return forBios ? [{ path: 'boot.img', source: 'grub-pc-bin' }] : [];
  if (area === AREA.bootCode) return forBios ? [{ path: 'core.img', source: 'grub-mkimage, i386-pc' }] : [];
  if (area === AREA.boot) return bootFiles(board, options);
  if (area === AREA.slotA) return slotFiles(board, options);
  if (area === AREA.data) return [{ path: '/users', source: 'empty' }];
  return [];
}

function bootFiles(board: Board, options: PlanOptions): PlannedFile[] {
  return [
    ...(board.boot.chain === 'grub' ? uefiFiles(board.boot) : []).map((file) => ({
      path: `/EFI/BOOT/${file}`,
      source: 'grub-mkimage',
    })),
    { path: '/grub/grub.cfg', source: 'firmware/plan/grub-config.ts' },
    { path: '/grub/grubenv', source: 'the pointer: slot a' },
    { path: '/grub/attempts', source: 'the counter: 0' },
    ...(options.fleetFile ? [{ path: '/fleet.json', source: 'fleet file' }] : []),
  ];
}

function slotFiles(board: Board, options: PlanOptions): PlannedFile[] {
  return [
    { path: '/kernel', source: board.kernel.source },
    { path: '/initramfs.img', source: 'firmware/init' },
    { path: '/rootfs.sqfs', source: 'root file system, see below' },
    { path: '/manifest.json', source: `version ${options.systemVersion} and the hashes of the other files` },
    { path: '/slot.cfg', source: 'firmware/plan/grub-config.ts' },
    ...(options.trustRoot ? [{ path: '/root.json', source: 'factory root of trust' }] : []),
  ];
}
