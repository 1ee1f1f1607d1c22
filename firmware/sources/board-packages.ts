import type { Board } from '@nodeos/contracts/board.ts';
import { HEADER_PACKAGES } from '../bundle/node-headers.ts';
import { GRUB_TARGETS } from '../plan/grub-config.ts';
import { rootPackages } from '../plan/root-files.ts';
import type { DebianArchitecture } from './apt-root.ts';

/** Packages for every processor, as kernel sources are, come from this one's archive: each lies in the cache once. */
export const COMMON_ARCHIVE = 'amd64';

/** Debian packages that a board names, by archive: its root, its Node's headers, its kernel's source, its boot chain. */
export function boardPackages(board: Board): Partial<Record<DebianArchitecture, string[]>> {
  const { debian } = board.architecture;
  const headers = board.node.source === 'debian' ? HEADER_PACKAGES : [];
  const own = [...rootPackages(board), ...headers, ...bootPackages(board.boot)];
  const common = [board.kernel.source, ...(debian === COMMON_ARCHIVE ? own : [])];
  const sorted = (names: readonly string[]): string[] => [...new Set(names)].sort();
  return { [debian]: sorted(own), [COMMON_ARCHIVE]: sorted(common) };
}

function bootPackages(boot: Board['boot']): string[] {
  switch (boot.chain) {
    case 'grub':
      return boot.targets.map((target) => GRUB_TARGETS[target].package);
    case 'raspberrypi':
      return [boot.firmware, boot.stub].flatMap((item) => (item === null ? [] : [item.package]));
    case 'u-boot':
      return [boot.loader.package];
  }
}
