import type { Board } from '@nodeos/contracts/board.ts';
import { type BootFile, bootFiles, rawFiles, slotBootFiles } from './boot-files.ts';
import { AREA, type DiskArea, planDisk } from './disk.ts';
import { type KernelOption, mergeOptions, parseFragment } from './kernel-options.ts';
import { diskBytes } from './layout.ts';
import { planRoot, type RootFile } from './root-files.ts';

export interface PlanOptions {
  readonly systemVersion: string;
  /** A fleet file is put on the first partition. */
  readonly fleetFile: boolean;
  /** The factory root of trust is put in the slot. */
  readonly trustRoot: boolean;
  /** Folder of the app that comes with the image. */
  readonly app?: string;
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
  /** How a system release is tried, and why so. */
  readonly trial: { readonly kind: Board['boot']['trial']; readonly reason: string };
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
    trial: { kind: board.boot.trial, reason: board.boot.trialReason },
  };
}

/** What the plan tells of files does not depend on these. */
const NO_FACTS = { diskId: '00000000', modified: 0 } as const;

function filesOf(area: string, board: Board, options: PlanOptions): PlannedFile[] {
  if (area === AREA.boot) {
    const fleet = options.fleetFile ? [{ path: '/fleet.json', source: 'fleet file' }] : [];
    return [...bootFiles(board, NO_FACTS, null).map(inPartition), ...fleet];
  }
  if (area === AREA.slotA) return slotFiles(board, options);
  if (area === AREA.data) {
    const empty = { path: '/users', source: 'empty' };
    return options.app === undefined
      ? [empty]
      : [empty, { path: '/.system/agent', source: `${options.app}, installed` }];
  }
  return rawFiles(board)
    .filter((file) => file.area === area)
    .map(({ path, source }) => ({ path, source }));
}

function inPartition({ path, source }: BootFile): PlannedFile {
  return { path: `/${path}`, source };
}

function slotFiles(board: Board, options: PlanOptions): PlannedFile[] {
  return [
    { path: '/kernel', source: board.kernel.source },
    { path: '/initramfs.img', source: 'firmware/init' },
    { path: '/rootfs.sqfs', source: 'root file system, see below' },
    { path: '/manifest.json', source: `version ${options.systemVersion} and the hashes of the other files` },
    ...slotBootFiles(board, NO_FACTS).map(inPartition),
    ...(options.trustRoot ? [{ path: '/root.json', source: 'factory root of trust' }] : []),
  ];
}
