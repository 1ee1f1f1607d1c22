import { createHash } from 'node:crypto';
import { closeSync, createReadStream, openSync, readSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { appManifestSchema } from '@nodeos/contracts/app-manifest.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { openFat } from '@nodeos/contracts/fat.ts';
import { appTargetPath, type ReleaseCustom, systemTargetPath } from '@nodeos/contracts/release.ts';
import { slotManifestSchema } from '@nodeos/contracts/slot-manifest.ts';
import { parseJson } from '@nodeos/contracts/validate.ts';
import { BUNDLE_MANIFEST } from '@nodeos/firmware/bundle/bundle-app.ts';
import { runTool } from '@nodeos/firmware/run-tool.ts';
import type { NewTarget } from './metadata.ts';

/** What the publisher says of a release. */
export type ReleaseWords = Pick<ReleaseCustom, 'notes' | 'minimumSystem' | 'channel'>;

const MANIFEST_MAX_BYTES = 1_048_576;
const SQUASHFS_MAGIC = 'hsqs';

/**
 * Reads what a bundle or a slot image says about itself, and hashes it.
 * @throws NodeosError FILE_UNREADABLE, INPUT_INVALID for any other file
 */
export async function readArtefact(file: string, about: ReleaseWords): Promise<NewTarget> {
  const { size } = await stat(file).catch((cause: unknown) => {
    throw new NodeosError('FILE_UNREADABLE', `${file} cannot be read`, { cause });
  });
  const descriptor = openSync(file, 'r');
  try {
    const readAt = (offset: number, length: number): Buffer => {
      const buffer = Buffer.alloc(length);
      return buffer.subarray(0, readSync(descriptor, buffer, 0, length, offset));
    };
    const sector = readAt(0, 512);
    const identity = { bytes: size, sha256: await hashStream(file) };
    if (sector.toString('latin1', 0, 4) === SQUASHFS_MAGIC) return { ...identity, ...(await readBundle(file, about)) };
    if (sector.length === 512 && sector.readUInt16LE(510) === 0xaa55) {
      const text = openFat(readAt).readFile('/manifest.json', MANIFEST_MAX_BYTES).toString();
      const system = parseJson(slotManifestSchema, text, `${file}: /manifest.json`);
      const custom: ReleaseCustom = { kind: 'system', system, ...about };
      return { ...identity, path: systemTargetPath(system.board, system.version), custom };
    }
  } finally {
    closeSync(descriptor);
  }
  throw new NodeosError('INPUT_INVALID', `${file} is neither an app bundle nor a slot image`, {
    hint: 'Publish a file made by `nodeos bundle` (.sqfs) or the slot image of `nodeos build`.',
  });
}

/** The manifest inside counts, not the copy beside: it is what the device will find. */
async function readBundle(file: string, about: ReleaseWords): Promise<{ path: string; custom: ReleaseCustom }> {
  const { stdout } = await runTool('unsquashfs', ['-cat', file, BUNDLE_MANIFEST]);
  const app = parseJson(appManifestSchema, stdout.toString(), `${file}: ${BUNDLE_MANIFEST}`);
  return { path: appTargetPath(app.name, app.version, app.abi), custom: { kind: 'app', app, ...about } };
}

async function hashStream(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk);
  return hash.digest('hex');
}
