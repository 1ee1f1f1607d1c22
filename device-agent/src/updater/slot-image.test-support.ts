import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BootChain } from '@nodeos/contracts/boot-chain.ts';
import type { SlotManifest } from '@nodeos/contracts/slot-manifest.ts';
import { bootFilesOf } from './boot-loaders.test-support.ts';

export const BOARD = 'x86_64-usb';
export const FAST_DISK = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

function makeVolume(image: string, bytes: number, files: Record<string, Buffer>): Buffer {
  const folder = mkdtempSync(join(FAST_DISK, 'nodeos-volume-'));
  try {
    writeFileSync(image, '');
    truncateSync(image, bytes);
    execFileSync('mkfs.vfat', ['--invariant', '-s', '4', image], { stdio: 'pipe' });
    const folders = new Set<string>();
    for (const [path, content] of Object.entries(files)) {
      writeFileSync(join(folder, 'file'), content);
      const parent = path.split('/').slice(0, -1).join('/');
      if (parent && !folders.has(parent)) execFileSync('mmd', ['-i', image, `::${parent}`], { stdio: 'pipe' });
      folders.add(parent);
      execFileSync('mcopy', ['-i', image, join(folder, 'file'), `::${path}`], { stdio: 'pipe' });
    }
    return readFileSync(image);
  } finally {
    rmSync(folder, { recursive: true });
    rmSync(image);
  }
}

const bootImages = new Map<BootChain, Buffer>();

/** The boot partition of a device that was just flashed; made once for each chain. */
export function bootVolume(chain: BootChain): Buffer {
  const known = bootImages.get(chain);
  if (known) return known;
  const made = makeVolume(join(FAST_DISK, `nodeos-boot-${process.pid}`), 1_474_560, bootFilesOf(chain));
  bootImages.set(chain, made);
  return made;
}

export interface SlotImage {
  readonly bytes: Buffer;
  readonly manifest: SlotManifest;
}

const images = new Map<string, SlotImage>();

/** A slot image with a kernel that is none; made once for each version and root. */
export function slotImage(version: string, root: Buffer, manifestChange: Partial<SlotManifest> = {}): SlotImage {
  const key = JSON.stringify([version, root.length, createHash('sha256').update(root).digest('hex'), manifestChange]);
  const known = images.get(key);
  if (known) return known;
  const files: Record<string, Buffer> = {
    kernel: Buffer.alloc(150_000, `kernel ${version} `),
    'initramfs.img': Buffer.alloc(20_000, `initramfs ${version} `),
    'root.json': root,
  };
  const describe = (bytes: Buffer) => ({
    bytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  });
  const manifest: SlotManifest = {
    format: 1,
    board: BOARD,
    version,
    buildTime: 1_760_000_000,
    boot: { chain: 'grub', trial: 'kexec' },
    commandLine: 'console=ttyS0 quiet',
    kernelRelease: '6.12.0',
    nodeVersion: '24.21.0',
    files: Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name, describe(bytes)])),
    ...manifestChange,
  };
  const image = join(FAST_DISK, `nodeos-slot-${process.pid}`);
  const bytes = makeVolume(image, 1_572_864, { ...files, 'manifest.json': Buffer.from(JSON.stringify(manifest)) });
  const made = { bytes, manifest };
  images.set(key, made);
  return made;
}
