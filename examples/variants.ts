import { cp, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

export interface VariantOptions {
  /** Folder to make; it must not exist yet. */
  readonly into: string;
  /** True: the app ends with an error as soon as it starts. */
  readonly crash?: boolean;
  /** Milliseconds that it may take to start; what is left out is the device's own limit. */
  readonly startMs?: number;
  /** What the app answers beside its version. */
  readonly greeting?: string;
}

/**
 * Copies an example app and gives it another version, so that updates from one to the other can be shown.
 * @param folder the example, e.g. `examples/hello`
 * @returns the new folder
 */
export async function makeVariant(folder: string, version: string, options: VariantOptions): Promise<string> {
  const { into } = options;
  await cp(folder, into, {
    recursive: true,
    errorOnExist: true,
    force: false,
    filter: (source) => basename(source) !== 'node_modules',
  });
  const manifest = JSON.parse(await readFile(join(into, 'package.json'), 'utf8'));
  manifest.version = version;
  manifest.config = { ...manifest.config, greeting: options.greeting ?? `Hello from version ${version}.` };
  if (options.startMs !== undefined) manifest.nodeos.startMs = options.startMs;
  await writeJson(join(into, 'package.json'), manifest);
  const lock = JSON.parse(await readFile(join(into, 'package-lock.json'), 'utf8'));
  lock.version = version;
  lock.packages[''].version = version;
  await writeJson(join(into, 'package-lock.json'), lock);
  if (options.crash) {
    const server = await readFile(join(into, 'server.js'), 'utf8');
    await writeFile(join(into, 'server.js'), `import './crash.js';\n${server}`);
    await writeFile(join(into, 'crash.js'), `throw new Error('${manifest.name} ${version} crashes at its start');\n`);
  }
  return into;
}

async function writeJson(path: string, value: unknown): Promise<void> {
  await writeFile(path, `${JSON.stringify(value, null, 2)}\n`);
}
