import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { Plugin } from 'esbuild';
import { assetPath } from '../assets.ts';
import { type Artefact, cached } from '../cache.ts';
import type { BuildContext } from '../context.ts';

/** What the device agent and what it gives to apps consist of on a device, and the source of each part below device-agent/. */
const PARTS = [
  { output: 'agent.js', source: 'src/main.ts', bundled: true },
  { output: 'app-preload.cjs', source: 'src/apps/app-preload.cjs', bundled: false },
  { output: 'npm.cjs', source: 'src/npm/main.ts', bundled: true },
  { output: 'gpio.cjs', source: '../gpio/src/gpio.ts', bundled: true },
  { output: 'gpio-onoff.cjs', source: '../gpio/src/onoff.ts', bundled: true },
  { output: 'gpio-preload.cjs', source: '../gpio/src/preload.cjs', bundled: false },
  { output: 'gpio-rpi-gpio.cjs', source: '../gpio/src/rpi-gpio-module.cjs', bundled: true },
] as const;

/**
 * Parts of the MQTT client that a device never reaches (WebSocket, SOCKS, timers of browsers), and a copy of Node's own
 * streams: they would be loaded into every device's memory.
 */
const REPLACED: Readonly<Record<string, string>> = {
  ws: 'module.exports = {};',
  socks: 'module.exports = {};',
  'worker-timers': 'module.exports = {};',
  'readable-stream': "module.exports = require('node:stream');",
  // npm's: encodings other than UTF-8 in answers of a registry, and signatures of who published, which it is not asked to check.
  'iconv-lite': 'module.exports = {};',
  sigstore: 'module.exports = {};',
};

export type AgentFiles = ReadonlyMap<string, Buffer>;

/**
 * The device agent as it stands in the root: bundled from its sources in a clone, taken as it is from the published package.
 * @param override JavaScript file that stands in for the bundle of the agent itself
 * @throws NodeosError TOOL_FAILED with the bundler's messages, FILE_UNREADABLE
 */
export async function buildAgent(context: BuildContext, override?: string): Promise<Artefact> {
  const files = new Map(existsSync(assetPath('device-agent', 'src')) ? await bundleAgent() : await readPrebuilt());
  if (override !== undefined) {
    const bytes = await readFile(override).catch((cause: NodeJS.ErrnoException) => {
      throw new NodeosError('FILE_UNREADABLE', `the agent ${override} cannot be read: ${cause.code}`, { cause });
    });
    files.set('agent.js', bytes);
  }
  const hashes = [...files].map(([name, bytes]) => [name, createHash('sha256').update(bytes).digest('hex')]);
  return cached(context, 'agent', hashes, (dir) => writeAgent(files, dir));
}

/** Writes the parts into a folder, e.g. `device-agent/dist` of the published package. */
export async function writeAgent(files: AgentFiles, dir: string): Promise<void> {
  await mkdir(dir, { recursive: true });
  for (const [name, bytes] of files) await writeFile(join(dir, name), bytes);
}

/** Bundles the agent's sources; the bytes do not depend on where the clone lies. @throws NodeosError TOOL_FAILED */
export async function bundleAgent(): Promise<AgentFiles> {
  const folder = dirname(assetPath('device-agent', 'src'));
  const files = new Map<string, Buffer>();
  for (const part of PARTS) {
    if (part.bundled) for (const [name, bytes] of await bundleScript(part.source, part.output)) files.set(name, bytes);
    else files.set(part.output, await readFile(join(folder, part.source)));
  }
  return files;
}

/**
 * Bundles one script for a device, with its licences where it has any.
 * @param source below device-agent/, or absolute
 * @throws NodeosError TOOL_FAILED with the bundler's messages
 */
export async function bundleScript(source: string, output: string): Promise<AgentFiles> {
  // The published package holds the bundle and comes without the bundler.
  const { build } = await import('esbuild');
  const folder = dirname(assetPath('device-agent', 'src'));
  const result = await build({
    absWorkingDir: folder,
    entryPoints: [source],
    outfile: output,
    write: false,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    // Names stay: a stack trace in the log of a device must be readable.
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: 'external',
    plugins: [replaceModules(REPLACED)],
    logLevel: 'silent',
  }).catch((cause: Error) => {
    throw new NodeosError('TOOL_FAILED', `the device agent could not be bundled: ${cause.message}`, { cause });
  });
  return new Map(
    result.outputFiles.map(({ path, contents }) => [path.slice(folder.length + 1), Buffer.from(contents)]),
  );
}

/** Gives modules a source of ours, whatever of them is imported. */
function replaceModules(sources: Readonly<Record<string, string>>): Plugin {
  return {
    name: 'replace-modules',
    setup(build) {
      const names = Object.keys(sources).join('|');
      build.onResolve({ filter: new RegExp(`^(${names})$`) }, ({ path }) => ({ path, namespace: 'replaced' }));
      build.onLoad({ filter: /.*/, namespace: 'replaced' }, ({ path }) => ({ contents: sources[path] }));
    },
  };
}

async function readPrebuilt(): Promise<AgentFiles> {
  const folder = assetPath('device-agent', 'dist');
  const names = (await readdir(folder)).sort();
  return new Map(
    await Promise.all(names.map(async (name): Promise<[string, Buffer]> => [name, await readFile(join(folder, name))])),
  );
}
