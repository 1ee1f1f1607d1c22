import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { parseJson } from '@nodeos/contracts/validate.ts';
import { z } from 'zod';
import type { CliIo } from './io.ts';

const configSchema = z.object({ server: z.url({ protocol: /^https?$/ }), token: z.string().min(1) });
/** Which server the commands talk to, and as whom. */
export type ServerConfig = z.infer<typeof configSchema>;

const DEFAULT_SERVER = 'http://127.0.0.1:8080';

/** `$XDG_CONFIG_HOME/nodeos/config.json`, written by `nodeos server`. */
export function configPath(env: CliIo['env']): string {
  return join(env.XDG_CONFIG_HOME || join(env.HOME || homedir(), '.config'), 'nodeos', 'config.json');
}

/**
 * What the cache may keep of layers that are made within seconds, `NODEOS_CACHE_GIB`; undefined: not said.
 * @throws NodeosError INPUT_INVALID
 */
export function cacheLimitBytes(env: CliIo['env']): number | undefined {
  const text = env.NODEOS_CACHE_GIB;
  if (!text) return undefined;
  if (!/^\d{1,5}$/.test(text))
    throw new NodeosError('INPUT_INVALID', `NODEOS_CACHE_GIB is "${text}", not a number of GiB`);
  return Number(text) * 1024 ** 3;
}

/** Root of the layer cache, `$XDG_CACHE_HOME/nodeos`. */
export function cacheRoot(env: CliIo['env']): string {
  return join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache'), 'nodeos');
}

/**
 * Options win over the environment (NODEOS_SERVER, NODEOS_TOKEN), that over the file. The file's token is sent only to
 * the file's own server.
 * @throws NodeosError UNAUTHENTICATED where no token is known, INPUT_INVALID for a damaged file or address
 */
export async function resolveServer(io: CliIo, options: { server?: string; token?: string }): Promise<ServerConfig> {
  const path = configPath(io.env);
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw new NodeosError('FILE_UNREADABLE', `${path} cannot be read: ${error.message}`, { cause: error });
  });
  const file = text === null ? null : parseJson(configSchema, text, path);
  const named = options.server ?? io.env.NODEOS_SERVER;
  const server = (named ?? file?.server ?? DEFAULT_SERVER).replace(/\/+$/, '');
  if (!URL.canParse(server) || !/^https?:/.test(server))
    throw new NodeosError('INPUT_INVALID', `"${server}" is not the address of a server`, {
      hint: `Name it like ${DEFAULT_SERVER}.`,
    });
  const own = file !== null && file.server.replace(/\/+$/, '') === server ? file.token : undefined;
  const token = options.token ?? io.env.NODEOS_TOKEN ?? own;
  if (!token) throw new NodeosError('UNAUTHENTICATED', `no token is known for ${server}`);
  return { server, token };
}

/** Writes the file so that nobody else can read it. */
export async function saveServer(env: CliIo['env'], config: ServerConfig): Promise<string> {
  const path = configPath(env);
  const temporary = `${path}.${process.pid}.tmp`;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  try {
    await writeFile(temporary, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 });
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
  return path;
}
