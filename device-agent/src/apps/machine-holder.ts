import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { InstalledApp } from '../ports.ts';

/** Which app has the whole machine, and which ones have to wait until it gives it back. */
export interface MachineHolder {
  /** False where the app has it already. */
  take(app: string): boolean;
  /** All others have gone: what follows from that. */
  taken(): Promise<void>;
  /** Gives the apps that waited, in the order in which they came. */
  release(): Promise<InstalledApp[]>;
  isHeldBy(app: string): boolean;
  /** KIOSK_TAKEN for whoever is not the one that has it; null where nobody has it. */
  refuses(app: string): NodeosError | null;
  putAside(app: InstalledApp): void;
  isAside(app: string): boolean;
  forget(app: string): void;
}

/** @param onChange told who has the machine, null where nobody has it any more */
export function createMachineHolder(onChange: (app: string | null) => Promise<void> = async () => {}): MachineHolder {
  let holder: string | null = null;
  const aside = new Map<string, InstalledApp>();
  return {
    take(app) {
      const isNew = holder !== app;
      holder = app;
      return isNew;
    },
    taken: () => onChange(holder),
    async release() {
      holder = null;
      const waiting = [...aside.values()];
      aside.clear();
      await onChange(null);
      return waiting;
    },
    isHeldBy: (app) => holder === app,
    refuses(app) {
      if (holder === null || holder === app) return null;
      return new NodeosError('KIOSK_TAKEN', `${app}: ${holder} has the whole machine`);
    },
    putAside: (app) => void aside.set(app.manifest.name, app),
    isAside: (app) => aside.has(app),
    forget: (app) => void aside.delete(app),
  };
}
