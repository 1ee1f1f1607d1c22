import { readFile } from 'node:fs/promises';
import { type BootFacts, bootFactsSchema, parseKeyValues } from '@nodeos/contracts/boot-facts.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { type SlotManifest, slotManifestSchema } from '@nodeos/contracts/slot-manifest.ts';
import { parseJson, validate } from '@nodeos/contracts/validate.ts';

/** What init found out about this boot; @throws NodeosError INPUT_INVALID or FILE_UNREADABLE. */
export async function readBootFacts(path: string): Promise<BootFacts> {
  return validate(bootFactsSchema, parseKeyValues(await readText(path)), path);
}

/** The running system release; @throws NodeosError INPUT_INVALID or FILE_UNREADABLE. */
export async function readSlotManifest(slotDir: string): Promise<SlotManifest> {
  const path = `${slotDir}/manifest.json`;
  return parseJson(slotManifestSchema, await readText(path), path);
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new NodeosError('FILE_UNREADABLE', `cannot read ${path}: ${(cause as Error).message}`, { cause });
  }
}
