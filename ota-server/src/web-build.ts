import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NodeosError } from '@nodeos/contracts/errors.ts';

const SOURCES_RECORD = '.sources-sha256';

/** Folder `ota-server/web` of the clone, or of the published package (there below `share/`, with `dist` only). */
function findWebFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    for (const candidate of [join(folder, 'ota-server', 'web'), join(folder, 'share', 'ota-server', 'web')])
      if (existsSync(join(candidate, 'dist')) || existsSync(join(candidate, 'src'))) return candidate;
    const parent = dirname(folder);
    if (parent === folder) throw new NodeosError('INTERNAL', 'the dashboard is missing from the installation');
    folder = parent;
  }
}

/**
 * Builds the dashboard where it is missing or its sources changed. The published package holds it ready-made.
 * @returns the folder with index.html
 */
export async function buildWeb(): Promise<string> {
  const web = findWebFolder();
  const dist = join(web, 'dist');
  if (!existsSync(join(web, 'src'))) return dist;
  const sources = await hashSources(web);
  if ((await readFile(join(dist, SOURCES_RECORD), 'utf8').catch(() => '')) === sources) return dist;

  const { build } = await import('vite');
  // Built beside and moved: a server that starts at the same time never sees half of it.
  const fresh = join(web, `dist-${randomBytes(6).toString('hex')}`);
  try {
    await build({ root: web, configFile: join(web, 'vite.config.ts'), logLevel: 'warn', build: { outDir: fresh } });
    await writeFile(join(fresh, SOURCES_RECORD), sources);
    await rm(dist, { recursive: true, force: true });
    await rename(fresh, dist);
  } catch (cause) {
    if ((await readFile(join(dist, SOURCES_RECORD), 'utf8').catch(() => '')) === sources) return dist;
    throw new NodeosError('TOOL_FAILED', `vite could not build the dashboard: ${(cause as Error).message}`, { cause });
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
  return dist;
}

/** SHA-256 over names and contents of everything that goes into the build. */
async function hashSources(web: string): Promise<string> {
  const hash = createHash('sha256');
  const entries = await readdir(join(web, 'src'), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  for (const name of ['index.html', 'vite.config.ts', 'tsconfig.json']) files.push(join(web, name));
  for (const file of files.sort()) {
    const content = await readFile(file);
    hash.update(`${file.slice(web.length)} ${content.length}\n`).update(content);
  }
  return hash.digest('hex');
}

if (import.meta.main) process.stdout.write(`${await buildWeb()}\n`);
