import { type Board, boardAbi } from '@nodeos/contracts/board.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { BuildContext } from '../context.ts';
import { boardLibraries, ROOT_LIBRARIES } from '../plan/root-files.ts';
import { readLock } from '../sources/lock.ts';
import { type ElfFacts, needsMusl } from './elf.ts';
import { processorName, processorRuns } from './elf-arm.ts';
import { boardNodeVersion } from './engines.ts';
import { nodeModulesVersion } from './node-headers.ts';

/** What a native addon must fit to be loaded on a board. */
export interface AddonTarget {
  readonly abi: string;
  /** Node's process.arch. */
  readonly architecture: string;
  readonly bits: 32 | 64;
  readonly arm: { readonly floatAbi: 'hard' | 'soft'; readonly level: 'ARMv6' | 'ARMv7' } | null;
  /** `process.config.variables.arm_version`, which the tags of prebuilt files name; null without such variants. */
  readonly armVersion: string | null;
  /** Version of the C library in the root, e.g. `2.41`. */
  readonly glibc: string;
  /** Version of the board's Node, e.g. `20.19.2`. */
  readonly nodeVersion: string;
  /** NODE_MODULE_VERSION of the board's Node. */
  readonly modulesVersion: string;
  /** Libraries that every root holds. */
  readonly libraries: readonly string[];
}

type Machine = Pick<AddonTarget, 'bits' | 'arm' | 'armVersion'>;

/**
 * Debian's armel runs without floating-point registers in calls; its Node needs an ARMv6 with VFPv2, as the Pi Zero and
 * Pi 1 are. armhf is ARMv7 with VFPv3 (wiki.debian.org/ArmPorts).
 */
const MACHINES: Readonly<Record<Board['architecture']['debian'], Machine>> = {
  amd64: { bits: 64, arm: null, armVersion: null },
  i386: { bits: 32, arm: null, armVersion: null },
  arm64: { bits: 64, arm: null, armVersion: '8' },
  armhf: { bits: 32, arm: { floatAbi: 'hard', level: 'ARMv7' }, armVersion: '7' },
  armel: { bits: 32, arm: { floatAbi: 'soft', level: 'ARMv6' }, armVersion: '6' },
};

/** @throws NodeosError of the sources; SOURCE_MISMATCH for a lock file without the board's C library */
export async function addonTarget(context: BuildContext, board: Board): Promise<AddonTarget> {
  const { debian, node } = board.architecture;
  const pinned = (await readLock()).debian[debian]?.libc6?.version ?? '';
  const glibc = /^\d+\.\d+/.exec(pinned)?.[0];
  if (!glibc) throw new NodeosError('SOURCE_MISMATCH', `the lock file does not name libc6 for ${debian}`);
  return {
    ...MACHINES[debian],
    abi: boardAbi(board),
    architecture: node,
    glibc,
    nodeVersion: await boardNodeVersion(board),
    modulesVersion: await nodeModulesVersion(context, board),
    libraries: [...ROOT_LIBRARIES, boardLibraries(board).loader.split('/').at(-1) ?? ''],
  };
}

/**
 * Why a board could not load an addon; null where it can.
 * @param facts null for a file that is no ELF of a known kind
 * @param shipped names of the libraries that the app brings itself
 */
export function addonMisfit(facts: ElfFacts | null, target: AddonTarget, shipped: ReadonlySet<string>): string | null {
  if (!facts) return 'made for another system';
  if (facts.architecture !== target.architecture || facts.bits !== target.bits)
    return `made for ${facts.architecture}, ${facts.bits} bits`;
  if (needsMusl(facts)) return 'made for musl';
  return (
    armMisfit(facts, target) ??
    versionMisfit(facts, target) ??
    moduleMisfit(facts, target) ??
    libraryMisfit(facts, target, shipped)
  );
}

function armMisfit({ arm }: ElfFacts, target: AddonTarget): string | null {
  if (!arm || !target.arm) return null;
  if (arm.floatAbi !== null && arm.floatAbi !== target.arm.floatAbi) return `made for ${arm.floatAbi} floating point`;
  if (arm.processor !== null && !processorRuns(target.arm.level, arm.processor))
    return `made for ${processorName(arm.processor)}`;
  return null;
}

function versionMisfit(facts: ElfFacts, target: AddonTarget): string | null {
  const needed = facts.versions
    .map((name) => /^GLIBC_(\d[\d.]*)$/.exec(name)?.[1])
    .filter((version) => version != null);
  const newest = needed.sort(compareVersions).at(-1);
  return newest !== undefined && compareVersions(newest, target.glibc) > 0
    ? `needs glibc ${newest}, the board has ${target.glibc}`
    : null;
}

function moduleMisfit({ moduleVersion }: ElfFacts, { modulesVersion }: AddonTarget): string | null {
  return moduleVersion === null || moduleVersion === modulesVersion
    ? null
    : `made for module version ${moduleVersion} of Node, the board has ${modulesVersion}`;
}

function libraryMisfit(facts: ElfFacts, target: AddonTarget, shipped: ReadonlySet<string>): string | null {
  const missing = facts.needed.filter((name) => !target.libraries.includes(name) && !shipped.has(name));
  return missing.length > 0 ? `needs ${missing.join(', ')}, which neither the root nor the app holds` : null;
}

/** Orders versions of glibc by their numbers. */
function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((text) => text.split('.').map(Number));
  for (let index = 0; index < Math.max(left?.length ?? 0, right?.length ?? 0); index++) {
    const difference = (left?.[index] ?? 0) - (right?.[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
