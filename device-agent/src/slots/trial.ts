import { join } from 'node:path';
import type { BootFacts } from '@nodeos/contracts/boot-facts.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { SlotManifest } from '@nodeos/contracts/slot-manifest.ts';
import type { NativeCalls } from '../ports.ts';
import type { Disk } from '../updater/disk.ts';
import { makeRoom } from './make-room.ts';
import type { SlotName } from './pointer.ts';
import { extractFile, INITRAMFS_FILE, KERNEL_FILE, slotPartition } from './slot.ts';

export interface TrialOptions {
  readonly disk: Disk;
  readonly native: NativeCalls;
  readonly facts: BootFacts;
  readonly slot: SlotName;
  readonly manifest: SlotManifest;
  /** A folder in RAM; kernel and initramfs lie there while they are loaded. */
  readonly runDir: string;
  readonly trialTimeoutSeconds: number;
  /** Called where there is no memory for the kernel, before the next attempt. */
  readonly makeRoom?: () => Promise<void>;
}

const LOAD_ATTEMPTS = 4;

/** Kernel command line of a slot's trial boot. */
export function trialCommandLine(manifest: SlotManifest, diskId: string, slot: SlotName, seconds: number): string {
  const words = [manifest.commandLine, `nodeos.disk=${diskId}`, `nodeos.slot=${slot}`, `nodeos.trial=${seconds}`];
  return words.join(' ').trim();
}

/**
 * Loads the kernel of a slot, so that init can jump into it. The pointer is not touched: whatever goes wrong from here
 * on ends in the old slot.
 * @throws NodeosError KEXEC_FAILED, HASH_MISMATCH, RELEASE_INCOMPATIBLE
 */
export async function loadTrial(options: TrialOptions): Promise<void> {
  const { disk, native, facts, slot, manifest, runDir, trialTimeoutSeconds } = options;
  const partition = slotPartition(facts, slot);
  const kernel = join(runDir, 'trial-kernel');
  const initramfs = join(runDir, 'trial-initramfs');
  try {
    await extractFile(disk, partition, manifest, KERNEL_FILE, kernel);
    await extractFile(disk, partition, manifest, INITRAMFS_FILE, initramfs);
    const commandLine = trialCommandLine(manifest, facts.disk_id, slot, trialTimeoutSeconds);
    const kernelFile = await disk.open(kernel, 'r');
    try {
      const initramfsFile = await disk.open(initramfs, 'r');
      try {
        await loadWithRoom(
          () => native.kexecFileLoad(kernelFile.fd, initramfsFile.fd, commandLine),
          options.makeRoom ?? makeRoom,
        );
      } catch (cause) {
        throw new NodeosError('KEXEC_FAILED', `kexec_file_load: ${(cause as Error).message}`, { cause });
      } finally {
        await initramfsFile.close();
      }
    } finally {
      await kernelFile.close();
    }
  } finally {
    await disk.remove(kernel);
    await disk.remove(initramfs);
  }
}

async function loadWithRoom(load: () => void, room: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      load();
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOMEM' || attempt === LOAD_ATTEMPTS) throw error;
      await room();
    }
  }
}
