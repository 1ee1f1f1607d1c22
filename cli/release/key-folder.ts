import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { serverInfoSchema } from '@nodeos/contracts/operator-api.ts';
import type { Metadata, Root } from '@tufjs/models';
import type { ServerClient } from '../client.ts';
import { createRoot, parseRoot } from './metadata.ts';
import { createSigningKey, readSigningKey, type SigningKey } from './signing-key.ts';

/** Files of a key folder. The two .pem files stay offline; root.json is public. */
export const KEY_FILES = { root: 'root.pem', targets: 'targets.pem', metadata: 'root.json' } as const;

/**
 * Makes the release keys and root.json and hands root.json to the server. Where the server refuses it, nothing stays.
 * @throws NodeosError KEY_EXISTS, CONFLICT where the server trusts another root already, and the client's errors
 */
export async function initKeys(client: ServerClient, dir: string): Promise<Metadata<Root>> {
  for (const name of Object.values(KEY_FILES))
    if (existsSync(join(dir, name))) throw new NodeosError('KEY_EXISTS', `${join(dir, name)} exists already`);
  const info = await client.get('/server', serverInfoSchema);
  if (info.rootVersion !== null)
    throw new NodeosError('CONFLICT', `${client.server} has root metadata (version ${info.rootVersion}) already`, {
      hint: 'Use the keys that were made for this server, or start a server with a new data folder.',
    });
  const created = await mkdir(dir, { recursive: true, mode: 0o700 });
  const written: string[] = [];
  try {
    const [root, targets] = await Promise.all(
      [KEY_FILES.root, KEY_FILES.targets].map(async (name) => {
        const key = await createSigningKey(join(dir, name));
        written.push(join(dir, name));
        return key;
      }),
    );
    const metadata = createRoot(
      { root: root as SigningKey, targets: targets as SigningKey, online: info.onlineKeys },
      new Date(),
    );
    const temporary = join(dir, `.${KEY_FILES.metadata}.tmp`);
    await writeFile(temporary, `${JSON.stringify(metadata.toJSON(), null, 2)}\n`);
    await rename(temporary, join(dir, KEY_FILES.metadata));
    written.push(join(dir, KEY_FILES.metadata));
    await client.send('PUT', '/tuf/root', metadata.toJSON());
    return metadata;
  } catch (error) {
    // Without an answer the server may have taken the root: then these keys are the only ones that it will ever trust.
    if (error instanceof NodeosError && (error.code === 'SERVER_UNREACHABLE' || error.code === 'INTERRUPTED')) {
      const hint = `The keys are kept. When the server answers, run: nodeos keys upload --dir ${dir}`;
      if (written.length === 3) throw new NodeosError(error.code, error.message, { hint, cause: error });
    }
    for (const path of written) await rm(path, { force: true });
    if (created) await rmdir(dir).catch(() => {});
    throw error;
  }
}

/** Hands an existing root.json to the server. */
export async function uploadRoot(client: ServerClient, dir: string): Promise<Metadata<Root>> {
  const root = await readRoot(dir);
  await client.send('PUT', '/tuf/root', root.toJSON());
  return root;
}

/** @throws NodeosError KEY_MISSING, METADATA_INVALID */
export async function readRoot(dir: string): Promise<Metadata<Root>> {
  const path = join(dir, KEY_FILES.metadata);
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new NodeosError('KEY_MISSING', `${path} cannot be read`, { cause });
  });
  return parseRoot(text, path);
}

/** @throws NodeosError KEY_MISSING, INPUT_INVALID */
export function readReleaseKey(dir: string): Promise<SigningKey> {
  return readSigningKey(join(dir, KEY_FILES.targets));
}
