import { NodeosError } from '@nodeos/contracts/errors.ts';

/** Device nodes that many may have: what one does through them does not touch the others. */
const SHARED = /^\/dev\/fuse$/;

export interface DeviceGrants {
  /**
   * Gives device nodes to a user, whose own runs share them; gives the way back.
   * @param paths below /dev
   * @throws NodeosError DEVICE_TAKEN, and nothing is given, where another user has one of them
   */
  take(user: string, paths: readonly string[]): () => void;
}

/** Keeps the book of who has which device node: one user at a time. */
export function createDeviceGrants(): DeviceGrants {
  const holders = new Map<string, { user: string; runs: number }>();
  return {
    take(user, paths) {
      const exclusive = paths.filter((path) => !SHARED.test(path));
      const taken = exclusive.find((path) => (holders.get(path)?.user ?? user) !== user);
      if (taken !== undefined)
        throw new NodeosError('DEVICE_TAKEN', `${taken} belongs to ${holders.get(taken)?.user} as long as that runs`);
      for (const path of exclusive) holders.set(path, { user, runs: (holders.get(path)?.runs ?? 0) + 1 });
      let given = true;
      return () => {
        if (!given) return;
        given = false;
        for (const path of exclusive) {
          const runs = (holders.get(path)?.runs ?? 1) - 1;
          if (runs === 0) holders.delete(path);
          else holders.set(path, { user, runs });
        }
      };
    },
  };
}
